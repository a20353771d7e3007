#include "scenarios/arrays/arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis/estimators.h"
#include "sim/core/error.h"
#include "sim/core/fields.h"

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

const CaseKind& kind_of(const ArrayGroup& group, const ArrayLayout& layout) {
  std::vector<std::string> names;
  for (const CaseKind& kind : layout.kinds) {
    if (group.kind.empty() ? kind.fits(group.inputs) : kind.name == group.kind) return kind;
    names.push_back(kind.name);
  }
  throw Error(ErrorKind::kInput,
              fmt::format("{}:{}: {}", group.file, group.name,
                          group.kind.empty()
                              ? "its inputs are of no kind that layout '" + layout.name + "' has"
                              : "attribute kind: " + unknown_name("kind", group.kind, names)));
}

/// Whatever was asked for must have been scored somewhere.
void require_all(const std::filesystem::path& file, const std::vector<NamedCase>& cases,
                 const ArrayOptions& options) {
  std::set<std::string> keys;
  for (const NamedCase& each : cases)
    for (const ArrayEstimate& estimate : each.result.estimates) keys.insert(estimate.key);
  for (const std::string& name : options.estimators)
    if (keys.count(name) == 0)
      throw Error(ErrorKind::kInput,
                  fmt::format("--estimators {}: is no estimator that a group of {} has the inputs "
                              "for",
                              name, file.string()));
}

/// Keys are spelled as other tools have them: ips_clip_2 asks for ipw_clip_2.
std::string key_of_name(const std::string& name) {
  if (name == "mips" || name == "snmips")
    return (name == "mips" ? "mipw" : "snmipw") + std::string("_exact_joint_p_e_a");
  for (const EstimatorEntry& entry : estimators().entries()) {
    if (entry.alias.empty()) continue;
    if (name == entry.name) return entry.alias;
    if (entry.parameter && parameter_of(entry.name, name))
      return entry.alias + name.substr(entry.name.size());
  }
  return name;
}

Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(value);
  return out;
}

}  // namespace

bool ArrayOptions::wants(const std::string& key) const {
  return estimators.empty() ||
         std::find(estimators.begin(), estimators.end(), key) != estimators.end();
}

std::vector<NamedCase> evaluate_arrays(const std::filesystem::path& file, const ArrayLayout& layout,
                                       const ArrayOptions& asked) {
  ArrayOptions options = asked;
  for (std::string& name : options.estimators) name = key_of_name(name);
  std::vector<NamedCase> cases;
  for (const std::string& name : group_names(file)) {
    const ArrayGroup group = load_group(file, name);
    cases.push_back({name, kind_of(group, layout).evaluate(group, options)});
  }
  require_all(file, cases, options);
  return cases;
}

std::string arrays_to_json(const std::vector<NamedCase>& cases) {
  Json out{{"schema", "rehearsal.arrays/1"}, {"cases", Json::object()}};
  Json warnings = Json::object();
  for (const NamedCase& each : cases) {
    Json& keys = out["cases"][each.name] = Json::object();
    for (const ArrayEstimate& e : each.result.estimates) {
      keys[e.key] = {
          {"value", e.value}, {"stderr", e.standard_error}, {"low", e.low}, {"high", e.high}};
      for (const auto& [name, value] : e.numbers) keys[e.key][name] = value;
      for (const auto& [name, values] : e.lists) keys[e.key][name] = numbers(values);
    }
    if (!each.result.warnings.empty()) warnings[each.name] = each.result.warnings;
  }
  if (!warnings.empty()) out["warnings"] = warnings;
  return out.dump(2) + "\n";
}

}  // namespace rehearsal
