#include <algorithm>
#include <cmath>

#include "analysis/evaluation_sums.h"
#include "analysis/interval_kinds.h"
#include "analysis/ratio.h"
#include "scenarios/literature/makers.h"

namespace rehearsal {

namespace {

struct IntervalCoverageConfig {
  std::int64_t rounds = 1000, resamples = 200, start = 100;
  double confidence = 0.95;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 1000000, "users of the log, one round each")
        .add("resamples", resamples, 20, 100000, "of bootstrap intervals")
        .add("start", start, 2, 1000000, "round from which asymptotic sequences are looked at")
        .add("confidence", confidence, 0.5, 0.9999, "of every interval");
  }
};

// Four actions logged uniformly; weights are 4 pi, at most 2.
constexpr double kPi[4] = {0.5, 0.3, 0.15, 0.05};
constexpr double kReward[4] = {0.3, 0.2, 0.4, 0.1};
constexpr double kMaxWeight = 2;
constexpr double kNextLook = 1.3;  // times the rounds so far

double truth() {
  double value = 0;
  for (int a = 0; a < 4; ++a) value += kPi[a] * kReward[a];
  return value;
}

bool excludes(const Interval& found) { return found.low > truth() || found.high < truth(); }

/// Weights and weighted rewards of a log, with what intervals read of them.
class CoverageLog {
 public:
  CoverageLog(std::size_t n, std::size_t n_resamples, const Rng& rng)
      : n_(n), ones_(n, 1.0), rng_(rng), resampled_(n_resamples), units_(n, 2) {
    Stream stream = rng.stream(Draw::kResponse, {});
    std::vector<double> counts(n_resamples), total(n_resamples, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      const auto a = static_cast<std::size_t>(4 * stream.uniform());
      weight_.push_back(4 * kPi[a]);
      term_.push_back(stream.uniform() < kReward[a] ? 4 * kPi[a] : 0);
      units_.row(static_cast<Eigen::Index>(i)) << term_.back(), 1;
      bootstrap_weights(rng, UserId{static_cast<std::uint32_t>(i)}, counts);
      for (std::size_t b = 0; b < n_resamples; ++b) {
        resampled_[b] += counts[b] * term_.back();
        total[b] += counts[b];
      }
    }
    for (std::size_t b = 0; b < n_resamples; ++b) resampled_[b] /= total[b];
  }

  /// ips of the first rounds, or snips where the kind reads weights beside rewards. Sequences are
  /// tuned to the whole log, as those are that are fixed beforehand.
  Interval interval(const IntervalEntry& kind, std::size_t n_rounds, double confidence) const {
    const std::span<const double> term = std::span(term_).first(n_rounds);
    const std::span<const double> weight = std::span(weight_).first(n_rounds);
    const std::span<const double> ones = std::span(ones_).first(n_rounds);
    const bool weighted = kind.reads == IntervalReads::kWeighted;
    const Ratio ratio = per_round(term, weighted ? weight : ones, ones);
    IntervalInput in{ratio.value, ratio.standard_error, static_cast<double>(n_)};
    in.resampled = resampled_;
    in.terms = term;
    in.range = {0, kMaxWeight};
    in.weights = weight;
    in.max_weight = kMaxWeight;
    in.sums = &units_;
    in.statistic = ratio_statistic;
    return kind.make(in, {confidence, resampled_.size(), rng_});
  }

 private:
  std::size_t n_;
  std::vector<double> ones_, weight_, term_;
  Rng rng_;
  std::vector<double> resampled_;
  RowMatrix units_;
};

class IntervalCoverage final : public Benchmark {
 public:
  explicit IntervalCoverage(const IntervalCoverageConfig& config)
      : c_(config), n_(static_cast<std::size_t>(config.rounds)) {}

  /// By kind: whether it holds the truth at the end (1 or 0), NAME_width; of sequences NAME_ever,
  /// whether it excludes the truth at any of ever later rounds.
  Trial run(const Rng& rng) const override {
    const CoverageLog log(n_, static_cast<std::size_t>(c_.resamples), rng);
    Trial covers, widths, ever;
    for (const IntervalEntry& kind : interval_kinds().entries()) {
      const Interval at_end = log.interval(kind, n_, c_.confidence);
      covers.add(kind.name, excludes(at_end) ? 0 : 1, c_.confidence);
      // A running intersection may end up empty.
      widths.add(kind.name + "_width", std::max(0.0, at_end.high - at_end.low), 0);
      if (kind.time == IntervalTime::kEnd) continue;
      bool out = excludes(at_end);
      if (kind.time != IntervalTime::kRunning)
        for (double t = kind.time == IntervalTime::kLate ? static_cast<double>(c_.start) : 1;
             !out && t < static_cast<double>(n_); t = std::ceil(kNextLook * t))
          out = excludes(log.interval(kind, static_cast<std::size_t>(t), c_.confidence));
      ever.add(kind.name + "_ever", out ? 1 : 0, 1 - c_.confidence);
    }
    for (const Trial* more : {&ever, &widths})
      covers.scored.insert(covers.scored.end(), more->scored.begin(), more->scored.end());
    return covers;
  }

 private:
  IntervalCoverageConfig c_;
  std::size_t n_;
};

}  // namespace

std::unique_ptr<Benchmark> make_interval_coverage(const PluginConfig& config) {
  const auto own = config.read<IntervalCoverageConfig>();
  if (own.start > own.rounds) config.refuse("start", "is after the last round");
  return std::make_unique<IntervalCoverage>(own);
}

std::vector<FieldDescription> describe_interval_coverage() {
  return describe_fields<IntervalCoverageConfig>();
}

}  // namespace rehearsal
