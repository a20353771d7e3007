#include "analysis/sessions.h"

#include <cmath>

#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using rehearsal::testing::FunctionPolicy;

namespace {

constexpr double kDiscount = 0.9;
constexpr std::size_t kModules = 2;
constexpr double kBehavior = 0.5;  // of module 1, on every page
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
  for (std::size_t m = 0; m < kModules; ++m)
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
      const std::uint16_t module = draw.uniform() < kBehavior ? 1 : 0;
      batch.requests.user.push_back(user);
      batch.requests.session.push_back(session);
      batch.requests.round.push_back(t);
      batch.requests.n_slots.push_back(1);
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
  REQUIRE(estimates.size() == session_estimators().entries().size());
  for (const Estimate& e : estimates) {
    INFO(e.estimator << " " << e.value << " +- " << e.standard_error << ", truth " << log.truth);
    CHECK(e.metric == "ctr_per_session");
    const double off = std::abs(e.value - log.truth) / e.standard_error;
    if (e.estimator == "page_wise" || e.estimator == "snpage_wise")
      CHECK(off > 8);
    else
      CHECK(off < 4);
  }
  CHECK(estimates[1].standard_error < estimates[0].standard_error);  // pdis below tis
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
  CHECK_THROWS_AS(score(log, {"iips"}, 1), Error);
  CHECK_THROWS_AS(score(log, {"pdis"}, 1, 1.5), Error);
}
