// Slates and sessions as arrays: what `evaluate --layout obp` and `--layout scope_rl` score.

#include <map>
#include <nlohmann/json.hpp>

#include "scenarios/arrays/arrays.h"
#include "sim/core/scalars.h"
#include "tests/catch.h"
#include "tests/scenarios/arrays_fixture.h"
#include "tests/scenarios/program.h"
#include "tests/support/golden_groups.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

ArrayGroup slates_by_hand() {
  return {"f.h5",
          "g",
          "slate",
          {{"slate_id", {{3}, {7, 7, 3}}},
           {"position", {{3}, {0, 1, 0}}},
           {"action", {{3}, {0, 1, 1}}},
           {"reward", {{3}, {1, 2, 3}}},
           {"pscore", {{3}, {.25, .25, .5}}},
           {"evaluation_policy_pscore", {{3}, {.5, .5, .25}}},
           {"pscore_item_position", {{3}, {.5, .5, .5}}},
           {"evaluation_policy_pscore_item_position", {{3}, {.25, .75, .25}}},
           {"pscore_cascade", {{3}, {.5, .25, .5}}},
           {"evaluation_policy_pscore_cascade", {{3}, {.75, .5, .25}}},
           {"q_hat", {{6}, {1, 2, 0, 1, .5, 1}}},
           {"evaluation_policy_action_dist", {{6}, {.75, .25, .5, .5, .75, .25}}}}};
}

ArrayGroup sessions_by_hand() {
  return {"f.h5",
          "g",
          "",
          {{"step_per_trajectory", {{}, {2}}},
           {"gamma", {{}, {.5}}},
           {"action", {{4}, {0, 1, 1, 1}}},
           {"reward", {{4}, {1, 2, 0, 4}}},
           {"pscore", {{4}, {.5, .5, .5, .5}}},
           {"evaluation_policy_action_dist", {{4, 2}, {.75, .25, .5, .5, .75, .25, .5, .5}}},
           {"state_action_value_prediction", {{4, 2}, {1, 2, 0, 1, 1, 2, 0, 1}}},
           {"initial_state_value_prediction", {{2}, {1.25, 1.25}}},
           {"state_marginal_importance_weight", {{4}, {1, 1, 1, 1}}},
           {"state_action_marginal_importance_weight", {{4}, {1.5, 1, .5, 1}}},
           {"reward_scale", {{3}, {0, 2, 4}}},
           {"cvar_alphas", {{2}, {.5, 1}}}}};
}

const CaseKind& kind(const std::string& layout, const std::string& name) {
  for (const CaseKind& each : array_layouts().at(layout).kinds)
    if (each.name == name) return each;
  throw std::runtime_error(name);
}

std::map<std::string, ArrayEstimate> score(const ArrayGroup& group,
                                           const ArrayOptions& options = {}) {
  const bool slate = group.kind == "slate";
  const CaseKind& used = kind(slate ? "obp" : "scope_rl", slate ? "slate" : "sessions");
  CHECK((used.fits(group.inputs)));
  std::map<std::string, ArrayEstimate> out;
  for (const ArrayEstimate& e : used.evaluate(group, options).estimates) out[e.key] = e;
  return out;
}

/// The message where one number of a dataset is another.
std::string refusal(ArrayGroup group, const std::string& dataset, std::size_t index, double value) {
  group.inputs.at(dataset).values.at(index) = value;
  try {
    score(group);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "nothing was refused";
}

/// The message where a dataset has one number less.
std::string refusal_cut(ArrayGroup group, const std::string& dataset) {
  Array& array = group.inputs.at(dataset);
  array.values.pop_back();
  array.shape = {array.values.size()};
  try {
    score(group);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("slates of different lengths come out of the layout") {
  const auto e = score(slates_by_hand());
  CHECK(e.at("sips").value == Approx((2 * 3 + .5 * 3) / 2).epsilon(1e-14));
  CHECK(e.at("cascade_dr").value == Approx((1.25 + 2 + 1.5 * .5 + 1 + .625) / 2).epsilon(1e-14));
  CHECK(e.count("sncascade_dr") == 1);
  CHECK(e.count("cascade_dr_iw") == 0);
  ArrayGroup second = slates_by_hand();
  second.inputs["q_hat_iw"] = {{6}, {0, 0, 0, 0, 0, 0}};
  const auto with = score(second);
  CHECK(with.at("cascade_dr_iw").value == Approx(with.at("rips").value).epsilon(1e-14));
  CHECK(with.at("cascade_dr").value == e.at("cascade_dr").value);
  ArrayGroup bare = slates_by_hand();
  for (const std::string name : {"q_hat", "pscore_item_position"}) bare.inputs.erase(name);
  const auto less = score(bare);
  CHECK(less.count("rips") == 1);
  CHECK(less.count("iips") + less.count("cascade_dr") == 0);
  ArrayOptions options;
  options.estimators = {"rips"};
  CHECK(score(slates_by_hand(), options).size() == 1);
}

TEST_CASE("bad slates are refused with file, group, dataset and index") {
  const ArrayGroup good = slates_by_hand();
  CHECK(refusal(good, "position", 1, 2).find("f.h5:g/inputs/position: value [1] is 2") == 0);
  CHECK(refusal(good, "position", 0, 1).find("position: value [0] is 1, expected 0") !=
        std::string::npos);
  CHECK(refusal(good, "slate_id", 0, 3).find("position: value [1] is 1, expected 0") !=
        std::string::npos);
  CHECK(refusal(good, "reward", 2, kNan).find("reward: value [2] is nan") != std::string::npos);
  CHECK(refusal(good, "pscore_cascade", 0, 0).find("pscore_cascade: value [0] is 0") !=
        std::string::npos);
  CHECK(refusal(good, "pscore_item_position", 2, 1.5).find("value [2] is 1.5") !=
        std::string::npos);
  CHECK(refusal(good, "pscore", 1, .3).find("pscore: value [1] is 0.3, expected 0.25") !=
        std::string::npos);
  CHECK(refusal(good, "q_hat", 4, kNan).find("q_hat: value [4] is nan") != std::string::npos);
  CHECK(refusal(good, "action", 1, 2).find("action: value [1] is 2") != std::string::npos);
  CHECK(refusal(good, "evaluation_policy_action_dist", 2, .25).find("row 1 sum to 0.75") !=
        std::string::npos);
  for (const std::string dataset :
       {"q_hat", "reward", "action", "pscore", "position", "evaluation_policy_pscore_cascade"})
    CHECK(refusal_cut(good, dataset).find("f.h5:g/inputs/" + dataset + ": has shape") == 0);
  ArrayGroup apart = good;
  apart.inputs["slate_id"].values = {7, 3, 7};
  apart.inputs["position"].values = {0, 0, 0};
  CHECK_THROWS_WITH(score(apart), Catch::Contains("slate_id: value [2] is 7"));
}

TEST_CASE("sessions come out of the layout with what the papers define under each name") {
  const auto e = score(sessions_by_hand());
  // ratios 1.5, 1 and .5, 1
  CHECK(e.at("tis").value == Approx((1.5 * 2 + .5 * 2) / 2).epsilon(1e-14));
  CHECK(e.at("dm").value == Approx(1.25));
  // 1.5 (1 - 1) + 1.25 + .5 (1 (2 - 1) + 1.5 (.5)) and .5 (0 - 2) + 1.25 + .5 (1 (4 - 1) + .5 (.5))
  CHECK(e.at("drl").value == Approx((1.25 + .875 + .25 + 1.625) / 2).epsilon(1e-14));
  CHECK(e.at("drl_scope_rl").value == Approx((1.25 + 1.75 + .25 + 3.25) / 2).epsilon(1e-14));
  CHECK(e.at("cd_sntis").lists.at("cdf").size() == 3);
  CHECK(e.at("cd_sntis").numbers.at("mean") == Approx(2.0));  // both returns are 2
  CHECK(e.at("cd_sntis").lists.at("cdf")[1] == Approx(1));
  CHECK(e.at("cd_sntis_scope_rl").numbers.at("mean") == Approx(2.0));  // 1, in the bin up to 2
  CHECK(e.at("tis").lists.at("ttest").size() == 3);
  ArrayGroup nothing = sessions_by_hand();  // no reward: no range for a bound, and no error
  nothing.inputs.at("reward").values.assign(4, 0.0);
  CHECK(score(nothing).at("tis").lists.count("hoeffding") == 0);
  CHECK(score(nothing).at("tis").value == 0);
  ArrayGroup bare = sessions_by_hand();
  for (const std::string name : {"pscore", "reward_scale", "state_marginal_importance_weight"})
    bare.inputs.erase(name);
  const auto less = score(bare);
  CHECK(less.count("sam_is_nstep0") == 1);
  CHECK(less.count("tis") + less.count("cd_dm") + less.count("sm_is_nstep0") == 0);
}

TEST_CASE("bad sessions are refused with file, group, dataset and index") {
  const ArrayGroup good = sessions_by_hand();
  CHECK(refusal(good, "pscore", 3, 0).find("f.h5:g/inputs/pscore: value [3] is 0") == 0);
  CHECK(refusal(good, "reward", 1, kNan).find("reward: value [1] is nan") != std::string::npos);
  CHECK(refusal(good, "gamma", 0, 1.5).find("gamma: is 1.5") != std::string::npos);
  CHECK(refusal(good, "step_per_trajectory", 0, 3).find("whole sessions of 3 steps") !=
        std::string::npos);
  CHECK(refusal(good, "step_per_trajectory", 0, 1.5).find("is 1.5") != std::string::npos);
  CHECK(refusal(good, "action", 2, 5).find("action: value [2] is 5") != std::string::npos);
  CHECK(refusal(good, "evaluation_policy_action_dist", 0, .5).find("row 0 sum to 0.75") !=
        std::string::npos);
  CHECK(refusal(good, "state_marginal_importance_weight", 1, -1).find("value [1] is -1") !=
        std::string::npos);
  CHECK(refusal(good, "reward_scale", 1, 0).find("reward_scale: value [1] is 0") !=
        std::string::npos);
  CHECK(refusal(good, "cvar_alphas", 1, 2).find("cvar_alphas: expected shares in [0, 1]") !=
        std::string::npos);
  for (const std::string dataset : {"action", "pscore", "initial_state_value_prediction"})
    CHECK(refusal_cut(good, dataset).find("f.h5:g/inputs/" + dataset + ": has shape") == 0);
}

TEST_CASE("slates with probabilities of what influences, of a latent and of being looked at") {
  ArrayGroup group = slates_by_hand();
  for (const char* missing : {"aips", "lips", "click_ips"}) CHECK(score(group).count(missing) == 0);
  const auto copy = [&](const std::string& from, const std::string& to) {
    for (const std::string side : {"pscore", "evaluation_policy_pscore"})
      group.inputs[side + to] = group.inputs.at(side + from);
  };
  copy("_cascade", "_influence");
  copy("", "_latent");
  copy("", "_examination");
  group.inputs["evaluation_policy_pscore_examination"].values = {.5, 2, 1.5};
  const auto scores = score(group);
  CHECK(scores.at("snaips").value == Approx(scores.at("snrips").value).epsilon(1e-14));
  CHECK(scores.at("lips").value == Approx(scores.at("sips").value).epsilon(1e-14));
  CHECK(scores.at("click_ips").value == Approx((2 * 1 + 8 * 2 + 3 * 3) / 2.0).epsilon(1e-14));
  CHECK(refusal(group, "pscore_examination", 1, 0).find("more than 0") != std::string::npos);
  CHECK(refusal(group, "pscore_latent", 1, .5).find("pscore_latent") != std::string::npos);
}

TEST_CASE("every golden slate and session figure comes out of the program under its key") {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> files{
      {"obp", "golden/ope/golden_ope.h5"}, {"scope_rl", "golden/ope/golden_rl.h5"}};
  for (const auto& [layout, path] : files) {
    const std::string file = shared_file(path);
    if (file.empty()) return;
    const std::string out = folder.path(layout);
    REQUIRE(call_program({"evaluate", file, "--layout", layout, "--out", out}).status == 0);
    const auto cases = nlohmann::json::parse(bytes_of(out + "/results.json")).at("cases");
    const Arrays arrays = load_arrays(file);
    const std::string mark = layout == "obp" ? "inputs/slate_id" : "inputs/step_per_trajectory";
    for (const std::string& group : groups_with(arrays, mark))
      for (const std::string& key : output_keys(arrays, group)) {
        INFO(group << " " << key);
        const std::size_t slash = key.find('/');
        const std::string name = key.substr(0, slash);
        // What the code gets wrong stands under a name of its own.
        const bool wrong = cases.at(group).contains(name + "_scope_rl");
        const auto& found = cases.at(group).at(name + (wrong ? "_scope_rl" : ""));
        const auto& value = found.at(slash == std::string::npos ? "value" : key.substr(slash + 1));
        const std::vector<double>& expected = arrays.at(group + "/outputs/" + key).values;
        if (value.is_array()) REQUIRE(value.size() == expected.size());
        for (std::size_t j = 0; j < expected.size(); ++j)
          CHECK((value.is_array() ? value[j] : value).get<double>() ==
                Approx(expected[j]).epsilon(1e-9).margin(1e-12));
      }
  }
}

TEST_CASE("sessions without overlap have no distribution by normalised weights, and others have",
          "[arrays]") {
  ArrayGroup group = sessions_by_hand();
  group.inputs["action"] = {{4}, {0, 0, 0, 0}};
  group.inputs["evaluation_policy_action_dist"] = {{4, 2}, {0, 1, 0, 1, 0, 1, 0, 1}};
  const auto e = score(group);
  for (const std::string key : {"cd_sntis", "cd_sntdr", "cd_sntis_scope_rl", "sntis"})
    CHECK(std::isnan(e.at(key).value));
  CHECK(e.at("cd_tis").value == 0);
  CHECK(e.at("cd_dm").value == Approx(2).epsilon(1e-14));
  CHECK(e.at("dm").value == Approx(1.25).epsilon(1e-14));
}

TEST_CASE("sessions without alphas have no cvar, and without a start's value the model's",
          "[arrays]") {
  ArrayGroup group = sessions_by_hand();
  const auto full = score(group);
  CHECK(full.at("cd_tis").lists.count("cvar") == 1);
  group.inputs.erase("cvar_alphas");
  group.inputs.erase("initial_state_value_prediction");
  const auto e = score(group);
  CHECK(e.size() == full.size());
  CHECK(e.at("cd_tis").lists.count("cvar") == 0);
  CHECK(e.at("cd_tis").lists.at("cdf") == full.at("cd_tis").lists.at("cdf"));
  CHECK(e.at("dm").value == Approx(1.25).epsilon(1e-14));  // .75 * 1 + .25 * 2
}
