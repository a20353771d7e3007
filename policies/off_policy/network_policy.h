#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/context_scorer.h"
#include "policies/listed_slates.h"
#include "policies/off_policy/learner.h"

namespace rehearsal {

/// The network that a learner trains under a name. Its outputs need not be modules.
struct NamedNetwork {
  std::string name;
  std::size_t n_outputs = 0;
};

/// What a request's page follows from.
struct Outputs {
  std::vector<std::span<const float>> networks{};  // in the order of `networks`
  const ChoiceRows& rows;
  std::size_t first = 0;                 // choice of the batch
  std::span<const std::uint32_t> ids{};  // of the choices
  std::size_t n_positions = 0;

  /// A choice's number by the outputs of a network from `first_output` on.
  float value(std::size_t network, std::size_t c, std::size_t first_output = 0) const {
    return rows.vectors->times(rows.of(first + c, ids[c]), networks[network].data() + first_output);
  }
};

/// A policy that reads its pages off the outputs of networks which each climbed an objective of the
/// log's pages; linear ones without hidden layers.
class NetworkPolicy : public ChoicePolicy {
 public:
  NetworkPolicy(std::string type, LearnerConfig config, NamedPolicy behavior, const Schema& schema,
                std::vector<NamedNetwork> networks);

  void fit(const FitContext& context) override;
  Arrays state() const override;
  void set_state(const Arrays& state) override;
  std::map<std::string, const Policy*> parts() const override;

 protected:
  struct Fitted {
    std::vector<ScoreNetwork> networks;  // as named
    Arrays more;                         // what else was learnt
  };
  virtual Fitted learn(const Training& training) const = 0;
  /// Called with all that was learnt before anything is decided.
  virtual void restore(const Arrays& /*state*/) {}
  virtual ListedSlates page(const Outputs& outputs) const = 0;

  const LearnerConfig& config() const { return config_; }
  const NamedPolicy& behavior() const { return behavior_; }
  const Schema& schema() const { return schema_; }

 private:
  std::unique_ptr<SlateDistribution> choose(const RequestBatch& decisions) const override;

  std::string type_;
  LearnerConfig config_;
  NamedPolicy behavior_;
  const Schema& schema_;
  std::vector<NamedNetwork> networks_;
  Arrays state_;
  InputScale own_;
  std::vector<ContextScorer> scorers_;
};

/// Raises: Error(kInput) unless pages of `schema` show one module, or its lists one item.
void check_one_decision(const PluginConfig& given, const Schema& schema, const std::string& type);

}  // namespace rehearsal
