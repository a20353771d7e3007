// Large groups of arrays, scored in blocks.
#include <cmath>

#include "sim/core/rng.h"
#include "tests/scenarios/arrays_fixture.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Rounds of three actions with every input that blocks read, and contexts, which they do not.
Arrays many_rounds(std::size_t n) {
  Arrays arrays;
  const auto add = [&](const std::string& name, std::vector<std::size_t> shape) -> auto& {
    return (arrays["a_case/inputs/" + name] = {std::move(shape), {}}).values;
  };
  Stream draw = Rng(3).stream(Draw::kWorld, {});
  const auto rows = [&](std::vector<double>& out) {
    for (std::size_t i = 0; i < n; ++i) {
      const double a = 0.1 + 0.4 * draw.uniform(), b = 0.1 + 0.3 * draw.uniform();
      out.insert(out.end(), {a, b, 1 - a - b});
    }
  };
  rows(add("action_dist", {n, 3, 1}));
  rows(add("pi_b", {n, 3, 1}));
  add("action_cluster", {3}) = {0, 1, 1};
  for (const char* table : {"q_hat", "f_hat"})
    for (std::size_t c = 0; c < 3 * n; ++c) {
      if (c == 0) add(table, {n, 3, 1});
      arrays[std::string("a_case/inputs/") + table].values.push_back(draw.uniform());
    }
  const std::vector<double> pi_b = arrays["a_case/inputs/pi_b"].values;
  std::vector<double>&action = add("action", {n}), &reward = add("reward", {n}),
  &pscore = add("pscore", {n}), &context = add("context", {n, 1});
  for (std::size_t i = 0; i < n; ++i) {
    action.push_back(draw() % 3);
    reward.push_back(1e3 + draw.uniform());
    pscore.push_back(pi_b[3 * i + static_cast<std::size_t>(action[i])]);
    context.push_back(draw.uniform());
  }
  return arrays;
}

using Column = std::vector<double>;

Column& put(Arrays& arrays, const std::string& name, std::vector<std::size_t> shape) {
  return (arrays["a_case/inputs/" + name] = {std::move(shape), {}}).values;
}

/// The same rounds with embeddings of two dimensions of two values.
Arrays embedded_rounds(std::size_t n) {
  Arrays arrays = many_rounds(n);
  put(arrays, "p_e_a", {3, 2, 2}) = {.7, .2, .3, .8, .5, .5, .5, .5, .1, .6, .9, .4};
  arrays["a_case/inputs/pi_a_x_e_hat"] = {{n, 3}, arrays["a_case/inputs/pi_b"].values};
  Stream draw = Rng(4).stream(Draw::kWorld, {});
  Column& embed = put(arrays, "action_embed", {n, 2});
  for (std::size_t i = 0; i < 2 * n; ++i) embed.push_back(draw() % 2);
  return arrays;
}

/// The same rounds by three loggers.
Arrays rounds_of_loggers(std::size_t n) {
  Arrays arrays = many_rounds(n);
  Stream draw = Rng(5).stream(Draw::kWorld, {});
  Column& average = put(arrays, "pscore_avg", {n});
  for (std::size_t i = 0; i < n; ++i) average.push_back(.1 + .5 * draw.uniform());
  Column& stratum = put(arrays, "stratum_idx", {n});
  for (std::size_t i = 0; i < n; ++i) stratum.push_back(draw.uniform() < .01 ? 9 : draw() % 2);
  return arrays;
}

Arrays rounds_on_the_line(std::size_t n) {
  Arrays arrays;
  Stream draw = Rng(6).stream(Draw::kWorld, {});
  for (const char* name : {"action", "action_by_evaluation_policy", "reward", "pscore",
                           "q_hat_at_evaluation_action"}) {
    Column& column = put(arrays, name, {n});
    for (std::size_t i = 0; i < n; ++i) column.push_back(.1 + draw.uniform());
  }
  return arrays;
}

/// Slates of one to four positions, ever longer, over two actions.
Arrays many_slates(std::size_t n_slates) {
  Arrays arrays;
  Stream draw = Rng(7).stream(Draw::kWorld, {});
  Column &id = put(arrays, "slate_id", {}), &position = put(arrays, "position", {});
  Column &reward = put(arrays, "reward", {}), &action = put(arrays, "action", {});
  for (std::size_t i = 0; i < n_slates; ++i)
    for (std::size_t k = 0; k < 1 + draw() % (1 + 4 * i / n_slates); ++k) {
      id.push_back(static_cast<double>(2 * i));
      position.push_back(static_cast<double>(k));
      reward.push_back(10 + draw.uniform());
      action.push_back(draw() % 2);
    }
  const std::size_t n = id.size();
  for (const char* name : {"slate_id", "position", "reward", "action"})
    arrays[std::string("a_case/inputs/") + name].shape = {n};
  for (const char* of : {"", "_item_position", "_cascade"})
    for (const char* policy : {"", "evaluation_policy_"}) {
      Column& p = put(arrays, policy + std::string("pscore") + of, {n});
      for (std::size_t s = 0; s < n; ++s)
        p.push_back(*of == 0 && position[s] > 0 ? p.back() : .2 + .8 * draw.uniform());
    }
  Column& q = put(arrays, "q_hat", {2 * n});
  for (std::size_t c = 0; c < 2 * n; ++c) q.push_back(draw.uniform());
  put(arrays, "evaluation_policy_action_dist", {2 * n}) = Column(2 * n, .5);
  arrays["a_case/inputs/q_hat_iw"] = {{2 * n}, q};
  return arrays;
}

ArrayOptions in_blocks(std::size_t block_values, int threads) {
  ArrayOptions options;
  options.most_values = 0;
  options.block_values = block_values;
  options.threads = threads;
  return options;
}

}  // namespace

TEST_CASE("blocks give the scores of all rounds at once and threads change no byte of them") {
  const TemporaryFolder folder;
  const std::string file = write_arrays(folder.path("x.h5"), many_rounds(5001));
  const auto scored = [&](const ArrayOptions& options) {
    return evaluate_arrays(file, array_layouts().at("obp"), options).at(0);
  };
  const auto whole = estimates_of(scored({}));
  const NamedCase one = scored(in_blocks(4096, 1)), three = scored(in_blocks(4096, 3));
  const auto blocks = estimates_of(one);
  for (const char* left : {"el", "cressie_read", "dm_ridge", "dr_ridge", "sndr_ridge"}) {
    CHECK(whole.count(left) == 1);
    CHECK(blocks.count(left) == 0);
  }
  CHECK(blocks.count("offcem") == 1);
  CHECK(blocks.count("switch_2") == 1);
  CHECK(one.result.warnings.front().find("scored in blocks: el, cressie_read") == 0);
  CHECK(blocks.size() + 5 == whole.size());
  for (const auto& [key, e] : blocks) {
    INFO(key);
    CHECK(e.value == Approx(whole.at(key).value).epsilon(1e-12));
    CHECK(e.standard_error == Approx(whole.at(key).standard_error).epsilon(1e-9));
  }
  CHECK(arrays_to_json({one}) == arrays_to_json({three}));
  ArrayOptions asked = in_blocks(4096, 1);
  asked.estimators = {"el", "ipw"};
  CHECK(estimates_of(scored(asked)).at("el").value == whole.at("el").value);
}

TEST_CASE("every kind of group is scored in blocks as it is at once") {
  const struct {
    const char* kind;
    Arrays arrays;
    std::size_t n_left_out;
  } cases[] = {
      {"embeddings", embedded_rounds(1501), 17},  // likelihoods, ridge models, twelve by SLOPE
      {"loggers", rounds_of_loggers(1501), 0},
      {"continuous actions", rounds_on_the_line(1501), 0},
      {"slates", many_slates(700), 0},
  };
  for (const auto& each : cases) {
    INFO(each.kind);
    const TemporaryFolder folder;
    const std::string file = write_arrays(folder.path("x.h5"), each.arrays);
    const auto scored = [&](const ArrayOptions& options) {
      return evaluate_arrays(file, array_layouts().at("obp"), options).at(0);
    };
    const auto whole = estimates_of(scored({}));
    const NamedCase one = scored(in_blocks(2000, 1)), three = scored(in_blocks(2000, 3));
    const auto blocks = estimates_of(one);
    CHECK(blocks.size() + each.n_left_out == whole.size());
    CHECK(blocks.size() > 8);
    for (const auto& [key, e] : blocks) {
      INFO(key);
      CHECK(e.value == Approx(whole.at(key).value).epsilon(1e-12));
      // Rewards near 1,000 that spread by .3: ratios lose six digits of their variance.
      CHECK(e.standard_error == Approx(whole.at(key).standard_error).epsilon(1e-8));
    }
    CHECK(arrays_to_json({one}) == arrays_to_json({three}));
    CHECK(arrays_to_json({one}) != arrays_to_json({scored({})}));  // not to the last digit
  }
}

TEST_CASE("slates in any order of ids are scored whole and a slate in two places is refused") {
  Arrays arrays = many_slates(300);
  const auto ordered = score(arrays, in_blocks(500, 1));
  Column& id = arrays["a_case/inputs/slate_id"].values;
  for (double& each : id) each = 1e4 - each;
  const auto whole = score(arrays, in_blocks(500, 1));
  CHECK(whole.size() == ordered.size());
  for (const auto& [key, e] : whole) CHECK(e.value == Approx(ordered.at(key).value).epsilon(1e-12));
  for (double& each : id) each = each == id.back() ? id.front() : each;
  CHECK(refusal(arrays, in_blocks(500, 1)).find("a slate's rows next to each other") !=
        std::string::npos);
}

TEST_CASE("a stratum that does not vary is seen over all blocks") {
  Arrays arrays = rounds_of_loggers(600);
  for (std::size_t i = 0; i < 600; ++i)
    if (arrays["a_case/inputs/stratum_idx"].values[i] == 9)
      arrays["a_case/inputs/reward"].values[i] = 0;
  const auto scored = score(arrays, in_blocks(1000, 1));
  CHECK(scored.count("weighted_ipw") == 0);
  CHECK(scored.count("weighted_dr") == 1);
  CHECK(scored.count("naive_ipw") == 1);
}

TEST_CASE("blocks name bad values by their place in the file and differing lengths") {
  Arrays arrays = many_rounds(700);
  arrays["a_case/inputs/reward"].values[613] = std::nan("");
  CHECK(refusal(arrays, in_blocks(1000, 2)).find("reward: value [613] is nan") !=
        std::string::npos);
  arrays = many_rounds(700);
  arrays["a_case/inputs/action_dist"].values[3 * 641] += 0.5;
  CHECK(refusal(arrays, in_blocks(1000, 2)).find("[641, :, 0] sum to 1.5") != std::string::npos);
  arrays = many_rounds(700);
  arrays["a_case/inputs/reward"] = {{699}, std::vector<double>(699, 1.0)};
  CHECK(refusal(arrays, in_blocks(1000, 2)).find("reward: has shape (699), expected 700 rounds") !=
        std::string::npos);
  arrays = many_slates(700);
  arrays["a_case/inputs/q_hat"].values[1201] = std::nan("");
  CHECK(refusal(arrays, in_blocks(1000, 2)).find("q_hat: value [1201] is nan") !=
        std::string::npos);
  arrays = many_slates(700);
  arrays["a_case/inputs/evaluation_policy_action_dist"].values[1200] = .25;
  CHECK(refusal(arrays, in_blocks(1000, 2)).find("of row 600 sum to 0.75") != std::string::npos);
}

TEST_CASE("what one block rules out no other block brings back") {
  Arrays arrays = many_rounds(700);
  for (std::size_t c = 0; c < 3 * 600; ++c)
    arrays["a_case/inputs/action_dist"].values[c] = c % 3 == 0 ? 1 : 0;
  arrays["a_case/inputs/reward"].values[650] = -1;
  const auto scored = score(arrays, in_blocks(1000, 1));
  CHECK(scored.count("ipw") == 1);
  CHECK(scored.count("replay") == 0);
  CHECK(scored.count("ls_0.1") == 0);
}
