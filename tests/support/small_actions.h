#pragma once

// Worlds of single actions small enough to enumerate.

#include <cstdint>
#include <vector>

#include "analysis/action_rounds.h"
#include "sim/core/rng.h"

namespace rehearsal::testing {

/// Contexts that are equally likely, their actions' probabilities and expected rewards.
struct SmallActions {
  std::size_t n_contexts = 3, n_actions = 4;
  std::vector<double> mu, pi, q, q_hat;  // (n_contexts, n_actions); rewards are 0 or 1

  explicit SmallActions(std::uint64_t seed) {
    Stream draw = Rng(seed).stream(Draw::kWorld, {});
    const auto distribution = [&] {
      std::vector<double> out;
      for (std::size_t x = 0; x < n_contexts; ++x) {
        double sum = 0;
        for (std::size_t a = 0; a < n_actions; ++a) sum += out.emplace_back(0.1 + draw.uniform());
        for (std::size_t a = 0; a < n_actions; ++a) out[x * n_actions + a] /= sum;
      }
      return out;
    };
    mu = distribution();
    pi = distribution();
    for (std::size_t c = 0; c < mu.size(); ++c) {
      q.push_back(draw.uniform());
      q_hat.push_back(draw.uniform());
    }
  }

  double value() const {
    double sum = 0;
    for (std::size_t c = 0; c < q.size(); ++c) sum += pi[c] * q[c];
    return sum / static_cast<double>(n_contexts);
  }
};

/// Every (context, action, reward) of a small world as a round, and its probability under mu.
struct EnumeratedActions {
  std::size_t n_actions = 0;
  std::vector<std::uint32_t> action;
  std::vector<double> reward, pscore, action_dist, pi_b, q_hat;  // the last three (n, n_actions)
  std::vector<double> probability;                               // (n), sums to 1

  explicit EnumeratedActions(const SmallActions& world) : n_actions(world.n_actions) {
    for (std::size_t x = 0; x < world.n_contexts; ++x)
      for (std::size_t a = 0; a < n_actions; ++a)
        for (const double r : {0.0, 1.0}) {
          const std::size_t row = x * n_actions, cell = row + a;
          action.push_back(static_cast<std::uint32_t>(a));
          reward.push_back(r);
          pscore.push_back(world.mu[cell]);
          probability.push_back(world.mu[cell] * (r > 0 ? world.q[cell] : 1 - world.q[cell]) /
                                static_cast<double>(world.n_contexts));
          for (std::size_t b = 0; b < n_actions; ++b) {
            action_dist.push_back(world.pi[row + b]);
            pi_b.push_back(world.mu[row + b]);
            q_hat.push_back(world.q_hat[row + b]);
          }
        }
  }

  ActionRounds rounds() const { return {n_actions, action, reward, pscore, action_dist, q_hat}; }

  /// E_mu of a number a round.
  double expectation(const std::vector<double>& terms) const {
    double sum = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) sum += probability[i] * terms[i];
    return sum;
  }
};

}  // namespace rehearsal::testing
