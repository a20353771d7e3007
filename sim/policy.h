#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/arrays.h"
#include "sim/core/fields.h"
#include "sim/core/registry.h"
#include "sim/log/labels.h"
#include "sim/log/source.h"
#include "sim/schema.h"
#include "sim/slate.h"

namespace rehearsal {

class Trainer;
class UserModel;
class ProgressSink;

/// What a policy is trained with.
struct FitContext {
  RoundSource rounds;                // what it may learn from
  Rng rng;                           // draws under Draw::kTraining and Draw::kAssignment only
  std::string name;                  // the policy's, for progress
  ProgressSink* progress = nullptr;  // may be null
  /// Stored labels of teachers for `rounds`, by the name that a policy's configuration calls them.
  std::map<std::string, LabelSource> labels{};
  RoundSource other_domain{};  // rounds to mix in; without a schema: none
};

/// Orders items inside each eligible module; serves a single list as well.
class Ranker {
 public:
  virtual ~Ranker() = default;
  /// One decision a candidate list: choices are a module's candidates, all of them are placed.
  virtual std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const = 0;
  virtual bool deterministic() const = 0;
};

/// One decision a request over its modules and, where items are ranked, one a module over them.
struct PageDistribution {
  std::unique_ptr<SlateDistribution> modules;
  std::unique_ptr<SlateDistribution> items;  // null: items stay as retrieved
};

/// Decides pages: an orderer over modules plus a ranker inside each. What it does with a request is
/// a distribution, from which pages and exact propensities follow.
class Policy {
 public:
  virtual ~Policy() = default;

  /// One decision a request: choices are its eligible modules, in their order;
  /// n_positions = min(n_slots, eligible). A pure function of the request and the trained state.
  virtual std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const = 0;
  /// The same with the ranker's decisions, for a policy that scores both in one go.
  virtual PageDistribution page_distribution(const RequestBatch& requests) const;
  /// Every propensity is 0 or 1.
  virtual bool deterministic() const = 0;
  /// Whether the order of modules depends on the items that they retrieved: a log is then read with
  /// them. The default: whether that of any part does.
  virtual bool reads_candidates() const;

  /// Learns from a log. The default learns nothing.
  virtual void fit(const FitContext& /*context*/) {}
  /// Learns from rounds that it played itself, on top of what it knows; between two calls it stays
  /// as it is, so that its propensities are exact for a whole batch. The default learns nothing.
  /// Args: played: in the order played, without latents; propensities may be absent.
  virtual void update(const LogBatch& /*played*/) {}
  /// What was learnt, complete: set_state(state()) gives the same scores.
  virtual Arrays state() const { return {}; }
  virtual void set_state(const Arrays& /*state*/) {}

  /// The policies it is put together from, by name; they are saved inside it.
  virtual std::map<std::string, const Policy*> parts() const { return {}; }
  /// What it was made from: its whole mapping as YAML, every key written. Empty when it was not
  /// made from a configuration.
  const std::string& config() const { return config_; }
  void set_config(std::string yaml) { config_ = std::move(yaml); }

  /// Null: items stay as retrieved.
  const Ranker* ranker() const { return ranker_.get(); }
  const std::shared_ptr<const Ranker>& shared_ranker() const { return ranker_; }
  void set_ranker(std::shared_ptr<const Ranker> ranker) { ranker_ = std::move(ranker); }

 private:
  std::string config_;
  std::shared_ptr<const Ranker> ranker_;
};

/// The pages a policy shows, with their exact propensities.
/// Args: pages: filled, in the memory it has.  propensities: the same when not null.
void recommend(const Policy& policy, const RequestBatch& requests, const Rng& rng, PageBatch& pages,
               Propensities* propensities);
PageBatch recommend(const Policy& policy, const RequestBatch& requests, const Rng& rng,
                    Propensities* propensities);
/// A policy's exact probabilities of pages that another one showed. `component` stays empty.
/// Raises: Error(kInput) when a page shows a module that is not eligible or twice.
Propensities propensities(const Policy& policy, const RequestBatch& requests,
                          const PageBatch& pages);

/// What makers may use. References outlive the policy.
struct PolicyContext {
  const Schema& schema;
  Rng rng;                                                  // the scenario's
  const UserModel* user_model = nullptr;                    // oracle arms only
  std::map<std::string, std::shared_ptr<Policy>> others{};  // policies named before, for mixtures
};

/// A line of policies/policies.cc.
struct PolicyEntry {
  std::string name;
  std::string summary;
  std::string source;
  bool learns = false;       // fit() needs a log
  bool online = false;       // update() learns while it serves, and it serves before it has learnt
  bool needs_truth = false;  // an oracle: lives in a simulation only, cannot be scored from a log
  bool has_pscore = true;    // without, it cannot be a behaviour policy
  std::vector<FieldDescription> (*describe)() = nullptr;
  std::unique_ptr<Policy> (*make)(const PluginConfig&, const PolicyContext&) = nullptr;
};

struct RankerEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> (*describe)() = nullptr;
  std::shared_ptr<const Ranker> (*make)(const PluginConfig&, const Schema&) = nullptr;
};

}  // namespace rehearsal
