#include "analysis/return_distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/ratio_terms.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

bool is_doubly_robust(CdfEstimator e) {
  return e == CdfEstimator::kTdr || e == CdfEstimator::kSntdr;
}
bool is_self_normalized(CdfEstimator e) {
  return e == CdfEstimator::kSntis || e == CdfEstimator::kSntdr;
}
bool has_model(CdfEstimator e) { return e == CdfEstimator::kDm || is_doubly_robust(e); }

constexpr double kRounding = 1e-12;  // of a sum of masses that is a given share

/// A sum whose error does not grow with its length (Neumaier, ZAMM 1974).
class CompensatedSum {
 public:
  void add(double x) {
    const double next = sum_ + x;
    lost_ += std::abs(sum_) >= std::abs(x) ? (sum_ - next) + x : (x - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0, lost_ = 0;
};

double sum_of(std::span<const double> values) {
  CompensatedSum sum;
  for (const double value : values) sum.add(value);
  return sum.value();
}

/// Weights with the sum n (self-normalized) or as they are, over n.
std::vector<double> masses(CdfEstimator estimator, const Trajectories& log) {
  std::vector<double> weights = session_weights(log);
  double total = static_cast<double>(weights.size());
  if (is_self_normalized(estimator)) total = sum_of(weights);
  if (!(total > 0))
    throw Error(ErrorKind::kInput,
                name_of(estimator) + ": every session's weight is 0; none can be divided by them");
  for (double& w : weights) w /= total;
  return weights;
}

/// A jump of the distribution function.
struct Atom {
  double point;
  double mass;
};

std::vector<Atom> atoms_of(CdfEstimator estimator, const Trajectories& log) {
  std::vector<Atom> atoms;
  const double each = 1 / static_cast<double>(log.size());
  const std::vector<double> mass =
      estimator == CdfEstimator::kDm ? std::vector<double>{} : masses(estimator, log);
  if (!mass.empty()) {
    const std::vector<double> returns = session_returns(log);
    for (std::size_t i = 0; i < mass.size(); ++i) atoms.push_back({returns[i], mass[i]});
  }
  if (has_model(estimator)) {
    const std::vector<double> values = start_values(log);
    for (std::size_t i = 0; i < values.size(); ++i)
      atoms.push_back({values[i], each - (mass.empty() ? 0.0 : mass[i])});
  }
  return atoms;
}

// --- as SCOPE-RL's code has it ----------------------------------------------

/// Counts in [g_j, g_{j+1}), the last bin closed; outside numbers are clipped in first.
std::vector<double> bin_counts(std::span<const double> values, std::span<const double> grid) {
  std::vector<double> count(grid.size() - 1, 0.0);
  for (const double raw : values) {
    const double value = std::clamp(raw, grid.front(), grid.back());
    const auto above = std::upper_bound(grid.begin(), grid.end(), value) - grid.begin();
    count[static_cast<std::size_t>(
        std::min<std::ptrdiff_t>(above, static_cast<std::ptrdiff_t>(grid.size()) - 1) - 1)] += 1;
  }
  return count;
}

/// 0, then the share of values in the bins so far.
std::vector<double> bin_shares(std::span<const double> values, std::span<const double> grid) {
  const std::vector<double> count = bin_counts(values, grid);
  std::vector<double> cdf{0};
  double sum = 0;
  for (const double c : count) {
    sum += c;
    cdf.push_back(sum / static_cast<double>(values.size()));
  }
  return cdf;
}

std::vector<double> scope_rl_weighted(CdfEstimator estimator, const Trajectories& log,
                                      std::span<const double> grid) {
  const std::vector<double> returns = session_returns(log, 1);
  const std::vector<double> mass = masses(estimator, log);
  std::vector<std::size_t> order(returns.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return returns[a] < returns[b]; });
  std::vector<double> sorted(order.size());
  double sum = 0;
  for (std::size_t j = 0; j < order.size(); ++j)
    sorted[j] = std::clamp(sum += mass[order[j]], 0.0, 1.0);
  std::vector<double> cdf{0};
  std::size_t n_below = 0;
  for (const double c : bin_counts(returns, grid)) {
    n_below += static_cast<std::size_t>(c);
    cdf.push_back(sorted[n_below == 0 ? 0 : n_below - 1]);
  }
  return cdf;
}

std::vector<double> scope_rl_doubly_robust(CdfEstimator estimator, const Trajectories& log,
                                           std::span<const double> grid) {
  const std::vector<double> returns = session_returns(log, 1);
  const std::vector<double> mass = masses(estimator, log);
  const std::vector<double> values = start_values(log);
  std::vector<double> cdf = bin_shares(values, grid);
  const auto inside = [&](double x) { return std::clamp(x, grid.front(), grid.back()); };
  double highest = -1;
  for (std::size_t j = 0; j < grid.size(); ++j) {
    for (std::size_t i = 0; i < mass.size(); ++i)
      cdf[j] += mass[i] * ((inside(returns[i]) <= grid[j]) - (inside(values[i]) <= grid[j]));
    highest = std::max(highest, cdf[j]);
    cdf[j] = std::clamp(highest, 0.0, 1.0);
  }
  return cdf;
}

/// The middle of the bin after the first grid point where F exceeds p.
double scope_rl_quantile(std::span<const double> cdf, std::span<const double> grid, double p) {
  std::size_t j = 0;
  while (j < cdf.size() && cdf[j] <= p) ++j;
  return j + 1 >= cdf.size() ? grid.back() : (grid[j] + grid[j + 1]) / 2;
}

/// sum of steps times upper ends, over the first n bins.
double partial_mean(std::span<const double> cdf, std::span<const double> grid, std::size_t n) {
  double sum = 0;
  for (std::size_t j = 1; j <= n; ++j) sum += (cdf[j] - cdf[j - 1]) * grid[j];
  return sum;
}

double scope_rl_cvar(std::span<const double> cdf, std::span<const double> grid, double alpha) {
  std::size_t j = 1;
  while (j < cdf.size() && cdf[j] <= alpha) ++j;
  if (j == 1) return grid[1];
  j = std::min(j, cdf.size() - 1);
  return partial_mean(cdf, grid, j) / cdf[j];
}

}  // namespace

double ReturnCdf::at(double x) const {
  const auto above = std::upper_bound(point.begin(), point.end(), x);
  return above == point.begin() ? 0.0
                                : cumulative[static_cast<std::size_t>(above - point.begin() - 1)];
}

double ReturnCdf::mean() const {
  CompensatedSum sum;
  double below = 0;
  for (std::size_t j = 0; j < point.size(); ++j) {
    sum.add((cumulative[j] - below) * point[j]);
    below = cumulative[j];
  }
  return sum.value();
}

double ReturnCdf::variance() const {
  const double center = mean();
  CompensatedSum sum;
  double below = 0;
  for (std::size_t j = 0; j < point.size(); ++j) {
    sum.add((cumulative[j] - below) * (point[j] - center) * (point[j] - center));
    below = cumulative[j];
  }
  return sum.value();
}

double ReturnCdf::quantile(double p) const {
  for (std::size_t j = 0; j < point.size(); ++j)
    if (cumulative[j] >= p - kRounding && cumulative[j] > 0) return point[j];
  return point.back();
}

double ReturnCdf::cvar(double alpha) const {
  if (alpha <= 0) return quantile(0);
  CompensatedSum sum;
  double below = 0;
  for (std::size_t j = 0; j < point.size() && below < alpha; ++j) {
    const double reached = std::min(cumulative[j], alpha);
    sum.add((reached - below) * point[j]);
    below = reached;
  }
  sum.add((alpha - below) * point.back());
  return sum.value() / alpha;
}

std::string name_of(CdfEstimator estimator) {
  switch (estimator) {
    case CdfEstimator::kDm:
      return "cd_dm";
    case CdfEstimator::kTis:
      return "cd_tis";
    case CdfEstimator::kTdr:
      return "cd_tdr";
    case CdfEstimator::kSntis:
      return "cd_sntis";
    default:
      return "cd_sntdr";
  }
}

bool fits(CdfEstimator estimator, const Trajectories& log) {
  if (log.action_dist.empty()) return false;
  if (has_model(estimator) && log.q_hat.empty()) return false;
  return estimator == CdfEstimator::kDm || (!log.pscore.empty() && !log.action.empty());
}

bool exists(CdfEstimator estimator, const Trajectories& log) {
  if (!is_self_normalized(estimator)) return true;
  const std::vector<double> weights = session_weights(log);
  return std::any_of(weights.begin(), weights.end(), [](double w) { return w > 0; });
}

std::vector<double> start_values(const Trajectories& log) {
  std::vector<double> values(log.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t a = 0; a < log.n_actions; ++a) {
      const std::size_t cell = i * log.n_steps * log.n_actions + a;
      values[i] += log.action_dist[cell] * log.q_hat[cell];
    }
  return values;
}

std::vector<double> session_returns(const Trajectories& log, int first_power) {
  std::vector<double> returns(log.size(), 0.0);
  for (std::size_t i = 0; i < returns.size(); ++i) {
    double discount = std::pow(log.gamma, first_power);
    for (std::size_t t = 0; t < log.n_steps; ++t) {
      returns[i] += discount * log.reward[i * log.n_steps + t];
      discount *= log.gamma;
    }
  }
  return returns;
}

ReturnCdf return_cdf(CdfEstimator estimator, const Trajectories& log) {
  if (log.size() == 0)
    throw Error(ErrorKind::kInput, name_of(estimator) + ": there are no sessions");
  std::vector<Atom> atoms = atoms_of(estimator, log);
  std::stable_sort(atoms.begin(), atoms.end(),
                   [](const Atom& a, const Atom& b) { return a.point < b.point; });
  ReturnCdf cdf;
  CompensatedSum sum;
  double highest = 0;
  for (std::size_t j = 0; j < atoms.size(); ++j) {
    sum.add(atoms[j].mass);
    if (j + 1 < atoms.size() && atoms[j + 1].point == atoms[j].point) continue;
    highest = std::max(highest, sum.value());
    cdf.point.push_back(atoms[j].point);
    cdf.cumulative.push_back(std::min(highest, 1.0));
  }
  return cdf;
}

PointEstimate expected_return(CdfEstimator estimator, const Trajectories& log) {
  const bool weighted = estimator != CdfEstimator::kDm;
  const std::vector<double> values =
      has_model(estimator) ? start_values(log) : std::vector<double>(log.size(), 0.0);
  const std::vector<double> weights =
      weighted ? session_weights(log) : std::vector<double>(log.size(), 0.0);
  const std::vector<double> returns = session_returns(log);
  std::vector<double> terms;
  for (std::size_t i = 0; i < log.size(); ++i)
    terms.insert(terms.end(), {weights[i] * (returns[i] - values[i]), weights[i], values[i]});
  const std::size_t denominator = is_self_normalized(estimator) ? 1 : RatioPart::kRounds;
  return estimate_terms({3, {{0, denominator}, {2, RatioPart::kRounds}}}, terms);
}

CdfSummary summarize(const ReturnCdf& cdf, std::span<const double> grid,
                     std::span<const double> alphas, double tail) {
  CdfSummary summary;
  for (const double x : grid) summary.cdf.push_back(cdf.at(x));
  for (const double alpha : alphas) summary.cvar.push_back(cdf.cvar(alpha));
  summary.mean = cdf.mean();
  summary.variance = cdf.variance();
  summary.median = cdf.quantile(0.5);
  summary.lower = cdf.quantile(tail);
  summary.upper = cdf.quantile(1 - tail);
  return summary;
}

CdfSummary scope_rl_summary(CdfEstimator estimator, const Trajectories& log,
                            std::span<const double> grid, std::span<const double> alphas,
                            double tail) {
  REHEARSAL_CHECK(grid.size() >= 2);
  CdfSummary summary;
  std::vector<double>& cdf = summary.cdf;
  if (estimator == CdfEstimator::kDm)
    cdf = bin_shares(start_values(log), grid);
  else
    cdf = is_doubly_robust(estimator) ? scope_rl_doubly_robust(estimator, log, grid)
                                      : scope_rl_weighted(estimator, log, grid);
  summary.mean = partial_mean(cdf, grid, grid.size() - 1);
  for (std::size_t j = 1; j < cdf.size(); ++j)
    summary.variance += (cdf[j] - cdf[j - 1]) * (grid[j] - summary.mean) * (grid[j] - summary.mean);
  for (const double alpha : alphas) summary.cvar.push_back(scope_rl_cvar(cdf, grid, alpha));
  summary.median = scope_rl_quantile(cdf, grid, 0.5);
  summary.lower = scope_rl_quantile(cdf, grid, tail);
  summary.upper = scope_rl_quantile(cdf, grid, 1 - tail);
  return summary;
}

}  // namespace rehearsal
