#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/progress.h"
#include "sim/policy.h"
#include "sim/user_model.h"
#include "sim/world/world.h"

namespace rehearsal {

/// A contender of an online experiment.
struct OnlineArm {
  std::string name;          // for progress
  Policy* policy = nullptr;  // changed by what it learns
  bool learns = true;        // false: it serves as it is
};

struct OnlineOptions {
  std::uint32_t n_batches = 1;
  std::uint64_t batch_rounds = 1;  // rounds between two updates
  std::uint32_t delay = 0;         // batches by which what happened comes late
  std::string metric = "ctr";      // of sim/metrics.cc
  const Policy* best = nullptr;    // whose pages regret is measured against
  std::size_t chunk_rounds = 1024;
  int threads = 0;  // this and chunk_rounds change no byte
  ProgressSink* progress = nullptr;
};

/// What came of one contender, batch by batch; sums over a batch's rounds.
struct OnlineCurve {
  std::vector<std::uint64_t> rounds;   // (n_batches) users who never return leave fewer
  std::vector<double> expected;        // (n_batches) exact, of the pages shown
  std::vector<double> sampled;         // (n_batches) what users did
  std::vector<double> best;            // (n_batches) exact, of the best pages for the same requests
  std::vector<double> standard_error;  // (n_batches) of regret(), users as the unit
  std::vector<double> user_regret;     // (n_users) in the end; 0 of those who never came

  /// Cumulated best - expected. Returns: (n_batches).
  std::vector<double> regret() const;
};

/// The online experiment: every arm serves the same users with the same noise (common random
/// numbers), from session kLiveSession on, and learns from batch b before it serves batch
/// b + 1 + delay. Users take turns: a batch is the next batch_rounds of them, over and over. A
/// policy does not change within a batch.
///
/// Standard errors are of a sum over so many rounds of users drawn anew, by the delta method: sqrt(
/// n / (n - 1) sum_u (regret_u - regret / rounds * rounds_u)^2) over the n users who came. They
/// hold for what was learnt in this course, whose own luck is not in them. Raises: Error(kInput)
/// when the users have no closed form of the metric.
std::vector<OnlineCurve> run_online(const World& world, const UserModel& users,
                                    const std::vector<OnlineArm>& arms, const Rng& rng,
                                    const OnlineOptions& options);

}  // namespace rehearsal
