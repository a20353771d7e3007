#include "sim/engine/table.h"

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The next round of the same session, or the first of the next one, `gap` days later.
void move_on(Turn& turn, std::uint16_t gap) {
  const bool leaves = gap > 0;
  const bool live = turn.session >= kLiveSession;
  std::uint16_t& part = leaves ? turn.session : turn.round;
  const std::uint16_t last = leaves && !live ? kLiveSession - 1 : 0xffff;
  if (part == last)
    throw Error(ErrorKind::kInput, "user " + std::to_string(turn.user.value) + " has more than " +
                                       std::to_string(leaves ? 0x8000 : 0x10000) +
                                       (leaves ? " sessions" : " rounds in a session") +
                                       ": simulate fewer rounds or more users");
  if (turn.day + gap > 0xffff)
    throw Error(ErrorKind::kInput, "user " + std::to_string(turn.user.value) +
                                       " visits beyond day 65,535: simulate fewer rounds");
  ++part;
  if (!leaves) return;
  turn.round = 0;
  turn.day = static_cast<std::uint16_t>(turn.day + gap);
}

}  // namespace

Progress start_progress(const UserModel& users, const Rng& rng, std::uint32_t first_user,
                        std::uint32_t n_users, std::uint16_t first_session) {
  Progress progress;
  std::vector<UserId> ids;
  for (std::uint32_t u = first_user; u < first_user + n_users; ++u) {
    ids.push_back({u});
    progress.turn.push_back({UserId{u}, first_session, 0});
  }
  progress.left.resize(n_users);
  progress.state.resize(n_users, static_cast<Eigen::Index>(users.n_state()));
  if (users.n_state() > 0) users.start(ids, rng, progress.state);
  return progress;
}

void Table::round(Progress& progress, std::span<const std::uint32_t> at) {
  turns_.clear();
  for (const std::uint32_t u : at) turns_.push_back(progress.turn[u]);
  world_.requests(turns_, rng_, played_.requests);
  if (users_.n_state() > 0) lend_state(progress, at);
  users_.observe(played_.requests);
  recommend(policy_, played_.requests, rng_, played_.pages,
            with_propensities_ ? &played_.propensities : nullptr);
  users_.respond(played_.requests, played_.pages, rng_, played_.responses, &truth_);
  gap_.resize(at.size());
  users_.advance(played_.requests, played_.pages, played_.responses, rng_, state_, gap_);
  truth_.leave.resize(at.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    truth_.leave[i] = gap_[i] > 0;
    if (users_.n_state() > 0) progress.state.row(at[i]) = state_.row(static_cast<Eigen::Index>(i));
    std::uint32_t& left = progress.left[at[i]];
    left = gap_[i] == kNeverReturns ? 0 : left - 1;
    if (left > 0) move_on(progress.turn[at[i]], gap_[i]);
  }
}

void Table::lend_state(const Progress& progress, std::span<const std::uint32_t> at) {
  auto latents = played_.requests.latents ? std::make_shared<Latents>(*played_.requests.latents)
                                          : std::make_shared<Latents>();
  latents->state.resize(static_cast<Eigen::Index>(at.size()), progress.state.cols());
  for (std::size_t i = 0; i < at.size(); ++i)
    latents->state.row(static_cast<Eigen::Index>(i)) = progress.state.row(at[i]);
  state_ = latents->state;
  played_.requests.latents = std::move(latents);
}

}  // namespace rehearsal
