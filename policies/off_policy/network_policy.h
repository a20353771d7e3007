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
  std::vector<std::span<const float>> networks;  // in the order of `networks`
  std::span<const std::uint16_t> eligible;
  std::size_t n_positions = 0;
};

/// A policy that reads its pages off the outputs of networks which each climbed an objective of the
/// log's pages; linear ones without hidden layers.
class NetworkPolicy : public Policy {
 public:
  NetworkPolicy(std::string type, LearnerConfig config, NamedPolicy behavior, const Schema& schema,
                std::vector<NamedNetwork> networks);

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override;
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
  virtual ListedSlates decide(const Outputs& outputs) const = 0;

  const LearnerConfig& config() const { return config_; }
  const NamedPolicy& behavior() const { return behavior_; }
  const Schema& schema() const { return schema_; }

 private:
  std::string type_;
  LearnerConfig config_;
  NamedPolicy behavior_;
  const Schema& schema_;
  std::vector<NamedNetwork> networks_;
  Encoder encoder_;
  Arrays state_;
  std::vector<ContextScorer> scorers_;
};

/// Raises: Error(kInput) unless pages of `schema` show one module.
void check_one_decision(const PluginConfig& given, const Schema& schema, const std::string& type);

}  // namespace rehearsal
