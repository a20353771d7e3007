#include "analysis/selection.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/golden_ope.h"

using namespace rehearsal;
using rehearsal::testing::Column;
using rehearsal::testing::GoldenBandit;
using rehearsal::testing::GoldenCase;

namespace {

/// A golden estimator family at its lambdas.
struct ToyFamily {
  std::string name;
  std::string rule;
  bool doubly_robust;
};

const std::vector<ToyFamily> kFamilies{{"ipw", "clip", false},        {"dr", "clip", true},
                                       {"switch_dr", "switch", true}, {"dros", "dros", true},
                                       {"sgipw", "sg", false},        {"sgdr", "sg", true}};

/// Columns that own what members borrow.
struct Members {
  std::vector<Column> terms, shrunken;
  std::vector<FamilyMember> members;

  Members(const GoldenBandit& bandit, const ToyFamily& family, const Column& lambdas) {
    for (const double lambda : lambdas) {
      shrunken.push_back(bandit.shrunken(family.rule, lambda));
      terms.push_back(bandit.terms(shrunken.back(), family.doubly_robust));
    }
    for (std::size_t i = 0; i < lambdas.size(); ++i)
      members.push_back({fmt::format("{:g}", lambdas[i]), terms[i], shrunken[i]});
  }
};

void check_family(const GoldenCase& golden, const GoldenBandit& bandit, const ToyFamily& family) {
  INFO(family.name);
  const Column residual = family.doubly_robust ? bandit.residual() : bandit.reward;
  const Residuals logged{bandit.weight, residual};
  for (const auto& [method, by] :
       {std::pair<std::string, SelectBy>{"slope", SelectBy::kSlopePlusPlus},
        {"mse_directbias", SelectBy::kMseDirectBias},
        {"mse_biasbound", SelectBy::kMseBiasBound}}) {
    INFO(method);
    const std::string at = "tuning/" + family.name + "/" + method + "/";
    const Column lambdas = golden.read(at + "lambdas_in_order_tried");
    const Members family_members(bandit, family, lambdas);
    SelectOptions options;
    options.by = by;
    const Selection chosen = select(family.name, family_members.members, logged, options);
    CHECK(lambdas[chosen.index] == golden.number(at + "best_lambda"));
    CHECK(chosen.value == Approx(golden.number(at + "estimate")).epsilon(1e-9));
    const auto check = [&](const std::string& column, const Column& ours) {
      const Column expected = golden.read(at + column);
      REQUIRE(ours.size() == expected.size());
      for (std::size_t i = 0; i < ours.size(); ++i)
        CHECK(ours[i] == Approx(expected[i]).epsilon(1e-9));
    };
    if (by == SelectBy::kSlopePlusPlus) {
      check("theta", chosen.theta);
      check("cnf", chosen.cnf);
    } else {
      check("mse_scores", chosen.score);
    }
    CHECK(chosen.reason.find(family.name + " " + family_members.members[chosen.index].name) == 0);
  }
}

}  // namespace

TEST_CASE("settings are chosen as Open Bandit Pipeline chooses them", "[selection][golden]") {
  rehearsal::testing::with_golden_ope([](const hdf5::File& file) {
    for (const std::string& name : rehearsal::testing::golden_bandits()) {
      INFO(name);
      const GoldenCase golden(file, name);
      const GoldenBandit bandit(golden);
      for (const ToyFamily& family : kFamilies) check_family(golden, bandit, family);
      const Column clipped = bandit.shrunken("clip", 10), residual = bandit.residual();
      CHECK(direct_bias({bandit.weight, bandit.reward}, clipped) ==
            Approx(golden.number("helper/bias_ipw_clip10")).epsilon(1e-9));
      CHECK(bias_bound({bandit.weight, residual}, clipped, 0.05) ==
            Approx(golden.number("helper/bias_upper_bound_dr_clip10_delta0.05")).epsilon(1e-9));
    }
  });
}

TEST_CASE("SLOPE++ stops before the first estimate that disagrees", "[selection]") {
  const Column theta{.50, .47, .44, .30}, cnf{.20, .10, .05, .02};
  CHECK(slope_plus_plus(theta, cnf) == 2);
  // Lepski's intervals theta +- 2 cnf are wider: 0.30 +- 0.04 misses 0.44 +- 0.10 by nothing.
  CHECK(slope(theta, cnf) == 3);
  CHECK(slope(Column{.50, .47, .44, .29}, cnf) == 2);
  // Order of the candidates is no matter.
  CHECK(slope_plus_plus(Column{.30, .44, .50, .47}, Column{.02, .05, .20, .10}) == 1);
  CHECK(slope_plus_plus(Column{.4}, Column{.1}) == 0);
  // One that disagrees ends the search, whoever comes after.
  CHECK(slope_plus_plus(Column{.5, .9, .5}, Column{.05, .04, .03}) == 0);
  CHECK_THROWS_AS(slope(Column{}, Column{}), Error);
  CHECK_THROWS_AS(slope(Column{.1, std::nan("")}, Column{.1, .1}), Error);
}

TEST_CASE("the bias of shrinking is measured in the log and bounded from above", "[selection]") {
  const Column w{4, 1, 0.5, 2}, clipped{2, 1, 0.5, 2}, r{1, 0, 1, 0.5};
  const Residuals logged{w, r};
  CHECK(direct_bias(logged, clipped) == Approx(0.5).epsilon(1e-14));
  const double l = std::log(2 / 0.1);
  CHECK(bias_bound(logged, clipped, 0.1) ==
        Approx(0.5 + std::sqrt(2 * 21.25 / 4 * l / 4) + 2 * 4 * l / 12).epsilon(1e-12));
  CHECK(bias_bound(logged, clipped, 0.1, BiasSpread::kDifference) ==
        Approx(0.5 + std::sqrt(2 * 1.0 * l / 4) + 2 * 2 * l / 12).epsilon(1e-12));
  CHECK(bias_bound(logged, w, 0.1, BiasSpread::kDifference) == 0);
  CHECK_THROWS_AS(direct_bias(logged, Column{1}), Error);
}

TEST_CASE("a choice is said in a sentence and refused without what it needs", "[selection]") {
  const Column wide{0, 2, 0, 2}, narrow{0.9, 1.1, 0.95, 1.05};
  const std::vector<FamilyMember> members{{"inf", wide, {}}, {"2", narrow, {}}};
  const Selection chosen = select("dr", members, {}, {});
  CHECK(chosen.index == 1);
  CHECK(chosen.value == Approx(1));
  CHECK(chosen.reason.find("dr 2: the narrowest of 2 settings") == 0);
  SelectOptions by_mse;
  by_mse.by = SelectBy::kMseDirectBias;
  CHECK_THROWS_AS(select("dr", members, {}, by_mse), Error);
  CHECK_THROWS_AS(select("dr", {}, {}, {}), Error);
  const Column longer{1, 2, 3, 4, 5};
  const std::vector<FamilyMember> uneven{{"inf", wide, {}}, {"2", longer, {}}};
  CHECK_THROWS_AS(select("dr", uneven, {}, {}), Error);
}

TEST_CASE("SLOPE lifts the level of clipping as the log grows and beats either end of the grid",
          "[selection]") {
  // Weights of mean 1 without a variance, reward 1 with probability 0.2; from no clipping to 1.
  const std::vector<double> lambdas{1e9, 50, 20, 10, 5, 2, 1};
  struct Outcome {
    double unclipped = 0, at_1 = 0, chosen = 0, mean_index = 0;  // mean squared errors
  };
  const auto run = [&](int n_rounds) {
    Outcome out;
    const int n_logs = 100;
    for (int log = 0; log < n_logs; ++log) {
      Stream stream = Rng(3).stream(Draw::kResponse, Turn{UserId{static_cast<std::uint32_t>(log)}});
      std::vector<Column> terms(lambdas.size());
      for (int i = 0; i < n_rounds; ++i) {
        const double w = 0.1 * std::pow(stream.uniform(), -0.9), r = stream.uniform() < 0.2 ? 1 : 0;
        for (std::size_t l = 0; l < lambdas.size(); ++l)
          terms[l].push_back(std::min(w, lambdas[l]) * r);
      }
      std::vector<FamilyMember> members;
      for (const Column& column : terms) members.push_back({"", column, {}});
      const Selection chosen = select("ips", members, {}, {});
      out.unclipped += std::pow(chosen.theta.front() - 0.2, 2) / n_logs;
      out.at_1 += std::pow(chosen.theta.back() - 0.2, 2) / n_logs;
      out.chosen += std::pow(chosen.value - 0.2, 2) / n_logs;
      out.mean_index += static_cast<double>(chosen.index) / n_logs;
    }
    return out;
  };
  const Outcome small = run(300), large = run(5000);
  CHECK(large.chosen < 0.5 * large.unclipped);
  CHECK(large.chosen < large.at_1);
  CHECK(large.mean_index < small.mean_index - 1);
}
