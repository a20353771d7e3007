#pragma once

#include <array>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// Off-policy betting on a mean E[w r] (Karampatziakis, Mineiro and Ramdas, ICML 2021): wealth
/// prod (1 + lambda_1 (w - 1) + lambda_2 (w r - v)) for each candidate v of a grid; E[w] = 1 makes
/// the first bet fair whatever v is, so that luck with the weights is betted away. Bets are by
/// online Newton steps and leave at least half the wealth at any outcome. Anytime-valid; the bound
/// is rounded outwards to the grid.
class OffPolicyBettingLower {
 public:
  /// Args: alpha: of this side.  w_max: above 1, of every weight.  n_steps: of the grid on [0, 1].
  /// Raises: Error(kInput) for a w_max of at most 1.
  OffPolicyBettingLower(double alpha, double w_max, std::size_t n_steps = 1000);
  /// Args: w: in [0, w_max].  r: in [0, 1].  Raises: Error(kInput) for one outside.
  void add(double w, double r);
  double lower() const;

 private:
  /// One candidate's bets: second moments of the gradients, their sum's direction, wealth.
  struct Bet {
    std::array<double, 2> lambda{};
    std::array<double, 3> moments{1, 0, 1};  // of gradients: 11, 12, 22
    double log_wealth = 0;
  };
  void step(Bet& bet, double v, double w, double r) const;

  double log_limit_, w_max_;
  std::vector<Bet> bets_;           // (n_steps), of the grid's points but 1
  std::vector<unsigned char> out_;  // (n_steps)
};

/// Both sides, alpha / 2 each: the upper one is 1 less the lower one of w (1 - r).
class OffPolicyBetting {
 public:
  OffPolicyBetting(double alpha, double w_max, std::size_t n_steps = 1000)
      : lower_(alpha / 2, w_max, n_steps), upper_(alpha / 2, w_max, n_steps) {}
  void add(double w, double r);
  /// value: mean of w r.
  Interval interval() const;

 private:
  OffPolicyBettingLower lower_, upper_;
  double t_ = 0, sum_ = 0;
};

}  // namespace rehearsal
