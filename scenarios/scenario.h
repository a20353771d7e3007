#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/evaluate.h"
#include "analysis/gate.h"
#include "scenarios/yaml_tree.h"
#include "sim/core/fields.h"

namespace rehearsal {

/// A plug-in's type and its own mapping, as a table's maker takes it.
struct PluginSpec {
  std::string type;
  YAML::Node node;
  Source source;

  PluginConfig config() const { return {node, source}; }
};

/// One entry of `policies:`. Learning and needing the truth are inherited from whom it needs.
struct PolicySpec {
  std::string name;
  PluginSpec plugin;
  std::optional<PluginSpec> ranker;  // also inside plugin.node
  std::vector<std::string> parts;    // of a mixture, in its order
  std::vector<std::string> needs;    // policies that it refers to, its parts too
  bool learns = false;
  bool needs_truth = false;
  bool has_pscore = true;
};

/// `log:` who wrote the log, and how much of it.
struct LogStep {
  std::string policy;
  std::int64_t pages = 400000;
  std::int64_t shard_pages = 65536;
  double train_share = 0.4;
  Fields fields();
};

/// `estimate.outcome:` the reward model q_hat of dm, dr and their kin.
struct OutcomeStep {
  std::string type = "auto";  // of scenarios/outcomes.h
  std::int64_t folds = 2;
  std::string calibrate = "none";
  Fields fields();
};

/// `estimate:` off-policy scores from the log.
struct EstimateStep {
  std::vector<std::string> metrics{"ctr", "ptr"};
  std::vector<std::string> estimators{"ips", "snips", "iips", "rips", "pi", "dm", "dr"};
  std::string selection = "slope";
  std::string interval = "normal";
  std::int64_t n_bootstrap = 200;
  std::vector<double> reward_range;
  double max_weight = 0;
  std::vector<std::string> segments;
  std::int64_t columns_of_row = 0;
  double confidence = 0.95;
  std::string log_subset = "all";
  OutcomeStep outcome;
  Fields fields();
};

/// What evaluate() is told of it; models, threads and the subset's policy are left to the caller.
EvaluateOptions evaluate_options(const EstimateStep& step);

/// `live:` the experiment that knows the truth.
struct LiveStep {
  std::string baseline;
  std::int64_t pages = 200000;
  std::vector<std::string> metrics{"ctr", "ptr", "revenue"};
  Fields fields();
};

/// `gate:` who may go live.
struct GateStep {
  GateRule rule;
  std::vector<std::string> candidates;  // empty: all but baseline, behaviour policy and oracles
  Fields fields();
};

/// `online:` an experiment in which bandits learn while they serve.
struct OnlineStep {
  std::vector<std::string> policies;  // empty: there is none
  std::string best;
  std::string metric = "ctr";
  std::int64_t batches = 100;
  std::int64_t pages = 1000;
  std::int64_t delay = 0;
  std::string start = "fresh";
  Fields fields();
};

/// A scenario file, checked: every name in it is known and every number in range.
struct Scenario {
  std::string name = "scenario";
  std::int64_t seed = 1;
  std::int64_t world_seed = 1;  // the same world under other draws
  std::string written_by;       // version of the program that resolved it, "" for a file by hand
  PluginSpec world;
  PluginSpec users;
  std::vector<PolicySpec> policies;
  LogStep log;
  EstimateStep estimate;
  LiveStep live;
  GateStep gate;
  OnlineStep online;

  /// Index into policies. Args: name: known.
  std::size_t index_of(const std::string& policy) const;
};

/// Reads a plug-in's mapping. Args: taken: keys that its maker does not see.
/// Raises: Error(kInput) without a type.
PluginSpec read_plugin(const YAML::Node& node, const Source& source,
                       const std::vector<std::string>& taken);

/// Raises: Error(kInput) with file, line, column and key for anything that cannot be.
Scenario parse_scenario(const Tree& tree);

/// load_tree, then `assignments` of --set, then parse_scenario.
Scenario load_scenario(const std::string& file, const std::vector<std::string>& assignments = {});

/// Every key written out, defaults too, and the program's version: reads back with the same
/// meaning.
std::string to_yaml(const Scenario& scenario);

/// The keys of a scenario file besides those of plug-ins.
std::vector<FieldDescription> describe_scenario();

}  // namespace rehearsal
