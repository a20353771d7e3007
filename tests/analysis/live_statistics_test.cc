#include "analysis/live_statistics.h"

#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

struct Experiment {
  std::vector<LiveSums> sums;
  std::vector<std::uint32_t> rounds;
  std::vector<std::uint8_t> arm;
};

/// Users of 1 to 3 rounds; policy 1 lifts the click rate by 10 %. Both policies share each user's
/// taste (exact values) and noise (samples).
Experiment simulate(std::uint32_t n_users, std::uint64_t seed) {
  Experiment e;
  e.sums.resize(2);
  for (LiveSums& sums : e.sums) {
    sums.exact = RowMatrix::Zero(n_users, 1);
    sums.sampled = RowMatrix::Zero(n_users, 1);
  }
  const Rng rng(seed);
  for (std::uint32_t u = 0; u < n_users; ++u) {
    Stream stream = rng.stream(Draw::kResponse, Turn{UserId{u}, 0, 0});
    e.rounds.push_back(1 + u % 3);
    e.arm.push_back(static_cast<std::uint8_t>(stream() >> 31));
    const double taste = 0.2 + 0.2 * stream.uniform();
    for (std::uint32_t round = 0; round < e.rounds.back(); ++round) {
      const double luck = stream.uniform();
      for (std::size_t p = 0; p < 2; ++p) {
        const double rate = taste * (p == 1 ? 1.1 : 1.0);
        e.sums[p].exact(u, 0) += rate;
        e.sums[p].sampled(u, 0) += luck < rate ? 1 : 0;
      }
    }
  }
  return e;
}

std::vector<PolicyResult> statistics(const Experiment& e) {
  std::vector<PolicyResult> results(2);
  live_statistics(e.sums, e.rounds, e.arm, {"ctr"}, 0, 0.95, results);
  return results;
}

}  // namespace

TEST_CASE("live values and lifts of two users equal the sums worked by hand") {
  Experiment e;
  e.rounds = {1, 3};
  e.arm = {0, 1};
  e.sums.resize(2);
  e.sums[0].sampled.resize(2, 1);
  e.sums[0].sampled << 1, 1;
  e.sums[1].sampled.resize(2, 1);
  e.sums[1].sampled << 1, 2;
  const auto results = statistics(e);
  CHECK(results[0].live.at("ctr").value == 0.5);
  CHECK_FALSE(results[0].live.at("ctr").exact);
  CHECK(results[0].live.at("ctr").standard_error == Approx(std::sqrt(2 * (.25 + .25) / 16)));
  const LiveLift& lift = results[1].lift.at("ctr");
  CHECK(lift.lift.value == Approx(0.5));
  CHECK(lift.sampled_paired_standard_error == Approx(std::sqrt(2 * (.25 + .25) / 4)));
  CHECK(lift.ab.value == Approx(2.0 / 3 - 1));
  CHECK(results[0].lift.at("ctr").lift.value == 0);
  CHECK(results[0].lift.at("ctr").sampled_paired_standard_error == 0);
}

TEST_CASE("exact paired lifts are exact where the lift is the same for everyone") {
  const auto results = statistics(simulate(4000, 1));
  const LiveLift& lift = results[1].lift.at("ctr");
  CHECK(lift.lift.value == Approx(0.1).epsilon(1e-12));
  CHECK(lift.exact_paired_standard_error < 1e-12);
  CHECK(lift.sampled_paired_standard_error < lift.sampled_unpaired_standard_error);
  CHECK(results[1].live.at("ctr").exact);
}

TEST_CASE("standard errors of sampled lifts equal their spread over repetitions") {
  constexpr int kRepetitions = 400;
  double paired = 0, paired_squares = 0, ab = 0, ab_squares = 0, paired_error = 0, ab_error = 0;
  for (int r = 0; r < kRepetitions; ++r) {
    Experiment e = simulate(400, 100 + static_cast<std::uint64_t>(r));
    for (LiveSums& sums : e.sums) sums.exact.resize(0, 0);
    const LiveLift lift = statistics(e)[1].lift.at("ctr");
    paired += lift.lift.value / kRepetitions;
    paired_squares += lift.lift.value * lift.lift.value / kRepetitions;
    ab += lift.ab.value / kRepetitions;
    ab_squares += lift.ab.value * lift.ab.value / kRepetitions;
    paired_error += lift.sampled_paired_standard_error / kRepetitions;
    ab_error += lift.sampled_unpaired_standard_error / kRepetitions;
  }
  // The spread of 400 repetitions is known to 1 / sqrt(800) = 3.5 %.
  CHECK(std::sqrt(paired_squares - paired * paired) == Approx(paired_error).epsilon(4 * 0.036));
  CHECK(std::sqrt(ab_squares - ab * ab) == Approx(ab_error).epsilon(4 * 0.036));
  CHECK(paired == Approx(0.1).margin(4 * paired_error / std::sqrt(kRepetitions)));
}
