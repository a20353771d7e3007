#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "analysis/estimator_choice.h"
#include "analysis/interval_kinds.h"
#include "analysis/slate_estimators.h"
#include "analysis/trajectories.h"
#include "policies/distillation.h"
#include "policies/policies.h"
#include "scenarios/cli/commands.h"
#include "scenarios/literature/benchmarks.h"
#include "scenarios/outcomes.h"
#include "sim/core/error.h"
#include "sim/world/world.h"
#include "users/click_model.h"
#include "users/users.h"

namespace rehearsal {

namespace {

/// A line of any table.
struct Listed {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> fields;
};

/// What an interval must be told.
std::vector<FieldDescription> fields_of(const IntervalEntry& entry) {
  if (!entry.needs_range()) return {};
  return {{"reward_range", "a list of numbers", "", "[low, high]",
           "of a round's reward, known beforehand"},
          {"max_weight", "number", "0", "[0, inf)",
           "largest importance weight possible; a name such as ips_clip_10 says it as well"}};
}

/// An estimator's hyper-parameter, which its name carries: dr_clip_10.
std::vector<FieldDescription> fields_of(const EstimatorEntry& entry) {
  if (!entry.parameter) return {};
  const Hyperparameter& p = *entry.parameter;
  return {{p.name, "number", parameter_text(p.default_value),
           fmt::format("[{}, {}]", parameter_text(p.low), parameter_text(p.high)), p.help}};
}

template <class Entry>
std::vector<Listed> listed(const Registry<Entry>& table) {
  std::vector<Listed> all;
  for (const Entry& entry : table.entries())
    if constexpr (requires { entry.describe; })
      all.push_back({entry.name, entry.summary, entry.source, entry.describe()});
    else if constexpr (
        requires { entry.parameter; } || requires { entry.needs_range(); })
      all.push_back({entry.name, entry.summary, entry.source, fields_of(entry)});
    else
      all.push_back({entry.name, entry.summary, entry.source, {}});
  return all;
}

struct Kind {
  std::string name;
  std::vector<Listed> (*entries)();
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"worlds", [] { return listed(worlds()); }},
      {"users", [] { return listed(user_models()); }},
      {"click_models", [] { return listed(click_models()); }},
      {"policies", [] { return listed(policies()); }},
      {"rankers", [] { return listed(rankers()); }},
      {"distillations", [] { return listed(distillations()); }},
      {"estimators", [] { return listed(estimators()); }},
      {"slate_estimators", [] { return listed(slate_estimators()); }},
      {"session_estimators", [] { return listed(trajectory_estimators()); }},
      {"intervals", [] { return listed(interval_kinds()); }},
      {"selection", [] { return listed(choice_rules()); }},
      {"benchmarks", [] { return listed(benchmarks()); }},
      {"outcomes", [] { return listed(outcomes()); }},
  };
  return all;
}

nlohmann::ordered_json to_json(const Listed& entry) {
  nlohmann::ordered_json fields = nlohmann::ordered_json::array();
  for (const FieldDescription& field : entry.fields)
    fields.push_back({{"name", field.name},
                      {"type", field.type},
                      {"default", field.default_value},
                      {"allowed", field.allowed},
                      {"help", field.help}});
  return {{"name", entry.name},
          {"summary", entry.summary},
          {"source", entry.source},
          {"fields", fields}};
}

std::string short_text(const std::vector<Listed>& entries) {
  std::size_t width = 0;
  for (const Listed& entry : entries) width = std::max(width, entry.name.size());
  std::string text;
  for (const Listed& entry : entries)
    text += fmt::format("  {:<{}}  {}\n", entry.name, width, entry.summary);
  return text;
}

std::string long_text(const Listed& entry) {
  std::string text = fmt::format("{}: {}\nSource: {}\n", entry.name, entry.summary, entry.source);
  if (entry.fields.empty()) return text + "It has no keys of its own.\n";
  text += "Keys:\n";
  for (const FieldDescription& field : entry.fields)
    text += fmt::format("  {}: {}\n      {}\n      {}{}{}\n", field.name,
                        field.default_value.empty() ? "\"\"" : field.default_value, field.help,
                        field.type, field.allowed.empty() ? "" : " ", field.allowed);
  return text;
}

struct ListOptions {
  std::string kind;
  std::string name;
  bool json = false;
};

const Listed& find(const std::vector<Listed>& entries, const ListOptions& options) {
  std::vector<std::string> known;
  for (const Listed& entry : entries) {
    if (entry.name == options.name) return entry;
    known.push_back(entry.name);
  }
  throw Error(ErrorKind::kInput,
              "list " + options.kind + ": " + unknown_name("name", options.name, known));
}

int list(const ListOptions& options) {
  for (const Kind& kind : kinds()) {
    if (kind.name != options.kind) continue;
    const std::vector<Listed> entries = kind.entries();
    if (!options.name.empty()) {
      const Listed& entry = find(entries, options);
      print(options.json ? to_json(entry).dump(2) + "\n" : long_text(entry));
    } else if (options.json) {
      nlohmann::ordered_json all = nlohmann::ordered_json::array();
      for (const Listed& entry : entries) all.push_back(to_json(entry));
      print(all.dump(2) + "\n");
    } else {
      print(short_text(entries));
    }
  }
  return 0;
}

}  // namespace

void add_list(CLI::App& app, Action& action) {
  auto options = std::make_shared<ListOptions>();
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.push_back(kind.name);
  CLI::App* command = app.add_subcommand("list", "What a scenario may name under 'type:'");
  command->footer(
      example("  rehearsal list policies\n"
              "  rehearsal list policies thompson       its keys, defaults and ranges\n"
              "  rehearsal list worlds --json"));
  command->add_option("kind", options->kind, "The table to list")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("name", options->name, "One entry, with its keys");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &action] { action = [options] { return list(*options); }; });
}

}  // namespace rehearsal
