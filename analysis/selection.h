#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rehearsal {

/// One hyper-parameter of an estimator family: its estimate of every round, and the weights that it
/// puts in the place of the importance weights.
struct FamilyMember {
  std::string name;                  // such as "2", for messages
  std::span<const double> terms;     // (n) whose mean is the estimate
  std::span<const double> shrunken;  // (n) w_hat; needed for MSE scores only
};

/// The same where only the estimate is at hand, not its terms.
struct ScoredMember {
  std::string name;
  double theta = 0;  // the estimate
  double cnf = 0;    // half width of its deviation
};

/// What the importance weights themselves would say of each round.
struct Residuals {
  std::span<const double> weight;    // (n) w
  std::span<const double> residual;  // (n) r - q_hat of the logged action; r without a model
};

/// Lepski's rule (SLOPE: Su et al., ICML 2020): of candidates with falling half widths and growing
/// bias, the last one whose interval theta +- 2 cnf still meets those of all before it.
/// Args: theta: estimates.  cnf: half widths of their deviations.  Any order.
/// Returns: index into them. Raises: Error(kInput) for none, and for a number that is not finite.
std::size_t slope(std::span<const double> theta, std::span<const double> cnf);
/// SLOPE++ (Tucker and Lee, UAI 2021), as Open Bandit Pipeline has it: candidate i stays while
/// |theta_i - theta_j| <= cnf_i + (sqrt 6 - 1) cnf_j for every j that stayed.
std::size_t slope_plus_plus(std::span<const double> theta, std::span<const double> cnf);
/// The same where what the candidates are gives their order, from the one without bias on, however
/// wide they come out.
std::size_t slope_plus_plus_in_order(std::span<const double> theta, std::span<const double> cnf);
/// One-sided Student-t half width of a mean: the cnf of both. Args: delta: in (0, 1).
double slope_half_width(std::span<const double> terms, double delta);

/// |mean((w - w_hat) (r - q_hat))|: the bias of shrinking, seen in the log itself.
double direct_bias(const Residuals& logged, std::span<const double> shrunken);

/// Which weights the deviation terms of the high-probability bias are made of.
enum class BiasSpread {
  kWeights,     // w: Su et al. (ICML 2020) as published code has it; moves no choice by itself
  kDifference,  // w - w_hat: as valid for |r - q_hat| <= 1, and 0 where nothing is shrunk
};
/// direct_bias + sqrt(2 E[w^2] ln(2 / delta) / n) + 2 w_max ln(2 / delta) / (3 n), for residuals in
/// [-1, 1]: at least the bias with probability 1 - delta.
double bias_bound(const Residuals& logged, std::span<const double> shrunken, double delta,
                  BiasSpread spread = BiasSpread::kWeights);

enum class SelectBy {
  kSlope,          // Lepski
  kSlopePlusPlus,  // Open Bandit Pipeline's "slope"
  kMseDirectBias,  // variance / n + direct_bias^2
  kMseBiasBound,   // variance / n + bias_bound^2
};

/// Two members whose intervals do not meet: what ended a search.
struct Disagreement {
  std::size_t rejected = 0;  // the narrower one
  std::size_t against = 0;   // the widest it does not agree with
};

/// A choice within a family, and what it rests on, in the order of the members.
struct Selection {
  std::size_t index = 0;
  double value = 0;                  // its estimate
  std::vector<double> theta;         // every member's
  std::vector<double> cnf;           // half widths; empty for MSE scores
  std::vector<double> score;         // estimated MSE; empty for SLOPE
  std::string reason;                // one sentence
  std::optional<Disagreement> stop;  // of SLOPE; none where all agree
};

struct SelectOptions {
  SelectBy by = SelectBy::kSlopePlusPlus;
  double delta = 0.1;
  BiasSpread spread = BiasSpread::kWeights;
};

/// Picks a member and says why. Args: family: its name, for the sentence, such as "dr".
///       logged: needed for MSE scores only.
/// Raises: Error(kInput) for no members, and for columns that are empty or differ in length.
Selection select(const std::string& family, std::span<const FamilyMember> members,
                 const Residuals& logged, const SelectOptions& options);
/// The same from estimates and half widths. Args: by: kSlope or kSlopePlusPlus.
Selection select(const std::string& family, std::span<const ScoredMember> members, SelectBy by);

}  // namespace rehearsal
