#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal::kuaisim {

/// KuaiSim's feedbacks (Zhao et al., NeurIPS 2023), in its order.
inline constexpr std::array<const char*, 7> kFeedbacks{
    "is_click", "long_view", "is_like", "is_comment", "is_forward", "is_follow", "is_hate"};
inline constexpr std::size_t kFeedbackCount = kFeedbacks.size();

/// From a logit to a response probability.
enum class Link {
  kDoubleSigmoid,  // as published for whole sessions: inside (.5, .731) whatever the logit
  kSigmoid,        // as published across sessions, and as meant
};
double link(double logit, Link link);

/// How alike two items' encodings of length 1 are.
enum class Similarity {
  kMean,    // as published: the mean over their d products, 1/d for equal items
  kCosine,  // as meant: the sum, 1 for equal items
};
/// How alike each item is to the slate (itself included). Args: encodings: (n_items, d), any
/// length.  out: (n_items).
void intra_slate_similarity(const RowMatrix& encodings, Similarity similarity,
                            std::span<double> out);

/// P(feedback | logit, similarity) = max(0, link(logit) - correlation * similarity). Items and
/// feedbacks are independent given the slate.
double response_probability(double logit, double similarity, double correlation, Link link);

/// Rewards of a slate. Args: responses: (n_items, n_feedbacks) 0 or 1.  weights: (n_feedbacks).
/// Returns: per item, summed over feedbacks; averaged or summed over the slate.
double immediate_reward(std::span<const std::uint8_t> responses, std::span<const double> weights);
double immediate_reward_sum(std::span<const std::uint8_t> responses,
                            std::span<const double> weights);
/// -day / 10.
double retention_reward(double return_day);

/// How a user's temper falls after a slate.
enum class TemperRule {
  kReward,    // by 2 - reward, no less than 0 and no more than 2
  kDiscount,  // by discount (2 - reward), no less than 0
  kStep,      // by 1
};
struct Temper {
  TemperRule rule = TemperRule::kReward;
  float initial = 10;
  float discount = 2;  // kDiscount alone

  /// After a slate of this mean reward. Single precision as published: where rewards are sixths,
  /// rounding at the limit decides sessions (their mean length moves by up to 0.05).
  float after(float temper, float mean_reward) const;
  static bool leaves(float temper) { return temper < 1; }
};

/// The law of session lengths when slates' mean rewards are independent draws of a given law.
/// Args: rewards, probabilities: (n) values and how likely each is.  most: lengths beyond it share
///       its place.  Returns: (most + 1) P(length), length 0 being impossible.
std::vector<double> session_length_law(const Temper& temper, std::span<const float> rewards,
                                       std::span<const double> probabilities, std::size_t most);

/// When a user comes back after a session.
struct Return {
  double next_day_bias = 0.4;  // P(next day) without feedback
  double feedback_influence = 0.1;
  std::size_t most_days = 10;

  /// P(day k), k = 1 ... most_days: geometric in P = bias + personal + influence * mean reward,
  /// kept inside [.001, .999], truncated. Args: personal: the user's own part of P.
  std::vector<double> day_law(double personal, double mean_reward) const;
};

}  // namespace rehearsal::kuaisim
