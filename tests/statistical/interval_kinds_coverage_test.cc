// How often each interval that `estimate.interval` may name holds the truth, over 2,000 logs of
// 1,000 users with one round each.

#include <fmt/format.h>

#include <cmath>

#include "analysis/interval_kinds.h"
#include "analysis/ratio.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr int kLogs = 2000;
constexpr std::size_t kUsers = 1000;
constexpr double kConfidence = 0.95;
constexpr std::size_t kResamples = 200;

// Four actions logged uniformly; weights are 4 pi, at most 2.
constexpr double kPi[4] = {0.5, 0.3, 0.15, 0.05};
constexpr double kReward[4] = {0.3, 0.2, 0.4, 0.1};
constexpr double kMaxWeight = 2;

struct Log {
  std::vector<double> weight, term;  // w, w r
};

Log make_log(std::uint32_t index) {
  Stream stream = Rng(2025).stream(Draw::kResponse, Turn{UserId{index}});
  Log log;
  for (std::size_t i = 0; i < kUsers; ++i) {
    const auto a = static_cast<std::size_t>(4 * stream.uniform());
    log.weight.push_back(4 * kPi[a]);
    log.term.push_back(stream.uniform() < kReward[a] ? 4 * kPi[a] : 0);
  }
  return log;
}

double truth() {
  double value = 0;
  for (int a = 0; a < 4; ++a) value += kPi[a] * kReward[a];
  return value;
}

/// Values of Poisson resamples.
std::vector<double> resampled(const Log& log, std::uint32_t index, bool ratio) {
  std::vector<double> sum(kResamples), weight(kResamples), n(kResamples);
  const Rng rng(9 + index);
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    std::vector<std::uint32_t> words(kResamples);
    rng.fill(Draw::kBootstrap, Turn{UserId{u}, 0, 0}, 0, words);
    for (std::size_t b = 0; b < kResamples; ++b) {
      const double count = poisson_one(words[b]);
      sum[b] += count * log.term[u];
      weight[b] += count * log.weight[u];
      n[b] += count;
    }
  }
  for (std::size_t b = 0; b < kResamples; ++b) sum[b] /= ratio ? weight[b] : n[b];
  return sum;
}

/// One kind on one log: ips, or snips where the kind reads weights beside rewards.
Interval interval_of(const IntervalEntry& kind, const Log& log, std::uint32_t index) {
  const bool weighted = kind.reads == IntervalReads::kWeighted;
  const std::vector<double> ones(kUsers, 1.0);
  const Ratio ratio =
      weighted ? per_round(log.term, log.weight, ones) : per_round(log.term, ones, ones);
  RowMatrix units(static_cast<Eigen::Index>(kUsers), 2);
  for (std::size_t u = 0; u < kUsers; ++u) {
    units(static_cast<Eigen::Index>(u), 0) = log.term[u];
    units(static_cast<Eigen::Index>(u), 1) = 1;
  }
  std::vector<double> resamples;
  if (kind.reads == IntervalReads::kResamples) resamples = resampled(log, index, false);
  IntervalInput in{ratio.value, ratio.standard_error, static_cast<double>(kUsers)};
  in.resampled = resamples;
  in.terms = log.term;
  in.range = {0, kMaxWeight};
  in.weights = log.weight;
  in.max_weight = kMaxWeight;
  in.sums = &units;
  in.statistic = ratio_statistic;
  return kind.make(in, {kConfidence, kResamples, Rng(77 + index)});
}

bool is_asymptotic(const IntervalEntry& kind) {
  return kind.reads <= IntervalReads::kUnits && kind.name != "asymptotic_cs";
}

}  // namespace

TEST_CASE("every interval kind holds the truth as often as it says, in 2,000 logs of 1,000 users",
          "[.slow]") {
  std::string table = fmt::format("{:<24} {:>9} {:>9}\n", "interval", "covers", "width");
  for (const IntervalEntry& kind : interval_kinds().entries()) {
    int covered = 0;
    double width = 0;
    for (std::uint32_t index = 0; index < kLogs; ++index) {
      const Interval found = interval_of(kind, make_log(index), index);
      covered += found.low <= truth() && truth() <= found.high ? 1 : 0;
      width += (found.high - found.low) / kLogs;
    }
    const double share = static_cast<double>(covered) / kLogs;
    table += fmt::format("{:<24} {:>7.2f} % {:>9.4f}\n", kind.name, 100 * share, width);
    INFO(kind.name << " " << share);
    // Four standard errors below what is said; limits are reached from below.
    CHECK(share >= (is_asymptotic(kind) ? 0.92 : 0.95 - 4 * std::sqrt(0.95 * 0.05 / kLogs)));
    if (is_asymptotic(kind)) CHECK(share <= 0.97);
  }
  WARN(table);
}
