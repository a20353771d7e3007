#include "analysis/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "analysis/intervals.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

namespace {

// Away from the addresses of the one-pass Poisson weights, which are users' own (session 0).
constexpr std::uint16_t kMultinomialSession = 1;

double normal_cdf(double z) { return 0.5 * boost::math::erfc(-z / std::sqrt(2.0)); }

std::vector<double> column_sums(const RowMatrix& units) {
  std::vector<double> sums(static_cast<std::size_t>(units.cols()), 0.0);
  for (Eigen::Index u = 0; u < units.rows(); ++u)
    for (Eigen::Index c = 0; c < units.cols(); ++c)
      sums[static_cast<std::size_t>(c)] += units(u, c);
  return sums;
}

/// sums = the drawn rows' sums. Four rows at a time, each into sums of its own: additions do not
/// wait for one another.
template <std::size_t kWidth>
void add_narrow(const double* units, std::span<const std::uint32_t> drawn, double* sums) {
  double lanes[4][kWidth] = {};
  std::size_t i = 0;
  for (; i + 4 <= drawn.size(); i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane)
      for (std::size_t c = 0; c < kWidth; ++c)
        lanes[lane][c] += units[kWidth * drawn[i + lane] + c];
  for (; i < drawn.size(); ++i)
    for (std::size_t c = 0; c < kWidth; ++c) lanes[0][c] += units[kWidth * drawn[i] + c];
  for (std::size_t c = 0; c < kWidth; ++c)
    sums[c] = (lanes[0][c] + lanes[1][c]) + (lanes[2][c] + lanes[3][c]);
}

double resampled_value(const RowMatrix& units, std::span<const std::uint32_t> drawn,
                       const Statistic& statistic, std::vector<double>& sums) {
  const std::size_t width = sums.size();
  if (width == 1) {
    add_narrow<1>(units.data(), drawn, sums.data());
  } else if (width == 2) {
    add_narrow<2>(units.data(), drawn, sums.data());
  } else {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (const std::uint32_t u : drawn)
      for (std::size_t c = 0; c < width; ++c) sums[c] += units.data()[width * u + c];
  }
  const double value = statistic(sums);
  if (!std::isfinite(value)) throw Error(ErrorKind::kInput, "bootstrap: a resample has no value");
  return value;
}

/// sum d^3 / (6 (sum d^2)^1.5) of what leaving each unit out takes away.
double acceleration(const RowMatrix& units, const Statistic& statistic) {
  const std::vector<double> all = column_sums(units);
  std::vector<double> sums(all.size()), left_out;
  double mean = 0;
  for (Eigen::Index u = 0; u < units.rows(); ++u) {
    for (std::size_t c = 0; c < all.size(); ++c)
      sums[c] = all[c] - units(u, static_cast<Eigen::Index>(c));
    left_out.push_back(statistic(sums));
    mean += left_out.back() / static_cast<double>(units.rows());
  }
  double squares = 0, cubes = 0;
  for (const double value : left_out) {
    const double d = mean - value;
    squares += d * d;
    cubes += d * d * d;
  }
  const double a = squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0.0;
  return std::isfinite(a) ? a : 0.0;
}

/// The level at which BCa reads the resampled values off. Args: z0: bias.  a: acceleration.
double bca_level(double level, double z0, double a) {
  const double z = z0 + normal_quantile(level);
  if (a * z >= 1) return z > 0 ? 1.0 : 0.0;  // so skewed that the level runs off the end
  return normal_cdf(z0 + z / (1 - a * z));
}

/// The normal quantile of the share of resampled values below the sample's (ties count half).
double bias_correction(const std::vector<double>& values, double value) {
  double below = 0;
  for (const double v : values) below += v < value ? 1 : v == value ? 0.5 : 0;
  const double n = static_cast<double>(values.size());
  return normal_quantile(std::clamp(below / n, 0.5 / n, 1 - 0.5 / n));
}

void check_options(const RowMatrix& units, const BootstrapOptions& options) {
  if (units.rows() < 2 || units.cols() < 1)
    throw Error(ErrorKind::kInput,
                fmt::format("bootstrap: needs at least 2 units, there are {}", units.rows()));
  if (options.n_resamples < 20)
    throw Error(ErrorKind::kInput, fmt::format("bootstrap: {} resamples, at least 20 are needed",
                                               options.n_resamples));
  if (!(options.confidence > 0 && options.confidence < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("bootstrap: confidence {} is not between 0 and 1", options.confidence));
}

}  // namespace

Resampler addressed_resampler(const Rng& rng) {
  return [rng](std::size_t resample, std::uint32_t n, std::span<std::uint32_t> out) {
    constexpr std::size_t kWords = 4096;
    std::array<std::uint32_t, kWords> words;
    const Turn turn{UserId{static_cast<std::uint32_t>(resample)}, kMultinomialSession, 0};
    for (std::size_t done = 0; done < out.size(); done += kWords) {
      rng.fill(Draw::kBootstrap, turn, static_cast<std::uint32_t>(done / 4), words);
      const std::size_t n_here = std::min(kWords, out.size() - done);
      for (std::size_t j = 0; j < n_here; ++j)
        out[done + j] = static_cast<std::uint32_t>(std::uint64_t{words[j]} * n >> 32);
    }
  };
}

Statistic mean_statistic(std::size_t n_units) {
  const double n = static_cast<double>(n_units);
  return [n](std::span<const double> sums) { return sums[0] / n; };
}

double ratio_statistic(std::span<const double> sums) { return sums[0] / sums[1]; }

BootstrapInterval bootstrap_interval(const RowMatrix& units, const Statistic& statistic,
                                     const BootstrapOptions& options, const Resampler& resampler) {
  check_options(units, options);
  const auto n = static_cast<std::uint32_t>(units.rows());
  std::vector<double> sums = column_sums(units);
  BootstrapInterval out;
  out.interval.value = statistic(sums);
  std::vector<std::uint32_t> drawn(n);
  std::vector<double> values(options.n_resamples);
  for (std::size_t b = 0; b < values.size(); ++b) {
    resampler(b, n, drawn);
    values[b] = resampled_value(units, drawn, statistic, sums);
  }
  const Moments moments = moments_of(values);
  out.mean = moments.mean;
  out.standard_error = std::sqrt(moments.variance);
  double low = 0.5 - options.confidence / 2, high = 0.5 + options.confidence / 2;
  if (options.kind == BootstrapKind::kBca) {
    const double z0 = bias_correction(values, out.interval.value);
    const double a = acceleration(units, statistic);
    low = bca_level(low, z0, a);
    high = bca_level(high, z0, a);
  }
  std::sort(values.begin(), values.end());
  out.interval.low = sample_quantile(values, low);
  out.interval.high = sample_quantile(values, high);
  return out;
}

}  // namespace rehearsal
