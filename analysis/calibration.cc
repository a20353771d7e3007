#include "analysis/calibration.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr int kBitsDropped = 13;  // of a float's 23 bits of mantissa

/// A number of the bin that rises with the value.
std::uint32_t bin_of(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value) + 0.0F);
  constexpr std::uint32_t kSign = 0x80000000U;
  return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> kBitsDropped;
}

/// Of a probability; 0 and 1 count as this far off.
double logit(double p) {
  constexpr double kLeast = 1e-12;
  const double q = std::clamp(p, kLeast, 1 - kLeast);
  return std::log(q / (1 - q));
}

/// The likelihood of logistic(a s + b) for mean targets t of n.
struct PlattFit {
  std::vector<double> n, score, target;

  double loss(double a, double b) const {
    double sum = 0;
    for (std::size_t j = 0; j < n.size(); ++j) {
      const double z = a * score[j] + b;
      sum += n[j] * (softplus(z) - target[j] * z);
    }
    return sum;
  }

  /// Newton's method, steps halved until the loss falls (Lin, Lin and Weng, Machine Learning 2007).
  void solve(double& a, double& b) const {
    constexpr int kMostSteps = 100;
    double now = loss(a, b);
    for (int i = 0; i < kMostSteps; ++i) {
      double ga = 0, gb = 0, total = 0, haa = 1e-12, hab = 0, hbb = 1e-12;
      for (std::size_t j = 0; j < n.size(); ++j) {
        const double p = logistic(a * score[j] + b);
        const double slope = n[j] * (p - target[j]), curvature = n[j] * p * (1 - p);
        ga += slope * score[j];
        gb += slope;
        haa += curvature * score[j] * score[j];
        hab += curvature * score[j];
        hbb += curvature;
        total += n[j];
      }
      if (std::max(std::abs(ga), std::abs(gb)) < 1e-12 * total) return;
      // Scores without spread leave the slope as it is.
      const double determinant = haa * hbb - hab * hab;
      const bool flat = determinant <= 1e-12 * haa * hbb;
      const double da = flat ? 0 : -(hbb * ga - hab * gb) / determinant;
      const double db = flat ? -gb / hbb : -(haa * gb - hab * ga) / determinant;
      double step = 1;
      for (; step > 1e-10; step /= 2) {
        const double next = loss(a + step * da, b + step * db);
        if (next > now) continue;
        a += step * da;
        b += step * db;
        now = next;
        break;
      }
      if (step <= 1e-10) return;
    }
  }
};

}  // namespace

void CalibrationSums::add(double prediction, double reward) {
  CalibrationCell& cell = sums_[bin_of(prediction)];
  cell.n += 1;
  cell.prediction += prediction;
  cell.reward += reward;
}

void CalibrationSums::add(const CalibrationSums& other) {
  for (const auto& [bin, own] : other.sums_) {
    CalibrationCell& cell = sums_[bin];
    cell.n += own.n;
    cell.prediction += own.prediction;
    cell.reward += own.reward;
  }
}

std::vector<CalibrationCell> CalibrationSums::cells() const {
  std::vector<std::pair<std::uint32_t, CalibrationCell>> sorted(sums_.begin(), sums_.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<CalibrationCell> out;
  for (const auto& [bin, sum] : sorted)
    out.push_back({sum.n, sum.prediction / sum.n, sum.reward / sum.n});
  return out;
}

Calibration calibration_of(const std::vector<CalibrationCell>& cells) {
  REHEARSAL_CHECK(!cells.empty());
  constexpr std::size_t kGroups = 10;
  double n = 0;
  for (const CalibrationCell& cell : cells) n += cell.n;
  std::vector<double> gap(kGroups, 0.0);
  Calibration out;
  double before = 0;
  for (const CalibrationCell& cell : cells) {
    const auto group = static_cast<std::size_t>(kGroups * (before + cell.n / 2) / n);
    gap[std::min(group, kGroups - 1)] += cell.n * (cell.prediction - cell.reward);
    out.mean_prediction += cell.n / n * cell.prediction;
    out.mean_reward += cell.n / n * cell.reward;
    before += cell.n;
  }
  for (const double each : gap) out.ece += std::abs(each) / n;
  return out;
}

Calibrator Calibrator::platt(const std::vector<CalibrationCell>& cells, bool probabilities) {
  REHEARSAL_CHECK(!cells.empty());
  double n = 0, successes = 0;
  for (const CalibrationCell& cell : cells) {
    n += cell.n;
    successes += cell.n * cell.reward;
  }
  const double high = (successes + 1) / (successes + 2), low = 1 / (n - successes + 2);
  PlattFit fit;
  for (const CalibrationCell& cell : cells) {
    fit.n.push_back(cell.n);
    fit.score.push_back(probabilities ? logit(cell.prediction) : cell.prediction);
    fit.target.push_back(cell.reward * high + (1 - cell.reward) * low);
  }
  Calibrator out;
  out.probabilities_ = probabilities;
  out.intercept_ = std::log((successes + 1) / (n - successes + 1));
  fit.solve(out.slope_, out.intercept_);
  return out;
}

Calibrator Calibrator::isotonic(const std::vector<CalibrationCell>& cells) {
  REHEARSAL_CHECK(!cells.empty());
  struct Pool {
    double n, reward;  // mean
    double first, last;
  };
  std::vector<Pool> pools;
  for (const CalibrationCell& cell : cells) {
    Pool pool{cell.n, cell.reward, cell.prediction, cell.prediction};
    while (!pools.empty() && pools.back().reward >= pool.reward) {
      const Pool& before = pools.back();
      const double n = before.n + pool.n;
      pool = {n, (before.n * before.reward + pool.n * pool.reward) / n, before.first, pool.last};
      pools.pop_back();
    }
    pools.push_back(pool);
  }
  Calibrator out;
  for (const Pool& pool : pools) {
    out.at_.push_back(pool.first);
    out.value_.push_back(pool.reward);
    if (pool.last == pool.first) continue;
    out.at_.push_back(pool.last);
    out.value_.push_back(pool.reward);
  }
  return out;
}

double Calibrator::operator()(double prediction) const {
  if (at_.empty())
    return logistic(slope_ * (probabilities_ ? logit(prediction) : prediction) + intercept_);
  const auto above = std::upper_bound(at_.begin(), at_.end(), prediction);
  if (above == at_.begin()) return value_.front();
  if (above == at_.end()) return value_.back();
  const auto j = static_cast<std::size_t>(above - at_.begin());
  const double share = (prediction - at_[j - 1]) / (at_[j] - at_[j - 1]);
  return value_[j - 1] + share * (value_[j] - value_[j - 1]);
}

}  // namespace rehearsal
