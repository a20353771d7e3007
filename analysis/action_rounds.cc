#include "analysis/action_rounds.h"

#include <algorithm>
#include <array>

#include "sim/core/error.h"
#include "sim/core/kernels.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunk = 128;  // rounds in flight: all they need stays in the first cache

/// The columns of a few rounds, in place where they are at hand, else computed into scratch.
class Chunk {
 public:
  Chunk(const ActionRounds& rounds, bool weights, bool model, Simd simd)
      : rounds_(rounds), weights_(weights), model_(model), simd_(simd) {}

  WeightedRounds at(std::size_t first, std::size_t n) {
    WeightedRounds out;
    out.reward = rounds_.reward.subspan(first, n);
    if (!rounds_.pscore.empty()) out.pscore = rounds_.pscore.subspan(first, n);
    // The model first: it reads whole rows, of which weights then pick from the cache.
    if (model_) {
      out.direct = rounds_.direct.empty() ? direct(first, n) : rounds_.direct.subspan(first, n);
      out.q_hat =
          rounds_.shown_q_hat.empty() ? shown(first, n) : rounds_.shown_q_hat.subspan(first, n);
    }
    if (weights_) {
      const std::span<const double> weight =
          rounds_.weight.empty() ? weigh(first, n) : rounds_.weight.subspan(first, n);
      out.page_weight = out.cascade_weight = out.item_position_weight = weight;
      out.pseudo_inverse_weight = weight;
    }
    return out;
  }

 private:
  std::span<const double> weigh(std::size_t first, std::size_t n) {
    const std::span<double> out = std::span(weight_).first(n);
    if (rounds_.weigh) {
      rounds_.weigh(first, out);
      return out;
    }
    pick_ratios(rounds_.action_dist.data() + first * rounds_.n_actions, rounds_.n_actions,
                rounds_.action.data() + first, rounds_.pscore.data() + first, n, weight_.data(),
                simd_);
    return out;
  }

  std::span<const double> direct(std::size_t first, std::size_t n) {
    const std::size_t width = rounds_.n_actions;
    row_means(rounds_.action_dist.data() + first * width, rounds_.q_hat.data() + first * width,
              width, n, direct_.data(), simd_);
    return std::span(direct_).first(n);
  }

  std::span<const double> shown(std::size_t first, std::size_t n) {
    const double* q = rounds_.q_hat.data() + first * rounds_.n_actions;
    for (std::size_t i = 0; i < n; ++i, q += rounds_.n_actions)
      shown_[i] = q[rounds_.action[first + i]];
    return std::span(shown_).first(n);
  }

  const ActionRounds& rounds_;
  bool weights_, model_;
  Simd simd_;
  std::array<double, kChunk> weight_, direct_, shown_;
};

bool reads_model(const Estimator& estimator) { return estimator.entry->uses(Need::kQHat); }

bool reads_weights(const Estimator& estimator) {
  return estimator.entry->needs != std::vector<Need>{Need::kQHat};
}

/// Calls use(e, terms) with the terms of each chunk of rounds [begin, end) by each estimator, in
/// order of the rounds.
template <class Use>
void each_chunk(std::span<const Estimator> chosen, const ActionRounds& rounds, std::size_t begin,
                std::size_t end, Simd simd, Use&& use) {
  Chunk chunk(rounds, std::any_of(chosen.begin(), chosen.end(), reads_weights),
              std::any_of(chosen.begin(), chosen.end(), reads_model), simd);
  std::vector<std::size_t> width;
  std::size_t widest = 0;
  for (const Estimator& estimator : chosen) {
    width.push_back(estimator.layout(1).n_columns);
    widest = std::max(widest, width.back());
  }
  std::vector<double> terms(kChunk * widest);
  for (std::size_t first = begin; first < end; first += kChunk) {
    const std::size_t n = std::min(kChunk, end - first);
    const WeightedRounds columns = chunk.at(first, n);
    for (std::size_t e = 0; e < chosen.size(); ++e) {
      const std::span<double> out = std::span(terms).first(n * width[e]);
      chosen[e].terms(columns, 1, out);
      use(e, std::span<const double>(out));
    }
  }
}

}  // namespace

std::vector<TermSums> action_sums(std::span<const Estimator> chosen) {
  std::vector<TermSums> sums;
  for (const Estimator& estimator : chosen) sums.emplace_back(estimator.layout(1));
  return sums;
}

void add_actions(std::span<const Estimator> chosen, const ActionRounds& rounds, int threads,
                 std::span<TermSums> sums, Simd simd) {
  REHEARSAL_CHECK(sums.size() == chosen.size());
  const std::size_t n = rounds.size();
  ordered_reduce(
      (n + kActionBlock - 1) / kActionBlock, threads,
      [&](std::size_t block) {
        std::vector<TermSums> own = action_sums(chosen);
        each_chunk(chosen, rounds, block * kActionBlock, std::min(n, (block + 1) * kActionBlock),
                   simd, [&](std::size_t e, std::span<const double> terms) { own[e].add(terms); });
        return own;
      },
      [&](std::size_t, std::vector<TermSums>&& own) {
        for (std::size_t e = 0; e < own.size(); ++e) sums[e].add(own[e]);
      });
}

std::vector<PointEstimate> estimate_actions(std::span<const Estimator> chosen,
                                            const ActionRounds& rounds, int threads, Simd simd) {
  if (rounds.size() == 0) throw Error(ErrorKind::kInput, "there are no rounds to estimate from");
  std::vector<TermSums> sums = action_sums(chosen);
  add_actions(chosen, rounds, threads, sums, simd);
  std::vector<PointEstimate> out;
  for (const TermSums& each : sums) out.push_back(each.estimate());
  return out;
}

std::vector<double> action_terms(const Estimator& estimator, const ActionRounds& rounds,
                                 Simd simd) {
  const TermLayout layout = estimator.layout(1);
  const std::size_t width = layout.n_columns;
  std::vector<double> all;
  all.reserve(rounds.size() * width);
  each_chunk(std::span(&estimator, 1), rounds, 0, rounds.size(), simd,
             [&](std::size_t, std::span<const double> terms) {
               all.insert(all.end(), terms.begin(), terms.end());
             });
  std::vector<double> scale(layout.parts.size()), out(rounds.size(), 0.0);
  for (std::size_t p = 0; p < scale.size(); ++p) {
    scale[p] = layout.parts[p].scale;
    if (layout.parts[p].denominator == RatioPart::kRounds) continue;
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      sum += all[i * width + layout.parts[p].denominator];
    scale[p] *= static_cast<double>(out.size()) / sum;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    for (std::size_t p = 0; p < scale.size(); ++p)
      out[i] += scale[p] * all[i * width + layout.parts[p].numerator];
  return out;
}

std::vector<double> action_weights(const ActionRounds& rounds) {
  if (!rounds.weight.empty()) return {rounds.weight.begin(), rounds.weight.end()};
  std::vector<double> out(rounds.size());
  if (rounds.weigh) {
    rounds.weigh(0, out);
    return out;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = rounds.action_dist[i * rounds.n_actions + rounds.action[i]] / rounds.pscore[i];
  return out;
}

}  // namespace rehearsal
