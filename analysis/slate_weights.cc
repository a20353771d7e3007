#include "analysis/slate_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/core/error.h"
#include "sim/slate/pseudo_inverse.h"

namespace rehearsal {

namespace {

Eigen::Index index_of(std::size_t n) { return static_cast<Eigen::Index>(n); }

/// Sums the probabilities of all slates that agree with a slate at some positions, down to the
/// lowest of these.
class SubSlate {
 public:
  SubSlate(const SlateDistribution& slates, std::size_t i, std::span<const std::uint16_t> slate,
           std::uint32_t positions)
      : slates_(slates), i_(i), slate_(slate), positions_(positions) {
    depth_ = static_cast<std::size_t>(std::bit_width(positions));
    prefix_.resize(depth_);
    probability_.resize(depth_);
  }

  double sum(std::size_t k = 0) {
    if (k == depth_) return k == 0 ? 1.0 : probability_[k - 1];
    const bool fixed = (positions_ >> k & 1U) != 0;
    double total = 0;
    for (std::size_t c = 0; c < slates_.n_choices(i_); ++c) {
      const auto choice = static_cast<std::uint16_t>(c);
      if (fixed && choice != slate_[k]) continue;
      prefix_[k] = choice;
      if (used(k)) continue;
      slates_.prefix_probabilities(i_, {prefix_.data(), k + 1}, {probability_.data(), k + 1});
      if (probability_[k] > 0) total += sum(k + 1);
    }
    return total;
  }

 private:
  /// Slates do not repeat a choice.
  bool used(std::size_t k) const {
    return std::find(prefix_.begin(), prefix_.begin() + static_cast<std::ptrdiff_t>(k),
                     prefix_[k]) != prefix_.begin() + static_cast<std::ptrdiff_t>(k);
  }

  const SlateDistribution& slates_;
  std::size_t i_;
  std::span<const std::uint16_t> slate_;
  std::uint32_t positions_;
  std::size_t depth_ = 0;
  std::vector<std::uint16_t> prefix_;
  std::vector<double> probability_;
};

/// E[u u'] and E[u term] over the rows that `counts` takes.
template <class Counts>
std::vector<double> solve_controls(std::span<const double> terms,
                                   const Eigen::Ref<const RowMatrix>& controls, Counts&& counts) {
  RowMatrix second = RowMatrix::Zero(controls.cols(), controls.cols());
  Eigen::VectorXd cross = Eigen::VectorXd::Zero(controls.cols());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const double p = counts(i);
    second += p * controls.row(index_of(i)).transpose() * controls.row(index_of(i));
    cross += p * terms[i] * controls.row(index_of(i)).transpose();
  }
  const Eigen::VectorXd beta = pseudo_inverse(second) * cross;
  return {beta.data(), beta.data() + beta.size()};
}

double control_sum(const Eigen::Ref<const RowMatrix>& controls, std::size_t i,
                   std::span<const double> beta) {
  double sum = 0;
  for (std::size_t c = 0; c < beta.size(); ++c) sum += beta[c] * controls(index_of(i), index_of(c));
  return sum;
}

}  // namespace

double product_pseudo_inverse(std::span<const double> ratio) {
  double weight = 1 - static_cast<double>(ratio.size());
  for (const double r : ratio) weight += r;
  return weight;
}

double uniform_pseudo_inverse(const Eigen::Ref<const RowMatrix>& marginals,
                              std::span<const std::uint16_t> slate) {
  const auto l = static_cast<double>(marginals.rows());
  const auto m = static_cast<double>(marginals.cols());
  double here = 0, anywhere = 0;
  for (std::size_t k = 0; k < slate.size(); ++k) {
    here += marginals(index_of(k), slate[k]);
    anywhere += marginals.col(slate[k]).sum();
  }
  if (l == m) return (m - 1) * here - (m - 2);
  return (m - 1) * here + (m - 1) / (m - l) * anywhere - m * (l - 1) / (m - l);
}

void click_model_weights(ClickWeight kind, std::span<const double> theta,
                         const Eigen::Ref<const RowMatrix>& pi,
                         const Eigen::Ref<const RowMatrix>& mu,
                         std::span<const std::uint16_t> slate, std::span<double> out, double clip) {
  REHEARSAL_CHECK(kind != ClickWeight::kPositionBased || theta.size() == slate.size());
  for (std::size_t k = 0; k < slate.size(); ++k) {
    double evaluation = 0, behavior = 0;
    for (std::size_t j = 0; j < slate.size(); ++j) {
      if (kind == ClickWeight::kItemPosition && j != k) continue;
      const double examined = kind == ClickWeight::kPositionBased ? theta[j] : 1.0;
      evaluation += examined * pi(index_of(j), slate[k]);
      behavior += examined * mu(index_of(j), slate[k]);
    }
    if (!(behavior > 0))
      throw Error(ErrorKind::kInput,
                  fmt::format("position {}: the logging policy gives the shown item probability 0; "
                              "expected more",
                              k));
    out[k] = std::min(clip, evaluation / behavior);
  }
}

double sub_slate_probability(const SlateDistribution& slates, std::size_t i,
                             std::span<const std::uint16_t> slate, std::uint32_t positions) {
  REHEARSAL_CHECK(static_cast<std::size_t>(std::bit_width(positions)) <= slate.size());
  return SubSlate(slates, i, slate, positions).sum();
}

void influence_weights(const SlateDistribution& pi, const SlateDistribution& mu, std::size_t i,
                       std::span<const std::uint16_t> slate,
                       std::span<const std::uint32_t> influence, std::span<double> out) {
  for (std::size_t k = 0; k < slate.size(); ++k) {
    const double behavior = sub_slate_probability(mu, i, slate, influence[k]);
    if (!(behavior > 0))
      throw Error(ErrorKind::kInput,
                  fmt::format("position {}: the logging policy never shows the items that "
                              "influence it",
                              k));
    out[k] = sub_slate_probability(pi, i, slate, influence[k]) / behavior;
  }
}

std::vector<double> latent_marginals(std::span<const double> probability,
                                     const Eigen::Ref<const RowMatrix>& latent) {
  std::vector<double> marginal(static_cast<std::size_t>(latent.cols()), 0.0);
  for (std::size_t i = 0; i < probability.size(); ++i)
    for (std::size_t f = 0; f < marginal.size(); ++f)
      marginal[f] += probability[i] * latent(index_of(i), index_of(f));
  return marginal;
}

double latent_weight(std::span<const double> latent, std::span<const double> pi,
                     std::span<const double> mu) {
  double weight = 0;
  for (std::size_t f = 0; f < latent.size(); ++f) {
    if (latent[f] == 0) continue;
    if (!(mu[f] > 0))
      throw Error(ErrorKind::kInput,
                  fmt::format("latent value {}: the logging policy gives it probability 0", f));
    weight += latent[f] * pi[f] / mu[f];
  }
  return weight;
}

std::vector<double> doubly_robust_terms(std::span<const double> weight,
                                        std::span<const double> reward, std::span<const double> q,
                                        std::span<const double> direct) {
  std::vector<double> terms(weight.size());
  for (std::size_t i = 0; i < terms.size(); ++i)
    terms[i] = direct[i] + weight[i] * (reward[i] - q[i]);
  return terms;
}

std::vector<double> control_coefficients(std::span<const double> terms,
                                         const Eigen::Ref<const RowMatrix>& controls,
                                         std::span<const double> probability) {
  return solve_controls(terms, controls,
                        [&](std::size_t i) { return probability.empty() ? 1.0 : probability[i]; });
}

std::vector<double> controlled_terms(std::span<const double> terms,
                                     const Eigen::Ref<const RowMatrix>& controls,
                                     std::span<const double> beta) {
  std::vector<double> out(terms.begin(), terms.end());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] -= control_sum(controls, i, beta);
  return out;
}

std::vector<double> cross_fitted_terms(std::span<const double> terms,
                                       const Eigen::Ref<const RowMatrix>& controls,
                                       std::size_t n_folds) {
  REHEARSAL_CHECK(n_folds >= 2 && n_folds <= terms.size());
  std::vector<double> out(terms.begin(), terms.end());
  for (std::size_t fold = 0; fold < n_folds; ++fold) {
    const std::vector<double> beta = solve_controls(
        terms, controls, [&](std::size_t i) { return i % n_folds == fold ? 0.0 : 1.0; });
    for (std::size_t i = fold; i < out.size(); i += n_folds)
      out[i] -= control_sum(controls, i, beta);
  }
  return out;
}

}  // namespace rehearsal
