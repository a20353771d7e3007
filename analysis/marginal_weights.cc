#include "analysis/marginal_weights.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/kernels.h"

namespace rehearsal {

namespace {

using Dims = std::vector<std::size_t>;

constexpr std::size_t kRoundsAhead = 128;  // rounds in flight
constexpr std::size_t kMostRows = 4096;    // of a table of joint values

/// (n_dims * n_categories, n_actions) p(e_d | a): one row for each value of each dimension.
std::vector<double> tables_of(const EmbeddedRounds& rounds) {
  const std::size_t actions = rounds.n_actions, categories = rounds.n_categories;
  std::vector<double> tables(rounds.n_dims * categories * actions);
  for (std::size_t a = 0; a < actions; ++a)
    for (std::size_t c = 0; c < categories; ++c)
      for (std::size_t d = 0; d < rounds.n_dims; ++d)
        tables[(d * categories + c) * actions + a] =
            rounds.p_e_a[(a * categories + c) * rounds.n_dims + d];
  return tables;
}

/// (n_categories ^ dims, n_actions) prod_d p(e_d | a), the first of dims moving fastest.
std::vector<double> joint_tables(const EmbeddedRounds& rounds, const Dims& dims,
                                 const std::vector<double>& tables, std::size_t n_values) {
  const std::size_t actions = rounds.n_actions, categories = rounds.n_categories;
  std::vector<double> joint(n_values * actions, 1.0);
  for (std::size_t value = 0; value < n_values; ++value) {
    std::size_t left = value;
    for (const std::size_t d : dims) {
      const double* table = tables.data() + (d * categories + left % categories) * actions;
      for (std::size_t a = 0; a < actions; ++a) joint[value * actions + a] *= table[a];
      left /= categories;
    }
  }
  return joint;
}

/// The value of each set tried, in the order of trying.
struct Tried {
  std::vector<Dims> dims;
  std::vector<Deviation> deviations;

  void push(Dims which, const Deviation& deviation) {
    dims.push_back(std::move(which));
    deviations.push_back(deviation);
  }
  bool agrees(const Deviation& next) const {
    const double c = std::sqrt(6.0) - 1;
    return std::all_of(deviations.begin(), deviations.end(), [&](const Deviation& each) {
      return std::abs(each.value - next.value) <= next.half_width + c * each.half_width;
    });
  }
};

/// Smaller sets to try next: all of a size, or the present one less each of its dimensions.
std::vector<Dims> smaller_sets(std::size_t n_dims, std::size_t size, Prune prune,
                               const Dims& present) {
  std::vector<Dims> sets;
  if (prune == Prune::kGreedy) {
    for (const std::size_t drop : present) {
      sets.push_back(present);
      std::erase(sets.back(), drop);
    }
    return sets;
  }
  std::vector<char> in(n_dims, 0);
  std::fill(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(size), 1);
  do {
    sets.emplace_back();
    for (std::size_t d = 0; d < n_dims; ++d)
      if (in[d] != 0) sets.back().push_back(d);
  } while (std::prev_permutation(in.begin(), in.end()));
  return sets;
}

}  // namespace

MarginalWeights::MarginalWeights(const EmbeddedRounds& rounds, Marginal kind,
                                 std::span<const std::size_t> dims, Simd simd)
    : rounds_(rounds),
      kind_(kind),
      dims_(dims.begin(), dims.end()),
      simd_(simd),
      tables_(tables_of(rounds)),
      index_(kRoundsAhead * std::max<std::size_t>(1, dims.size())) {
  if (kind_ == Marginal::kProduct) return;
  double n_values = 1;
  for (std::size_t k = 0; k < dims_.size(); ++k)
    n_values *= static_cast<double>(rounds.n_categories);
  tabled_ = n_values <= static_cast<double>(kMostRows);
  if (tabled_)
    tables_ = joint_tables(rounds_, dims_, tables_, static_cast<std::size_t>(n_values));
  else
    scratch_.resize(kRoundsAhead * rounds.n_actions);
}

void MarginalWeights::operator()(std::size_t first, std::span<double> out) {
  for (std::size_t done = 0; done < out.size(); done += kRoundsAhead)
    few(first + done, std::min(kRoundsAhead, out.size() - done), out.data() + done);
}

std::vector<double> MarginalWeights::all() {
  std::vector<double> out(rounds_.size());
  (*this)(0, out);
  return out;
}

void MarginalWeights::few(std::size_t first, std::size_t n, double* out) {
  const std::size_t actions = rounds_.n_actions, factors = dims_.size();
  const auto categories = static_cast<std::uint32_t>(rounds_.n_categories);
  const std::uint32_t* embedding = rounds_.embedding.data() + first * rounds_.n_dims;
  const double* table = tables_.data();
  const std::size_t n_factors = kind_ == Marginal::kProduct ? factors : 1;
  for (std::size_t i = 0; i < n; ++i, embedding += rounds_.n_dims) {
    if (tabled_) {
      std::uint32_t value = 0;
      for (std::size_t k = factors; k-- > 0;) value = value * categories + embedding[dims_[k]];
      index_[i] = value;
    } else if (kind_ == Marginal::kProduct) {
      for (std::size_t k = 0; k < factors; ++k)
        index_[i * factors + k] =
            static_cast<std::uint32_t>(dims_[k]) * categories + embedding[dims_[k]];
    } else {
      double* row = scratch_.data() + i * actions;
      std::fill(row, row + actions, 1.0);
      for (const std::size_t d : dims_) {
        const double* own = tables_.data() + (d * categories + embedding[d]) * actions;
        for (std::size_t a = 0; a < actions; ++a) row[a] *= own[a];
      }
      index_[i] = static_cast<std::uint32_t>(i);
      table = scratch_.data();
    }
  }
  row_ratios(rounds_.action_dist.data() + first * actions, rounds_.pi_b.data() + first * actions,
             actions, n, table, index_.data(), n_factors, out, simd_);
}

std::vector<double> estimated_marginal_weights(const EmbeddedRounds& rounds,
                                               std::span<const double> p_hat) {
  const std::size_t actions = rounds.n_actions;
  REHEARSAL_CHECK(p_hat.size() == rounds.action_dist.size());
  std::vector<double> out(rounds.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (std::size_t c = i * actions; c < (i + 1) * actions; ++c) {
      const double ratio = rounds.action_dist[c] / rounds.pi_b[c];
      sum += rounds.pi_b[c] > 0 ? ratio * p_hat[c] : 0.0;
    }
    out[i] = sum;
  }
  return out;
}

EmbeddingChoice select_embeddings(
    std::size_t n_dims, Prune prune,
    const std::function<Deviation(std::span<const std::size_t>)>& estimate) {
  REHEARSAL_CHECK(n_dims > 0 && (prune == Prune::kGreedy || n_dims <= kMostExactDims));
  Dims present(n_dims);
  std::iota(present.begin(), present.end(), 0U);
  Tried accepted;
  accepted.push(present, estimate(present));
  for (std::size_t size = n_dims - 1; size >= 1; --size) {
    const std::vector<Dims> sets = smaller_sets(n_dims, size, prune, present);
    std::vector<Deviation> deviations;
    for (const Dims& set : sets) deviations.push_back(estimate(set));
    // Widest first; of equals the last.
    std::vector<std::size_t> order(sets.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return deviations[a].half_width < deviations[b].half_width;
    });
    std::reverse(order.begin(), order.end());
    for (const std::size_t next : order) {
      if (!accepted.agrees(deviations[next])) return {accepted.dims.back(), accepted.dims.back()};
      accepted.push(sets[next], deviations[next]);
    }
    present = sets[order.back()];
  }
  const std::size_t n = accepted.dims.size();
  return {accepted.dims.back(), accepted.dims[n > 1 ? n - 2 : 0]};
}

Deviation student_deviation(std::span<const double> terms, double delta) {
  const double n = static_cast<double>(terms.size());
  REHEARSAL_CHECK(n > 1);
  double mean = 0, squares = 0;
  for (const double term : terms) mean += term;
  mean /= n;
  for (const double term : terms) squares += (term - mean) * (term - mean);
  const boost::math::students_t_distribution<double> t(n - 1);
  return {mean, std::sqrt(squares / n / (n - 1)) * boost::math::quantile(t, 1 - delta / 2)};
}

}  // namespace rehearsal
