#include "scenarios/arrays/arrays.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
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

/// An open group in blocks of rounds.
class Blocks {
 public:
  /// Raises: where inputs differ in their numbers of rounds.
  Blocks(const ArrayGroup& open, const CaseBlocks& how, std::size_t block_values)
      : how_(how), group_(open), n_(rounds_of(open)) {
    std::erase_if(group_.inputs, [&](const auto& input) {
      const std::string& name = input.first;
      return !is_in(how.by_row, name) && !is_in(how.flat, name) && !is_in(how.whole, name);
    });
    if (n_ == 0) return;
    std::size_t values = 0;
    for (const auto& [name, array] : group_.inputs) {
      values += n_values(array);
      if (!is_in(how.whole, name)) rows_[name] = rows_a_round(name, array);
    }
    const std::size_t size = std::max<std::size_t>(1, block_values * n_ / values);
    for (std::size_t first = size; first < n_; first += size) starts_.push_back(first);
    starts_.push_back(n_);
    if (!how.together.empty()) keep_together();
  }

  /// Whether there are blocks: not of no rounds, nor where what is kept together does not ascend,
  /// as equal values may then stand anywhere.
  bool exist() const { return starts_.size() > 1; }
  std::size_t size() const { return starts_.size() - 1; }
  ArrayGroup load(std::size_t block) const {
    return load_rows(group_, rows_, starts_[block], starts_[block + 1] - starts_[block]);
  }

 private:
  static bool is_in(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  std::size_t rounds_of(const ArrayGroup& open) const {
    const CaseInputs inputs(open);
    const CaseInputs::Shape& shape = inputs.at(how_.by_row.front()).shape;
    if (shape.empty()) inputs.refuse(how_.by_row.front(), "is one number, expected one a round");
    return shape[0];
  }

  std::size_t rows_a_round(const std::string& name, const Array& array) const {
    const std::size_t rows = array.shape.empty() ? 0 : array.shape[0];
    if (rows == n_) return 1;
    if (is_in(how_.flat, name) && array.shape.size() == 1 && rows > 0 && rows % n_ == 0)
      return rows / n_;
    CaseInputs(group_).refuse(name,
                              fmt::format("has shape ({}), expected {} rounds, as many as {} has",
                                          fmt::join(array.shape, ", "), n_, how_.by_row.front()));
  }

  /// Moves the starts of blocks to where the input changes; none are left where it falls.
  void keep_together() {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    ArrayGroup column = group_;
    std::erase_if(column.inputs, [&](const auto& input) { return input.first != how_.together; });
    std::vector<std::size_t> moved{0};
    std::size_t wanted = 1;  // of starts_
    double last = -std::numeric_limits<double>::infinity();
    for (std::size_t first = 0; first < n_; first += kPiece) {
      const ArrayGroup piece = load_rows(column, rows_, first, std::min(kPiece, n_ - first));
      const std::vector<double>& value = piece.inputs.at(how_.together).values;
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (!(value[i] >= last)) {
          starts_ = {0};
          return;
        }
        if (value[i] > last && first + i >= starts_[wanted]) {
          moved.push_back(first + i);
          while (starts_[wanted] <= first + i) ++wanted;
        }
        last = value[i];
      }
    }
    moved.push_back(n_);
    starts_ = std::move(moved);
  }

  const CaseBlocks& how_;
  ArrayGroup group_;
  std::size_t n_;                            // rounds
  std::map<std::string, std::size_t> rows_;  // of each input, a round
  std::vector<std::size_t> starts_{0};       // of blocks, and n_
};

/// Blocks of a size that their shapes give, merged in order.
CaseResult evaluate_blocks(const Blocks& blocks, const CaseBlocks& how,
                           const ArrayOptions& options) {
  ArrayOptions own = options;
  own.threads = 1;
  Scores scores(options);
  ordered_reduce(
      blocks.size(), options.threads,
      [&](std::size_t b) {
        Scores part(own);
        how.score(blocks.load(b), part);
        return part;
      },
      [&](std::size_t, Scores&& part) { scores.merge(std::move(part)); });
  if (options.estimators.empty() && !how.needs_all.empty())
    scores.warn(
        fmt::format("scored in blocks: {} need all rounds in memory and are left out unless "
                    "--estimators names them",
                    fmt::join(how.needs_all, ", ")));
  return scores.take();
}

CaseResult evaluate_kind(const ArrayGroup& open, const CaseKind& kind,
                         const ArrayOptions& options) {
  if (in_blocks(open, kind, options)) {
    const Blocks blocks(open, *kind.blocks, options.block_values);
    if (blocks.exist()) return evaluate_blocks(blocks, *kind.blocks, options);
  }
  return kind.evaluate(load_group(open.file, open.name), options);
}

/// With a word on datasets whose names nothing reads, and where there was nothing to score.
CaseResult evaluate_group(const ArrayGroup& open, const CaseKind& kind,
                          const ArrayOptions& options) {
  CaseResult result = evaluate_kind(open, kind, options);
  std::vector<std::string> known = kind.others;
  if (kind.blocks)
    for (const auto* names : {&kind.blocks->by_row, &kind.blocks->flat, &kind.blocks->whole})
      known.insert(known.end(), names->begin(), names->end());
  for (const auto& [name, array] : open.inputs)
    if (std::find(known.begin(), known.end(), name) == known.end())
      result.warnings.push_back(
          fmt::format("inputs/{} is not read: {}", name, unknown_name("dataset", name, known)));
  if (result.estimates.empty() && options.estimators.empty())
    result.warnings.push_back("nothing was scored: no estimator has all the datasets it needs");
  return result;
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
    cases.push_back({name, evaluate_group(open, kind, options)});
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
