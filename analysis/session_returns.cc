#include "analysis/session_returns.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/evaluation_sums.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr const char* kStatistics[] = {"", "_variance", "_median", "_p05", "_p95", "_cvar10"};
constexpr std::size_t kNStatistics = std::size(kStatistics);

bool is_normalized(CdfEstimator e) {
  return e == CdfEstimator::kSntis || e == CdfEstimator::kSntdr;
}
bool is_weighted(CdfEstimator e) { return e != CdfEstimator::kDm; }
bool is_modelled(CdfEstimator e) { return e != CdfEstimator::kTis && e != CdfEstimator::kSntis; }

/// Sessions' returns and model values in ascending order, so that resamples need no sorting.
class Atoms {
 public:
  Atoms(CdfEstimator estimator, const SessionReturns& sessions)
      : estimator_(estimator), sessions_(sessions) {
    const std::size_t n = sessions.total.size();
    if (n == 0) throw Error(ErrorKind::kInput, name_of(estimator) + ": there are no sessions");
    for (std::size_t s = 0; is_weighted(estimator) && s < n; ++s)
      atoms_.push_back({sessions.total[s], static_cast<std::uint32_t>(s), false});
    for (std::size_t s = 0; is_modelled(estimator) && s < n; ++s)
      atoms_.push_back({sessions.initial_value[s], static_cast<std::uint32_t>(s), true});
    std::stable_sort(atoms_.begin(), atoms_.end(),
                     [](const Atom& a, const Atom& b) { return a.point < b.point; });
  }

  /// Args: count: (sessions) how often each counts.
  ReturnCdf cdf(std::span<const double> count) const {
    double n = 0, total = 0;
    for (std::size_t s = 0; s < count.size(); ++s) {
      n += count[s];
      total += count[s] * sessions_.weight[s];
    }
    const double scale = is_normalized(estimator_) ? total : n;
    if (!(scale > 0))
      throw Error(ErrorKind::kInput, name_of(estimator_) + ": every session's weight is 0");
    ReturnCdf out;
    double sum = 0, highest = 0;
    for (const Atom& atom : atoms_) {
      const double weighted =
          is_weighted(estimator_) ? sessions_.weight[atom.session] / scale : 0.0;
      sum += count[atom.session] * (atom.of_model ? 1 / n - weighted : weighted);
      highest = std::max(highest, std::clamp(sum, 0.0, 1.0));
      if (!out.point.empty() && out.point.back() == atom.point) {
        out.cumulative.back() = highest;
        continue;
      }
      out.point.push_back(atom.point);
      out.cumulative.push_back(highest);
    }
    return out;
  }

 private:
  struct Atom {
    double point = 0;
    std::uint32_t session = 0;
    bool of_model = false;
  };
  CdfEstimator estimator_;
  const SessionReturns& sessions_;
  std::vector<Atom> atoms_;
};

std::array<double, kNStatistics> statistics(const ReturnCdf& cdf) {
  return {cdf.mean(),         cdf.variance(),     cdf.quantile(0.5),
          cdf.quantile(0.05), cdf.quantile(0.95), cdf.cvar(0.1)};
}

/// Points of a distribution function, at most so many unless that is 0.
std::vector<double> points_of(const ReturnCdf& cdf, std::size_t most) {
  if (most == 0 || cdf.point.size() <= most) return cdf.point;
  std::vector<double> out;
  for (std::size_t k = 1, i = 0; k <= most; ++k) {
    const double height =
        cdf.cumulative.back() * (static_cast<double>(k) / static_cast<double>(most));
    while (i + 1 < cdf.point.size() && cdf.cumulative[i] < height) ++i;
    if (out.empty() || out.back() < cdf.point[i]) out.push_back(cdf.point[i]);
  }
  return out;
}

/// Calls use(cdf) with the distribution function of each Poisson resample of users.
template <class Use>
void each_resample(const Atoms& atoms, std::span<const std::uint32_t> user, std::size_t n_resamples,
                   const Rng& rng, Use&& use) {
  const std::size_t n = user.size();
  std::vector<double> counts(n_resamples), all(n * n_resamples);
  for (std::size_t s = 0; s < n; ++s) {
    if (s == 0 || user[s] != user[s - 1]) bootstrap_weights(rng, UserId{user[s]}, counts);
    for (std::size_t b = 0; b < n_resamples; ++b) all[b * n + s] = counts[b];
  }
  for (std::size_t b = 0; b < n_resamples; ++b) use(atoms.cdf(std::span(all).subspan(b * n, n)));
}

/// Percentiles of resampled values. Args: values: sorted here.
Interval percentiles(double value, std::vector<double>& values, double confidence) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double p) {
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(p * static_cast<double>(values.size())))];
  };
  return {value, at((1 - confidence) / 2), at((1 + confidence) / 2)};
}

double deviation(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double spread = 0;
  for (const double v : values) spread += (v - mean) * (v - mean);
  return std::sqrt(spread / (n - 1));
}

}  // namespace

ReturnCdf return_cdf(CdfEstimator estimator, const SessionReturns& sessions) {
  return Atoms(estimator, sessions).cdf(std::vector<double>(sessions.total.size(), 1.0));
}

std::vector<Estimate> distribution_estimates(CdfEstimator estimator, const SessionReturns& sessions,
                                             const std::string& metric,
                                             const DistributionOptions& options, const Rng& rng) {
  const Atoms atoms(estimator, sessions);
  const ReturnCdf found = atoms.cdf(std::vector<double>(sessions.total.size(), 1.0));
  DistributionFunction cdf;
  cdf.at = points_of(found, options.cdf_points);
  std::vector<std::vector<double>> values(kNStatistics), heights(cdf.at.size());
  each_resample(atoms, sessions.user, options.n_bootstrap, rng, [&](const ReturnCdf& own) {
    const auto read = statistics(own);
    for (std::size_t k = 0; k < kNStatistics; ++k) values[k].push_back(read[k]);
    for (std::size_t j = 0; j < heights.size(); ++j) heights[j].push_back(own.at(cdf.at[j]));
  });
  for (std::size_t j = 0; j < heights.size(); ++j) {
    const Interval height = percentiles(found.at(cdf.at[j]), heights[j], options.confidence);
    cdf.value.push_back(height.value);
    cdf.low.push_back(height.low);
    cdf.high.push_back(height.high);
  }
  const std::span<const double> w = sessions.weight;
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  const double square = std::inner_product(w.begin(), w.end(), w.begin(), 0.0);
  std::vector<Estimate> out(kNStatistics);
  const auto read = statistics(found);
  for (std::size_t k = 0; k < kNStatistics; ++k) {
    out[k].estimator = name_of(estimator);
    out[k].metric = metric + kStatistics[k];
    out[k].value = read[k];
    out[k].standard_error = deviation(values[k]);
    const Interval interval = percentiles(read[k], values[k], options.confidence);
    out[k].low = interval.low;
    out[k].high = interval.high;
    out[k].confidence = options.confidence;
    out[k].ess = square > 0 ? sum * sum / square : 0;
    out[k].max_weight = *std::max_element(w.begin(), w.end());
  }
  out.front().cdf = std::move(cdf);
  return out;
}

}  // namespace rehearsal
