#pragma once

#include <algorithm>
#include <cmath>

namespace rehearsal {

/// Weights that stand in for w = pi(a | x) / mu(a | x): less variance, some bias
/// E[(w_hat - w)(r - q_hat)]. Each has of(w, p, lambda), p = mu(a | x), and w back at a limit of
/// lambda. They are types so that estimators inline them.
namespace shrinkage {

/// w itself.
struct None {
  static double of(double w, double /*p*/, double /*lambda*/) { return w; }
};

/// min(w, lambda); lambda = inf gives w (Ionides, JCGS 2008).
struct Clip {
  static double of(double w, double /*p*/, double lambda) { return std::min(w, lambda); }
};

/// w 1[w <= lambda]; lambda = inf gives w (Wang et al., ICML 2017).
struct Switch {
  static double of(double w, double /*p*/, double lambda) { return w <= lambda ? w : 0.0; }
};

/// lambda w / (w^2 + lambda); lambda = inf gives w (Su et al., ICML 2020). At lambda = 0 nothing
/// is left of any weight, w = 0 included.
struct Optimistic {
  static double of(double w, double /*p*/, double lambda) {
    if (std::isinf(lambda)) return w;
    return lambda > 0 ? lambda * w / (w * w + lambda) : 0.0;
  }
};

/// w / (1 - lambda + lambda w), lambda in [0, 1]; lambda = 0 gives w, lambda = 1 gives 1[w > 0]
/// (Metelli et al., NeurIPS 2021).
struct SubGaussian {
  static double of(double w, double /*p*/, double lambda) {
    return w > 0 ? w / (1 - lambda + lambda * w) : 0.0;
  }
};

/// pi / (mu + lambda); lambda = 0 gives w (implicit exploration: Kocak et al., NIPS 2014).
struct ImplicitExploration {
  static double of(double w, double p, double lambda) { return w * p / (p + lambda); }
};

/// pi / mu^lambda; lambda = 1 gives w, lambda = 0 gives pi (Aouali et al., ICML 2023).
struct ExponentialSmoothing {
  static double of(double w, double p, double lambda) {
    return lambda == 1 ? w : w * p / std::pow(p, lambda);
  }
};

}  // namespace shrinkage

}  // namespace rehearsal
