#include "users/kuaisim/rules.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal::kuaisim {

double link(double logit, Link link) {
  const double p = logistic(logit);
  return link == Link::kDoubleSigmoid ? logistic(p) : p;
}

void intra_slate_similarity(const RowMatrix& encodings, Similarity similarity,
                            std::span<double> out) {
  REHEARSAL_CHECK(static_cast<std::size_t>(encodings.rows()) == out.size());
  RowMatrix unit = encodings;
  for (Eigen::Index i = 0; i < unit.rows(); ++i) unit.row(i) /= std::max(unit.row(i).norm(), 1e-12);
  const Eigen::RowVectorXd mean = unit.colwise().mean();
  const auto d = static_cast<double>(unit.cols());
  const double scale = similarity == Similarity::kMean ? 1 / d : 1;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = scale * unit.row(static_cast<Eigen::Index>(i)).dot(mean);
}

double response_probability(double logit, double similarity, double correlation, Link how) {
  return std::max(0.0, link(logit, how) - correlation * similarity);
}

double immediate_reward_sum(std::span<const std::uint8_t> responses,
                            std::span<const double> weights) {
  REHEARSAL_CHECK(!weights.empty() && responses.size() % weights.size() == 0);
  double sum = 0;
  for (std::size_t j = 0; j < responses.size(); ++j)
    sum += responses[j] * weights[j % weights.size()];
  return sum;
}

double immediate_reward(std::span<const std::uint8_t> responses, std::span<const double> weights) {
  const std::size_t n_items = responses.size() / weights.size();
  return n_items == 0 ? 0 : immediate_reward_sum(responses, weights) / static_cast<double>(n_items);
}

double retention_reward(double return_day) { return -return_day / 10; }

float Temper::after(float temper, float mean_reward) const {
  switch (rule) {
    case TemperRule::kReward:
      return temper + std::clamp(mean_reward - 2, -2.0f, 0.0f);
    case TemperRule::kDiscount:
      return temper + std::min(0.0f, (mean_reward - 2) * discount);
    case TemperRule::kStep:
      break;
  }
  return temper - 1;
}

std::vector<double> session_length_law(const Temper& temper, std::span<const float> rewards,
                                       std::span<const double> probabilities, std::size_t most) {
  REHEARSAL_CHECK(rewards.size() == probabilities.size() && most > 0);
  std::vector<double> law(most + 1);
  std::map<float, double> staying{{temper.initial, 1.0}};  // by temper
  for (std::size_t length = 1; length <= most && !staying.empty(); ++length) {
    std::map<float, double> next;
    for (const auto& [before, p] : staying)
      for (std::size_t r = 0; r < rewards.size(); ++r) {
        const float after = temper.after(before, rewards[r]);
        if (Temper::leaves(after) || length == most)
          law[length] += p * probabilities[r];
        else
          next[after] += p * probabilities[r];
      }
    staying = std::move(next);
  }
  return law;
}

std::vector<double> Return::day_law(double personal, double mean_reward) const {
  const double p =
      std::clamp(personal + feedback_influence * mean_reward + next_day_bias, 0.001, 0.999);
  std::vector<double> law(most_days);
  double rest = 1;
  double sum = 0;
  for (double& day : law) {
    day = p * rest;
    sum += day;
    rest *= 1 - p;
  }
  for (double& day : law) day /= sum;
  return law;
}

}  // namespace rehearsal::kuaisim
