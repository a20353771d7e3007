#include "analysis/sessions.h"

#include <cmath>
#include <functional>
#include <map>

#include "analysis/evaluate.h"
#include "analysis/session_returns.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using rehearsal::testing::FunctionPolicy;

namespace {

constexpr double kDiscount = 0.9;
constexpr std::size_t kSessionModules = 2;
constexpr double kLoggedShare = 0.5;  // of module 1, on every page
constexpr double kEvaluation = 0.8;

/// One slot, two modules. Module 1 is clicked more often on its page and tires the user: every time
/// it was shown the clicks of the pages that follow go down.
double p_click(std::size_t module, std::size_t n_tired) {
  return (module == 1 ? 0.6 : 0.4) * std::pow(0.4, static_cast<double>(n_tired));
}

/// The return of the pages left, by enumeration.
double exact_return(double p_one, std::size_t n_left, std::size_t n_tired) {
  if (n_left == 0) return 0;
  double sum = 0;
  for (std::size_t m = 0; m < kSessionModules; ++m)
    sum += (m == 1 ? p_one : 1 - p_one) *
           (p_click(m, n_tired) + kDiscount * exact_return(p_one, n_left - 1, n_tired + m));
  return sum;
}

FunctionPolicy policy_with(double p_one) {
  return FunctionPolicy([p_one](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return std::make_unique<rehearsal::testing::TabularSlates>(
        std::move(offsets), std::move(n_positions),
        rehearsal::testing::TabularSlates::Table{{{0}, 1 - p_one}, {{1}, p_one}});
  });
}

/// Users with two sessions of one to three pages.
struct Log {
  Schema schema;
  std::vector<LogBatch> shards;
  double truth = 0;  // mean return of these sessions under the evaluation policy

  explicit Log(std::size_t n_users) {
    schema.modules = {"calm", "loud"};
    schema.n_slots = 1;
    schema.features = {{"tired", {"no", "once", "twice"}, ""}};
    Stream draw = Rng(17).stream(Draw::kWorld, {});
    double n_sessions = 0;
    for (std::uint32_t user = 0; user < n_users; ++user) {
      if (user % 1000 == 0) shards.emplace_back();
      for (std::uint16_t session = 0; session < 2; ++session) {
        const std::size_t n_pages = 1 + draw() % 3;
        add(user, session, n_pages, draw);
        truth += exact_return(kEvaluation, n_pages, 0);
        n_sessions += 1;
      }
    }
    truth /= n_sessions;
  }

  RoundSource source() const { return source_of(schema, shards); }

 private:
  void add(std::uint32_t user, std::uint16_t session, std::size_t n_pages, Stream& draw) {
    LogBatch& batch = shards.back();
    std::size_t tired = 0;
    for (std::uint16_t t = 0; t < n_pages; ++t) {
      const std::uint16_t module = draw.uniform() < kLoggedShare ? 1 : 0;
      batch.requests.user.push_back(user);
      batch.requests.session.push_back(session);
      batch.requests.round.push_back(t);
      batch.requests.n_slots.push_back(1);
      batch.requests.n_features = 1;
      batch.requests.context.push_back(static_cast<float>(tired));
      batch.requests.module.insert(batch.requests.module.end(), {0, 1});
      batch.requests.module_offsets.push_back(
          static_cast<std::uint32_t>(batch.requests.module.size()));
      batch.pages.module.push_back(module);
      batch.pages.slot_offsets.push_back(static_cast<std::uint32_t>(batch.pages.module.size()));
      batch.pages.item_offsets.push_back(0);
      for (auto* column : {&batch.propensities.pscore, &batch.propensities.pscore_cascade,
                           &batch.propensities.pscore_item_position})
        column->push_back(0.5);
      batch.propensities.pscore_items.push_back(1);
      batch.responses.click.push_back(draw.uniform() < p_click(module, tired) ? 1 : 0);
      tired += module;
    }
  }
};

std::vector<Estimate> score(const Log& log, const std::vector<std::string>& names, int threads,
                            double discount = kDiscount) {
  const FunctionPolicy policy = policy_with(kEvaluation);
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = names;
  options.session_discount = discount;
  options.threads = threads;
  return evaluate(log.source(), {}, {{"loud", &policy}}, nullptr, -1, Rng(1), options)[0];
}

}  // namespace

TEST_CASE(
    "session estimates cover the exact return where pages tire users and page-wise ones fail") {
  const Log log(20000);
  const auto estimates = score(log, {}, 1);
  const std::size_t n = session_estimators().entries().size();
  REQUIRE(estimates.size() == n + 5);
  std::map<std::string, Estimate> by_name;
  for (std::size_t k = 0; k < n; ++k) {
    const Estimate& e = estimates[k];
    by_name[e.estimator] = e;
    INFO(e.estimator << " " << e.value << " +- " << e.standard_error << ", truth " << log.truth);
    CHECK(e.metric == "ctr_per_session");
    const double off = std::abs(e.value - log.truth) / e.standard_error;
    if (e.estimator == "page_wise" || e.estimator == "snpage_wise")
      CHECK(off > 8);
    else if (e.estimator != "fqe")
      CHECK(off < 4);
  }
  const auto error = [&](const std::string& name) { return by_name.at(name).standard_error; };
  CHECK(error("pdis") < error("tis"));
  CHECK(error("dr") < error("pdis"));
  CHECK(error("mis") < error("pdis"));
  CHECK(error("mdr") < error("mis"));
  // Linear in state and module, whose product matters: the model is off, but by little.
  CHECK(std::abs(by_name.at("fqe").value - log.truth) <
        0.1 * std::abs(by_name.at("page_wise").value - log.truth));
  // Each reads its own weights: of pages by themselves (at most 1.6), so far, or in their states.
  CHECK(by_name.at("page_wise").max_weight < by_name.at("dr").max_weight);
  CHECK(by_name.at("dr").max_weight == by_name.at("pdis").max_weight);
  CHECK(by_name.at("mdr").ess > by_name.at("dr").ess);
}

TEST_CASE("the distribution of session returns is that of sessions played by the policy") {
  const Log log(20000);
  const auto estimates = score(log, {"cd_tis", "cd_sntis", "cd_tdr", "cd_sntdr", "cd_dm"}, 1, 1);
  REQUIRE(estimates.size() == 25);
  // Exact probabilities of 0 to 3 clicks in sessions of one to three pages.
  std::vector<double> p(4, 0.0);
  const std::function<void(std::size_t, std::size_t, std::size_t, double)> play =
      [&](std::size_t left, std::size_t tired, std::size_t clicks, double mass) {
        if (left == 0) {
          p[clicks] += mass;
          return;
        }
        for (std::size_t m = 0; m < kSessionModules; ++m) {
          const double own = mass * (m == 1 ? kEvaluation : 1 - kEvaluation);
          const double click = p_click(m, tired);
          play(left - 1, tired + m, clicks + 1, own * click);
          play(left - 1, tired + m, clicks, own * (1 - click));
        }
      };
  for (std::size_t n = 1; n <= 3; ++n) play(n, 0, 0, 1.0 / 3);
  double mean = 0, square = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    mean += static_cast<double>(k) * p[k];
    square += static_cast<double>(k * k) * p[k];
  }
  for (const Estimate& e : estimates) {
    INFO(e.estimator << " " << e.metric << " " << e.value << " [" << e.low << ", " << e.high
                     << "]");
    CHECK(e.low <= e.value + 1e-12);
    CHECK(e.value <= e.high + 1e-12);
    const bool model = e.estimator == "cd_dm" || e.estimator == "cd_tdr" ||
                       e.estimator == "cd_sntdr";  // tells averages of sessions, not sessions
    if (model) continue;
    if (e.metric == "ctr_per_session_variance")
      CHECK(std::abs(e.value - (square - mean * mean)) < 4 * e.standard_error);
    if (e.metric == "ctr_per_session_median") CHECK(e.value == (p[0] >= 0.5 ? 0 : 1));
    if (e.metric == "ctr_per_session_cvar10") CHECK(e.value == 0);  // p[0] is above a tenth
  }
}

TEST_CASE("a weighted distribution function of three sessions by hand") {
  const std::vector<std::uint32_t> user{1, 2, 3};
  const std::vector<double> total{2, 1, 3}, weight{0.5, 2, 0.5}, value{1, 2, 2};
  const SessionReturns sessions{user, total, weight, value};
  const ReturnCdf tis = return_cdf(CdfEstimator::kTis, sessions);
  CHECK(tis.point == std::vector<double>{1, 2, 3});
  CHECK(tis.cumulative[0] == Approx(2.0 / 3));
  CHECK(tis.cumulative[1] == Approx(2.5 / 3));
  CHECK(tis.cumulative[2] == Approx(1));
  CHECK(tis.cvar(0.5) == Approx(1));
  const ReturnCdf dm = return_cdf(CdfEstimator::kDm, sessions);
  CHECK(dm.quantile(0.5) == 2);
  CHECK(dm.at(1.5) == Approx(1.0 / 3));
  // 1 + 0.5 (1[R <= x] - 1[V <= x]) ...: at 1, (0.5 (0 - 1) + 1 + 2 (1 - 0)) / 3.
  CHECK(return_cdf(CdfEstimator::kTdr, sessions).at(1) == Approx(2.5 / 3));
  CHECK(return_cdf(CdfEstimator::kSntis, sessions).at(1) == Approx(2.0 / 3));
}

TEST_CASE("returns of two sessions worked by hand") {
  const Offsets sessions{0, 2, 3};
  const SessionWeights weights = session_weights(sessions, std::vector<double>{2, 0.5, 3});
  CHECK(weights.whole == std::vector<double>{1, 3});
  CHECK(weights.so_far == std::vector<double>{2, 1, 3});
  const std::vector<double> reward{1, 0, 4, 2, 1};  // pages of 2, 2 and 1 slots
  const std::vector<std::uint32_t> slots{0, 2, 4, 5};
  CHECK(discounted_rewards(sessions, slots, reward, 0.5) == std::vector<double>{1, 3, 1});
  RequestBatch requests;
  requests.user = {4, 4, 4, 7};
  requests.session = {0, 0, 1, 1};
  CHECK(session_offsets(requests) == Offsets{0, 2, 3, 4});
}

TEST_CASE("threads change no byte of session estimates and bad requests are refused") {
  const Log log(4000);
  const auto one = score(log, {"pdis", "snpdis"}, 1), three = score(log, {"pdis", "snpdis"}, 3);
  for (std::size_t e = 0; e < 2; ++e) {
    CHECK(one[e].value == three[e].value);
    CHECK(one[e].standard_error == three[e].standard_error);
  }
  const std::vector<std::string> modelled{"dr", "snmdr", "fqe", "cd_sntdr"};
  const auto alone = score(log, modelled, 1), shared = score(log, modelled, 3);
  REQUIRE(alone.size() == 8);
  for (std::size_t e = 0; e < alone.size(); ++e) {
    CHECK(alone[e].value == shared[e].value);
    CHECK(alone[e].low == shared[e].low);
  }
  CHECK_THROWS_AS(score(log, {"iips"}, 1), Error);
  CHECK_THROWS_AS(score(log, {"pdis"}, 1, 1.5), Error);
}
