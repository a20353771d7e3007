#pragma once

// Steps of RecSim's environments under its random agent, with fresh documents at every step as the
// published code has them: for statistics and for speed.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/rng.h"
#include "sim/world/recsim_documents.h"
#include "users/recsim/interest_evolution.h"
#include "users/recsim/long_term_satisfaction.h"

namespace rehearsal::testing {

/// The first `slate.size()` of a shuffle of 0 ... n - 1. Args: words: one a position; n <= 64.
inline void random_slate(const std::uint32_t* words, std::size_t n, std::span<std::size_t> slate) {
  std::array<std::uint8_t, 64> order;
  for (std::size_t j = 0; j < n; ++j) order[j] = static_cast<std::uint8_t>(j);
  for (std::size_t k = 0; k < slate.size(); ++k) {
    std::swap(order[k], order[k + index_below(words[k], n - k)]);
    slate[k] = order[k];
  }
}

/// Interest evolution: N fresh candidates, a random slate of two, a choice, an update.
template <std::size_t N>
struct EvolutionWalk {
  static constexpr std::uint32_t kBlocks = (2 * N + 4 + 3) / 4;  // of random words a step

  recsim::InterestEvolution model;
  recsim::EvolutionDocuments documents;
  std::array<recsim::Video, 2> shown{};

  /// Args: words: (kBlocks, 4).
  recsim::Watched step(const std::uint32_t* words, std::span<double> interests, double& budget) {
    std::array<recsim::Video, N> candidates;
    for (std::size_t j = 0; j < N; ++j)
      candidates[j] = documents.draw(words[2 * j], words[2 * j + 1]);
    const std::uint32_t* rest = words + 2 * N;
    std::array<std::size_t, 2> slate;
    random_slate(rest, N, slate);
    shown = {candidates[slate[0]], candidates[slate[1]]};
    return recsim::step(model, shown, 4, Stream::to_uniform(rest[2]), Stream::to_uniform(rest[3]),
                        interests, budget);
  }

  /// Args: words: (5, 4). interests: (20).
  void start(const std::uint32_t* words, std::span<double> interests, double& budget) const {
    for (std::size_t k = 0; k < interests.size(); ++k)
      interests[k] = 2 * Stream::to_uniform(words[k]) - 1;
    budget = model.time_budget;
  }
};

/// Long-term satisfaction: ten fresh candidates, a random slate of two, engagement with the first,
/// an update of the exposure.
struct SatisfactionWalk {
  static constexpr std::uint32_t kBlocks = 4;

  recsim::LongTermSatisfaction model;

  /// Returns: engagement.
  double step(const std::uint32_t* words, double& exposure) const {
    std::array<double, 10> clickbait;
    for (std::size_t j = 0; j < 10; ++j) clickbait[j] = recsim::draw_clickbait(words[j]);
    std::array<std::size_t, 2> slate;
    random_slate(words + 10, 10, slate);
    const double c = clickbait[slate[0]];
    const double engaged =
        recsim::engagement(recsim::log_engagement(model, c, recsim::satisfaction(model, exposure)),
                           normal_from(words[12]));
    exposure = recsim::next_exposure(model, exposure, c, normal_from(words[13]));
    return engaged;
  }
};

}  // namespace rehearsal::testing
