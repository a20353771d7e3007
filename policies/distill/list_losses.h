#pragma once

#include <cstddef>
#include <span>

// Losses of one list: what a student says of its items (s) against what the teacher said (t). Each
// returns its value and overwrites `gradient` with the derivatives by s. All are (n_items).
namespace rehearsal {

/// temperature^2 * KL(softmax(t / temperature) || softmax(s / temperature)) (Hinton et al., 2015,
/// over the list as in Cao et al., ICML 2007): 0 where s - t is the same for all items.
double list_wise_loss(std::span<const float> s, std::span<const float> t, double temperature,
                      std::span<float> gradient);

/// Ranking distillation (Tang and Wang, KDD 2018): - sum over the teacher's first `top` items of
/// w_r log sigmoid(s_r), w_r = mix * e^(-r / decay) (normalised) + (1 - mix) * tanh(max(0, slope *
/// (the student's rank - r))). Ranks from 1; the student's are taken as constants.
struct RankingDistillation {
  std::size_t top = 3;
  double mix = 0.5;
  double decay = 2;
  double slope = 1;
};
double ranking_distillation_loss(std::span<const float> s, std::span<const float> t,
                                 const RankingDistillation& options, std::span<float> gradient);

/// Relaxed ranking distillation (RRD of DE-RRD; Kang et al., CIKM 2020): - log Plackett-Luce
/// likelihood of the teacher's first `top` items in their order, all others being behind them in
/// any order.
double relaxed_ranking_loss(std::span<const float> s, std::span<const float> t, std::size_t top,
                            std::span<float> gradient);

/// After RankDistil (Reddi et al., AISTATS 2021): KL of the softmaxes over the teacher's first
/// `top` items, and for every other item half the square of what it lacks to lie `margin` below
/// the lowest of those.
double rank_distil_loss(std::span<const float> s, std::span<const float> t, std::size_t top,
                        double margin, std::span<float> gradient);

}  // namespace rehearsal
