#include "analysis/session_returns.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/evaluation_sums.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr const char* kStatistics[] = {"variance", "median", "p05", "p95", "cvar10"};
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
  return {cdf.variance(), cdf.quantile(0.5), cdf.quantile(0.05), cdf.quantile(0.95), cdf.cvar(0.1)};
}

}  // namespace

ReturnCdf return_cdf(CdfEstimator estimator, const SessionReturns& sessions) {
  return Atoms(estimator, sessions).cdf(std::vector<double>(sessions.total.size(), 1.0));
}

std::vector<Estimate> distribution_estimates(CdfEstimator estimator, const SessionReturns& sessions,
                                             const std::string& metric, double confidence,
                                             std::size_t n_bootstrap, const Rng& rng) {
  const Atoms atoms(estimator, sessions);
  const std::size_t n = sessions.total.size();
  const auto found = statistics(atoms.cdf(std::vector<double>(n, 1.0)));
  std::vector<std::vector<double>> resampled(kNStatistics);
  std::vector<double> counts(n_bootstrap), all(n * n_bootstrap);
  for (std::size_t s = 0; s < n; ++s) {
    if (s == 0 || sessions.user[s] != sessions.user[s - 1])
      bootstrap_weights(rng, UserId{sessions.user[s]}, counts);
    for (std::size_t b = 0; b < n_bootstrap; ++b) all[b * n + s] = counts[b];
  }
  for (std::size_t b = 0; b < n_bootstrap; ++b) {
    const auto own = statistics(atoms.cdf(std::span(all).subspan(b * n, n)));
    for (std::size_t k = 0; k < kNStatistics; ++k) resampled[k].push_back(own[k]);
  }
  const double sum = std::accumulate(sessions.weight.begin(), sessions.weight.end(), 0.0);
  const double square = std::inner_product(sessions.weight.begin(), sessions.weight.end(),
                                           sessions.weight.begin(), 0.0);
  std::vector<Estimate> out;
  for (std::size_t k = 0; k < kNStatistics; ++k) {
    std::vector<double>& values = resampled[k];
    std::sort(values.begin(), values.end());
    const auto at = [&](double p) {
      return values[std::min(values.size() - 1,
                             static_cast<std::size_t>(p * static_cast<double>(values.size())))];
    };
    const double mean =
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    double spread = 0;
    for (const double v : values) spread += (v - mean) * (v - mean);
    Estimate estimate;
    estimate.estimator = name_of(estimator);
    estimate.metric = metric + "_" + kStatistics[k];
    estimate.value = found[k];
    estimate.standard_error = std::sqrt(spread / static_cast<double>(values.size() - 1));
    estimate.low = at((1 - confidence) / 2);
    estimate.high = at((1 + confidence) / 2);
    estimate.confidence = confidence;
    estimate.ess = square > 0 ? sum * sum / square : 0;
    estimate.max_weight = *std::max_element(sessions.weight.begin(), sessions.weight.end());
    out.push_back(std::move(estimate));
  }
  return out;
}

}  // namespace rehearsal
