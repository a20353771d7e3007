#include "analysis/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "analysis/multiplicity.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr const char* kCorrection = "holm";

/// The level of a round's feature, which a log holds as a float.
std::size_t level_of(const LogBatch& batch, std::size_t i, std::size_t feature) {
  return static_cast<std::size_t>(batch.requests.features(i)[feature]);
}

/// Rounds at each level, (features, levels). Args: component: of the behaviour, or -1 for all.
std::vector<std::vector<std::uint64_t>> level_counts(const RoundSource& rounds, int component,
                                                     const std::vector<std::size_t>& features) {
  std::vector<std::vector<std::uint64_t>> counts;
  for (const std::size_t f : features)
    counts.emplace_back(rounds.schema->features[f].levels.size());
  for (std::size_t shard = 0; shard < rounds.n_shards; ++shard) {
    const LogBatch batch = rounds.read(shard, Columns{});
    if (component >= 0 && batch.propensities.component.size() != batch.size())
      throw Error(ErrorKind::kInput, "log_subset: the log has no column 'behavior_component'");
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (component >= 0 && batch.propensities.component[i] != component) continue;
      for (std::size_t f = 0; f < features.size(); ++f) {
        const std::size_t level = level_of(batch, i, features[f]);
        if (level >= counts[f].size())
          throw Error(
              ErrorKind::kInput,
              fmt::format("segments: {} has {} levels, and a round of the log has level {}",
                          rounds.schema->features[features[f]].name, counts[f].size(), level));
        ++counts[f][level];
      }
    }
  }
  return counts;
}

int component_of(const LogInfo& info, const std::string& subset) {
  const auto& names = info.behavior_components;
  const auto found = std::find(names.begin(), names.end(), subset);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

/// Corrects the lifts of each metric and estimator over segments and candidates.
void test_lifts(std::vector<std::vector<SegmentEstimates>>& segments) {
  std::map<std::pair<std::string, std::string>, std::vector<Estimate*>> families;
  for (auto& candidate : segments)
    for (SegmentEstimates& segment : candidate)
      for (Estimate& e : segment.estimates)
        if (e.lift && e.lift_standard_error > 0 && std::isfinite(e.lift->value))
          families[{e.metric, e.estimator}].push_back(&e);
  for (auto& [name, tested] : families) {
    std::vector<double> p;
    for (const Estimate* e : tested)
      p.push_back(two_sided_p_value(e->lift->value / e->lift_standard_error));
    const std::vector<double> adjusted = adjusted_p_values(p, kCorrection);
    for (std::size_t i = 0; i < tested.size(); ++i)
      tested[i]->lift_test = LiftTest{p[i], adjusted[i], kCorrection, tested.size()};
  }
}

}  // namespace

std::vector<std::size_t> segment_features(const Schema& schema,
                                          const std::vector<std::string>& names,
                                          const std::string& where) {
  std::vector<std::size_t> features;
  for (const std::string& name : names) {
    const std::size_t f = schema.feature_index(name, where);
    if (!schema.features[f].categorical())
      throw Error(ErrorKind::kInput,
                  where + ": '" + name + "' is a number; segments are the levels of a category");
    if (std::find(features.begin(), features.end(), f) != features.end())
      throw Error(ErrorKind::kInput, where + ": '" + name + "' stands here twice");
    features.push_back(f);
  }
  return features;
}

std::vector<std::vector<SegmentEstimates>> evaluate_segments(
    const RoundSource& rounds, const LogInfo& info, const std::vector<Candidate>& candidates,
    const Policy* behavior, int baseline, const Rng& rng, const EvaluateOptions& options,
    const std::vector<std::size_t>& features) {
  std::vector<std::vector<SegmentEstimates>> segments(candidates.size());
  if (features.empty()) return segments;
  REHEARSAL_CHECK(!options.session_discount);
  const auto counts = level_counts(rounds, component_of(info, options.log_subset), features);
  for (std::size_t f = 0; f < features.size(); ++f) {
    const Feature& feature = rounds.schema->features[features[f]];
    for (std::size_t level = 0; level < feature.levels.size(); ++level) {
      if (counts[f][level] == 0) continue;
      const RoundSource part =
          rounds_where(rounds, [at = features[f], level](const LogBatch& batch, std::size_t i) {
            return level_of(batch, i, at) == level;
          });
      auto estimates = evaluate(part, info, candidates, behavior, baseline, rng, options);
      for (std::size_t c = 0; c < candidates.size(); ++c)
        segments[c].push_back(
            {feature.name, feature.levels[level], counts[f][level], std::move(estimates[c])});
    }
  }
  test_lifts(segments);
  return segments;
}

}  // namespace rehearsal
