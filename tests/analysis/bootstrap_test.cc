#include "analysis/bootstrap.h"

#include <cmath>
#include <random>

#include "analysis/intervals.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "tests/catch.h"
#include "tests/support/golden_ope.h"

using namespace rehearsal;
using rehearsal::testing::Column;
using rehearsal::testing::GoldenBandit;
using rehearsal::testing::GoldenCase;

namespace {

RowMatrix one_column(const Column& terms) {
  RowMatrix out(static_cast<Eigen::Index>(terms.size()), 1);
  for (std::size_t i = 0; i < terms.size(); ++i) out(static_cast<Eigen::Index>(i), 0) = terms[i];
  return out;
}

/// numpy's RandomState(seed).randint(0, n, n): MT19937, masked and rejected.
Resampler numpy_resampler(std::uint32_t seed) {
  auto engine = std::make_shared<std::mt19937>(seed);
  return [engine](std::size_t, std::uint32_t n, std::span<std::uint32_t> out) {
    std::uint32_t mask = n - 1;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    for (std::uint32_t& index : out) do {
        index = static_cast<std::uint32_t>((*engine)()) & mask;
      } while (index >= n);
  };
}

void check_bootstrap(const GoldenCase& golden, const std::string& key, const Column& terms) {
  INFO(key);
  const Column expected = golden.read("bootstrap/" + key);
  const RowMatrix units = one_column(terms);
  const Statistic mean = mean_statistic(terms.size());
  BootstrapOptions options;
  options.kind = BootstrapKind::kPercentile;
  const BootstrapInterval replayed =
      bootstrap_interval(units, mean, options, numpy_resampler(12345));
  CHECK(replayed.mean == Approx(expected[0]).epsilon(1e-9));
  CHECK(replayed.interval.low == Approx(expected[1]).epsilon(1e-9));
  CHECK(replayed.interval.high == Approx(expected[2]).epsilon(1e-9));
  // Our own draws: an end of 1,000 resamples has a standard error of 0.042 half widths, in both.
  const BootstrapInterval ours =
      bootstrap_interval(units, mean, options, addressed_resampler(Rng(1)));
  const double margin = 4 * std::sqrt(2.0) * 0.042 * (expected[2] - expected[1]) / 2;
  CHECK(ours.interval.low == Approx(expected[1]).margin(margin));
  CHECK(ours.interval.high == Approx(expected[2]).margin(margin));
}

/// Log-normal terms: skewed.
Column skewed(std::size_t n, std::uint64_t seed) {
  Stream stream = Rng(seed).stream(Draw::kResponse, Turn{});
  Column out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(std::exp(normal_quantile(stream.uniform())));
  return out;
}

}  // namespace

TEST_CASE("percentile bootstraps agree with Open Bandit Pipeline, draw by draw",
          "[bootstrap][golden]") {
  rehearsal::testing::with_golden_ope([](const hdf5::File& file) {
    for (const std::string& name : rehearsal::testing::golden_bandits()) {
      INFO(name);
      const GoldenCase golden(file, name);
      const GoldenBandit bandit(golden);
      for (const std::string key :
           {"dm", "dr", "dros_10", "ipw", "sgdr_0.1", "sgipw_0.1", "sndr", "snipw", "switch_dr_2"})
        check_bootstrap(golden, key, bandit.terms(key));
    }
    const GoldenCase slates(file, "slate_len4_cascade_decay_click");
    for (const std::string key : {"sips", "iips", "rips", "snsips", "sniips", "snrips"})
      check_bootstrap(slates, key, rehearsal::testing::slate_terms(slates, key));
  });
}

TEST_CASE("a self-normalized value is resampled as a ratio, not as terms over a fixed mean",
          "[bootstrap]") {
  // Rewards of 1: the value is exactly 1 in every resample, whatever the weights.
  const Column weight = skewed(400, 2);
  RowMatrix units(400, 2);
  for (Eigen::Index i = 0; i < 400; ++i) units(i, 0) = units(i, 1) = weight[std::size_t(i)];
  const BootstrapInterval out =
      bootstrap_interval(units, ratio_statistic, {}, addressed_resampler(Rng(3)));
  CHECK(out.interval.low == Approx(1));
  CHECK(out.interval.high == Approx(1));
  // The delta method's width for rewards that vary.
  double sum = 0, weights = 0, squares = 0;
  for (Eigen::Index i = 0; i < 400; ++i) {
    units(i, 0) = weight[std::size_t(i)] * (i % 3 == 0 ? 1.0 : 0.0);
    sum += units(i, 0);
    weights += units(i, 1);
  }
  for (Eigen::Index i = 0; i < 400; ++i)
    squares += std::pow(units(i, 0) - sum / weights * units(i, 1), 2);
  BootstrapOptions options;
  options.n_resamples = 4000;
  const BootstrapInterval ratio =
      bootstrap_interval(units, ratio_statistic, options, addressed_resampler(Rng(3)));
  CHECK(ratio.standard_error == Approx(std::sqrt(squares) / weights).epsilon(0.05));
}

TEST_CASE("BCa leans towards the long tail of a skewed sample and is exact for its own formula",
          "[bootstrap]") {
  const RowMatrix units = one_column(skewed(60, 5));
  const Statistic mean = mean_statistic(60);
  BootstrapOptions options;
  options.n_resamples = 8000;
  const BootstrapInterval bca =
      bootstrap_interval(units, mean, options, addressed_resampler(Rng(1)));
  options.kind = BootstrapKind::kPercentile;
  const BootstrapInterval plain =
      bootstrap_interval(units, mean, options, addressed_resampler(Rng(1)));
  CHECK(bca.interval.low > plain.interval.low);
  CHECK(bca.interval.high > plain.interval.high);
  CHECK(bca.interval.value == plain.interval.value);
  // Without skew, in a sample that mirrors itself, both agree.
  Column mirrored;
  for (int i = 1; i <= 30; ++i) {
    mirrored.push_back(i);
    mirrored.push_back(-i);
  }
  options.kind = BootstrapKind::kBca;
  const BootstrapInterval even =
      bootstrap_interval(one_column(mirrored), mean, options, addressed_resampler(Rng(1)));
  CHECK(even.interval.low == Approx(-even.interval.high).epsilon(0.05));
}

TEST_CASE("a column's sums do not depend on how many stand beside it", "[bootstrap]") {
  const Column terms = skewed(103, 6);
  RowMatrix wide(103, 3);
  for (Eigen::Index i = 0; i < 103; ++i) wide.row(i).setConstant(terms[std::size_t(i)]);
  const Resampler draw = addressed_resampler(Rng(1));
  const Statistic mean = mean_statistic(103);
  const Interval narrow = bootstrap_interval(one_column(terms), mean, {}, draw).interval;
  for (const Eigen::Index width : {2, 3}) {
    const RowMatrix units = wide.leftCols(width);
    const Interval same = bootstrap_interval(units, mean, {}, draw).interval;
    CHECK(same.low == Approx(narrow.low).epsilon(1e-13));
    CHECK(same.high == Approx(narrow.high).epsilon(1e-13));
  }
}

TEST_CASE("users are resampled with all their rounds", "[bootstrap]") {
  // 50 users of 8 equal rounds each: as uncertain as 50 rounds, not as 400.
  RowMatrix users(50, 2), rounds(400, 2);
  for (Eigen::Index u = 0; u < 50; ++u) {
    const double taste = u % 2 == 0 ? 0.2 : 0.6;
    users(u, 0) = 8 * taste;
    users(u, 1) = 8;
    for (Eigen::Index k = 0; k < 8; ++k) {
      rounds(8 * u + k, 0) = taste;
      rounds(8 * u + k, 1) = 1;
    }
  }
  const auto by_user = bootstrap_interval(users, ratio_statistic, {}, addressed_resampler(Rng(1)));
  const auto by_round =
      bootstrap_interval(rounds, ratio_statistic, {}, addressed_resampler(Rng(1)));
  CHECK(by_user.standard_error == Approx(0.2 / std::sqrt(50.0)).epsilon(0.1));
  CHECK(by_user.standard_error == Approx(std::sqrt(8.0) * by_round.standard_error).epsilon(0.15));
}

TEST_CASE("resamples are addressed: uniform, and the same however many there are", "[bootstrap]") {
  const Resampler draw = addressed_resampler(Rng(4));
  std::vector<std::uint32_t> few(10), many(60000);
  draw(7, 10, few);
  std::vector<int> counts(6, 0);
  draw(7, 6, many);
  for (const std::uint32_t u : many) ++counts.at(u);
  for (const int count : counts) CHECK(std::abs(count - 10000) < 4 * std::sqrt(60000 * 5.0 / 36));
  std::vector<std::uint32_t> again(10);
  draw(7, 10, again);
  CHECK(few == again);
  draw(8, 10, again);
  CHECK(few != again);
}

TEST_CASE("what cannot be resampled is refused", "[bootstrap]") {
  const Resampler draw = addressed_resampler(Rng(1));
  const RowMatrix units = one_column({1, 2, 3});
  CHECK_THROWS_AS(bootstrap_interval(one_column({1}), mean_statistic(1), {}, draw), Error);
  BootstrapOptions options;
  options.n_resamples = 19;
  CHECK_THROWS_AS(bootstrap_interval(units, mean_statistic(3), options, draw), Error);
  options = {};
  options.confidence = 1;
  CHECK_THROWS_AS(bootstrap_interval(units, mean_statistic(3), options, draw), Error);
  RowMatrix zeros = RowMatrix::Zero(3, 2);
  CHECK_THROWS_AS(bootstrap_interval(zeros, ratio_statistic, {}, draw), Error);
}
