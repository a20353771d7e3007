#pragma once

#include "tests/users/click_page.h"
#include "users/fitting.h"

namespace rehearsal::testing {

/// A world in which users click by a known model: entities at random on every rank.
struct SimulatedClicks {
  ClickFit truth;
  ClickSessions sessions;
};

/// Args: truth: type and parameters; attraction and satisfaction are drawn, uniform in [.15, .45]
///       and [.3, .8].
inline SimulatedClicks simulate_clicks(ClickFit truth, std::size_t n_entities, std::size_t n_ranks,
                                       std::size_t n_sessions, std::uint64_t seed, bool satisfies) {
  const Rng rng(seed);
  Stream world = rng.stream(Draw::kWorld, {});
  truth.attraction.clear();
  truth.satisfaction.clear();
  for (std::size_t a = 0; a < n_entities; ++a) {
    truth.attraction.push_back(.15 + .3 * world.uniform());
    if (satisfies) truth.satisfaction.push_back(.3 + .5 * world.uniform());
  }
  SimulatedClicks made{truth, {}};
  ClickSessions& all = made.sessions;
  all.n_entities = n_entities;
  all.n_ranks = n_ranks;
  const auto model = truth.model();
  ClickPage page(std::vector<double>(n_ranks), std::vector<double>(satisfies ? n_ranks : 0));
  std::vector<std::uint32_t> words(page.n_words());
  for (std::size_t i = 0; i < n_sessions; ++i) {
    const Turn turn{UserId{static_cast<std::uint32_t>(i)}, 0, 0};
    Stream shown = rng.stream(Draw::kPolicy, turn);
    for (std::size_t r = 0; r < n_ranks; ++r) {
      const auto a = static_cast<std::size_t>(shown.uniform() * static_cast<double>(n_entities));
      all.entity.push_back(static_cast<std::uint32_t>(a));
      all.rank.push_back(static_cast<std::uint16_t>(r));
      page.attraction[r] = truth.attraction[a];
      if (satisfies) page.satisfaction[r] = truth.satisfaction[a];
    }
    rng.fill(Draw::kResponse, turn, 0, words);
    page.sample(*model, words);
    all.click.insert(all.click.end(), page.click.begin(), page.click.end());
    all.offsets.push_back(static_cast<std::uint32_t>(all.entity.size()));
    all.turn_sizes.push_back(1);
  }
  return made;
}

/// Sessions [first, end) alone.
inline ClickSessions part_of(const ClickSessions& all, std::size_t first, std::size_t end) {
  ClickSessions part;
  part.n_entities = all.n_entities;
  part.n_ranks = all.n_ranks;
  part.whole_lists = all.whole_lists;
  for (std::size_t i = first; i < end; ++i) {
    for (std::size_t j = all.offsets[i]; j < all.offsets[i + 1]; ++j) {
      part.entity.push_back(all.entity[j]);
      part.rank.push_back(all.rank[j]);
      part.click.push_back(all.click[j]);
    }
    part.offsets.push_back(static_cast<std::uint32_t>(part.entity.size()));
    part.turn_sizes.push_back(1);
  }
  return part;
}

}  // namespace rehearsal::testing
