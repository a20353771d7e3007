#include "scenarios/arrays/arrays.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/core/rng.h"
#include "sim/log/hdf5_file.h"
#include "tests/catch.h"
#include "tests/scenarios/arrays_fixture.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

Arrays changed(const std::string& dataset, std::size_t index, double value) {
  Arrays arrays = bandit_by_hand();
  arrays.at("a_case/inputs/" + dataset).values.at(index) = value;
  return arrays;
}

}  // namespace

TEST_CASE("single actions worked by hand come out of a file in the layout") {
  const auto e = score(bandit_by_hand());
  CHECK(e.at("ipw").value == Approx(5.5 / 3).epsilon(1e-14));
  CHECK(e.at("snipw").value == Approx(5.5 / 4).epsilon(1e-14));
  CHECK(e.at("dm").value == Approx(1.8 / 3).epsilon(1e-14));
  // Residuals 0.5, -0.25, 1.
  CHECK(e.at("dr").value == Approx((1.8 + 0.75 - 0.125 + 2) / 3).epsilon(1e-14));
  CHECK(e.at("sndr").value == Approx(0.6 + 2.625 / 4).epsilon(1e-14));
  CHECK(e.at("dr_clip_0.5").value == Approx((1.8 + 0.25 - 0.125 + 0.5) / 3).epsilon(1e-14));
  CHECK(e.at("switch_dr_0.5").value == Approx((1.8 - 0.125) / 3).epsilon(1e-14));
  CHECK(e.at("ipw_clip_inf").value == Approx(5.5 / 3).epsilon(1e-14));
  const double mean = 5.5 / 3;
  const double squares = (1.5 - mean) * (1.5 - mean) + mean * mean + (4 - mean) * (4 - mean);
  CHECK(e.at("ipw").standard_error == Approx(std::sqrt(squares / 6)).epsilon(1e-13));
  CHECK(e.at("ipw").low == Approx(mean - 1.959964 * std::sqrt(squares / 6)).epsilon(1e-6));
  CHECK(e.count("replay") == 0);
  CHECK(e.count("bipw") == 0);
}

TEST_CASE("what the inputs do not allow is left out and what is asked for is scored") {
  Arrays arrays = bandit_by_hand();
  arrays.erase("a_case/inputs/q_hat");
  const auto without_model = score(arrays);
  CHECK(without_model.count("ipw") == 1);
  CHECK(without_model.count("dr") == 0);
  CHECK(without_model.count("dm") == 0);
  arrays = bandit_by_hand();
  arrays.erase("a_case/inputs/pscore");
  arrays.erase("a_case/inputs/position");
  const auto without_propensities = score(arrays);
  CHECK(without_propensities.size() == 1);
  CHECK(without_propensities.count("dm") == 1);
  ArrayOptions options;
  options.estimators = {"dr_clip_3", "ipw", "dros_7.5"};
  const auto asked = score(bandit_by_hand(), options);
  CHECK(asked.size() == 3);
  CHECK(asked.at("dr_clip_3").value == Approx(score(bandit_by_hand()).at("dr").value));
  options.estimators = {"dm", "dr_clp_3"};
  CHECK(refusal(bandit_by_hand(), options).find("--estimators dr_clp_3") != std::string::npos);
  options.estimators = {"sgdr_2"};
  CHECK(refusal(bandit_by_hand(), options) ==
        "--estimators sgdr_2: sgdr_2: lambda is 2, allowed "
        "is [0, 1]");
}

TEST_CASE("several positions are read at the position of each round") {
  Arrays arrays = bandit_by_hand();
  const auto widen = [&](const std::string& name) {
    Array& array = arrays.at("a_case/inputs/" + name);
    Array wide{{3, 2, 2}, {}};
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t a = 0; a < 2; ++a)
        for (std::size_t p = 0; p < 2; ++p)
          wide.values.push_back(p == i % 2 ? array.values[i * 2 + a] : 0.5);
    array = wide;
  };
  widen("action_dist");
  widen("q_hat");
  arrays.at("a_case/inputs/position").values = {0, 1, 0};
  const auto wide = score(arrays), narrow = score(bandit_by_hand());
  for (const auto& [key, estimate] : narrow) CHECK(wide.at(key).value == estimate.value);
  arrays.erase("a_case/inputs/position");
  CHECK(refusal(arrays).find("a_case/inputs/position: no such dataset") != std::string::npos);
}

TEST_CASE("bad arrays are errors that name the file, group, dataset and index") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  const struct {
    std::string dataset;
    std::size_t index;
    double value;
    std::string said;
  } cases[] = {
      {"reward", 1, nan, "x.h5:a_case/inputs/reward: value [1] is nan, expected a finite number"},
      {"reward", 2, inf, "value [2] is inf, expected a finite number"},
      {"pscore", 0, 0, "inputs/pscore: value [0] is 0, expected a propensity in (0, 1]"},
      {"pscore", 2, -0.5, "value [2] is -0.5, expected a propensity in (0, 1]"},
      {"pscore", 1, 1.25, "value [1] is 1.25, expected a propensity in (0, 1]"},
      {"pscore", 1, nan, "value [1] is nan, expected a propensity in (0, 1]"},
      {"action", 0, 2, "inputs/action: value [0] is 2, expected a whole number from 0 to 1"},
      {"action", 0, 0.5, "value [0] is 0.5, expected a whole number from 0 to 1"},
      {"action", 1, -1, "value [1] is -1, expected a whole number from 0 to 1"},
      {"action_dist", 2, 0.5, "the probabilities [1, :, 0] sum to 0.75, expected 1"},
      {"action_dist", 3, -0.25, "value [1, 1, 0] is -0.25, expected a probability in [0, 1]"},
      {"q_hat", 5, nan, "inputs/q_hat: value [2, 1, 0] is nan, expected a finite number"},
      {"position", 0, 1, "inputs/position: value [0] is 1, expected a whole number from 0 to 0"},
  };
  for (const auto& each : cases) {
    const std::string message = refusal(changed(each.dataset, each.index, each.value));
    INFO(message);
    CHECK(message.find(each.said) != std::string::npos);
  }
}

TEST_CASE("wrong shapes, missing arrays and empty cases are errors") {
  Arrays arrays = bandit_by_hand();
  arrays.at("a_case/inputs/reward") = {{2}, {1, 0}};
  CHECK(refusal(arrays).find("inputs/reward: has shape (2), expected (3)") != std::string::npos);
  arrays = bandit_by_hand();
  arrays.at("a_case/inputs/action_dist").shape = {3, 2};
  CHECK(refusal(arrays).find("action_dist: has shape (3, 2), expected 3 dimensions") !=
        std::string::npos);
  arrays = bandit_by_hand();
  arrays.erase("a_case/inputs/reward");
  CHECK(refusal(arrays).find("inputs/reward: no such dataset; there are: action,") !=
        std::string::npos);
  arrays = bandit_by_hand();
  for (auto& [name, array] : arrays) {
    array.shape[0] = 0;
    array.values.clear();
  }
  CHECK(refusal(arrays).find("it is empty") != std::string::npos);
  CHECK(refusal({{"loose", {{1}, {1}}}}).find("has no groups") != std::string::npos);
  CHECK(refusal({{"a_case/outputs/ipw", {{1}, {1}}}}).find("a_case: has no datasets in inputs/") !=
        std::string::npos);
  CHECK(refusal({{"a_case/inputs/x", {{1}, {1}}}}).find("a_case: its inputs are of no kind") !=
        std::string::npos);
}

TEST_CASE("a kind that is named is taken at its word and an unknown one is an error") {
  const auto scored = [](const std::string& kind) {
    const TemporaryFolder folder;
    const std::string file = folder.path("x.h5");
    {
      const hdf5::Session session;
      hdf5::Image image(file);
      for (const auto& [name, array] : bandit_by_hand())
        image.dataset("/" + name, array.values,
                      hdf5::Shape(array.shape.begin(), array.shape.end()));
      image.attribute("/a_case", "kind", kind);
      const std::vector<char> bytes = image.finish();
      folder.write("x.h5", std::string(bytes.begin(), bytes.end()));
    }
    return estimates_of(evaluate_arrays(file, array_layouts().at("obp"), {}).at(0));
  };
  CHECK(scored("contextual_bandit").count("ipw") == 1);
  CHECK(scored("multi_logger").count("naive_ipw") == 1);
  CHECK_THROWS_WITH(scored("contextual_bandid"),
                    Catch::Matchers::Contains("a_case: attribute kind: unknown kind "
                                              "'contextual_bandid'; did you mean "
                                              "'contextual_bandit'?"));
}

TEST_CASE("support, overlap and estimated propensities are warned of") {
  const auto warnings_of = [](const Arrays& arrays) {
    const TemporaryFolder folder;
    const std::string file = write_arrays(folder.path("x.h5"), arrays);
    const auto scored = evaluate_arrays(file, array_layouts().at("obp"), {});
    std::string all;
    for (const std::string& warning : scored.at(0).result.warnings) all += warning + "\n";
    return all;
  };
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/pi_b"] = {{3, 2, 1}, {0.5, 0.5, 0.5, 0.5, 1, 0}};
  CHECK(
      warnings_of(arrays).find("puts 0.167 of its mass on actions that the logging policy never") !=
      std::string::npos);
  arrays = bandit_by_hand();
  arrays.at("a_case/inputs/action_dist").values = {0, 1, 1, 0, 0, 1};
  CHECK(warnings_of(arrays).find("snipw has no value") != std::string::npos);
  arrays = bandit_by_hand();
  arrays["a_case/inputs/estimated_pscore"] = arrays.at("a_case/inputs/pscore");
  arrays.erase("a_case/inputs/pscore");
  CHECK(warnings_of(arrays).find("propensities are estimated") != std::string::npos);
  CHECK(score(arrays).at("ipw_estimated_pscore").value == Approx(5.5 / 3));
}

TEST_CASE("arrays with contexts but no propensities are scored by estimated ones with a warning") {
  constexpr std::size_t kRows = 6000;
  Arrays arrays;
  const auto add = [&](const std::string& name, std::vector<std::size_t> shape) -> auto& {
    return (arrays["a_case/inputs/" + name] = {std::move(shape), {}}).values;
  };
  std::vector<double>&action = add("action", {kRows}), &reward = add("reward", {kRows}),
  &context = add("context", {kRows, 1}), &pi = add("action_dist", {kRows, 2, 1});
  Stream draw = Rng(5).stream(Draw::kWorld, {});
  for (std::size_t i = 0; i < kRows; ++i) {
    const double x = 2 * draw.uniform() - 1;
    context.push_back(x);
    action.push_back(draw.uniform() < 1 / (1 + std::exp(-2 * x)) ? 1 : 0);
    // Users with a large x earn and get action 1: without propensities that looks like its doing.
    reward.push_back(draw.uniform() < 0.5 + 0.4 * x ? 1 : 0);
    pi.insert(pi.end(), {0.2, 0.8});
  }
  const TemporaryFolder folder;
  const std::string file = write_arrays(folder.path("x.h5"), arrays);
  const NamedCase scored = evaluate_arrays(file, array_layouts().at("obp"), {}).at(0);
  const auto e = estimates_of(scored);
  const ArrayEstimate& ipw = e.at("ipw_estimated_pscore");
  CHECK(std::abs(ipw.value - 0.5) < 4 * ipw.standard_error);
  CHECK(ipw.standard_error < 0.02);
  CHECK(e.count("ipw") == 0);
  CHECK(scored.result.warnings.front().find("propensities are estimated") == 0);
}

TEST_CASE("embeddings that are the actions give importance weights and bad ones are errors") {
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/pi_b"] = {{3, 2, 1}, {0.5, 0.5, 0.5, 0.5, 0.25, 0.75}};
  arrays["a_case/inputs/action_embed"] = {{3, 1}, {0, 1, 0}};
  arrays["a_case/inputs/p_e_a"] = {{2, 2, 1}, {1, 0, 0, 1}};
  arrays["a_case/inputs/pi_a_x_e_hat"] = {{3, 2}, {1, 0, 0, 1, 1, 0}};
  const auto e = score(arrays);
  for (const std::string name : {"true_p_e_a", "exact_joint_p_e_a", "estimated_weights",
                                 "true_p_e_a_slope_exact", "true_p_e_a_slope_greedy"}) {
    CHECK(e.at("mipw_" + name).value == Approx(e.at("ipw").value).epsilon(1e-13));
    CHECK(e.at("snmipw_" + name).value == Approx(e.at("snipw").value).epsilon(1e-13));
  }
  const auto refused = [&](const std::string& dataset, std::size_t index, double value) {
    Arrays bad = arrays;
    bad.at("a_case/inputs/" + dataset).values[index] = value;
    return refusal(bad);
  };
  CHECK_THAT(refused("p_e_a", 0, 0.5),
             Catch::Contains("inputs/p_e_a: the probabilities [0, :, 0] sum to 0.5, expected 1"));
  CHECK_THAT(
      refused("action_embed", 1, 2),
      Catch::Contains("action_embed: value [1, 0] is 2, expected a whole number from 0 to 1"));
  CHECK_THAT(refused("pi_a_x_e_hat", 2, 1),
             Catch::Contains("pi_a_x_e_hat: the probabilities [1, :] sum to 2, expected 1"));
  arrays.at("a_case/inputs/pi_b").values = {1, 0, 1, 0, 0.25, 0.75};
  CHECK_THAT(refusal(arrays), Catch::Contains("the embedding of round 1 has probability 0"));
}

TEST_CASE("several loggers are scored naively, balanced and by precision") {
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/pscore_avg"] = {{3}, {0.25, 0.5, 0.5}};
  arrays["a_case/inputs/stratum_idx"] = {{3}, {0, 1, 1}};
  const auto flat = score(arrays);
  CHECK(flat.at("naive_ipw").value == Approx(5.5 / 3));
  CHECK(flat.at("balanced_ipw").value == Approx((3 + 0 + 2) / 3.0));
  CHECK(flat.at("balanced_ipw_clip_5").value == Approx((3 + 0 + 2) / 3.0));
  CHECK(flat.at("balanced_dr").value == Approx((1.8 + 1.5 - 0.125 + 1) / 3));
  CHECK(flat.count("weighted_ipw") == 0);  // one round does not vary
  // Two of each: terms 1.5, 0 | 4, 1.5 have variances 9/16 and 25/16.
  for (auto& [name, array] : arrays) {
    const std::size_t width = array.values.size() / 3;
    array.shape[0] = 4;
    array.values.insert(array.values.end(), array.values.begin(),
                        array.values.begin() + static_cast<std::ptrdiff_t>(width));
  }
  arrays.at("a_case/inputs/stratum_idx").values = {0, 0, 1, 1};
  const double precision = 2 / (9.0 / 16) + 2 / (25.0 / 16);
  const double w0 = 4 / (9.0 / 16 * precision), w1 = 4 / (25.0 / 16 * precision);
  const auto e = score(arrays);
  CHECK(e.at("weighted_ipw").value == Approx((1.5 * w0 + 5.5 * w1) / 4).epsilon(1e-13));
  CHECK(e.count("weighted_dr_clip_5") == 1);
  CHECK(e.count("precision_dr") == 1);
}

TEST_CASE("actions on the line are scored by kernels at any bandwidth") {
  const Arrays arrays{
      {"c/inputs/action", {{2}, {0, 1}}},
      {"c/inputs/action_by_evaluation_policy", {{2}, {0.5, 1}}},
      {"c/inputs/reward", {{2}, {2, 3}}},
      {"c/inputs/pscore", {{2}, {0.5, 2}}},
      {"c/inputs/q_hat_at_evaluation_action", {{2}, {1, 2}}},
  };
  // Triangular, h = 2: kernels 0.75 and 1, weights 0.75 and 0.25.
  const auto e = score(arrays);
  CHECK(e.at("kernel_ipw_triangular_h2").value == Approx((1.5 + 0.75) / 2));
  CHECK(e.at("kernel_snipw_triangular_h2").value == Approx(2.25 / 1));
  CHECK(e.at("kernel_dr_triangular_h2").value == Approx((1 + 0.75 + 2 + 0.25) / 2));
  ArrayOptions options;
  options.estimators = {"kernel_ipw_triangular_h1"};
  CHECK(score(arrays, options).at("kernel_ipw_triangular_h1").value ==
        Approx((0.5 * 2 / 0.5 + 3 / 2.0) / 2));
  options.estimators = {"kernel_ipw_triangular_h0"};
  CHECK_THAT(refusal(arrays, options), Catch::Contains("bandwidths are above 0"));
  Arrays bad = arrays;
  bad.at("c/inputs/pscore").values[1] = 0;
  CHECK_THAT(refusal(bad), Catch::Contains("pscore: value [1] is 0, expected a density above 0"));
}

TEST_CASE("clusters, the logging policy, contexts and bounds on weights add their estimators") {
  Arrays arrays = bandit_by_hand();
  arrays["a_case/inputs/pi_b"] = {{3, 2, 1}, {0.5, 0.5, 0.5, 0.5, 0.25, 0.75}};
  arrays["a_case/inputs/action_cluster"] = {{2}, {0, 0}};
  arrays["a_case/inputs/f_hat"] = arrays.at("a_case/inputs/q_hat");
  arrays["a_case/inputs/context"] = {{3, 1}, {0, 1, 2}};
  ArrayOptions options;
  const auto e = score(arrays);
  // One cluster: weights of 1.
  CHECK(e.at("offcem").value == Approx((1.8 + 0.5 - 0.25 + 1) / 3));
  CHECK(e.at("switch_inf").value == Approx(e.at("ipw").value));
  // The logged weight 0.5 meets a reward of 0; the model stands for actions with more than that.
  CHECK(e.at("switch_0.5").value == Approx((0.75 * 0.5 + 0.75 * 0.85 + 0.5 * 1 + 0.5 * 0) / 3));
  CHECK(e.count("dr_ridge") == 1);
  options.estimators = {"el_4", "cressie_read_4"};
  CHECK(score(arrays, options).size() == 2);
  options.estimators = {"el_1"};
  CHECK_THAT(refusal(arrays, options),
             Catch::Contains("--estimators el_1: a weight is 2, above 1"));
}

TEST_CASE("the program scores arrays, writes results and says what is wrong") {
  const TemporaryFolder folder;
  const std::string file = write_arrays(folder.path("x.h5"), bandit_by_hand());
  const std::string out = folder.path("out");
  const Called called = call_program(
      {"evaluate", file, "--layout", "obp", "--out", out, "--estimators", "ips,snips,dr_clip_2"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  const auto results = nlohmann::json::parse(bytes_of(out + "/results.json"));
  CHECK(results.at("schema") == "rehearsal.arrays/1");
  const auto& scored = results.at("cases").at("a_case");
  CHECK(scored.size() == 3);
  CHECK(scored.at("ipw").at("value").get<double>() == Approx(5.5 / 3).epsilon(1e-14));
  for (const char* key : {"value", "stderr", "low", "high"})
    CHECK(scored.at("dr_clip_2").at(key).is_number());
  CHECK(called.out.find("dr_clip_2") != std::string::npos);
  const std::string bad = write_arrays(folder.path("bad.h5"), changed("pscore", 1, 0));
  const Called refused = call_program({"evaluate", bad, "--layout", "obp"});
  CHECK(refused.status == 2);
  CHECK(refused.err.find("bad.h5:a_case/inputs/pscore: value [1] is 0") != std::string::npos);
  CHECK(call_program({"evaluate", file, "--layout", "obq"}).status == 2);
  CHECK(call_program({"evaluate", file}).status == 2);
  CHECK(call_program({"evaluate", folder.path("none.h5"), "--layout", "obp"}).status == 2);
  CHECK(call_program({"evaluate", file, "--layout", "obp", "--policy", "x=uniform"}).status == 2);
}
