#pragma once

#include <span>

namespace rehearsal {

/// List-wise cross entropy (Cao et al., ICML 2007, with labels in the place of their softmax, as
/// PRM has it): -sum_i y_i log softmax(z)_i. Its minimum has softmax(z) in proportion to y.
/// Args: y: >= 0.  gradient: overwritten.
double listwise_loss(std::span<const double> z, std::span<const double> y,
                     std::span<double> gradient);

/// Attention rank loss (Ai et al., SIGIR 2018): the cross entropy of a_i = e^{y_i} / sum_{y > 0}
/// e^{y}, 0 where y_i = 0, and softmax(z); times sum_i y_i, so that a list weighs what it is worth.
double attention_rank_loss(std::span<const double> z, std::span<const double> y,
                           std::span<double> gradient);

}  // namespace rehearsal
