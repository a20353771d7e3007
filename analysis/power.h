#pragma once

namespace rehearsal {

/// What a decision is asked to be sure of.
struct Power {
  double lift = 0.0248;  // relative, that must be told from 0
  double confidence = 0.95;
  double power = 0.8;    // chance that the interval then lies above 0
  int n_candidates = 1;  // Bonferroni, the worst that Holm can ask

  /// z_{1 - alpha / 2m} + z_power: how many standard errors the lift must be.
  /// Raises: Error(kInput) for shares outside (0, 1) and a lift of 0.
  double standard_errors() const;
};

/// Pages in each arm of an A/B test: standard_errors^2 * 2 variance / (lift * value)^2.
/// Args: value: metric per page.  variance: of one page (a user's pages together, per page).
double pages_per_arm(const Power& goal, double value, double variance);

/// Pages of a log from which an estimator's lift decides, its standard error falling as 1 /
/// sqrt(n). Args: lift_standard_error: at `pages` pages.
double pages_to_decide(const Power& goal, double pages, double lift_standard_error);

}  // namespace rehearsal
