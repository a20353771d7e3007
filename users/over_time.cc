#include "users/over_time.h"

#include <algorithm>
#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/scalars.h"

namespace rehearsal {

Fields OverTimeConfig::fields() {
  return Fields()
      .add("drift", drift, 0, 1, "share of the way to what was clicked that the taste moves a page")
      .add("drift_noise", drift_noise, 0, 10, "standard deviation of the taste's own step a page")
      .add("topic_fatigue", topic_fatigue, 0, 10,
           "attraction falls by exp(-this times the session's clicks on the item's topic)")
      .add("fatigue_keep", fatigue_keep, 0, 1, "share of fatigue that stays from page to page")
      .add("fatigue_load", fatigue_load, 0, 100, "fatigue that a page adds")
      .add("fatigue_effect", fatigue_effect, 0, 100, "fall of the attraction's logit with fatigue")
      .add("budget", budget, 0, 1e6,
           "patience at a session's start; the session ends below 1. 0: no limit")
      .add("budget_cost", budget_cost, 0, 1e6, "patience that a page costs")
      .add("budget_reward", budget_reward, 0, 1e6, "patience that a satisfied click gives back")
      .add("leave", leave, 0, 1, "probability that the session ends after a page, whatever else")
      .add("satisfaction_memory", satisfaction_memory, 0, 1,
           "weight of the last session in a user's satisfaction with the site")
      .add("item_cost", item_cost, 0, 100, "what an item shown takes from a session's utility")
      .add("return_logit", return_logit, -50, 50,
           "logit of coming back on a given day, at satisfaction 0")
      .add("return_satisfaction", return_satisfaction, -50, 50, "its slope on satisfaction")
      .add("return_fatigue", return_fatigue, 0, 50, "its fall with fatigue")
      .add("churn_days", churn_days, 1, 3650, "who stays away for longer never comes back");
}

void OverTime::start_session(std::span<double> state) const {
  std::fill_n(state.begin(), n_factors_ + n_topics_, 0.0);
  state[budget_at()] = config_.budget;
  state[utility_at()] = 0;
}

void OverTime::start(std::span<double> state) const {
  std::fill(state.begin(), state.end(), 0.0);
  start_session(state);
}

double OverTime::topic_factor(const double* state, std::size_t topic) const {
  return config_.topic_fatigue == 0 ? 1
                                    : std::exp(-config_.topic_fatigue * state[n_factors_ + topic]);
}

double OverTime::fatigue_logit(const double* state) const {
  return -config_.fatigue_effect * state[fatigue_at()];
}

double OverTime::return_probability(const double* state) const {
  const double logit = config_.return_logit +
                       config_.return_satisfaction * state[satisfaction_at()] -
                       config_.return_fatigue * state[fatigue_at()];
  return logistic(logit);
}

double OverTime::churn_probability(double return_probability) const {
  return std::pow(1 - return_probability, static_cast<double>(config_.churn_days));
}

std::uint16_t OverTime::advance(std::span<double> state, std::span<const float> taste,
                                const PageImpact& page, Stream& stream) const {
  const double leaves = stream.uniform();
  const double returns = stream.uniform();
  for (std::size_t f = 0; f < n_factors_; ++f) {
    const double now = static_cast<double>(taste[f]) + state[f];
    const double pull = page.consumed.empty() ? 0 : config_.drift * (page.consumed[f] - now);
    const double step = config_.drift_noise == 0 ? 0 : config_.drift_noise * normal_from(stream());
    state[f] += pull + step;
  }
  for (const std::uint32_t topic : page.clicked_topics) state[n_factors_ + topic] += 1;
  state[fatigue_at()] = config_.fatigue_keep * state[fatigue_at()] + config_.fatigue_load;
  state[budget_at()] += config_.budget_reward * page.n_satisfied - config_.budget_cost;
  state[utility_at()] += page.n_satisfied - config_.item_cost * page.n_items;
  const bool spent = config_.budget > 0 && state[budget_at()] < 1;
  if (!spent && leaves >= config_.leave) return 0;

  const double rho = config_.satisfaction_memory;
  state[satisfaction_at()] = (1 - rho) * state[satisfaction_at()] + rho * state[utility_at()];
  const double p = return_probability(state.data());
  start_session(state);
  // Geometric by inversion: P(gap > d) = (1 - p)^d.
  const double gap = 1 + std::floor(std::log(returns) / std::log1p(-p));
  if (!(gap <= static_cast<double>(config_.churn_days))) return kNeverReturns;
  return static_cast<std::uint16_t>(gap);
}

}  // namespace rehearsal
