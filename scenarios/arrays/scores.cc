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
  if (options_->estimators.empty()) return grid;
  std::vector<double> values;
  for (const std::string& name : options_->estimators) {
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
  std::vector<TermSums> sums = action_sums(chosen);
  add_actions(chosen, rounds, options_->threads, sums);
  for (std::size_t e = 0; e < keys.size(); ++e)
    sums_of(keys[e], TermSums(chosen[e].layout(1))).add(sums[e]);
}

void Scores::add(const std::string& key, const SlateEstimatorEntry& estimator,
                 const SlateColumns& slates) {
  if (wants(key) && estimator.fits(slates)) sums_of(key, SlateSums(estimator)).add(slates);
}

void Scores::add_strata(const std::string& key, std::span<const double> direct,
                        std::span<const double> weighted, std::span<const std::uint32_t> stratum) {
  sums_of(key, StratumSums()).add(direct, weighted, stratum);
}

void Scores::add_mean(const std::string& key, std::span<const double> terms) {
  const TermLayout mean{1, {{0, RatioPart::kRounds}}};
  TermSums sums(mean);
  sums.add(terms);
  sums_of(key, TermSums(mean)).add(sums);
}

template <class S>
S& Scores::sums_of(const std::string& key, S&& empty) {
  for (Score& score : scores_)
    if (score.estimate.key == key) return std::get<S>(score.sums);
  return std::get<S>(scores_.emplace_back(Score{{key}, std::move(empty)}).sums);
}

void Scores::add(const std::string& key, const PointEstimate& estimate,
                 std::map<std::string, std::vector<double>> lists,
                 std::map<std::string, double> numbers) {
  scores_.push_back(
      {{key, estimate.value, estimate.standard_error, 0, 0, std::move(lists), std::move(numbers)},
       {}});
}

void Scores::warn(const std::string& text) {
  if (std::find(warnings_.begin(), warnings_.end(), text) == warnings_.end())
    warnings_.push_back(text);
}

void Scores::leave_out(const std::string& family, const std::string& why) {
  left_out_[family] = why;
}

void Scores::weigh(std::span<const double> weights, const std::string& of) {
  if (weights.empty()) return;
  WeightStats stats;
  for (const double w : weights) stats.add(w);
  stats.settle();
  weights_[of].add(stats);
}

void Scores::add_unsupported(double mass, std::size_t n_rounds) {
  unsupported_ += mass;
  n_supported_ += static_cast<double>(n_rounds);
}

void Scores::merge(Scores&& next) {
  for (Score& score : next.scores_) {
    const auto same = [&](const Score& own) { return own.estimate.key == score.estimate.key; };
    const auto found = std::find_if(scores_.begin(), scores_.end(), same);
    if (found == scores_.end()) {
      scores_.push_back(std::move(score));
      continue;
    }
    std::visit(
        [&](auto& own) {
          using S = std::decay_t<decltype(own)>;
          REHEARSAL_CHECK((!std::is_same_v<S, std::monostate>));
          if constexpr (!std::is_same_v<S, std::monostate>) own.add(std::get<S>(score.sums));
        },
        found->sums);
  }
  left_out_.insert(next.left_out_.begin(), next.left_out_.end());
  for (const std::string& text : next.warnings_) warn(text);
  for (const auto& [of, stats] : next.weights_) weights_[of].add(stats);
  unsupported_ += next.unsupported_;
  n_supported_ += next.n_supported_;
}

std::optional<ArrayEstimate> Scores::settled(Score&& score) {
  ArrayEstimate out = std::move(score.estimate);
  const auto* strata = std::get_if<StratumSums>(&score.sums);
  if (strata && !strata->varies()) {
    warn(out.key + " is left out: its terms do not vary in one of the strata");
    return std::nullopt;
  }
  const auto set = [&](const auto& sums) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(sums)>, std::monostate>) {
      const PointEstimate estimate = sums.estimate();
      out.value = estimate.value;
      out.standard_error = estimate.standard_error;
    }
  };
  std::visit(set, score.sums);
  const Interval interval = normal_interval(out.value, out.standard_error, options_->confidence);
  out.low = interval.low;
  out.high = interval.high;
  return out;
}

CaseResult Scores::take() {
  CaseResult out;
  const auto taken_back = [&](const std::string& key) {
    return std::any_of(left_out_.begin(), left_out_.end(), [&](const auto& each) {
      return key == each.first || key.rfind(each.first + "_", 0) == 0;
    });
  };
  for (const auto& [family, why] : left_out_)
    if (!why.empty()) warn(why);
  for (Score& score : scores_) {
    if (taken_back(score.estimate.key)) continue;
    std::optional<ArrayEstimate> estimate = settled(std::move(score));
    if (!estimate) continue;
    if (!std::isfinite(estimate->value))
      warn(estimate->key +
           " has no value: no round has a weight above 0, or a weight or its "
           "product with a reward is beyond what a number can hold");
    out.estimates.push_back(std::move(*estimate));
  }
  for (const auto& [of, stats] : weights_)
    for (const std::string& text :
         weight_warnings(std::span(&stats, 1), stats.n, {of.c_str(), "position"}))
      warn(text);
  if (unsupported_ > 0)
    warn(
        fmt::format("the evaluation policy puts {:.3g} of its mass on actions that the logging "
                    "policy never takes: no weight makes up for them",
                    unsupported_ / n_supported_));
  out.warnings = std::move(warnings_);
  return out;
}

}  // namespace rehearsal
