#include "analysis/off_policy_sequences.h"

#include <cmath>

#include "analysis/confidence_sequences.h"
#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Two actions, logged with probability 1/4 and 3/4, rewarded with 0.8 and 0.2; the target takes
/// the first with probability 0.7. E[w r] = 0.62, weights are 2.8 and 0.4.
struct Drawn {
  double w = 0, r = 0;
};

constexpr double kValue = 0.7 * 0.8 + 0.3 * 0.2, kMost = 2.8;

Drawn draw(std::uint64_t seed, std::uint32_t i) {
  Stream stream = Rng(seed).stream(Draw::kResponse, Turn{UserId{i}});
  const bool first = stream.uniform() < 0.25;
  return {first ? 2.8 : 0.4, stream.uniform() < (first ? 0.8 : 0.2) ? 1.0 : 0.0};
}

}  // namespace

TEST_CASE("off-policy betting holds the value at all times in all but a few logs", "[intervals]") {
  int missed = 0;
  constexpr int kLogs = 120;
  for (int log = 0; log < kLogs; ++log) {
    OffPolicyBetting sequence(0.1, kMost, 100);
    bool out = false;
    for (std::uint32_t i = 0; i < 300; ++i) {
      const Drawn d = draw(static_cast<std::uint64_t>(log), i);
      sequence.add(d.w, d.r);
      const Interval now = sequence.interval();
      out = out || now.low > kValue || now.high < kValue;
    }
    missed += out ? 1 : 0;
  }
  // At most 0.1 of the logs, and 4 standard errors of that share.
  CHECK(missed <= kLogs * (0.1 + 4 * std::sqrt(0.1 * 0.9 / kLogs)));
}

TEST_CASE("off-policy betting closes in, sharper than betting on weighted rewards alone",
          "[intervals]") {
  OffPolicyBetting both(0.05, kMost);
  HedgedBetting rewards(0.05);
  double width_early = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    const Drawn d = draw(9, i);
    both.add(d.w, d.r);
    rewards.add(d.w * d.r / kMost);
    if (i == 500) width_early = both.interval().high - both.interval().low;
  }
  const Interval now = both.interval();
  CHECK(now.low < kValue);
  CHECK(now.high > kValue);
  CHECK(now.high - now.low < 0.5 * width_early);
  CHECK(now.high - now.low < kMost * (rewards.interval().high - rewards.interval().low));
}

TEST_CASE("weights of 1 and a reward that never changes are all but known soon", "[intervals]") {
  OffPolicyBetting sequence(0.05, 2);
  for (int i = 0; i < 3000; ++i) sequence.add(1, 0.25);
  CHECK(sequence.interval().value == Approx(0.25));
  CHECK(sequence.interval().low > 0.22);
  CHECK(sequence.interval().high < 0.28);
}

TEST_CASE("off-policy betting refuses what its bounds exclude", "[intervals]") {
  CHECK_THROWS_AS(OffPolicyBettingLower(0.05, 1), Error);
  OffPolicyBetting sequence(0.05, 2);
  CHECK(sequence.interval().low == 0);
  CHECK(sequence.interval().high == 1);
  CHECK_THROWS_AS(sequence.add(2.1, 0.5), Error);
  CHECK_THROWS_AS(sequence.add(-0.1, 0.5), Error);
  CHECK_THROWS_AS(sequence.add(1, 1.1), Error);
  CHECK_THROWS_AS(sequence.add(std::nan(""), 0.5), Error);
}
