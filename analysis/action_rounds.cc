#include "analysis/action_rounds.h"

#include <algorithm>
#include <cmath>

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
  std::vector<double> terms(kChunk * TermSums::kMostColumns);
  std::vector<std::size_t> width;
  for (const Estimator& estimator : chosen) width.push_back(estimator.layout(1).n_columns);
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

// Four doubles; what the machine lacks the compiler makes of halves, with the same results.
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

/// Adds (n, N) rows, in four partial sums: no addition waits for the one before.
template <std::size_t N>
void add_rows(const double* rows, std::size_t n, const double* shift, double* sums,
              double* moments) {
  Four s[N] = {}, m[N * N] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const double* row = rows + i * N;
    Four d[N];
    for (std::size_t j = 0; j < N; ++j)
      d[j] = Four{row[j], row[N + j], row[2 * N + j], row[3 * N + j]} - shift[j];
    for (std::size_t j = 0; j < N; ++j) s[j] += d[j];
    for (std::size_t j = 0; j < N; ++j)
      for (std::size_t k = 0; k <= j; ++k) m[j * N + k] += d[j] * d[k];
  }
  for (; i < n; ++i)
    for (std::size_t j = 0; j < N; ++j) {
      s[j][0] += rows[i * N + j] - shift[j];
      for (std::size_t k = 0; k <= j; ++k)
        m[j * N + k][0] += (rows[i * N + j] - shift[j]) * (rows[i * N + k] - shift[k]);
    }
  const auto total = [](const Four& four) { return (four[0] + four[1]) + (four[2] + four[3]); };
  for (std::size_t j = 0; j < N; ++j) sums[j] += total(s[j]);
  for (std::size_t j = 0; j < N * N; ++j) moments[j] += total(m[j]);
}

}  // namespace

TermSums::TermSums(TermLayout layout) : layout_(std::move(layout)) {
  REHEARSAL_CHECK(layout_.n_columns <= kMostColumns);
}

void TermSums::add(std::span<const double> terms) {
  const std::size_t width = layout_.n_columns, n = terms.size() / width;
  if (n_ == 0 && n > 0) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < width; ++j) shift_[j] += terms[i * width + j];
    for (double& shift : shift_) shift /= static_cast<double>(n);
  }
  n_ += static_cast<double>(n);
  const auto add_all = width == 1 ? add_rows<1> : width == 2 ? add_rows<2> : add_rows<3>;
  add_all(terms.data(), n, shift_.data(), sums_.data(), moments_.data());
}

void TermSums::add(const TermSums& other) {
  if (n_ == 0) {
    *this = other;
    return;
  }
  const std::size_t width = layout_.n_columns;
  std::array<double, kMostColumns> moved{};  // between the points that both are summed about
  for (std::size_t j = 0; j < width; ++j) moved[j] = other.shift_[j] - shift_[j];
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t k = 0; k <= j; ++k)
      moments_[j * width + k] += other.moments_[j * width + k] + moved[j] * other.sums_[k] +
                                 moved[k] * other.sums_[j] + other.n_ * moved[j] * moved[k];
  for (std::size_t j = 0; j < width; ++j) sums_[j] += other.sums_[j] + other.n_ * moved[j];
  n_ += other.n_;
}

PointEstimate TermSums::estimate() const {
  const std::size_t width = layout_.n_columns;
  std::array<double, kMostColumns> totals{};
  for (std::size_t j = 0; j < width; ++j) totals[j] = sums_[j] + n_ * shift_[j];
  std::vector<double> gradient(width + 1);
  ratio_gradient(layout_, totals, n_, gradient);
  double squares = 0;  // of the rounds' first-order effects on the value
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t k = 0; k < width; ++k) {
      const double moment = moments_[std::max(j, k) * width + std::min(j, k)];
      squares += gradient[j] * gradient[k] * (moment - sums_[j] * sums_[k] / n_);
    }
  const double unbiased = n_ > 1 ? n_ / (n_ - 1) : 0.0;
  return {ratio_value(layout_, totals, n_), std::sqrt(std::max(0.0, squares) * unbiased)};
}

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
  std::vector<double> scale(layout.parts.size(), 1.0), out(rounds.size(), 0.0);
  for (std::size_t p = 0; p < scale.size(); ++p) {
    if (layout.parts[p].denominator == RatioPart::kRounds) continue;
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      sum += all[i * width + layout.parts[p].denominator];
    scale[p] = static_cast<double>(out.size()) / sum;
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
