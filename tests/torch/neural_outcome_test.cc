#include "policies/neural_outcome.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/support/made_up_log.h"

using namespace rehearsal;

TEST_CASE("a neural reward model comes near the true click and purchase rates of its own users",
          "[outcome]") {
  MadeUpOptions options;
  options.n_users = 12000;
  const MadeUpLog log = make_up_log(options, 21);
  const CrossFitting folds{Rng(4), 2};
  const auto models = make_neural_outcome()->fit(log.source(), {"ctr", "ptr"}, folds, 1, nullptr);
  const RequestBatch& requests = log.shards[0].requests;
  for (int fold = 0; fold < 2; ++fold) {
    std::vector<double> ctr, ptr;
    models[0][static_cast<std::size_t>(fold)]->predict(requests, ctr);
    models[1][static_cast<std::size_t>(fold)]->predict(requests, ptr);
    double click_error = 0, purchase_error = 0, spread = 0;
    std::size_t cell = 0;
    for (std::size_t i = 0; i < requests.size(); ++i)
      for (std::size_t k = 0; k < options.n_slots; ++k)
        for (std::size_t m = 0; m < options.n_modules; ++m, ++cell) {
          const double p = 1 / (1 + std::exp(-made_up_logit(options, requests.features(i), m, k)));
          click_error += std::pow(ctr.at(cell) - p, 2);
          purchase_error += std::pow(ptr.at(cell) - 0.3 * p, 2);
          spread += std::pow(p - 0.25, 2);
        }
    REQUIRE(cell == ctr.size());
    // What is left of the variance that a constant would leave: little of it.
    CHECK(click_error < 0.15 * spread);
    CHECK(purchase_error < 0.3 * 0.09 * spread);
  }
}

TEST_CASE("fitting neural reward models twice gives the same predictions", "[outcome]") {
  MadeUpOptions options;
  options.n_users = 600;
  const MadeUpLog log = make_up_log(options, 22);
  const auto predictions = [&] {
    std::vector<double> out;
    make_neural_outcome()
        ->fit(log.source(), {"ctr"}, CrossFitting{Rng(4), 2}, 1, nullptr)[0][0]
        ->predict(log.shards[0].requests, out);
    return out;
  };
  CHECK(predictions() == predictions());
}
