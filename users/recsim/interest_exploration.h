#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "users/recsim/choice_models.h"

namespace rehearsal::recsim {

/// RecSim's interest exploration (Ie et al. 2019; environments/interest_exploration.py): users of
/// hidden types, of which the smaller likes the topic that most documents have. Users do not
/// change.
struct InterestExploration {
  ChoiceModel choice{Choice::kMultinomialLogit, 5, 0, 1, 1, false};
  std::size_t n_topics = 2;
  std::vector<double> type_share{0.3, 0.7};                   // (n_types), sums to 1
  std::vector<double> affinity_log_mean{0.1, 0.7, 0.7, 0.1};  // (n_types, n_topics)
  double affinity_log_sd = 0.1;
};

/// A user's affinities: exp(log mean of the user's type + log_sd z).
/// Args: u_type: uniform.  z: (n_topics) standard normal.  affinities: (n_topics), filled.
/// Returns: the user's type.
std::size_t draw_affinities(const InterestExploration& model, double u_type,
                            std::span<const double> z, std::span<double> affinities);

/// A document's score.
inline double exploration_score(std::span<const double> affinities, std::size_t topic,
                                double quality) {
  return affinities[topic] + quality;
}

}  // namespace rehearsal::recsim
