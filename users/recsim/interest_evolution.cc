#include "users/recsim/interest_evolution.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal::recsim {

namespace {

constexpr std::size_t kMostSlate = 64;

/// The step towards a document, of an interest of size |x|.
double alpha(const InterestEvolution& model, double x) {
  return model.alpha_y_intercept - model.alpha_y_intercept / model.alpha_x_intercept * std::abs(x);
}

}  // namespace

double evolved_interest(const InterestEvolution& model, double interest, double uniform) {
  const double delta = alpha(model, interest) * (1 - interest);
  const bool towards = uniform < (interest + 1) / 2;
  return std::clamp(towards ? interest + delta : interest - delta, -1.0, 1.0);
}

double evolve_interests(const InterestEvolution& model, std::span<const double> features,
                        double uniform, std::span<double> interests) {
  REHEARSAL_CHECK(features.size() == interests.size());
  double p_towards = 0;
  for (std::size_t k = 0; k < features.size(); ++k)
    p_towards += (interests[k] + 1) / 2 * features[k];
  const double sign = uniform < p_towards ? 1 : -1;
  for (std::size_t k = 0; k < features.size(); ++k) {
    const double delta = alpha(model, interests[k]) * features[k] * (features[k] - interests[k]);
    interests[k] = std::clamp(interests[k] + sign * delta, -1.0, 1.0);
  }
  return p_towards;
}

Watched step(const InterestEvolution& model, std::span<const Video> slate, double length,
             double u_choice, double u_interest, std::span<double> interests, double& budget) {
  REHEARSAL_CHECK(slate.size() <= kMostSlate);
  std::array<double, kMostSlate> scores;
  std::array<double, kMostSlate + 1> probabilities;
  for (std::size_t i = 0; i < slate.size(); ++i) scores[i] = interests[slate[i].topic];
  const std::span<double> outcomes(probabilities.data(), slate.size() + 1);
  choice_probabilities(model.choice, std::span(scores).first(slate.size()), outcomes);
  const std::size_t clicked = chosen(outcomes, u_choice);
  if (clicked == slate.size()) {
    budget = budget_after_no_click(model, budget);
    return {clicked, 0};
  }
  const Video& video = slate[clicked];
  const double watched = watch_time(budget, length);
  const double score =
      model.user_quality_factor == 0 ? 0 : lone_score(model.choice, scores[clicked]);
  budget = budget_after_click(model, budget, watched, score, video.quality);
  interests[video.topic] = evolved_interest(model, interests[video.topic], u_interest);
  return {clicked, watched};
}

}  // namespace rehearsal::recsim
