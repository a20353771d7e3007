#pragma once

#include <string>
#include <vector>

#include "sim/core/progress.h"
#include "sim/policy.h"
#include "sim/user_model.h"
#include "sim/world/world.h"

namespace rehearsal {

/// What one policy earned in the live experiment, per user: row u of (n_users, n_metrics), sums
/// over the user's rounds.
struct LiveOutcome {
  RowMatrix exact;    // expected values given the pages shown; empty without closed forms
  RowMatrix sampled;  // what the sampled users did
};

struct LiveOptions {
  std::uint64_t n_rounds = 0;
  std::vector<std::string> metrics;  // names of sim/metrics.cc
  std::size_t batch_rounds = 1024;
  int threads = 0;
  ProgressSink* progress = nullptr;
};

struct Metric;
struct Played;

/// Adds what was played to the rows of its users: sampled values and, where outcome.exact has rows,
/// expected ones. Args: measured: a column each.
void add_played(const Played& played, const UserModel& users,
                const std::vector<const Metric*>& measured, LiveOutcome& outcome);

/// Drives the same users, with the same noise, under every policy (common random numbers), from
/// session kLiveSession on.
/// Returns: one outcome a policy, rows of all of them the same users; n_rounds_of: (n_users).
std::vector<LiveOutcome> run_live(const World& world, const UserModel& users,
                                  const std::vector<const Policy*>& policies, const Rng& rng,
                                  const LiveOptions& options,
                                  std::vector<std::uint32_t>* rounds_of_user);

}  // namespace rehearsal
