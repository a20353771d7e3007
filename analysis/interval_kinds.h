#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/bootstrap.h"
#include "analysis/estimators.h"
#include "analysis/intervals.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// What an interval is made of; each keeps more of the log than the one before.
enum class IntervalReads : std::uint8_t {
  kError,      // value and standard error
  kResamples,  // values of Poisson resamples, drawn as the log passes by
  kUnits,      // a row a user, in memory
  kBounded,    // the same, and the range that a round's term is known to lie in
  kWeighted,   // the same for a ratio of weighted rewards and weights, each by itself
};

/// When an interval may be looked at.
enum class IntervalTime : std::uint8_t {
  kEnd,      // once, at a size of log that does not depend on what it holds
  kAlways,   // after every user: a confidence sequence
  kRunning,  // the same, and what a time has ruled out stays out: its end tells of all times
  kLate,     // after every user, once there are many
};

/// A value as intervals read it. A unit is a user with all rounds. What an entry does not read may
/// be empty.
struct IntervalInput {
  double value = 0;
  double standard_error = 0;
  double n_units = 0;
  std::span<const double> resampled{};  // values of Poisson resamples
  std::span<const double> terms{};      // (n_units) in the log's order; their mean is the value
  Range range{};                        // of each of the terms
  std::span<const double> weights{};    // (n_units) of kWeighted, whose terms are w r, r in [0, 1]
  double max_weight = 0;                // of each of the weights; 0: not known
  const RowMatrix* sums = nullptr;      // (n_units, columns) what each unit adds
  Statistic statistic{};                // the value of column sums
};

struct IntervalOptions {
  double confidence = 0.95;
  std::size_t n_bootstrap = 200;
  Rng rng{0};  // Draw::kBootstrap
};

/// A line of analysis/interval_kinds.cc.
struct IntervalEntry {
  std::string name;
  std::string summary;
  std::string source;
  IntervalReads reads = IntervalReads::kError;
  Interval (*make)(const IntervalInput& input, const IntervalOptions& options) = nullptr;
  IntervalTime time = IntervalTime::kEnd;

  bool needs_range() const { return reads >= IntervalReads::kBounded; }
};

/// Every interval that `estimate.interval` may name. Those called _cs are confidence sequences,
/// read at the end of the log.
const Registry<IntervalEntry>& interval_kinds();

/// Where one round's term lies, from what is known beforehand. Args: reward: of a round.
///       max_weight: largest weight possible, 0 where not known; a hyper-parameter that caps
///       weights does as well.
/// Returns: nothing where the value is a ratio, which no range of terms bounds.
/// Raises: Error(kInput) where the estimator weighs and no largest weight is known.
std::optional<Range> term_range(const Estimator& estimator, const Range& reward, double max_weight);

}  // namespace rehearsal
