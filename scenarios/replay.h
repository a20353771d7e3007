#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "scenarios/setup.h"

namespace rehearsal {

/// One shown module of a replayed page.
struct ReplayedSlot {
  std::string module;
  double p_position = 0;  // the policy's probability of this module at this slot
  bool examined = false;  // truth
  int clicks = 0;
  int purchases = 0;
  double p_click = 0;     // expected clicks (truth)
  double p_purchase = 0;  // expected purchases (truth)
};

struct ReplayedPage {
  int session = 0;  // counted from the first live one
  int round = 0;
  std::vector<std::string> context;  // "device=mobile", one a feature
  double pscore = 0;                 // of the whole page
  std::vector<ReplayedSlot> slots;
};

/// The live pages of one user under one policy.
struct Replay {
  std::string policy;
  std::vector<ReplayedPage> pages;
};

/// Plays a user's live rounds again, as the live experiment of the scenario did, under each of the
/// policies, with the same noise.
/// Args: setup: trained (load_step).  user: below the world's n_users.  policies: known names.
/// Raises: Error(kInput) for a user without live rounds.
std::vector<Replay> replay(const Scenario& scenario, const Setup& setup, std::uint32_t user,
                           const std::vector<std::string>& policies);

/// Pages of all policies side by side.
std::string to_text(const std::vector<Replay>& replays, std::uint32_t user);
std::string to_json(const std::vector<Replay>& replays, std::uint32_t user);

}  // namespace rehearsal
