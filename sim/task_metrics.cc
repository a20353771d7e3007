#include "sim/task_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBins = 15;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Mann and Whitney's statistic with mid-ranks. Args: rows: (logit, label), sorted here.
double auc_of(std::vector<std::pair<float, float>>& rows) {
  std::sort(rows.begin(), rows.end());
  double positives = 0, negatives = 0, wins = 0;
  for (std::size_t i = 0; i < rows.size();) {
    double tied_positives = 0, tied_negatives = 0;
    const float logit = rows[i].first;
    for (; i < rows.size() && rows[i].first == logit; ++i)
      (rows[i].second > 0.5f ? tied_positives : tied_negatives) += 1;
    wins += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  return positives > 0 && negatives > 0 ? wins / (positives * negatives) : kNone;
}

/// log(1 + e^x) without overflow.

}  // namespace

BinaryScores binary_scores(std::span<const float> logits, std::span<const float> labels) {
  REHEARSAL_CHECK(logits.size() == labels.size());
  BinaryScores out;
  std::vector<std::pair<float, float>> rows;
  std::array<double, kBins> bin{};  // sums of prediction less label
  double predicted = 0, happened = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (std::isnan(labels[i])) continue;
    const double p = logistic(double{logits[i]});
    rows.emplace_back(logits[i], labels[i]);
    predicted += p;
    happened += double{labels[i]};
    out.log_loss += softplus(double{logits[i]}) - double{labels[i]} * double{logits[i]};
    const auto at = std::min(kBins - 1, static_cast<std::size_t>(p * double{kBins}));
    bin[at] += p - double{labels[i]};
  }
  out.n = rows.size();
  const auto n = static_cast<double>(out.n);
  out.auc = auc_of(rows);
  out.log_loss = out.n > 0 ? out.log_loss / n : kNone;
  out.calibration = happened > 0 ? predicted / happened : kNone;
  for (const double gap : bin) out.ece += std::abs(gap);
  out.ece = out.n > 0 ? out.ece / n : kNone;
  return out;
}

RegressionScores regression_scores(std::span<const float> values, std::span<const float> labels) {
  REHEARSAL_CHECK(values.size() == labels.size());
  RegressionScores out;
  double predicted = 0, happened = 0, squares = 0, error = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (std::isnan(labels[i])) continue;
    ++out.n;
    const double value = double{values[i]}, label = double{labels[i]};
    predicted += value;
    happened += label;
    squares += label * label;
    error += (value - label) * (value - label);
  }
  const double deviation = squares - happened * happened / static_cast<double>(out.n);
  out.r2 = out.n > 0 && deviation > 0 ? 1 - error / deviation : kNone;
  out.calibration = happened != 0 ? predicted / happened : kNone;
  return out;
}

}  // namespace rehearsal
