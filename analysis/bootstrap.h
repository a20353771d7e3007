#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "analysis/results.h"
#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Fills `out` with the units that one resample draws, uniform on 0 ... n - 1 with replacement.
using Resampler =
    std::function<void(std::size_t resample, std::uint32_t n, std::span<std::uint32_t> out)>;

/// Units addressed by (Draw::kBootstrap, resample): no resample depends on how many there are.
Resampler addressed_resampler(const Rng& rng);

/// A value of column sums, such as sum 0 over sum 1. Args: (n_columns) sums.
using Statistic = std::function<double(std::span<const double> sums)>;
/// Sum of column 0 over the number of units.
Statistic mean_statistic(std::size_t n_units);
/// Sum of column 0 over sum of column 1: means per round by user, self-normalized values.
double ratio_statistic(std::span<const double> sums);

enum class BootstrapKind {
  kPercentile,  // Efron, Annals of Statistics 1979
  kBca,         // bias-corrected and accelerated: Efron, JASA 1987
};

struct BootstrapOptions {
  std::size_t n_resamples = 1000;
  double confidence = 0.95;
  BootstrapKind kind = BootstrapKind::kBca;
};

struct BootstrapInterval {
  Interval interval;  // value: of the sample itself
  double mean = 0;    // of the resampled values
  double standard_error = 0;
};

/// Multinomial bootstrap of a value of sums. A unit is what was drawn independently: a user with
/// all rounds, or a round. The acceleration of BCa is the jackknife's, a unit left out at a time.
/// Args: units: (n_units, n_columns) what each unit adds to the sums.
/// Raises: Error(kInput) for fewer than 2 units or 20 resamples, or a resample without a value.
BootstrapInterval bootstrap_interval(const RowMatrix& units, const Statistic& statistic,
                                     const BootstrapOptions& options, const Resampler& resampler);

}  // namespace rehearsal
