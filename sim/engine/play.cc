#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"
#include "sim/engine/table.h"

namespace rehearsal {

void play(const World& world, const UserModel& users, const Policy& policy, const Rng& rng,
          std::uint32_t first_user, std::uint32_t n_users, const RoundBudget& budget,
          std::uint16_t first_session, std::size_t batch_rounds, bool with_propensities,
          const std::function<void(Played&, TruthBatch&)>& sink) {
  REHEARSAL_CHECK(batch_rounds > 0 && budget.n_users == world.n_users());
  REHEARSAL_CHECK(std::uint64_t{first_user} + n_users <= world.n_users());
  Progress progress = start_progress(users, rng, first_user, n_users, first_session);
  for (std::uint32_t u = 0; u < n_users; ++u) progress.left[u] = budget.rounds_of(first_user + u);
  Table table(world, users, policy, rng, with_propensities);
  std::vector<std::uint32_t> at;
  for (bool any = true; any;) {
    any = false;
    for (std::uint32_t next = 0; next < n_users;) {
      check_interrupt();
      at.clear();
      for (; next < n_users && at.size() < batch_rounds; ++next)
        if (progress.left[next] > 0) at.push_back(next);
      if (at.empty()) break;
      any = true;
      table.round(progress, at);
      sink(table.played(), table.truth());
    }
  }
}

}  // namespace rehearsal
