#include "analysis/intervals.h"

#include <array>
#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/golden_ope.h"

using namespace rehearsal;
using rehearsal::testing::Column;
using rehearsal::testing::GoldenBandit;
using rehearsal::testing::GoldenCase;

namespace {

const Column kTwentyRounds{1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0};

void check_bounds(const GoldenCase& golden, const std::string& key, const Column& terms,
                  const std::vector<std::string>& deltas) {
  INFO(key);
  const Moments moments = moments_of(terms);
  const Range range = obp_range(terms);
  for (const std::string& delta : deltas) {
    const double d = std::stod(delta);
    const auto check = [&](const std::string& bound, double ours) {
      const std::string at = "bounds/" + key + "/" + bound + "_lower_delta" + delta;
      CHECK(ours == Approx(golden.number(at)).epsilon(1e-9));
    };
    check("student_t", student_t_lower(moments, d));
    check("hoeffding", hoeffding_lower(moments, range, d));
    check("bernstein", empirical_bernstein_lower(moments, range, d));
  }
}

}  // namespace

TEST_CASE("lower bounds of a small sample are those worked out elsewhere", "[intervals]") {
  const Moments moments = moments_within(kTwentyRounds, {0, 1});
  CHECK(moments.mean == Approx(0.3).epsilon(1e-14));
  CHECK(moments.variance == Approx(0.221053).margin(1e-6));
  CHECK(hoeffding_lower(moments, {0, 1}, 0.05) == Approx(0.026334).margin(1e-6));
  CHECK(empirical_bernstein_lower(moments, {0, 1}, 0.05) == Approx(-0.438579).margin(1e-6));
  const Interval exact = clopper_pearson_interval(3, 20, 0.95);
  CHECK(exact.low == Approx(0.032071).margin(1e-6));
  CHECK(exact.high == Approx(0.378927).margin(1e-6));
}

TEST_CASE("bounds of logged terms agree with Open Bandit Pipeline", "[intervals][golden]") {
  rehearsal::testing::with_golden_ope([](const hdf5::File& file) {
    for (const std::string& name : rehearsal::testing::golden_bandits()) {
      INFO(name);
      const GoldenCase golden(file, name);
      const GoldenBandit bandit(golden);
      for (const std::string key : {"dm", "dr", "ipw", "ipw_clip_10", "snipw"})
        check_bounds(golden, key, bandit.terms(key), {"0.05", "0.1"});
    }
    for (const std::string name :
         {"slate_len3_independent", "slate_len4_cascade_decay_click", "slate_len5_factorizable"}) {
      INFO(name);
      const GoldenCase golden(file, name);
      for (const std::string key : {"sips", "iips", "rips", "snsips", "sniips", "snrips"})
        check_bounds(golden, key, rehearsal::testing::slate_terms(golden, key), {"0.05"});
    }
  });
}

TEST_CASE("two-sided intervals mirror when terms change sign", "[intervals]") {
  Column mirrored = kTwentyRounds;
  for (double& y : mirrored) y = -y;
  const Moments a = moments_of(kTwentyRounds), b = moments_of(mirrored);
  const auto mirror = [](const Interval& x, const Interval& y) {
    CHECK(x.low == Approx(-y.high).epsilon(1e-14));
    CHECK(x.high == Approx(-y.low).epsilon(1e-14));
    CHECK(x.low < x.value);
  };
  mirror(student_t_interval(a, 0.9), student_t_interval(b, 0.9));
  mirror(hoeffding_interval(a, {0, 1}, 0.9), hoeffding_interval(b, {-1, 0}, 0.9));
  mirror(empirical_bernstein_interval(a, {0, 1}, 0.9),
         empirical_bernstein_interval(b, {-1, 0}, 0.9));
  CHECK(student_t_interval(a, 0.9).low == Approx(student_t_lower(a, 0.05)).epsilon(1e-14));
}

TEST_CASE("Student's bound nears the normal one as terms grow many", "[intervals]") {
  const Moments many{1e6, 0.3, 0.2};
  CHECK(student_t_interval(many, 0.95).low ==
        Approx(normal_interval(0.3, many.standard_error(), 0.95).low).epsilon(1e-6));
  // With 2 degrees of freedom the p-quantile is (2 p - 1) / sqrt(2 p (1 - p)).
  const Moments few{3, 1, 3};
  CHECK(student_t_interval(few, 0.95).high ==
        Approx(1 + 0.95 / std::sqrt(2 * 0.975 * 0.025)).epsilon(1e-12));
}

TEST_CASE("a range that a term leaves is refused, and so are other impossible inputs",
          "[intervals]") {
  CHECK_THROWS_AS(moments_within(Column{0.2, 1.3}, {0, 1}), Error);
  CHECK_THROWS_WITH(moments_within(Column{0.2, 1.3}, {0, 1}),
                    Catch::Matchers::Contains("term 1 is 1.3, outside [0, 1]"));
  CHECK_THROWS_AS(moments_of(Column{}), Error);
  CHECK_THROWS_AS(moments_of(Column{0, std::nan("")}), Error);
  CHECK_THROWS_AS(hoeffding_lower({10, 0.5, 0.1}, {1, 1}, 0.05), Error);
  CHECK_THROWS_AS(hoeffding_lower({10, 0.5, 0.1}, {0, 1}, 0), Error);
  CHECK_THROWS_AS(student_t_lower({1, 0.5, 0}, 0.05), Error);
  CHECK_THROWS_AS(clopper_pearson_lower(4, 3, 0.05), Error);
  CHECK_THROWS_AS(hcope_lower(Column{1, -1}, Column{1}, 0.05), Error);
  CHECK_THROWS_AS(hcope_lower(Column(39, 1.0), 0.05), Error);
  CHECK_THROWS_AS(vw_clopper_pearson_interval(3, 20, 0.5, 0.95), Error);
}

TEST_CASE("HCOPE at one level is the empirical Bernstein bound of clipped terms", "[intervals]") {
  const Column terms{0.5, 3, 0, 9, 1, 2, 0, 0.25, 4, 30};
  Column clipped;
  for (const double x : terms) clipped.push_back(std::min(x, 2.5));
  CHECK(hcope_lower(terms, Column{2.5}, 0.1) ==
        Approx(empirical_bernstein_lower(moments_of(clipped), {0, 2.5}, 0.1)).epsilon(1e-12));
  CHECK(hcope_lower(terms, Column(10, 2.5), 0.1) ==
        Approx(hcope_lower(terms, Column{2.5}, 0.1)).epsilon(1e-12));
  // Levels of each term's own, by the formula's pairs.
  const Column c{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  double inverse = 0, sum = 0, pairs = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    inverse += 1 / c[i];
    sum += std::min(terms[i], c[i]) / c[i];
    for (std::size_t j = 0; j < 10; ++j)
      pairs += std::pow(std::min(terms[i], c[i]) / c[i] - std::min(terms[j], c[j]) / c[j], 2);
  }
  const double l = std::log(20.0);
  CHECK(hcope_lower(terms, c, 0.1) ==
        Approx((sum - 70 * l / 27 - std::sqrt(l / 9 * pairs)) / inverse).epsilon(1e-12));
}

TEST_CASE("HCOPE's level promises the best bound among the levels seen", "[intervals]") {
  Column terms;
  for (int i = 1; i <= 50; ++i) terms.push_back(100.0 / i - 1.5);
  for (double& x : terms) x = std::max(x, 0.0);
  const double best = hcope_threshold(terms, 950, 0.05);
  const auto promise = [&](double c) {
    Column clipped;
    for (const double x : terms) clipped.push_back(std::min(x, c));
    const Moments m = moments_of(clipped);
    return empirical_bernstein_lower({950, m.mean, m.variance}, {0, c}, 0.05);
  };
  for (const double x : terms)
    if (x > 0) CHECK(promise(best) >= promise(x) - 1e-12);
  // A heavy tail gives a bound that no range could.
  Column heavy;
  for (int i = 0; i < 2000; ++i) heavy.push_back(i % 100 == 0 ? 20.0 : 0.8);
  CHECK(hcope_lower(heavy, 0.05) > 0.3);
  CHECK(hcope_lower(heavy, 0.05) < moments_of(heavy).mean);
}

TEST_CASE("Clopper-Pearson bounds invert the binomial tail", "[intervals]") {
  const double low = clopper_pearson_lower(3, 20, 0.025);
  double tail = 0, choose = 1;  // P(X >= 3) at that p
  for (int k = 0; k < 3; ++k) {
    tail += choose * std::pow(low, k) * std::pow(1 - low, 20 - k);
    choose *= (20.0 - k) / (k + 1);
  }
  CHECK(1 - tail == Approx(0.025).epsilon(1e-9));
  CHECK(clopper_pearson_lower(0, 20, 0.025) == 0);
  CHECK(clopper_pearson_interval(20, 20, 0.95).high == 1);
  // Weights of at most 2 make 20 rounds worth 10 trials.
  const Interval heuristic = vw_clopper_pearson_interval(8, 20, 2, 0.95);
  CHECK(heuristic.value == Approx(0.4));
  CHECK(heuristic.low == Approx(clopper_pearson_interval(4, 10, 0.95).low).epsilon(1e-12));
}
