#include "scenarios/arrays/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/intervals.h"
#include "sim/core/error.h"

namespace rehearsal {

std::string key_of(const std::string& family, double value, const std::string& separator) {
  return family + separator + parameter_text(value);
}

std::vector<double> Scores::values_of(const std::string& family, const std::vector<double>& grid,
                                      const std::string& separator) const {
  if (options_.estimators.empty()) return grid;
  std::vector<double> values;
  for (const std::string& name : options_.estimators) {
    if (name.rfind(family + separator, 0) != 0) continue;
    const auto value = parameter_of("x", "x_" + name.substr(family.size() + separator.size()));
    if (value && key_of(family, *value, separator) == name) values.push_back(*value);
  }
  return values;
}

void Scores::add(const ActionRounds& rounds, const std::vector<Family>& families,
                 const std::string& suffix) {
  const bool weights = !rounds.weight.empty() || rounds.weigh || !rounds.pscore.empty();
  const bool model = !rounds.q_hat.empty() || !rounds.direct.empty();
  std::vector<Estimator> chosen;
  std::vector<std::string> keys;
  const auto choose = [&](const std::string& key, const std::string& name) {
    if (!wants(key)) return;
    chosen.push_back(parse_estimator(name, "--estimators " + key));
    keys.push_back(key);
  };
  for (const Family& family : families) {
    const EstimatorEntry& entry = estimators().at(family.entry);
    if (entry.uses(Need::kQHat) && !model) continue;
    if (entry.needs != std::vector<Need>{Need::kQHat} && !weights) continue;
    if (entry.uses(Need::kPscore) && rounds.pscore.empty()) continue;
    if (!entry.parameter) {
      choose(family.key + suffix, entry.name);
      continue;
    }
    const std::vector<double>& grid = family.grid.empty() ? entry.parameter->grid : family.grid;
    for (const double value : suffix.empty() ? values_of(family.key, grid) : grid)
      choose(key_of(family.key, value) + suffix, key_of(entry.name, value));
  }
  if (chosen.empty()) return;
  const std::vector<PointEstimate> estimates = estimate_actions(chosen, rounds);
  for (std::size_t e = 0; e < keys.size(); ++e) add(keys[e], estimates[e]);
}

void Scores::add_mean(const std::string& key, std::span<const double> terms) {
  TermSums sums({1, {{0, RatioPart::kRounds}}});
  sums.add(terms);
  add(key, sums.estimate());
}

void Scores::add(const std::string& key, const PointEstimate& estimate,
                 std::map<std::string, std::vector<double>> lists,
                 std::map<std::string, double> numbers) {
  const Interval interval =
      normal_interval(estimate.value, estimate.standard_error, options_.confidence);
  result_.estimates.push_back({key, estimate.value, estimate.standard_error, interval.low,
                               interval.high, std::move(lists), std::move(numbers)});
  if (!std::isfinite(estimate.value)) warn(key + " has no value: no round has a weight above 0");
}

void Scores::warn(const std::string& text) {
  std::vector<std::string>& all = result_.warnings;
  if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

}  // namespace rehearsal
