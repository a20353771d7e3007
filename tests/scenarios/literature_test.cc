#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "scenarios/literature/additive_logistic.h"
#include "scenarios/literature/literature_study.h"
#include "scenarios/literature/regression_tree.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/trial.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

const std::string kStudies = testing::source_folder() + "/scenarios/studies";

/// Sizes of the studies that take long.
const std::map<std::string, std::vector<std::string>> kSmaller{
    {"search_slates", {"grid.rounds=[50, 100]", "benchmark.docs=15", "shape=[]"}},
    {"offcem", {"grid.actions=[50]", "grid.rounds=[200]", "benchmark.truth_users=50"}},
    {"lips", {"benchmark.rounds=60", "benchmark.samples=5", "benchmark.steps=5"}}};

std::string literature_error(const std::string& text) {
  const TemporaryFolder folder;
  const std::string file = folder.write("study.yaml", text);
  try {
    run_literature(load_literature_study(file), 1, nullptr);
  } catch (const Error& error) {
    CHECK(error.exit_status() == 2);
    return error.what();
  }
  FAIL("accepted: " << text);
  return "";
}

}  // namespace

TEST_CASE(
    "every benchmark study of the literature runs small and one or two threads give the same") {
  std::size_t n_studies = 0;
  for (const auto& entry : fs::directory_iterator(kStudies)) {
    const std::string file = entry.path().string();
    if (!is_literature_study(file)) continue;
    INFO(file);
    ++n_studies;
    CHECK(load_literature_study(file, true).seeds.size() >=
          load_literature_study(file).seeds.size());
    const TemporaryFolder folder;
    const auto call = [&](const std::string& threads) {
      std::vector<std::string> arguments{"study",     file,    "--set", "seeds=2",
                                         "--threads", threads, "--out", folder.path(threads)};
      const LiteratureStudy study = load_literature_study(file);
      if (study.benchmark["rounds"].IsDefined())
        arguments.insert(arguments.end(), {"--set", "benchmark.rounds=200"});
      const auto smaller = kSmaller.find(study.type);
      if (smaller != kSmaller.end())
        for (const std::string& assignment : smaller->second)
          arguments.insert(arguments.end(), {"--set", assignment});
      const Called called = call_program(arguments);
      INFO(called.err);
      REQUIRE(called.status == 0);
      return bytes_of(folder.path(threads + "/benchmark.json"));
    };
    const std::string two = call("2");
    CHECK(two == call("1"));
    const nlohmann::json json = nlohmann::json::parse(two);
    CHECK(json.at("rows").size() >= json.at("cells").size());
    for (const auto& row : json.at("rows")) CHECK(row.at("mse").is_number());
  }
  CHECK(n_studies >= 2);
}

TEST_CASE("a benchmark study that cannot be is refused by name") {
  const std::string start = "benchmark: {type: cascade_dr, rounds: 20, truth_rounds: 100}\n";
  CHECK_THAT(literature_error("benchmark: {type: cascade}\n"),
             Catch::Contains("did you mean 'cascade_dr'?"));
  CHECK_THAT(literature_error("benchmark: {rounds: 3}\n"),
             Catch::Contains("benchmark.type: is missing"));
  CHECK_THAT(literature_error(start + "grid: {lenght: [3]}\n"),
             Catch::Contains("did you mean 'length'?"));
  CHECK_THAT(literature_error(start + "measure: rmse\n"), Catch::Contains("measure"));
  CHECK_THAT(literature_error(start + "measure: ratio\nreference: cdr\n"),
             Catch::Contains("unknown estimator 'cdr'"));
  CHECK_THAT(literature_error(start + "published: {sips: [1, 2]}\n"), Catch::Contains("1 figures"));
  CHECK_THAT(literature_error(start + "shape: [{text: nothing}]\n"),
             Catch::Contains("expected an order"));
  CHECK_THAT(literature_error(start + "shape: [{text: x, order: [sips, rips], by: [1, 2]}]\n"),
             Catch::Contains("beside rises or falls"));
  CHECK_THAT(literature_error(start + "shape: [{text: x, rises: sips, along: length}]\n"),
             Catch::Contains("unknown grid key 'length'"));
}

TEST_CASE("claims are counted cell by cell") {
  const TemporaryFolder folder;
  const std::string file = folder.write(
      "study.yaml",
      "benchmark: {type: cascade_dr, rounds: 50, truth_rounds: 100, structure: independent}\n"
      "grid: {length: [1, 2], depth: [0, 1]}\nseeds: 3\n"
      "published: {sips: [1, 2, ~, 4]}\n"
      "shape:\n"
      "  - {text: one position makes all weights alike, where: {length: ['1']}, order: [sips, "
      "iips]}\n"
      "  - {text: backwards, where: {length: ['1']}, order: [iips, sips]}\n"
      "  - {text: never, at_most: {sips: -1}}\n"
      "  - {text: always, at_least: {sips: 0}}\n"
      "  - {text: each depth, rises: sips, along: length}\n"
      "  - {text: by too much, rises: sips, along: length, by: [1e6, 1e7]}\n");
  const LiteratureReport report = run_literature(load_literature_study(file), 1, nullptr);
  REQUIRE(report.claims.size() == 6);
  CHECK(report.claims[5].n_held == 0);
  CHECK(report.claims[0].n == 2);
  CHECK(report.claims[0].n_held == 2);
  CHECK(report.claims[1].n_held == 2);
  CHECK(report.claims[2].n_held == 0);
  CHECK(report.claims[2].missed.find("length=2, depth=1") != std::string::npos);
  CHECK(report.claims[3].n_held == 4);
  CHECK(report.claims[4].n == 2);
  CHECK(report.rows[4].published == std::optional(2.0));
  CHECK(!report.rows[8].published);
}

TEST_CASE("a regression tree splits where squared errors fall most, by hand") {
  // One feature splits 0 | 1 exactly; the other is noise. A row of weight 0 does not count.
  const std::vector<double> x{0, 5, 1, 3, 2, 4, 3, 1, 9, 9};
  const std::vector<double> y{1, 1, 4, 6, 100}, w{1, 1, 1, 3, 0};
  const RegressionRows rows{2, x, y, w};
  const RegressionTree stump(rows, 1);
  CHECK(stump.n_leaves() == 2);
  CHECK(stump.predict(std::vector<double>{1.4, 0}) == Approx(1));
  CHECK(stump.predict(std::vector<double>{1.6, 0}) == Approx(5.5));
  const RegressionTree whole(rows, 0);
  CHECK(whole.predict(std::vector<double>{0, 0}) == Approx(24.0 / 6));
  CHECK(RegressionTree(rows, 5).n_leaves() == 3);
}

TEST_CASE("expected rewards of slates whose positions move each other, by hand") {
  SlateRewards rewards;
  rewards.interaction = RowMatrix::Zero(2, 2);
  rewards.interaction << 0.5, -1, -1, 2;
  const std::vector<double> logits{0.3, -0.2};
  const std::vector<std::uint16_t> slate{1, 0, 1};
  std::vector<double> out(3);
  rewards.expected(logits, slate, out);
  CHECK(out[1] == Approx(logistic(0.3 - 1 - 1)));
  CHECK(out[2] == Approx(logistic(-0.2 + 2 - 1)));
  rewards.structure = RewardStructure::kCascade;
  rewards.expected(logits, slate, out);
  CHECK(out[0] == Approx(logistic(-0.2)));
  CHECK(out[1] == Approx(logistic(0.3 - 1)));
  rewards.additive = false;
  rewards.expected(logits, slate, out);
  CHECK(out[2] == Approx(logistic(-0.2 - 0.3 / 2 + 0.2 / 3)));
  rewards.structure = RewardStructure::kIndependent;
  rewards.expected(logits, slate, out);
  CHECK(out[2] == Approx(logistic(-0.2)));
  std::size_t with = 0, without = 0;
  each_slate(4, 3, true, [&](auto) { ++with; });
  each_slate(4, 3, false, [&](auto) { ++without; });
  CHECK(with == 64);
  CHECK(without == 24);
}

TEST_CASE("the Cascade-DR benchmark knows its value: that of all slates, enumerated") {
  const std::uint64_t seed = 3;
  const std::string keys =
      "rounds: 20, length: 3, actions: 4, structure: standard, interaction: additive, tilt: '0.8', "
      "truth_rounds: 20000";
  const double truth = trial_of("cascade_dr", keys, seed).scored[0].truth;
  // The same world, with the benchmark's draws in its order, on other contexts.
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  const BilinearLogits base(4, 5, world);
  world.uniform();
  SlateRewards rewards;
  rewards.interaction = symmetric_normals(world, 4, 5);
  world.uniform();
  std::vector<double> pi = uniforms(world, 4, 0, 1), logits(4), expected(3);
  softmax(pi, 0.8);
  std::vector<double> values;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    Stream request = rng.stream(Draw::kRequest, {UserId{i}, 2, 0});
    base.at(normals(request, 5), logits);
    double value = 0;
    each_slate(4, 3, true, [&](std::span<const std::uint16_t> slate) {
      rewards.expected(logits, slate, expected);
      value +=
          pi[slate[0]] * pi[slate[1]] * pi[slate[2]] * (expected[0] + expected[1] + expected[2]);
    });
    values.push_back(value);
  }
  double mean = 0, square = 0;
  for (const double v : values) mean += v / 4000;
  for (const double v : values) square += (v - mean) * (v - mean) / 3999;
  // A sampled slate's expected rewards vary by at most 9 / 4 besides.
  CHECK(std::abs(truth - mean) < 4 * std::sqrt(square / 4000 + (square + 2.25) / 20000));
}

TEST_CASE("the slate quickstart knows its value exactly, by hand for one position") {
  const std::uint64_t seed = 5;
  const Trial trial = trial_of("obp_slate", "rounds: 50, actions: 4, length: 1, scale: 3", seed);
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  const BilinearLogits base(4, 2, world);
  std::vector<double> q(4);
  double truth = 0, uniform = 0;
  for (std::uint32_t i = 0; i < 50; ++i) {
    Stream request = rng.stream(Draw::kRequest, {UserId{i}, 0, 0});
    base.at(normals(request, 2), q);
    for (double& each : q) each = logistic(each);
    std::vector<double> pi = q;
    softmax(pi, 3);
    for (std::size_t a = 0; a < 4; ++a) truth += pi[a] * q[a] / 50;
    for (std::size_t a = 0; a < 4; ++a) uniform += q[a] / 200;
  }
  REQUIRE(trial.scored.size() == 18);
  CHECK(trial.scored[0].estimator == "sips_optimal");
  CHECK(trial.scored[0].truth == Approx(truth).epsilon(1e-12));
  // One position: the three kinds of weights are one.
  CHECK(trial.scored[1].estimate == Approx(trial.scored[0].estimate).epsilon(1e-12));
  CHECK(trial.scored[2].estimate == Approx(trial.scored[0].estimate).epsilon(1e-12));
  CHECK(trial.scored[6].estimator == "sips_optimal_wrong_sign");
  const bool wrong = (trial.scored[0].estimate > uniform) != (truth > uniform);
  CHECK(trial.scored[6].estimate == (wrong ? 1 : 0));
}

TEST_CASE("the bandit quickstart knows its value exactly, by hand for the uniform policy") {
  const std::uint64_t seed = 6;
  const Trial trial =
      trial_of("obp_bandit", "rounds: 60, actions: 3, features: 2, policy: uniform", seed);
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  const BilinearLogits base(3, 2, world);
  std::vector<double> q(3);
  double truth = 0;
  for (std::uint32_t i = 0; i < 60; ++i) {
    Stream request = rng.stream(Draw::kRequest, {UserId{i}, 0, 0});
    base.at(normals(request, 2), q);
    for (const double each : q) truth += logistic(each) / 180;
  }
  for (const Trial::Scored& each : trial.scored) CHECK(each.truth == Approx(truth).epsilon(1e-12));
  // Better than guessing: the learner's value is above that of the uniform policy.
  const double learner =
      trial_of("obp_bandit", "rounds: 2000, actions: 3, features: 2", seed).scored[0].truth;
  CHECK(learner > truth);
}

TEST_CASE("the benchmark of marginalized weights agrees with its own value where nothing is off") {
  // Logging and evaluation policy are uniform: every weight is 1, and IPS is the mean reward.
  double sum = 0, square = 0;
  constexpr int kSeeds = 20;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Trial trial =
        trial_of("mips", "rounds: 1000, actions: 5, beta: 0, epsilon: 1, truth_rounds: 1000", seed);
    const auto of = [&](const std::string& name) {
      for (const Trial::Scored& each : trial.scored)
        if (each.estimator == name) return each.estimate - each.truth;
      FAIL("no " << name);
      return 0.0;
    };
    CHECK(of("mips") == Approx(of("ips")).epsilon(1e-9));
    CHECK(of("mips_without_last") == Approx(of("ips")).epsilon(1e-9));
    sum += of("ips");
    square += of("ips") * of("ips");
  }
  CHECK(std::abs(sum / kSeeds) < 4 * std::sqrt(square / kSeeds / kSeeds));
  CHECK(square / kSeeds < 4 * (2.5 * 2.5 + 2) / 1000);  // noise and contexts, no more
}

TEST_CASE(
    "weights over what users are moved by are unbiased for the value that the benchmark knows") {
  double sums[2] = {0, 0}, squares[2] = {0, 0};
  constexpr int kSeeds = 30;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Trial trial = trial_of("aips", "rounds: 500, length: 3, truth_rounds: 5000", seed);
    REQUIRE(trial.scored.size() == 6);
    for (int e = 0; e < 2; ++e) {
      const Trial::Scored& each = trial.scored[e == 0 ? 0 : 3];
      CHECK(each.estimator == (e == 0 ? "sips" : "aips_true"));
      sums[e] += each.estimate - each.truth;
      squares[e] += (each.estimate - each.truth) * (each.estimate - each.truth);
    }
  }
  for (int e = 0; e < 2; ++e)
    CHECK(std::abs(sums[e] / kSeeds) < 4 * std::sqrt(squares[e]) / kSeeds);
  CHECK(squares[1] < squares[0]);
}

TEST_CASE("the benchmark of adaptive weights knows its value: that of all slates, enumerated") {
  // One position is felt with all others (l = 2 makes every behavior but the random ones the same).
  const std::uint64_t seed = 4;
  const std::string keys = "rounds: 200, length: 2, deviation: 0, truth_rounds: 4000";
  const double truth = trial_of("aips", keys, seed).scored[0].truth;
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  for (int draw = 0; draw < 2 * (6 + 3); ++draw) world();
  uniforms(world, 6 * 5, 0, 1);
  uniforms(world, 3, 0, 1);
  const BilinearLogits base(3, 5, world);
  // Interactions of the published seed, 8 / 2 times; its logging policy likes item 0 least.
  const double w[3][3] = {
      {-.204708, -.555730, .092908}, {-.555730, 1.965781, .281746}, {.092908, .281746, .769023}};
  const double pi[3] = {.8, .1, .1};
  std::vector<double> q(3);
  double sum = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    Stream request = rng.stream(Draw::kRequest, {UserId{i}, 1, 0});
    base.at(normals(request, 5), q);
    each_slate(3, 2, true, [&](std::span<const std::uint16_t> slate) {
      const double own = 2 + logistic(q[slate[0]]) + logistic(q[slate[1]]);
      sum += pi[slate[0]] * pi[slate[1]] * (own + 2 * 4 * w[slate[0]][slate[1]]);
    });
  }
  CHECK(truth == Approx(sum / 4000).epsilon(1e-10));
  CHECK_THROWS_AS(trial_of("aips", "actions: 4", seed), Error);
  CHECK_NOTHROW(trial_of("aips", "actions: 4, world: drawn, rounds: 200", seed));
}

TEST_CASE("the benchmark of examination knows its value: that of all slates, enumerated") {
  const std::uint64_t seed = 8;
  const Trial trial =
      trial_of("ed_dr",
               "rounds: 60, items: 3, length: 2, features: 2, examination: ranking, epsilon: 0.3, "
               "truth_rounds: 300",
               seed);
  REQUIRE(trial.scored.size() == 7);
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  const double deviation = 1 / std::sqrt(2.0);
  normals(world, 3 * 2, deviation);
  const std::vector<double> liked = normals(world, 3 * 3, deviation);
  double sum = 0;
  for (std::uint32_t i = 0; i < 300; ++i) {
    Stream request = rng.stream(Draw::kRequest, {UserId{i}, 1, 0});
    const std::vector<double> x = normals(request, 2);
    std::vector<double> r;
    for (std::size_t a = 0; a < 3; ++a)
      r.push_back(logistic(liked[3 * a] + liked[3 * a + 1] * x[0] + liked[3 * a + 2] * x[1]));
    each_slate(3, 2, false, [&](std::span<const std::uint16_t> slate) {
      const std::size_t last = 3u - slate[0] - slate[1];
      const bool best = r[slate[0]] > r[slate[1]] && r[slate[1]] > r[last];
      const double clicks = r[slate[0]] + std::exp(-r[slate[0]]) / 2 * r[slate[1]];
      sum += (0.3 / 6 + (best ? 0.7 : 0)) * clicks;
    });
  }
  for (const Trial::Scored& each : trial.scored) CHECK(each.truth == Approx(sum / 300));
}

TEST_CASE("the additive logistic model finds the coefficients that made its data") {
  const Rng rng(9);
  Stream stream = rng.stream(Draw::kWorld, {});
  const std::size_t n = 20000;
  const std::vector<double> x = normals(stream, n);
  std::vector<std::uint32_t> action(n), rows(n);
  std::vector<double> reward(n);
  const double effect[2] = {-0.5, 1.0};
  for (std::uint32_t i = 0; i < n; ++i) {
    rows[i] = i;
    action[i] = stream.uniform() < 0.5 ? 0 : 1;
    reward[i] = stream.uniform() < logistic(0.8 * x[i] + effect[action[i]]) ? 1 : 0;
  }
  const auto model = make_additive_logistic(1e-3);
  model->fit({2, 1, x, action, reward}, rows);
  std::vector<double> q(2);
  for (const double at : {-1.0, 0.5}) {
    model->predict(std::vector<double>{at}, q);
    CHECK(q[0] == Approx(logistic(0.8 * at - 0.5)).margin(0.02));
    CHECK(q[1] == Approx(logistic(0.8 * at + 1.0)).margin(0.02));
  }
}
