#pragma once

#include <filesystem>
#include <functional>

#include "sim/core/progress.h"
#include "sim/log/log.h"
#include "sim/policy.h"
#include "sim/user_model.h"
#include "sim/world/world.h"

namespace rehearsal {

/// Number of rounds each user contributes when n_rounds are shared out evenly.
struct RoundBudget {
  std::uint64_t n_rounds = 0;
  std::uint32_t n_users = 0;
  std::uint32_t rounds_of(std::uint32_t user) const {
    return static_cast<std::uint32_t>(n_rounds / n_users + (user < n_rounds % n_users ? 1 : 0));
  }
};

struct SimulateOptions {
  std::uint64_t n_rounds = 0;
  std::size_t shard_rounds =
      65536;                        // a shard is the fixed range of users with about so many rounds
  std::size_t batch_rounds = 1024;  // rounds in flight; changes no byte
  std::uint16_t first_session = 0;  // kLiveSession: rounds of the live experiment
  int threads = 0;                  // 0: all; changes no byte
  ProgressSink* progress = nullptr;
};

/// What the users of a range do, one batch after another.
struct Played {
  RequestBatch requests;
  PageBatch pages;
  Propensities propensities;
  ResponseBatch responses;
};

/// The loop over sessions and rounds: users [first, first + n) take their rounds under `policy`,
/// session after session, from session `first_session` on. Calls `sink(played, truth)` for each
/// batch, in an order that does not depend on batch_rounds (round by round, users ascending).
void play(const World& world, const UserModel& users, const Policy& policy, const Rng& rng,
          std::uint32_t first_user, std::uint32_t n_users, const RoundBudget& budget,
          std::uint16_t first_session, std::size_t batch_rounds, bool with_propensities,
          const std::function<void(Played&, TruthBatch&)>& sink);

/// Writes the log of `behavior` in this world. Byte-identical for any threads and batch_rounds.
/// Raises: Error(kInterrupted) when interrupted() turned true.
LogInfo simulate_log(const World& world, const UserModel& users, const Policy& behavior,
                     const Rng& rng, const SimulateOptions& options,
                     const std::filesystem::path& folder, LogInfo info);

}  // namespace rehearsal
