#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/simulate.h"
#include "sim/truth.h"

namespace rehearsal {

/// Where each user of a range stands.
struct Progress {
  std::vector<Turn> turn;           // (n_users) the next one
  std::vector<std::uint32_t> left;  // (n_users) rounds still to play
  RowMatrix state;                  // (n_users, n_state)
};

/// Users [first_user, first_user + n_users) before their first round, with no rounds to play yet.
Progress start_progress(const UserModel& users, const Rng& rng, std::uint32_t first_user,
                        std::uint32_t n_users, std::uint16_t first_session);

/// Where users of a policy meet its pages: one batch of rounds at a time. Tables of different
/// threads may share a Progress as long as their users differ.
class Table {
 public:
  Table(const World& world, const UserModel& users, const Policy& policy, const Rng& rng,
        bool with_propensities)
      : world_(world),
        users_(users),
        policy_(policy),
        rng_(rng),
        with_propensities_(with_propensities) {}

  /// The users at `at` (indices into progress, none twice) take one round each.
  void round(Progress& progress, std::span<const std::uint32_t> at);

  Played& played() { return played_; }
  TruthBatch& truth() { return truth_; }

 private:
  /// Hands the users' states to the user model, beside the requests' latents.
  void lend_state(const Progress& progress, std::span<const std::uint32_t> at);

  const World& world_;
  const UserModel& users_;
  const Policy& policy_;
  const Rng& rng_;
  bool with_propensities_;
  std::vector<Turn> turns_;
  RowMatrix state_;
  std::vector<std::uint16_t> gap_;  // (n_rounds) of the round played
  Played played_;
  TruthBatch truth_;
};

}  // namespace rehearsal
