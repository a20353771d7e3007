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
