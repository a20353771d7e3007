#include "analysis/confidence_sequences.h"

#include <cmath>

#include "analysis/intervals.h"
#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

const std::vector<double> kTwenty{1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0};

double infinity() { return std::numeric_limits<double>::infinity(); }

/// Share of streams in which the sequence leaves the mean at any of `n` times.
/// Args: make: () to a sequence.  draw: (stream) to a term.
template <class Make, class Draw>
double share_that_miss(int n_streams, int n, double mean, Make&& make, Draw&& draw) {
  int misses = 0;
  for (int r = 0; r < n_streams; ++r) {
    auto sequence = make();
    Stream stream =
        Rng(17).stream(rehearsal::Draw::kResponse, Turn{UserId{static_cast<std::uint32_t>(r)}});
    for (int t = 0; t < n; ++t) {
      sequence.add(draw(stream));
      const Interval now = sequence.interval();
      if (now.low <= mean && mean <= now.high) continue;
      ++misses;
      break;
    }
  }
  return static_cast<double>(misses) / n_streams;
}

}  // namespace

TEST_CASE("sequences of a small sample are those worked out elsewhere", "[sequences]") {
  HedgedBetting betting(0.05, 10000, false);
  EmpiricalBernsteinSequence bernstein(0.05);
  for (const double y : kTwenty) {
    betting.add(y);
    bernstein.add(y);
  }
  CHECK(betting.kept().low == Approx(0.0881).margin(1e-6));
  CHECK(betting.kept().high == Approx(0.6172).margin(1e-6));
  CHECK(betting.interval().low == Approx(0.0880).margin(1e-6));
  CHECK(betting.kept().value == Approx(0.3));
  CHECK(bernstein.interval().low == 0);
  CHECK(bernstein.interval().high == Approx(0.770011).margin(1e-6));
  CHECK(asymptotic_margin(1000, 0.3, 0.01, 0.05) == Approx(0.028819).margin(1e-6));
}

TEST_CASE("the gamma-exponential bound is VowpalWabbit's when its prediction is left unclipped",
          "[sequences]") {
  const std::vector<double> w{.5, 2, 1, 1.5, 3, .2}, r{1, 0, 1, 1, 0, 1};
  GammaExponentialLower vw(0.025, XHat::kVw), clipped(0.025);
  for (int repeat = 0; repeat < 20; ++repeat)
    for (std::size_t i = 0; i < 6; ++i) {
      vw.add(w[i] * r[i]);
      clipped.add(w[i] * r[i]);
    }
  CHECK(vw.lower() == Approx(0.336662).margin(1e-6));
  // Here no prediction exceeds 1, so that the clip changes nothing.
  CHECK(clipped.lower() == Approx(vw.lower()).epsilon(1e-12));
  vw = GammaExponentialLower(0.025, XHat::kVw);
  clipped = GammaExponentialLower(0.025);
  for (int i = 0; i < 3000; ++i) {  // a mean above 1 at first, which the clip does not follow
    vw.add(i < 10 ? 3 : 0.5);
    clipped.add(i < 10 ? 3 : 0.5);
  }
  CHECK(clipped.lower() > 0.3);
  CHECK(std::abs(clipped.lower() - vw.lower()) > 1e-4);
}

TEST_CASE("the betting sequence is the product of bets, recomputed from the definition",
          "[sequences]") {
  HedgedBetting betting(0.1, 100, false);
  std::vector<double> seen;
  Stream stream = Rng(5).stream(Draw::kResponse, Turn{});
  for (int t = 0; t < 75; ++t) {
    seen.push_back(stream.uniform() < 0.4 ? 1 : stream.uniform());
    betting.add(seen.back());
  }
  std::vector<double> kept;
  for (int j = 0; j <= 100; ++j) {
    const double m = j / 100.0;
    double up = 1, down = 1, sum = 0, squares = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const double t = static_cast<double>(i + 1);
      const double variance = (0.25 + squares) / t;
      const double bet = std::sqrt(2 * std::log(2 / 0.1) / (variance * t * std::log(1 + t)));
      up *= 1 + std::min(bet, 0.5 / m) * (seen[i] - m);
      down *= 1 - std::min(bet, 0.5 / (1 - m)) * (seen[i] - m);
      sum += seen[i];
      squares += std::pow(seen[i] - (0.5 + sum) / (t + 1), 2);
    }
    if (std::max(up, down) / 2 < 1 / 0.1) kept.push_back(m);
  }
  REQUIRE(!kept.empty());
  CHECK(betting.kept().low == Approx(kept.front()).margin(1e-12));
  CHECK(betting.kept().high == Approx(kept.back()).margin(1e-12));
}

TEST_CASE("sequences hold the mean at all times at once", "[sequences]") {
  // 400 streams: a share of 0.05 has a standard error of 0.011.
  const double most = 0.05 + 4 * 0.011;
  const auto coin = [](Stream& stream) { return stream.uniform() < 0.15 ? 1.0 : 0.0; };
  const auto betting = share_that_miss(
      400, 300, 0.15, [] { return HedgedBetting(0.05, 200); }, coin);
  const auto bernstein = share_that_miss(
      400, 300, 0.15, [] { return EmpiricalBernsteinSequence(0.05); }, coin);
  const auto mixture = share_that_miss(
      400, 300, 0.15, [] { return NormalMixture(0.5, 100, 0.05); }, coin);
  CHECK(betting <= most);
  CHECK(bernstein <= most);
  CHECK(mixture <= most);
  // An interval for one time does not: looked at 300 times it misses far more often.
  struct Peeking {
    std::vector<double> terms;
    void add(double y) { terms.push_back(y); }
    Interval interval() const {
      if (terms.size() < 30) return {0, 0, 1};
      const Moments m = moments_of(terms);
      return normal_interval(m.mean, m.standard_error(), 0.95);
    }
  };
  CHECK(share_that_miss(
            400, 300, 0.15, [] { return Peeking(); }, coin) > 0.15);
}

TEST_CASE("sequences narrow towards the mean", "[sequences]") {
  HedgedBetting betting(0.05);
  EmpiricalBernsteinSequence bernstein(0.05);
  NormalMixture mixture(0.5, 2000, 0.05);
  AsymptoticSequence asymptotic(2000, 0.05);
  Stream stream = Rng(2).stream(Draw::kResponse, Turn{});
  for (int t = 0; t < 2000; ++t) {
    const double y = stream.uniform() < 0.1 ? 1 : 0;
    betting.add(y);
    bernstein.add(y);
    mixture.add(y);
    asymptotic.add(y);
  }
  const auto width = [](const Interval& i) { return i.high - i.low; };
  // Knowing the variance pays: the betting and Bernstein widths shrink with it, the mixture's not.
  CHECK(width(betting.interval()) < 0.06);
  CHECK(width(bernstein.interval()) < 0.08);
  CHECK(width(mixture.interval()) > width(bernstein.interval()));
  CHECK(width(asymptotic.interval()) < width(betting.interval()));
  CHECK(asymptotic.interval().value == Approx(betting.interval().value));
}

TEST_CASE("the normal mixture's boundary is tightest near where it is tuned", "[sequences]") {
  const double at = normal_mixture_boundary(1000, 1000, 0.05);
  for (const double elsewhere : {100.0, 300.0, 3000.0, 10000.0})
    CHECK(normal_mixture_boundary(1000, elsewhere, 0.05) > at);
  const double rho = asymptotic_rho_squared(500, 0.05);
  CHECK(asymptotic_margin(500, 1, rho, 0.05) < asymptotic_margin(500, 1, 1.1 * rho, 0.05));
  CHECK(asymptotic_margin(500, 1, rho, 0.05) < asymptotic_margin(500, 1, rho / 1.1, 0.05));
}

TEST_CASE("off-policy sequences bracket the value with weights that have no bound", "[sequences]") {
  // Two actions logged half and half; the policy in question takes action 1 with 0.9.
  const double value = 0.9 * 0.4 + 0.1 * 0.2;
  GammaExponentialLower lower(0.025), flipped(0.025);
  DoublyRobustSequence no_model(0.05, 0), with_model(0.05, 2);
  Stream stream = Rng(8).stream(Draw::kResponse, Turn{});
  for (int t = 0; t < 5000; ++t) {
    const bool second = stream.uniform() < 0.5;
    const double w = second ? 1.8 : 0.2, q = second ? 0.4 : 0.2;
    const double r = stream.uniform() < q ? 1 : 0;
    lower.add(w * r);
    flipped.add(w * (1 - r));
    no_model.add({w, r, 0, 0}, 0, 0);
    with_model.add({w, r, q, value});
  }
  CHECK(lower.lower() < value);
  CHECK(1 - flipped.lower() > value);
  CHECK(lower.lower() > value - 0.06);
  for (const DoublyRobustSequence* sequence : {&no_model, &with_model}) {
    const Interval now = sequence->interval();
    CHECK(now.low < value);
    CHECK(now.high > value);
    CHECK(now.high - now.low < 0.15);
  }
  CHECK(with_model.interval().value == Approx(value).margin(4 * 0.62 / std::sqrt(5000.0)));
}

TEST_CASE("the doubly robust sequence without a model is importance weighting", "[sequences]") {
  DoublyRobustSequence sequence(0.1, 0);
  EmpiricalBernsteinLower lower(0.05), upper(0.05);
  for (int t = 0; t < 400; ++t) {
    const double w = t % 7 == 0 ? 4.0 : 0.5, r = t % 3 == 0 ? 1 : 0;
    sequence.add({w, r, 0.3, 0}, 0, 0);
    lower.add(w * r);
    upper.add(w * (1 - r));
  }
  CHECK(sequence.interval().low == Approx(std::max(0.0, lower.lower())).epsilon(1e-12));
  CHECK(sequence.interval().high == Approx(1 - std::max(0.0, upper.lower())).epsilon(1e-12));
}

TEST_CASE("terms outside a sequence's range are refused, and no terms give the whole range",
          "[sequences]") {
  HedgedBetting betting(0.05);
  EmpiricalBernsteinSequence bernstein(0.05);
  CHECK(betting.interval().low == 0);
  CHECK(betting.interval().high == 1);
  CHECK(bernstein.interval().high == 1);
  CHECK(AsymptoticSequence(10, 0.05).interval().high == infinity());
  CHECK(NormalMixture(1, 10, 0.05).interval().low == -infinity());
  CHECK(GammaExponentialLower(0.05).lower() == 0);
  CHECK_THROWS_AS(betting.add(1.1), Error);
  CHECK_THROWS_AS(bernstein.add(-0.1), Error);
  CHECK_THROWS_AS(bernstein.add(std::nan("")), Error);
  CHECK_THROWS_AS(GammaExponentialLower(0.05).add(-1), Error);
  CHECK_THROWS_AS(DoublyRobustSequence(0.05, 1).add({2, 1, 0.5, 0.5}), Error);
  CHECK_THROWS_AS(DoublyRobustSequence(0.05, 1).add({0.5, 2, 0.5, 0.5}), Error);
  CHECK_THROWS_AS(EmpiricalBernsteinLower(0.05, 0.25).add(-0.9), Error);
  CHECK_THROWS_AS(HedgedBetting(1.5), Error);
  CHECK_THROWS_AS(asymptotic_rho_squared(0, 0.05), Error);
}
