#include "scenarios/scenario.h"

#include <algorithm>
#include <limits>
#include <set>

#include "analysis/estimator_choice.h"
#include "analysis/evaluation_estimates.h"
#include "analysis/interval_kinds.h"
#include "policies/policies.h"
#include "scenarios/outcomes.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/metrics.h"
#include "sim/world/world.h"
#include "users/users.h"

namespace rehearsal {

namespace {

Fields top_fields(Scenario& scenario) {
  return Fields()
      .add("name", scenario.name, "what the scenario is called")
      .add("seed", scenario.seed, 0, std::numeric_limits<std::int64_t>::max(),
           "of every random number")
      .add("version", scenario.written_by, "of the program that resolved this file")
      .group("log", scenario.log.fields(), "who wrote the log, and how much of it")
      .group("estimate", scenario.estimate.fields(), "off-policy scores from the log")
      .group("live", scenario.live.fields(), "the experiment that knows the truth")
      .group("gate", scenario.gate.fields(), "who may go live")
      .group("online", scenario.online.fields(), "bandits that learn while they serve");
}

/// The node at a key of the tree; undefined where absent.

std::string place_of_type(const YAML::Node& node, const Source& source) {
  return where(child(node, "type"), source.child("type"));
}

void read_world(Scenario& scenario, const YAML::Node& root, const Source& source) {
  if (child(root, "worlds").IsDefined())
    refuse_at(child(root, "worlds"), source.child("worlds"),
              "several worlds in one scenario are not supported; describe one under 'world'");
  const YAML::Node node = child(root, "world");
  const Source place = source.child("world");
  scenario.world = read_plugin(node, place, {"seed"});
  worlds().at(scenario.world.type, place_of_type(node, place));
  scenario.world_seed = scenario.seed;
  if (!child(node, "seed").IsDefined()) return;
  YAML::Node alone;
  alone["seed"] = child(node, "seed");
  Fields()
      .add("seed", scenario.world_seed, 0, std::numeric_limits<std::int64_t>::max(),
           "of the world's own parameters")
      .read(alone, place);
}

void check_policy_name(const std::string& name, const YAML::Node& node, const Source& source) {
  const bool fine = !name.empty() && name.size() <= 100 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::isalnum(c) || c == '_' || c == '-';
                    });
  if (!fine) refuse_at(node, source, "'" + name + "' is not a name: letters, digits, _ and - only");
}

/// Learning and needing the truth come from whom a policy refers to, which must stand before it.
void refer_to(const std::string& name, const YAML::Node& node, const Source& place,
              const Scenario& scenario, PolicySpec& policy) {
  std::vector<std::string> known;
  for (const PolicySpec& other : scenario.policies) known.push_back(other.name);
  const auto found = std::find(known.begin(), known.end(), name);
  if (found == known.end())
    refuse_at(node, place, unknown_name("policy above this one", name, known));
  const PolicySpec& other = scenario.policies[static_cast<std::size_t>(found - known.begin())];
  policy.learns |= other.learns;
  policy.needs_truth |= other.needs_truth;
  policy.has_pscore &= other.has_pscore;
  policy.needs.push_back(name);
}

/// The parts of a mixture (`of`), the policy whose values are taken (`of`), or that a learner falls
/// back on (`behavior`).
void read_references(const PolicyEntry& entry, const Scenario& scenario, PolicySpec& policy) {
  const Source& source = policy.plugin.source;
  for (const FieldDescription& field : entry.describe()) {
    const YAML::Node value = child(policy.plugin.node, field.name);
    if (!value.IsDefined()) continue;  // what is no mapping or name its maker refuses
    if (field.name == "of" && value.IsMap())
      for (const auto& pair : value)
        refer_to(pair.first.Scalar(), pair.first, source.child("of").child(pair.first.Scalar()),
                 scenario, policy);
    if ((field.name == "of" || field.name == "behavior") && value.IsScalar() &&
        !value.Scalar().empty())
      refer_to(value.Scalar(), value, source.child(field.name), scenario, policy);
  }
  std::sort(policy.needs.begin(), policy.needs.end());
  if (policy.plugin.type == "mixture") policy.parts = policy.needs;
}

PolicySpec read_policy(const YAML::Node& node, const Source& source, const Scenario& scenario) {
  PolicySpec policy;
  policy.plugin = read_plugin(node, source, {});
  const PolicyEntry& entry = policies().at(policy.plugin.type, place_of_type(node, source));
  policy.learns = entry.learns;
  policy.needs_truth = entry.needs_truth;
  policy.has_pscore = entry.has_pscore;
  const YAML::Node name = child(node, "name");
  if (!name.IsDefined() || !name.IsScalar())
    refuse_at(name.IsDefined() ? name : node, source.child("name"), "expected a name");
  policy.name = name.Scalar();
  check_policy_name(policy.name, name, source.child("name"));
  for (const PolicySpec& other : scenario.policies)
    if (other.name == policy.name)
      refuse_at(name, source.child("name"), "two policies are called '" + policy.name + "'");
  const YAML::Node ranker = child(node, "ranker");
  if (ranker.IsDefined()) {
    const Source place = source.child("ranker");
    policy.ranker = read_plugin(ranker, place, {});
    rankers().at(policy.ranker->type, place_of_type(ranker, place));
  }
  read_references(entry, scenario, policy);
  return policy;
}

void read_policies(Scenario& scenario, const YAML::Node& root, const Source& source) {
  const YAML::Node list = child(root, "policies");
  const Source place = source.child("policies");
  if (!list.IsDefined() || !list.IsSequence() || list.size() == 0)
    refuse_at(list, place, "expected a list of at least one policy, found " + seen(list));
  for (std::size_t i = 0; i < list.size(); ++i)
    scenario.policies.push_back(read_policy(list[i], place.child(i), scenario));
}

/// Refuses a key whose value names no policy, or one that cannot play the part.
class NameCheck {
 public:
  NameCheck(const Scenario& scenario, const YAML::Node& root, const Source& source)
      : scenario_(scenario), root_(root), source_(source) {}

  const PolicySpec& policy(const std::string& section, const std::string& key,
                           const std::string& name) const {
    std::vector<std::string> known;
    for (const PolicySpec& candidate : scenario_.policies) {
      if (candidate.name == name) return candidate;
      known.push_back(candidate.name);
    }
    refuse(section, key,
           name.empty() ? "is missing; expected a policy's name"
                        : unknown_name("policy", name, known));
  }

  void one_of(const std::string& section, const std::string& key, const std::string& name,
              const std::vector<std::string>& known, const std::string& kind) const {
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse(section, key, unknown_name(kind, name, known));
  }

  [[noreturn]] void refuse(const std::string& section, const std::string& key,
                           const std::string& message) const {
    const YAML::Node node = child(root_, section);
    const Source place = source_.child(section);
    if (!node.IsDefined() || !node.IsMap()) refuse_at(node, place.child(key), message);
    PluginConfig{node, place}.refuse(key, message);
  }

 private:
  const Scenario& scenario_;
  const YAML::Node& root_;
  const Source& source_;
};

void check_behavior(const Scenario& scenario, const NameCheck& check) {
  const PolicySpec& behavior = check.policy("log", "policy", scenario.log.policy);
  if (behavior.learns)
    check.refuse("log", "policy",
                 "'" + behavior.name + "' learns from a log and cannot write the first one");
  if (!behavior.has_pscore)
    check.refuse("log", "policy", "'" + behavior.name + "' cannot say its propensities");
  if (scenario.estimate.log_subset == "all") return;
  std::vector<std::string> known{"all"};
  known.insert(known.end(), behavior.parts.begin(), behavior.parts.end());
  check.one_of("estimate", "log_subset", scenario.estimate.log_subset, known,
               "part of the behaviour policy");
}

void check_gate(const Scenario& scenario, const NameCheck& check) {
  const GateRule& rule = scenario.gate.rule;
  std::vector<std::string> known;
  for (const std::string& metric : scenario.estimate.metrics)
    if (std::find(scenario.live.metrics.begin(), scenario.live.metrics.end(), metric) !=
        scenario.live.metrics.end())
      known.push_back(metric);
  check.one_of("gate", "metric", rule.metric, known, "metric of both estimate and live");
  for (const auto& [metric, limit] : rule.guardrails)
    check.one_of("gate", "guardrails." + metric, metric, known, "metric of both estimate and live");
  check.one_of("gate", "estimator", rule.estimator, scenario.estimate.estimators,
               "estimator of estimate.estimators");
  for (const std::string& name : scenario.gate.candidates) {
    const PolicySpec& candidate = check.policy("gate", "candidates", name);
    if (candidate.needs_truth || name == scenario.live.baseline)
      check.refuse("gate", "candidates",
                   "'" + name + "' cannot be a candidate: it is " +
                       (candidate.needs_truth ? "an oracle" : "the baseline"));
  }
}

void check_baseline(const Scenario& scenario, const NameCheck& check) {
  const PolicySpec& baseline = check.policy("live", "baseline", scenario.live.baseline);
  if (baseline.needs_truth)
    check.refuse("live", "baseline", "'" + baseline.name + "' needs the truth and has no estimate");
}

void check_online(const Scenario& scenario, const NameCheck& check) {
  const OnlineStep& step = scenario.online;
  if (step.policies.empty()) return;
  for (const std::string& name : step.policies) check.policy("online", "policies", name);
  check.policy("online", "best", step.best);
}

void check_no_repeats(const std::string& section, const std::string& key,
                      const std::vector<std::string>& names, const NameCheck& check) {
  const std::set<std::string> distinct(names.begin(), names.end());
  if (names.empty()) check.refuse(section, key, "expected at least one name");
  if (distinct.size() != names.size()) check.refuse(section, key, "a name stands here twice");
}

/// Writes estimators' names in full: the table's own, hyper-parameters spelled out.
void settle_estimators(Scenario& scenario, const NameCheck& check) {
  const auto settle = [&](const std::string& section, const std::string& key, std::string& name) {
    try {
      name = settled_name(name, of_single_actions_only);
    } catch (const Error& error) {
      check.refuse(section, key, error.what());
    }
  };
  for (std::string& name : scenario.estimate.estimators) settle("estimate", "estimators", name);
  settle("gate", "estimator", scenario.gate.rule.estimator);
}

void check_names(const Scenario& scenario, const NameCheck& check) {
  check_no_repeats("estimate", "metrics", scenario.estimate.metrics, check);
  check_no_repeats("estimate", "estimators", scenario.estimate.estimators, check);
  check_no_repeats("live", "metrics", scenario.live.metrics, check);
  if (scenario.estimate.outcome.calibrate != "none" && scenario.estimate.outcome.folds < 3)
    check.refuse(
        "estimate", "outcome",
        "calibrate needs at least 3 folds: one is predicted, one calibrates, others teach");
  if (const auto problem = interval_problem(evaluate_options(scenario.estimate)))
    check.refuse("estimate", problem->key, problem->message);
  check_behavior(scenario, check);
  check_baseline(scenario, check);
  check_gate(scenario, check);
  check_online(scenario, check);
  if (!scenario.online.policies.empty())
    check_no_repeats("online", "policies", scenario.online.policies, check);
}

}  // namespace

PluginSpec read_plugin(const YAML::Node& node, const Source& source,
                       const std::vector<std::string>& taken) {
  if (!node.IsDefined()) refuse_at(node, source, "is missing; expected a mapping with a type");
  check_mapping(node, source);
  const YAML::Node type = child(node, "type");
  if (!type.IsDefined()) refuse_at(node, source.child("type"), "is missing");
  if (!type.IsScalar())
    refuse_at(type, source.child("type"), "expected a name, found " + seen(type));
  PluginSpec spec{type.Scalar(), YAML::Node(YAML::NodeType::Map), source};
  for (const auto& pair : node)
    if (std::find(taken.begin(), taken.end(), pair.first.Scalar()) == taken.end())
      spec.node[pair.first] = pair.second;
  return spec;
}

std::size_t Scenario::index_of(const std::string& policy) const {
  for (std::size_t i = 0; i < policies.size(); ++i)
    if (policies[i].name == policy) return i;
  REHEARSAL_CHECK(!"a policy of the scenario");
  return 0;
}

Scenario parse_scenario(const Tree& tree) {
  Scenario scenario;
  const YAML::Node& root = tree.root;
  const Source& source = tree.source;
  top_fields(scenario).read(root, source, {"world", "worlds", "users", "policies"});
  read_world(scenario, root, source);
  scenario.users = read_plugin(child(root, "users"), source.child("users"), {});
  user_models().at(scenario.users.type, place_of_type(child(root, "users"), source.child("users")));
  read_policies(scenario, root, source);
  const NameCheck check(scenario, root, source);
  settle_estimators(scenario, check);
  check_names(scenario, check);
  return scenario;
}

Scenario load_scenario(const std::string& file, const std::vector<std::string>& assignments) {
  Tree tree = load_tree(file);
  for (const std::string& assignment : assignments) set_assignment(tree, assignment);
  return parse_scenario(tree);
}

namespace {

/// A plug-in's mapping with all its keys; `first` go before its own.
YAML::Node resolved(const PluginSpec& spec, const std::vector<FieldDescription>& fields,
                    const std::vector<std::pair<std::string, std::string>>& first = {}) {
  YAML::Node node(YAML::NodeType::Map);
  for (const auto& [key, value] : first) node[key] = value;
  node["type"] = spec.type;
  const YAML::Node own = YAML::Clone(spec.node);
  for (const auto& pair : own) {
    const std::string& key = pair.first.Scalar();
    if (key != "name" && key != "type") node[key] = pair.second;
  }
  fill_defaults(node, fields);
  return node;
}

YAML::Node resolved(const PolicySpec& policy) {
  YAML::Node node = resolved(policy.plugin, policies().at(policy.plugin.type).describe(),
                             {{"name", policy.name}});
  if (policy.ranker)
    node["ranker"] = resolved(*policy.ranker, rankers().at(policy.ranker->type).describe());
  return node;
}

}  // namespace

std::string to_yaml(const Scenario& scenario) {
  Scenario copy = scenario;
  copy.written_by = version();
  const YAML::Node tables = top_fields(copy).resolved();
  YAML::Node root(YAML::NodeType::Map);
  for (const char* key : {"name", "seed", "version"}) root[key] = tables[key];
  root["world"] = resolved(scenario.world, worlds().at(scenario.world.type).describe(),
                           {{"seed", std::to_string(scenario.world_seed)}});
  root["users"] = resolved(scenario.users, user_models().at(scenario.users.type).describe());
  for (const PolicySpec& policy : scenario.policies) root["policies"].push_back(resolved(policy));
  for (const char* key : {"log", "estimate", "live", "gate"}) root[key] = tables[key];
  if (!scenario.online.policies.empty()) root["online"] = tables["online"];
  return YAML::Dump(root) + "\n";
}

std::vector<FieldDescription> describe_scenario() {
  Scenario scenario;
  return top_fields(scenario).describe();
}

}  // namespace rehearsal
