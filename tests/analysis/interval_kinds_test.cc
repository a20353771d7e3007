#include "analysis/interval_kinds.h"

#include <cmath>

#include "analysis/confidence_sequences.h"
#include "analysis/evaluate.h"
#include "analysis/off_policy_sequences.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

FunctionPolicy uniform_orders() {
  return FunctionPolicy([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
}

FunctionPolicy fixed_order() {
  return FunctionPolicy(
      [](Offsets offsets, std::vector<std::uint16_t> n_positions) {
        std::vector<double> scores(offsets.back());
        for (std::size_t c = 0; c < scores.size(); ++c) scores[c] = -static_cast<double>(c);
        return make_deterministic(std::move(offsets), std::move(n_positions), scores);
      },
      true);
}

struct Pages {
  MadeUpLog log;
  FunctionPolicy uniform = uniform_orders(), ordered = fixed_order();

  explicit Pages(std::uint32_t rounds_per_user = 1) {
    MadeUpOptions options;
    options.n_users = 1500;
    options.rounds_per_user = rounds_per_user;
    log = make_up_log(options, 5);
  }

  /// Of `ordered`, with lifts over `uniform`.
  std::vector<Estimate> run(EvaluateOptions options) const {
    options.metrics = {"ctr"};
    return evaluate(log.source(), {}, {{"uniform", &uniform}, {"ordered", &ordered}}, &uniform, 0,
                    Rng(2), options)[1];
  }
};

EvaluateOptions with(const std::string& interval, const std::string& estimator = "iips") {
  EvaluateOptions options;
  options.estimators = {estimator};
  options.interval = interval;
  options.reward_range = {0, 3};
  options.max_weight = 4;
  return options;
}

std::string error_of(const Pages& pages, const EvaluateOptions& options) {
  try {
    pages.run(options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("every interval holds its value, and those that hold at all times are wider than normal",
          "[intervals]") {
  const Pages pages;
  const Estimate normal = pages.run(with("normal"))[0];
  const double half = (normal.high - normal.low) / 2;
  for (const IntervalEntry& entry : interval_kinds().entries()) {
    if (entry.reads == IntervalReads::kWeighted) continue;
    INFO(entry.name);
    const Estimate e = pages.run(with(entry.name))[0];
    CHECK(e.value == normal.value);
    CHECK(e.low <= e.value);
    CHECK(e.value <= e.high);
    CHECK(e.lift->low <= e.lift->value);
    const bool bounds = entry.needs_range() || entry.name.ends_with("_cs");
    if (bounds)
      CHECK((e.high - e.low) / 2 > 1.1 * half);
    else
      CHECK((e.high - e.low) / 2 == Approx(half).epsilon(0.3));
    if (!bounds)
      CHECK(e.lift->high - e.lift->low ==
            Approx(normal.lift->high - normal.lift->low).epsilon(0.3));
  }
}

TEST_CASE("bounds are those of a column of terms, one a round where users have one",
          "[intervals]") {
  const Pages pages;
  std::vector<double> terms;
  for (const LogBatch& batch : pages.log.shards)
    for (std::size_t i = 0; i < batch.size(); ++i) {
      double term = 0;
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t s = batch.pages.slot_offsets[i] + k;
        if (batch.pages.module[s] == k) term += 4.0 * batch.responses.click[s];
      }
      terms.push_back(term);
    }
  const Range range{0, 12};
  const Moments moments = moments_within(terms, range);
  const auto check = [&](const std::string& name, const Interval& expected) {
    INFO(name);
    const Estimate e = pages.run(with(name))[0];
    CHECK(e.value == Approx(moments.mean).epsilon(1e-12));
    CHECK(e.low == Approx(expected.low).epsilon(1e-9));
    CHECK(e.high == Approx(expected.high).epsilon(1e-9));
  };
  check("hoeffding", hoeffding_interval(moments, range, 0.95));
  check("empirical_bernstein", empirical_bernstein_interval(moments, range, 0.95));
  check("student_t", student_t_interval(moments, 0.95));
  HedgedBetting betting(0.05);
  AsymptoticSequence asymptotic(moments.n, 0.05);
  for (const double term : terms) {
    betting.add(term / 12);
    asymptotic.add(term);
  }
  check("betting_cs", {0, 12 * betting.interval().low, 12 * betting.interval().high});
  check("asymptotic_cs", asymptotic.interval());
}

TEST_CASE("a user's rounds count by their sum, in bounds as in standard errors", "[intervals]") {
  const Pages pages(3);
  const Estimate e = pages.run(with("hoeffding"))[0];
  // 1,500 users whose mean round lies in [0, 12].
  CHECK(e.high - e.value == Approx(12 * std::sqrt(std::log(40.0) / 3000)).epsilon(1e-9));
}

TEST_CASE("the lift's bounds are quotients of bounds that hold together", "[intervals]") {
  const Pages pages;
  EvaluateOptions options = with("empirical_bernstein");
  const Interval lift = *pages.run(options)[0].lift;
  options.confidence = 0.975;
  options.metrics = {"ctr"};
  const auto both =
      evaluate(pages.log.source(), {}, {{"uniform", &pages.uniform}, {"ordered", &pages.ordered}},
               &pages.uniform, 0, Rng(2), options);
  CHECK(lift.low == Approx(both[1][0].low / both[0][0].high - 1).epsilon(1e-9));
  CHECK(lift.high == Approx(both[1][0].high / both[0][0].low - 1).epsilon(1e-9));
}

TEST_CASE("a bound asks for its range, and a log that leaves the range is refused", "[intervals]") {
  const Pages pages;
  EvaluateOptions options = with("hoeffding");
  options.reward_range.clear();
  CHECK_THAT(error_of(pages, options),
             Catch::Contains("estimate.reward_range: is missing; interval hoeffding needs"));
  options = with("hoeffding");
  options.max_weight = 0;
  CHECK_THAT(error_of(pages, options), Catch::Contains("iips: a bound needs the largest"));
  options = with("betting_cs");
  options.reward_range = {0, 0.5};
  CHECK_THAT(error_of(pages, options), Catch::Contains("betting_cs of iips"));
  options.reward_range = {3, 0};
  CHECK_THAT(error_of(pages, options), Catch::Contains("the lower one first"));
  CHECK_THAT(error_of(pages, with("hoefding")), Catch::Contains("did you mean 'hoeffding'"));
}

TEST_CASE("off-policy sequences bound a value that is divided by its weights, and no other",
          "[intervals]") {
  const Pages pages;
  EvaluateOptions options = with("off_policy_betting_cs", "snips");
  options.max_weight = 24;
  const Estimate normal = pages.run(with("normal", "snips"))[0];
  OffPolicyBetting by_hand(0.05, 24);
  for (const LogBatch& batch : pages.log.shards)
    for (std::size_t i = 0; i < batch.size(); ++i) {
      double clicks = 0;
      bool shown = true;
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t s = batch.pages.slot_offsets[i] + k;
        shown = shown && batch.pages.module[s] == k;
        clicks += batch.responses.click[s];
      }
      by_hand.add(shown ? 24 : 0, shown ? clicks / 3 : 0);
    }
  const Estimate betting = pages.run(options)[0];
  CHECK(betting.value == normal.value);
  CHECK(betting.low == Approx(3 * by_hand.interval().low).epsilon(1e-9));
  CHECK(betting.high == Approx(3 * by_hand.interval().high).epsilon(1e-9));
  CHECK(betting.low < normal.low);
  CHECK(betting.high > normal.high);
  options.interval = "gamma_exponential_cs";
  options.max_weight = 0;
  const Estimate gamma = pages.run(options)[0];
  CHECK(gamma.low < normal.low);
  CHECK(gamma.high > normal.high);
  const Estimate mean = pages.run(with("gamma_exponential_cs", "iips"))[0];
  CHECK(std::isnan(mean.low));
  options.interval = "off_policy_betting_cs";
  CHECK_THAT(error_of(pages, options), Catch::Contains("needs the largest importance weight"));
}

TEST_CASE("a capped weight needs no other bound on weights, and a ratio has none", "[intervals]") {
  const Range reward{0, 1};
  CHECK(term_range(parse_estimator("ips_clip_3"), reward, 0)->high == 3);
  CHECK(term_range(parse_estimator("ips_clip_3"), reward, 2)->high == 2);
  CHECK(term_range(parse_estimator("ips"), reward, 7)->high == 7);
  CHECK(term_range(parse_estimator("dm"), reward, 0)->high == 1);
  CHECK(term_range(parse_estimator("pi"), reward, 7)->low == -7);
  const Range dr = *term_range(parse_estimator("switch_dr_2"), reward, 0);
  CHECK(dr.low == -2);
  CHECK(dr.high == 3);
  CHECK_FALSE(term_range(parse_estimator("snips"), reward, 7));
  const Pages pages;
  const Estimate ratio = pages.run(with("hoeffding", "snips"))[0];
  CHECK(std::isnan(ratio.low));
  REQUIRE_FALSE(ratio.warnings.empty());
  CHECK_THAT(ratio.warnings[0], Catch::Contains("this value is a ratio"));
}

TEST_CASE("hcope needs no bound on weights and Clopper-Pearson is exact where all weights are one",
          "[intervals]") {
  const Pages pages;
  const Estimate normal = pages.run(with("normal", "snips"))[0];
  EvaluateOptions options = with("hcope", "snips");
  options.max_weight = 0;
  const Estimate hcope = pages.run(options)[0];
  CHECK(hcope.value == normal.value);
  CHECK(hcope.low < normal.low);
  CHECK(hcope.high > normal.high);
  CHECK(std::isnan(pages.run(with("hcope", "iips"))[0].low));
  const std::vector<double> ones(60, 1.0);
  std::vector<double> terms(60, 0.0);
  std::fill(terms.begin(), terms.begin() + 12, 1.0);
  IntervalInput in{0.2, 0.05, 60};
  in.terms = terms;
  in.weights = ones;
  in.max_weight = 1;
  const Interval exact = interval_kinds().at("clopper_pearson").make(in, {});
  const Interval expected = clopper_pearson_interval(12, 60, 0.95);
  CHECK(exact.low == Approx(expected.low).epsilon(1e-12));
  CHECK(exact.high == Approx(expected.high).epsilon(1e-12));
  const Interval lower = interval_kinds().at("hcope").make(in, {});
  CHECK(lower.low == Approx(std::max(0.0, hcope_lower(terms, 0.025))));
  in.max_weight = 0;
  CHECK_THROWS_AS(interval_kinds().at("clopper_pearson").make(in, {}), Error);
}
