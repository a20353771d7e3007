#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace rehearsal {

/// Predictions that are nearly the same, and what came of them.
struct CalibrationCell {
  double n = 0;
  double prediction = 0;  // mean
  double reward = 0;      // mean
};

/// Predictions beside rewards, in bins of relative width 2^-10 (so that memory does not grow with
/// the log); equal predictions share a bin.
class CalibrationSums {
 public:
  /// Args: both finite.
  void add(double prediction, double reward);
  void add(const CalibrationSums& other);
  /// The bins by rising prediction.
  std::vector<CalibrationCell> cells() const;

 private:
  std::unordered_map<std::uint32_t, CalibrationCell> sums_;  // of sums, by bin
};

/// How well predictions agree with rewards.
struct Calibration {
  double mean_prediction = 0;
  double mean_reward = 0;
  double ece = 0;  // sum_g n_g / n |mean prediction - mean reward| over groups of predictions
};

/// Expected calibration error (Naeini et al., AAAI 2015) over ten groups of about equally many
/// predictions (Nguyen and O'Connor, EMNLP 2015): of rare clicks, groups of equal width would be
/// one. Args: cells: by rising prediction, not empty.
Calibration calibration_of(const std::vector<CalibrationCell>& cells);

/// A monotone map from raw predictions to expected rewards.
class Calibrator {
 public:
  /// Platt scaling (Platt 1999): sigmoid(a s + b), fitted by maximum likelihood to Platt's smoothed
  /// targets. The score s is the prediction or, of probabilities, its logit.
  /// Args: cells: not empty, rewards 0 or 1 in each.
  static Calibrator platt(const std::vector<CalibrationCell>& cells, bool probabilities);
  /// Isotonic regression (Ayer et al. 1955; Zadrozny and Elkan, KDD 2002) by pooling adjacent
  /// violators; linear between pools, constant outside. Args: cells: by rising prediction.
  static Calibrator isotonic(const std::vector<CalibrationCell>& cells);

  double operator()(double prediction) const;

 private:
  bool probabilities_ = false;
  double slope_ = 0, intercept_ = 0;  // of Platt's; knots are empty then
  std::vector<double> at_;            // knots of isotonic
  std::vector<double> value_;
};

}  // namespace rehearsal
