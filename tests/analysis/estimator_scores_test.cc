#include "analysis/estimator_scores.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/golden_ope.h"

using namespace rehearsal;
using rehearsal::testing::Column;
using rehearsal::testing::GoldenBandit;
using rehearsal::testing::GoldenCase;

TEST_CASE("errors against the truth agree with Open Bandit Pipeline", "[scores][golden]") {
  rehearsal::testing::with_golden_ope([](const hdf5::File& file) {
    for (const std::string& name : rehearsal::testing::golden_bandits()) {
      const GoldenCase golden(file, name);
      const GoldenBandit bandit(golden);
      const double truth = golden.number("truth/policy_value");
      for (const std::string key : {"dm", "dr", "ipw", "snipw"}) {
        INFO(name << " " << key);
        double value = 0;
        for (const double term : bandit.terms(key)) value += term / double(bandit.size());
        CHECK(relative_error(value, truth) ==
              Approx(golden.number("metrics/relative-ee/" + key)).epsilon(1e-9));
        CHECK(squared_error(value, truth) ==
              Approx(golden.number("metrics/se/" + key)).epsilon(1e-9));
      }
    }
  });
}

TEST_CASE("accuracy over seeds splits the mean squared error into bias and variance", "[scores]") {
  const EstimatorAccuracy out = estimator_accuracy(Column{0.5, 0.7, 0.9}, Column{0.5, 0.5, 1.0});
  CHECK(out.bias == Approx(0.1 / 3).epsilon(1e-12));
  CHECK(out.mse == Approx(0.05 / 3).epsilon(1e-12));
  CHECK(out.mse == Approx(out.bias * out.bias + out.variance).epsilon(1e-12));
  CHECK(out.relative_error == Approx((0 + 0.4 + 0.1) / 3).epsilon(1e-12));
  CHECK(out.relative_mse == Approx(0.05 / 3 * 9 / 4).epsilon(1e-12));
  CHECK(out.bias_standard_error == Approx(std::sqrt(out.variance / 2)).epsilon(1e-12));
  const EstimatorAccuracy one_truth = estimator_accuracy(Column{1, 3}, Column{2});
  CHECK(one_truth.bias == 0);
  CHECK(one_truth.mse == 1);
  CHECK(one_truth.mse_standard_error == 0);
  CHECK(std::isnan(relative_error(1, 0)));
  CHECK_THROWS_AS(estimator_accuracy(Column{}, Column{1}), Error);
  CHECK_THROWS_AS(estimator_accuracy(Column{1, 2, 3}, Column{1, 2}), Error);
}

TEST_CASE("rank correlation counts agreement in order, with ties shared", "[scores]") {
  CHECK(spearman(Column{1, 2, 3, 4}, Column{10, 20, 30, 400}) == Approx(1));
  CHECK(spearman(Column{1, 2, 3, 4}, Column{4, 3, 2, 1}) == Approx(-1));
  // Ranks (1, 2.5, 2.5, 4) and (1, 3, 2, 4): 4.5 / sqrt(4.5 * 5).
  CHECK(spearman(Column{1, 2, 2, 3}, Column{1, 3, 2, 4}) ==
        Approx(4.5 / std::sqrt(22.5)).epsilon(1e-12));
  CHECK(std::isnan(spearman(Column{1, 1}, Column{1, 2})));
  CHECK_THROWS_AS(spearman(Column{1, std::nan("")}, Column{1, 2}), Error);
}

TEST_CASE("portfolios are scored by what their best gains and what trying them risks", "[scores]") {
  const Column estimates{0.9, 0.8, 0.3, 0.5}, truths{0.4, 0.6, 0.7, 0.2};
  CHECK(regret_at_k(estimates, truths, 1) == Approx(0.3).epsilon(1e-12));
  CHECK(regret_at_k(estimates, truths, 2) == Approx(0.1).epsilon(1e-12));
  CHECK(regret_at_k(estimates, truths, 4) == 0);
  // Top 2 are 0.4 and 0.6: best 0.6, deviation 0.1.
  CHECK(sharpe_ratio_at_k(estimates, truths, 2, 0.45) == Approx(1.5).epsilon(1e-12));
  CHECK(sharpe_ratio_at_k(estimates, truths, 2, 0.65) == 0);
  CHECK(std::isnan(sharpe_ratio_at_k(estimates, truths, 1, 0.1)));
  CHECK_THROWS_AS(regret_at_k(estimates, truths, 0), Error);
  CHECK_THROWS_AS(regret_at_k(estimates, truths, 5), Error);
}

TEST_CASE("errors at a threshold are shares of the bad and of the good", "[scores]") {
  const DecisionErrors out =
      decision_errors(Column{0.9, 0.4, 0.6, 0.1, 0.7}, Column{0.8, 0.7, 0.2, 0.3, 0.5}, 0.5);
  CHECK(out.n_good == 3);
  CHECK(out.n_bad == 2);
  CHECK(out.type_1 == Approx(0.5));
  CHECK(out.type_2 == Approx(1.0 / 3));
  const DecisionErrors all_good = decision_errors(Column{1, 0}, Column{1, 1}, 0.5);
  CHECK(all_good.type_1 == 0);
  CHECK(all_good.type_2 == 0.5);
}
