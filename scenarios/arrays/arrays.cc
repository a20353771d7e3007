#include "scenarios/arrays/arrays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "analysis/estimators.h"
#include "scenarios/arrays/inputs.h"
#include "scenarios/arrays/scores.h"
#include "sim/core/error.h"
#include "sim/core/fields.h"
#include "sim/engine/ordered_reduce.h"

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

std::size_t n_values(const Array& array) {
  return std::accumulate(array.shape.begin(), array.shape.end(), std::size_t{1},
                         std::multiplies<>());
}

bool in_blocks(const ArrayGroup& open, const CaseKind& kind, const ArrayOptions& options) {
  if (!kind.blocks) return false;
  std::size_t values = 0;
  for (const auto& [name, array] : open.inputs) values += n_values(array);
  const auto asked = [&](const std::string& family) {
    return std::any_of(
        options.estimators.begin(), options.estimators.end(),
        [&](const std::string& key) { return key == family || key.rfind(family + "_", 0) == 0; });
  };
  return values > options.most_values &&
         std::none_of(kind.blocks->needs_all.begin(), kind.blocks->needs_all.end(), asked);
}

/// Of an open group: what blocks read. Raises: where inputs differ in their numbers of rounds.
ArrayGroup for_blocks(const ArrayGroup& open, const CaseBlocks& blocks) {
  ArrayGroup out = open;
  const auto named = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::erase_if(out.inputs, [&](const auto& input) {
    return !named(blocks.by_row, input.first) && !named(blocks.whole, input.first);
  });
  const CaseInputs inputs(open);
  const std::size_t n = inputs.at(blocks.by_row.front()).shape.at(0);
  for (const auto& [name, array] : out.inputs)
    if (named(blocks.by_row, name) && (array.shape.empty() || array.shape[0] != n))
      inputs.refuse(name, fmt::format("has shape ({}), expected {} rounds, as many as {} has",
                                      fmt::join(array.shape, ", "), n, blocks.by_row.front()));
  return out;
}

/// Blocks of a size that their shapes give, merged in order.
CaseResult evaluate_blocks(const ArrayGroup& open, const CaseBlocks& blocks,
                           const ArrayOptions& options) {
  const ArrayGroup group = for_blocks(open, blocks);
  const std::size_t n = group.inputs.at(blocks.by_row.front()).shape[0];
  std::size_t values = 0;
  for (const auto& [name, array] : group.inputs) values += n_values(array);
  const std::size_t n_rows = std::max<std::size_t>(1, options.block_values * n / values);
  ArrayOptions own = options;
  own.threads = 1;
  Scores scores(options);
  ordered_reduce((n + n_rows - 1) / n_rows, options.threads,
                 [&](std::size_t b) {
                   const std::size_t first = b * n_rows;
                   Scores part(own);
                   blocks.score(load_rows(group, blocks.by_row, first, std::min(n_rows, n - first)),
                                part);
                   return part;
                 },
                 [&](std::size_t, Scores&& part) { scores.merge(std::move(part)); });
  if (options.estimators.empty())
    scores.warn(
        fmt::format("scored in blocks: {} need all rounds in memory and are left out unless "
                    "--estimators names them",
                    fmt::join(blocks.needs_all, ", ")));
  return scores.take();
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
    const ArrayGroup open = open_group(file, name);
    const CaseKind& kind = kind_of(open, layout);
    cases.push_back({name, in_blocks(open, kind, options)
                               ? evaluate_blocks(open, *kind.blocks, options)
                               : kind.evaluate(load_group(file, name), options)});
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
