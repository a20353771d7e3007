#include "policies/off_policy/weighted_pages.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "policies/off_policy/plackett_luce_gradient.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::uint32_t kSafetyItem = 0x736166;  // below Draw::kAssignment

/// sum_k w_k r_k of every page.
std::vector<double> page_values(const WeightedPages& objective, const LoggedPages& pages,
                                ScoreNetwork& network) {
  std::vector<double> values;
  std::vector<double> w;
  for_each_page(pages, network, [&](std::size_t i, std::span<const double> logits) {
    w.resize(pages.n_shown(i));
    objective.weights(pages, i, logits, w);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    double value = 0;
    for (std::size_t k = 0; k < w.size(); ++k) value += w[k] * rewards[k];
    values.push_back(value);
  });
  return values;
}

ValueMoments moments_of(std::span<const double> values) {
  ValueMoments moments;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) moments.mean += value / n;
  for (const double value : values)
    moments.variance += (value - moments.mean) * (value - moments.mean) / std::max(n - 1, 1.0);
  return moments;
}

}  // namespace

void WeightingConfig::add_to(Fields& fields) {
  fields.add("weight_cap", weight_cap, 1, 1e9, "largest importance weight of a page's first slots")
      .choice("start", start, {"behavior", "uniform"},
              "behavior: from the odds of the modules in the log; uniform: from random pages");
}

void WeightedPages::weights(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                            std::span<double> out) const {
  step_log_probabilities(logits, pages.of(pages.choice, i), out);
  const std::span<const double> pscore = pages.of(pages.pscore_cascade, i);
  double log_pi = 0;
  for (std::size_t k = 0; k < out.size(); ++k) {
    log_pi += out[k];
    out[k] = std::min(std::exp(log_pi) / pscore[k], weight_cap_);
  }
}

void WeightedPages::gradient(const LoggedPages& pages, std::size_t i,
                             std::span<const double> logits, int,
                             std::span<double> gradient) const {
  const std::size_t n = pages.n_shown(i);
  std::vector<double> w(n);
  std::vector<double> step(n);
  weights(pages, i, logits, w);
  slopes(w, pages.of(pages.reward, i), step);
  double above = 0;  // of log pi(s_k | ...): all later prefixes hold it
  for (std::size_t k = n; k-- > 0;) {
    if (w[k] < weight_cap_) above += step[k] * w[k];
    step[k] = above;
  }
  add_step_gradients(logits, pages.of(pages.choice, i), step, gradient);
}

ValueMoments value_moments(const WeightedPages& objective, const LoggedPages& pages,
                           ScoreNetwork& network) {
  return moments_of(page_values(objective, pages, network));
}

void SafetyConfig::add_to(Fields& fields) {
  fields
      .add("check_share", check_share, 0, 0.9,
           "share of the users that check what the others taught; 0: no check")
      .add("confidence", confidence, 0.5, 0.999999,
           "with which the check must find an improvement, else pages stay as they are");
}

ScoreNetwork learn_safely(const Training& training, const WeightingConfig& weighting,
                          const SafetyConfig& safety, WeightedPages& objective) {
  const LoggedPages& all = training.pages();
  std::vector<std::uint32_t> learn;
  std::vector<std::uint32_t> check;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const Turn turn{UserId{all.user[i]}};
    const double u = training.context().rng.stream(Draw::kAssignment, turn, kSafetyItem).uniform();
    (u < safety.check_share ? check : learn).push_back(i);
  }
  const LoggedPages pages = gather(all, learn);
  if (pages.size() == 0)
    throw Error(ErrorKind::kInput,
                "train " + training.context().name + ": check_share leaves no pages to learn from");
  const Training on_these = training.on(pages);
  ScoreNetwork first = weighting.first_model(training);
  ScoreNetwork network = first;
  on_these.ascend(objective, network);
  if (check.empty()) return safety.check_share > 0 ? first : network;
  const LoggedPages held = gather(all, check);
  std::vector<double> gain = page_values(objective, held, network);
  const std::vector<double> before = page_values(objective, held, first);
  for (std::size_t i = 0; i < gain.size(); ++i) gain[i] -= before[i];
  const ValueMoments moments = moments_of(gain);
  const double z = boost::math::quantile(boost::math::normal(), safety.confidence);
  const bool better =
      moments.mean > z * std::sqrt(moments.variance / static_cast<double>(gain.size()));
  return better ? network : first;
}

}  // namespace rehearsal
