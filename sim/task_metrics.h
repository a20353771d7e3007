#pragma once

#include <cstddef>
#include <span>

namespace rehearsal {

/// How well a binary task's logits say what happened.
struct BinaryScores {
  std::size_t n = 0;
  double auc = 0;          // chance that a positive scores above a negative, ties count half
  double log_loss = 0;     // mean, nats
  double calibration = 0;  // mean prediction / mean label
  double ece = 0;          // expected calibration error, 15 bins of equal width
};
/// Rows whose label is NaN do not count; what is undefined is NaN.
/// Args: logits, labels: (n), labels 0, 1 or NaN.
BinaryScores binary_scores(std::span<const float> logits, std::span<const float> labels);

/// How well a regression's values say what happened.
struct RegressionScores {
  std::size_t n = 0;
  double r2 = 0;           // 1 - squared error / squared deviation from the labels' mean
  double calibration = 0;  // mean prediction / mean label
};
RegressionScores regression_scores(std::span<const float> values, std::span<const float> labels);

}  // namespace rehearsal
