#pragma once

#include <cstddef>
#include <span>

#include "sim/world/recsim_documents.h"
#include "users/recsim/choice_models.h"

namespace rehearsal::recsim {

/// RecSim's interest evolution (Ie et al. 2019; environments/interest_evolution.py,
/// create_environment): a click draws the user's interest in the topic nearer or pushes it away,
/// and watching costs or wins time.
struct InterestEvolution {
  ChoiceModel choice{Choice::kMultinomialProportional, 1, -1, 0.65, 0.05, false};
  double step_penalty = 0.5;
  double user_update_alpha = 0.9 / 3.4;
  double user_quality_factor = 0;
  double document_quality_factor = 1;
  double alpha_x_intercept = 1;
  double alpha_y_intercept = 0.3;
  double time_budget = 200;
};

/// One interest after a click on a document of its topic. Args: uniform: in [0, 1).
/// Returns: in [-1, 1].
double evolved_interest(const InterestEvolution& model, double interest, double uniform);
/// All interests after a click on a document with any features, in place: one coin for them all.
/// Args: features, interests: (n_topics).
/// Returns: the probability P+ of the update towards the document, uncapped as published.
double evolve_interests(const InterestEvolution& model, std::span<const double> features,
                        double uniform, std::span<double> interests);

/// Time watched of a clicked document.
inline double watch_time(double budget, double length) { return budget < length ? budget : length; }
/// Time left after a click. Args: score: lone_score before the interest moved.
inline double budget_after_click(const InterestEvolution& model, double budget, double watched,
                                 double score, double quality) {
  const double received =
      model.user_quality_factor * score + model.document_quality_factor * quality;
  return budget - watched + model.user_update_alpha * watched * received;
}
inline double budget_after_no_click(const InterestEvolution& model, double budget) {
  return budget - model.step_penalty;
}

/// What a user did with a list.
struct Watched {
  std::size_t clicked = 0;  // index into the slate; its size: none
  double time = 0;
};

/// One step of a user, in place. Args: slate: shown, at most 64.  length: of every video.
///       u_choice, u_interest: uniform.
Watched step(const InterestEvolution& model, std::span<const Video> slate, double length,
             double u_choice, double u_interest, std::span<double> interests, double& budget);

}  // namespace rehearsal::recsim
