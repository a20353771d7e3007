#include "analysis/evaluate.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using rehearsal::testing::FunctionPolicy;

TEST_CASE("95 % intervals of slot-wise IPS cover the truth in 2,000 small logs", "[.slow]") {
  MadeUpOptions options;
  options.n_modules = 3;
  options.n_slots = 2;
  options.n_users = 250;
  options.rounds_per_user = 2;
  const FunctionPolicy uniform([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
  const FunctionPolicy descending([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    std::vector<double> scores(offsets.back());
    for (std::size_t c = 0; c < scores.size(); ++c) scores[c] = static_cast<double>(c);
    return make_deterministic(std::move(offsets), std::move(n_positions), scores);
  });
  // The truth over all contexts, from one large made-up log's contexts.
  MadeUpOptions large = options;
  large.n_users = 200000;
  large.users_per_shard = 200000;
  double truth = 0;
  const MadeUpLog contexts = make_up_log(large, 99);
  const LogBatch& all = contexts.shards[0];
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t k = 0; k < 2; ++k)
      truth += 1 / (1 + std::exp(-made_up_logit(options, all.requests.features(i), 2 - k, k)));
  truth /= static_cast<double>(all.size());

  constexpr int kLogs = 2000;
  int covered = 0;
  EvaluateOptions how;
  how.metrics = {"ctr"};
  how.estimators = {"iips"};
  how.threads = 1;
  for (int r = 0; r < kLogs; ++r) {
    const MadeUpLog log = make_up_log(options, 1000 + static_cast<std::uint64_t>(r));
    const Estimate estimate =
        evaluate(log.source(), {}, {{"descending", &descending}}, &uniform, -1, Rng(1), how)[0][0];
    covered += estimate.low <= truth && truth <= estimate.high ? 1 : 0;
  }
  const double share = static_cast<double>(covered) / kLogs;
  INFO("covered " << covered << " of " << kLogs);
  // A standard error of a share near 0.95 is 0.005.
  CHECK(share > 0.93);
  CHECK(share < 0.97);
}
