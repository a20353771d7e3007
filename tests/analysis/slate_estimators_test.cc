#include "analysis/slate_estimators.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/golden_groups.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Columns that own what SlateColumns borrows.
struct Slates {
  std::vector<std::uint32_t> offsets, action;
  std::vector<double> reward, pscore, item_position, cascade;
  std::vector<double> pi, pi_item_position, pi_cascade, q_hat, action_dist;
  std::size_t n_actions = 0;

  SlateColumns view() const {
    return {offsets,
            reward,
            {pi, pscore},
            {pi_item_position, item_position},
            {pi_cascade, cascade},
            n_actions,
            action,
            q_hat,
            action_dist};
  }
};

Slates golden_slates(const Arrays& arrays, const std::string& group) {
  const auto input = [&](const std::string& name) {
    return arrays.at(group + "/inputs/" + name).values;
  };
  Slates slates;
  const std::vector<double> position = input("position");
  for (std::uint32_t s = 0; s <= position.size(); ++s)
    if (s == position.size() || position[s] == 0) slates.offsets.push_back(s);
  slates.action = whole_numbers(input("action"));
  slates.reward = input("reward");
  slates.pscore = input("pscore");
  slates.item_position = input("pscore_item_position");
  slates.cascade = input("pscore_cascade");
  slates.pi = input("evaluation_policy_pscore");
  slates.pi_item_position = input("evaluation_policy_pscore_item_position");
  slates.pi_cascade = input("evaluation_policy_pscore_cascade");
  slates.q_hat = input("q_hat");
  slates.action_dist = input("evaluation_policy_action_dist");
  slates.n_actions = slates.q_hat.size() / slates.reward.size();
  return slates;
}

/// Two slates, of two positions and of one, with two actions.
Slates slates_worked_by_hand() {
  Slates slates;
  slates.offsets = {0, 2, 3};
  slates.action = {0, 1, 1};
  slates.reward = {1, 2, 3};
  slates.pscore = {.25, .25, .5};
  slates.pi = {.5, .5, .25};  // weights 2, 2, .5
  slates.item_position = {.5, .5, .5};
  slates.pi_item_position = {.25, .75, .25};  // .5, 1.5, .5
  slates.cascade = {.5, .25, .5};
  slates.pi_cascade = {.75, .5, .25};  // 1.5, 2, .5
  slates.n_actions = 2;
  slates.q_hat = {1, 2, 0, 1, .5, 1};
  slates.action_dist = {.75, .25, 1. / 3, 2. / 3, .75, .25};
  return slates;
}

double value(const std::string& name, const Slates& slates) {
  return estimate_slates(slate_estimators().at(name), slates.view()).value;
}

}  // namespace

TEST_CASE("each slate estimator gives the value worked by hand") {
  const Slates slates = slates_worked_by_hand();
  CHECK(value("sips", slates) == Approx((2 * 1 + 2 * 2 + .5 * 3) / 2).epsilon(1e-14));
  CHECK(value("iips", slates) == Approx((.5 * 1 + 1.5 * 2 + .5 * 3) / 2).epsilon(1e-14));
  CHECK(value("rips", slates) == Approx((1.5 * 1 + 2 * 2 + .5 * 3) / 2).epsilon(1e-14));
  CHECK(value("snsips", slates) == Approx(7.5 / (4.5 / 3) / 2).epsilon(1e-14));
  // at position 0 both slates, at position 1 one of them
  CHECK(value("sniips", slates) == Approx((2. / .5 + 3 / 1.5) / 2).epsilon(1e-14));
  CHECK(value("snrips", slates) == Approx((3. / 1 + 4. / 2) / 2).epsilon(1e-14));
  const double first = 1.5 * 0 + 1.25 + 2 * (2 - 1) + 1.5 * (2. / 3);
  const double second = .5 * (3 - 1) + .625;
  CHECK(value("cascade_dr", slates) == Approx((first + second) / 2).epsilon(1e-14));
  const double residuals = (0 + 1. / 1) / 2 + 2. / 2 / 2;
  const double baselines = (1.25 + .625) / 2 + 1.5 * (2. / 3) / 1 / 2;
  CHECK(value("sncascade_dr", slates) == Approx(residuals + baselines).epsilon(1e-14));
}

TEST_CASE("weights of what influences a reward are weighted like those of what is shown") {
  const Slates slates = slates_worked_by_hand();
  SlateColumns columns = slates.view();
  const auto of = [&](const std::string& name) {
    return estimate_slates(slate_estimators().at(name), columns).value;
  };
  CHECK_THROWS_AS(of("aips"), Error);
  columns.influence = columns.cascade;
  columns.latent = columns.slate;
  CHECK(of("aips") == Approx(value("rips", slates)).epsilon(1e-14));
  CHECK(of("snaips") == Approx(value("snrips", slates)).epsilon(1e-14));
  CHECK(of("lips") == Approx(value("sips", slates)).epsilon(1e-14));
  CHECK(of("snlips") == Approx(value("snsips", slates)).epsilon(1e-14));
  // Weights .5, 2 and 3: sums over positions may be above 1.
  const std::vector<double> evaluation{.5, 2, 1.5}, behavior{1, 1, .5};
  columns.exposure = {evaluation, behavior};
  CHECK(of("click_ips") == Approx((.5 * 1 + 2 * 2 + 3 * 3) / 2).epsilon(1e-14));
  CHECK(of("snclick_ips") == Approx(13.5 / (5.5 / 3) / 2).epsilon(1e-14));
  // Rewards of 1 everywhere: self-normalized values are the rewards of a slate, 3 / 2 of them.
  const std::vector<double> ones(3, 1.0);
  columns.reward = ones;
  for (const char* name : {"snlips", "snclick_ips", "snaips"}) {
    INFO(name);
    CHECK(of(name) == Approx(1.5).epsilon(1e-14));
  }
}

TEST_CASE("slate estimators give the reference values of golden groups") {
  const Arrays arrays = golden_arrays("golden/ope/golden_ope.h5");
  for (const std::string& group : groups_with(arrays, "inputs/slate_id")) {
    const Slates slates = golden_slates(arrays, group);
    for (const std::string& key : output_keys(arrays, group)) {
      INFO(group << " " << key);
      const double expected = arrays.at(group + "/outputs/" + key).values[0];
      Slates used = slates;
      if (key == "cascade_dr_iw") used.q_hat = arrays.at(group + "/inputs/q_hat_iw").values;
      CHECK(value(key == "cascade_dr_iw" ? "cascade_dr" : key, used) ==
            Approx(expected).epsilon(1e-9));
    }
  }
}

TEST_CASE("where the policies agree every slate estimator without a model gives the mean reward") {
  Slates slates = slates_worked_by_hand();
  slates.pi = slates.pscore;
  slates.pi_item_position = slates.item_position;
  slates.pi_cascade = slates.cascade;
  for (const std::string name : {"sips", "iips", "rips", "snsips", "sniips", "snrips"})
    CHECK(value(name, slates) == Approx(3.0).epsilon(1e-14));
}

TEST_CASE("self-normalized slate values move with a constant added to every reward") {
  Slates slates = slates_worked_by_hand();
  slates.offsets = {0, 1, 2, 3};
  slates.pi = {.25, .5, .25};
  slates.pscore = {.5, .25, .25};
  for (const std::string name : {"snsips", "sniips", "snrips", "sncascade_dr"}) {
    Slates moved = slates;
    for (double& reward : moved.reward) reward += .3;
    CHECK(value(name, moved) == Approx(value(name, slates) + .3).epsilon(1e-13));
  }
}

TEST_CASE("the standard error of a slate estimate is that of its terms") {
  const Slates slates = slates_worked_by_hand();
  // terms 6 and 1.5
  const PointEstimate sips = estimate_slates(slate_estimators().at("sips"), slates.view());
  CHECK(sips.standard_error == Approx(2.25).epsilon(1e-14));
  // one ratio: effects (1.5 value - weight V) / mean weight, around 0
  const PointEstimate sn = estimate_slates(slate_estimators().at("snsips"), slates.view());
  const double first = 1.5 * 6 - 4 * sn.value, second = 1.5 * 1.5 - .5 * sn.value;
  CHECK(sn.standard_error ==
        Approx(std::sqrt(2 * (first * first + second * second)) / 4.5).epsilon(1e-12));
}

TEST_CASE("no slates and absent columns are refused") {
  CHECK_THROWS_AS(value("sips", Slates{}), Error);
  Slates bare = slates_worked_by_hand();
  bare.q_hat.clear();
  CHECK_THROWS_AS(value("cascade_dr", bare), Error);
  CHECK_NOTHROW(value("rips", bare));
}
