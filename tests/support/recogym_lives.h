#pragma once

#include <vector>

#include "sim/core/rng.h"
#include "users/recogym/environment.h"

namespace rehearsal {

/// What one user did from the first view to leaving.
struct RecoGymLife {
  std::uint32_t organic = 0;
  std::uint32_t bandit = 0;
  std::uint32_t clicks = 0;
};

/// Users under the policy that shows a uniformly random product, many of them side by side so that
/// random numbers come in bulk.
class RecoGymLives {
 public:
  RecoGymLives(const recogym::Environment& environment, std::uint64_t seed, std::uint32_t n_users,
               std::size_t side_by_side = 256)
      : views(environment.n_products()),
        shown(environment.n_products()),
        clicked(environment.n_products()),
        lives(n_users),
        environment_(environment),
        rng_(seed),
        side_by_side_(side_by_side) {
    refill();
  }

  /// One event of every user at hand; who left makes room for the next. Returns: how many.
  std::size_t step() {
    const std::size_t n = turns_.size();
    draw(turns_, words_);
    for (std::size_t i = 0; i < n; ++i) event(i, words_.data() + i * environment_.n_words());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (users_[i].phase != recogym::Phase::kStop) {
        users_[kept] = users_[i];
        turns_[kept++] = turns_[i];
      }
    users_.resize(kept);
    turns_.resize(kept);
    refill();
    return n;
  }
  bool done() const { return turns_.empty(); }

  std::vector<double> views, shown, clicked;  // (n_products) events
  std::vector<RecoGymLife> lives;             // (n_users)

 private:
  void draw(std::span<const Turn> turns, std::vector<std::uint32_t>& words) const {
    const std::size_t n_blocks = environment_.n_words() / 4;
    words.resize(turns.size() * n_blocks * 4);
    rng_.fill(Draw::kAdvance, turns, 0, static_cast<std::uint32_t>(n_blocks), words);
  }

  void event(std::size_t i, const std::uint32_t* words) {
    RecoGymLife& life = lives[turns_[i].user.value];
    ++turns_[i].round;
    if (users_[i].phase == recogym::Phase::kOrganic) {
      environment_.organic_event(users_[i], words);
      ++life.organic;
      ++views[users_[i].last_view];
      return;
    }
    const auto action =
        static_cast<std::uint32_t>(std::uint64_t{words[2]} * environment_.n_products() >> 32);
    const bool click = environment_.bandit_event(users_[i], action, words);
    ++life.bandit;
    ++shown[action];
    life.clicks += click ? 1 : 0;
    clicked[action] += click ? 1 : 0;
  }

  void refill() {
    std::vector<Turn> fresh;
    while (turns_.size() + fresh.size() < side_by_side_ && next_ < lives.size())
      fresh.push_back({UserId{next_++}, 0, 0});
    draw(fresh, words_);
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      users_.push_back(environment_.start(words_.data() + i * environment_.n_words()));
      turns_.push_back({fresh[i].user, 1, 0});
    }
  }

  const recogym::Environment& environment_;
  Rng rng_;
  std::size_t side_by_side_;
  std::uint32_t next_ = 0;
  std::vector<recogym::User> users_;
  std::vector<Turn> turns_;
  std::vector<std::uint32_t> words_;
};

}  // namespace rehearsal
