#include "analysis/page_behavior.h"

#include <cmath>

#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using rehearsal::testing::FunctionPolicy;

namespace {

/// Scores of module m for a context: linear, so that the model can be right.
double score(std::span<const float> context, std::size_t m) {
  const double by_device = context[0] > 0 ? 0.8 : -0.3;
  return 0.5 * static_cast<double>(m) + by_device * (m == 1 ? 1 : 0) +
         (m == 2 ? static_cast<double>(context[1]) : 0.0);
}

class TruePolicy final : public Policy {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> sizes;
    std::vector<double> weights;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      sizes.push_back(static_cast<std::uint16_t>(
          std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i))));
      for (const std::uint16_t m : requests.eligible(i))
        weights.push_back(score(requests.features(i), m));
    }
    return make_plackett_luce(requests.module_offsets, std::move(sizes), std::move(weights));
  }
  bool deterministic() const override { return false; }
};

/// The made-up log with pages of the policy above; their clicks stay as drawn.
MadeUpLog log_of(const Policy& policy, std::uint32_t n_users) {
  MadeUpOptions options;
  options.n_users = n_users;
  options.vary_eligible = true;
  MadeUpLog log = make_up_log(options, 3);
  for (LogBatch& batch : log.shards) {
    Propensities known;
    PageBatch pages = recommend(policy, batch.requests, Rng(8), &known);
    batch.pages.module = pages.module;
    known.pscore_items.assign(pages.module.size(), 1.0);
    batch.propensities = known;
  }
  return log;
}

}  // namespace

TEST_CASE(
    "estimated propensities of pages come near those of the Plackett-Luce policy that wrote") {
  const TruePolicy truth;
  const MadeUpLog log = log_of(truth, 4000);
  const auto fitted = estimate_page_behavior(log.source(), Rng(5), 2);
  const RoundSource restated = with_propensities_of(*fitted, log.source());
  double square = 0, n = 0;
  for (std::size_t shard = 0; shard < log.shards.size(); ++shard) {
    const LogBatch batch = restated.read(shard, Columns{});
    const Propensities& known = log.shards[shard].propensities;
    REQUIRE(batch.propensities.pscore.size() == known.pscore.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const double off = std::log(batch.propensities.pscore[i] / known.pscore[i]);
      square += off * off;
      ++n;
      const std::uint32_t last = batch.pages.slot_offsets[i + 1] - 1;
      CHECK(batch.propensities.pscore_cascade[last] == Approx(batch.propensities.pscore[i]));
      CHECK(batch.propensities.pscore_item_position[last] > 0);
    }
  }
  CHECK(std::sqrt(square / n) < 0.15);  // 12,000 pages, 20 coefficients a fold
  // Threads change no byte.
  const auto again = estimate_page_behavior(log.source(), Rng(5), 1);
  const LogBatch one = with_propensities_of(*again, log.source()).read(0, Columns{});
  CHECK(one.propensities.pscore == restated.read(0, Columns{}).propensities.pscore);
}

TEST_CASE(
    "estimates by estimated propensities agree with those by logged ones, which may be lost") {
  const TruePolicy truth;
  MadeUpLog log = log_of(truth, 4000);
  const FunctionPolicy uniform([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = {"ips", "iips", "rips", "snips"};
  const auto by_logged =
      evaluate(log.source(), {}, {{"uniform", &uniform}}, nullptr, -1, Rng(1), options)[0];
  for (LogBatch& batch : log.shards) batch.propensities = {};
  CHECK_THROWS_AS(evaluate(log.source(), {}, {{"uniform", &uniform}}, nullptr, -1, Rng(1), options),
                  Error);
  const auto fitted = estimate_page_behavior(log.source(), Rng(5), 2);
  const auto by_estimated = evaluate(with_propensities_of(*fitted, log.source()), {},
                                     {{"uniform", &uniform}}, nullptr, -1, Rng(1), options)[0];
  for (std::size_t e = 0; e < by_logged.size(); ++e) {
    INFO(by_logged[e].estimator << " " << by_logged[e].value << " " << by_estimated[e].value);
    CHECK(std::abs(by_logged[e].value - by_estimated[e].value) < 2 * by_logged[e].standard_error);
    CHECK(by_estimated[e].mean_weight.value == Approx(1).epsilon(0.05));
  }
}
