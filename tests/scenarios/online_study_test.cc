#include "scenarios/literature/literature_study.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/trial.h"

using namespace rehearsal;

TEST_CASE("bandits on Deezer's carousels lose less than random lists and are the same each time",
          "[online]") {
  const std::string keys =
      "rounds: 3000, batches: 10, users: 300, items: 40, positions: 4, dimensions: 4, segments: 2, "
      "mean_logit: -3";
  const Trial once = trial_of("deezer_bandits", keys, 5);
  const Trial again = trial_of("deezer_bandits", keys, 5);
  REQUIRE(once.scored.size() == 10);
  for (std::size_t p = 0; p < 10; ++p) {
    INFO(once.scored[p].estimator);
    CHECK(once.scored[p].estimate == again.scored[p].estimate);
    // 100 displays of each playlist and segment are most of what there is.
    const bool explores = once.scored[p].estimator == "etc-seg-explore";
    CHECK((p == 0 ? once.scored[p].estimate == 1 : once.scored[p].estimate < (explores ? 1.1 : 1)));
  }
  const Trial regret = trial_of("deezer_bandits", keys + ", report: regret", 5);
  CHECK(regret.scored[3].estimate / regret.scored[0].estimate == Approx(once.scored[3].estimate));
  CHECK_THROWS_WITH(trial_of("deezer_bandits", "rounds: 5, batches: 10", 1),
                    Catch::Contains("fewer than one a batch"));
}

TEST_CASE(
    "the order of published figures is told by Kendall's tau and the pairs that are swapped") {
  const std::string start =
      "benchmark: {type: deezer_bandits, rounds: 40, batches: 2, users: 40, items: 20, positions: "
      "3, dimensions: 2, segments: 1}\nmeasure: mean\n";
  const auto claim = [&](const std::string& published, double least) {
    const TemporaryFolder folder;
    const std::string file = folder.write(
        "study.yaml", start + "published: {" + published +
                          "}\nshape: [{text: order, least_tau: " + std::to_string(least) + "}]\n");
    return run_literature(load_literature_study(file), 1, nullptr).claims.at(0);
  };
  const TemporaryFolder folder;
  const LiteratureReport report =
      run_literature(load_literature_study(folder.write("s.yaml", start)), 1, nullptr);
  // Published figures made from ours: as they are, and with the first two places exchanged.
  std::vector<std::pair<double, std::string>> ours;
  for (const LiteratureRow& row : report.rows) ours.emplace_back(row.measured, row.estimator);
  std::sort(ours.begin(), ours.end());
  for (std::size_t k = 1; k < ours.size(); ++k)
    if (ours[k].first == ours[k - 1].first) ours.erase(ours.begin() + static_cast<long>(k--));
  REQUIRE(ours.size() >= 3);
  ours.resize(3);
  const std::string &a = ours[0].second, &b = ours[1].second, &c = ours[2].second;
  const ClaimResult right = claim(a + ": [1], " + b + ": [2], " + c + ": [3]", 1);
  CHECK(right.n_held == 1);
  CHECK_THAT(right.text, Catch::Contains("tau 1.00"));
  const ClaimResult wrong = claim(a + ": [2], " + b + ": [1], " + c + ": [3]", 0.9);
  CHECK(wrong.n_held == 0);
  CHECK_THAT(wrong.text, Catch::Contains("tau 0.33, swapped: " + b + " and " + a));
}
