#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policies/orderers/layers.h"
#include "policies/orderers/serving.h"
#include "policies/orderers/train.h"
#include "sim/policy.h"

// What re-rankers share: each gives a score to every candidate of a request, having seen them all:
// a linear one of the candidate's own, and what its network adds. It learns from what was shown by
// a list-wise loss. A re-ranker is one .cc beside this file with a network of its own.
namespace rehearsal {

/// What a network is built for.
struct NetworkSize {
  std::size_t width = 0;    // of a candidate
  std::size_t n_ranks = 0;  // different places of the present order
};

NetworkSize network_size(const CandidateReader& reader, const OrdererTraining& training);

class RerankNetwork {
 public:
  virtual ~RerankNetwork() = default;
  /// What the others on the page add to the scores of a batch's candidates, 0 before it has learnt.
  /// Args: e: (n_rows, width).  Returns: (n_rows, 1); what absent rows hold does not count.
  virtual Tape::Node scores(Tape& tape, const CandidateBatch& batch, Tape::Node e) const = 0;
};

/// Keys that every re-ranker has.
struct RerankerConfig {
  OrdererTraining training;
  ChoiceConfig choices;
  double purchase_weight = 20;
  std::string loss = "listwise";
  std::string position = "additive";
  ServeConfig serving;

  RerankerConfig();
  Fields fields();
};

/// What a slot's response is worth: click + purchase_weight * purchase.
double label_of(const OrderedPages& pages, std::size_t slot, double purchase_weight);
/// (n_positions) 1 / examination, as estimated from the log, at most 10.
std::vector<double> inverse_examination(const RoundSource& rounds, const Choices& choices);

using MakeNetwork =
    std::function<std::unique_ptr<const RerankNetwork>(Parameters&, const NetworkSize&)>;

/// A policy that orders by the scores of what `make` builds. Args: given: its mapping, for
/// messages.
std::unique_ptr<Policy> make_reranker(std::string type, RerankerConfig config,
                                      const MakeNetwork& make, const PluginConfig& given,
                                      const Schema& schema);

}  // namespace rehearsal
