#include "policies/online/laplace.h"

#include <cmath>

#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr int kMostSteps = 50;
constexpr double kTolerance = 1e-8;

/// log(1 + exp(z)).

/// Minus the log of prior times likelihood, with its derivatives.
class LogPosterior {
 public:
  LogPosterior(const RowMatrixF& inputs, std::span<const LogisticExample> examples,
               const DiagonalNormal& prior)
      : examples_(examples),
        x_(static_cast<Eigen::Index>(examples.size()), inputs.cols()),
        mean_(Eigen::Map<const Eigen::VectorXd>(prior.mean.data(), inputs.cols())),
        precision_(Eigen::Map<const Eigen::VectorXd>(prior.precision.data(), inputs.cols())) {
    for (std::size_t e = 0; e < examples.size(); ++e)
      x_.row(static_cast<Eigen::Index>(e)) = inputs.row(examples[e].row).cast<double>();
  }

  double value(const Eigen::VectorXd& w) const {
    const Eigen::VectorXd z = x_ * w;
    double sum = 0.5 * ((w - mean_).array().square() * precision_.array()).sum();
    for (std::size_t e = 0; e < examples_.size(); ++e) {
      const double at = z[static_cast<Eigen::Index>(e)];
      sum += examples_[e].weight * softplus(examples_[e].success ? -at : at);
    }
    return sum;
  }

  /// Also keeps what curvature() needs.
  Eigen::VectorXd gradient(const Eigen::VectorXd& w) {
    Eigen::VectorXd z = x_ * w;
    spread_.resize(z.size());
    for (std::size_t e = 0; e < examples_.size(); ++e) {
      const auto i = static_cast<Eigen::Index>(e);
      const double p = logistic(z[i]);
      spread_[i] = examples_[e].weight * p * (1 - p);
      z[i] = examples_[e].weight * (p - (examples_[e].success ? 1 : 0));
    }
    return x_.transpose() * z + precision_.cwiseProduct(w - mean_);
  }

  Eigen::VectorXd curvature(const Eigen::VectorXd& direction) const {
    const Eigen::VectorXd z = (x_ * direction).cwiseProduct(spread_);
    return x_.transpose() * z + precision_.cwiseProduct(direction);
  }

  /// The diagonal of the curvature.
  Eigen::VectorXd diagonal() const {
    return x_.array().square().matrix().transpose() * spread_ + precision_;
  }

 private:
  std::span<const LogisticExample> examples_;
  RowMatrix x_;
  Eigen::VectorXd mean_;
  Eigen::VectorXd precision_;
  Eigen::VectorXd spread_;
};

/// Solves curvature * step = -gradient by preconditioned conjugate gradients.
Eigen::VectorXd newton_step(const LogPosterior& objective, const Eigen::VectorXd& gradient) {
  const Eigen::VectorXd diagonal = objective.diagonal();
  Eigen::VectorXd step = Eigen::VectorXd::Zero(gradient.size());
  Eigen::VectorXd residual = -gradient;
  Eigen::VectorXd scaled = residual.cwiseQuotient(diagonal);
  Eigen::VectorXd direction = scaled;
  double product = residual.dot(scaled);
  const double enough = 1e-12 * product;
  for (Eigen::Index k = 0; k < 2 * gradient.size() && product > enough; ++k) {
    const Eigen::VectorXd bent = objective.curvature(direction);
    const double along = product / direction.dot(bent);
    step += along * direction;
    residual -= along * bent;
    scaled = residual.cwiseQuotient(diagonal);
    const double next = residual.dot(scaled);
    direction = scaled + (next / product) * direction;
    product = next;
  }
  return step;
}

}  // namespace

void laplace_update(const RowMatrixF& inputs, std::span<const LogisticExample> examples,
                    DiagonalNormal posterior) {
  if (examples.empty()) return;
  LogPosterior objective(inputs, examples, posterior);
  Eigen::Map<Eigen::VectorXd> mean(posterior.mean.data(), inputs.cols());
  Eigen::Map<Eigen::VectorXd> precision(posterior.precision.data(), inputs.cols());
  Eigen::VectorXd w = mean;
  double value = objective.value(w);
  for (int k = 0; k < kMostSteps; ++k) {
    const Eigen::VectorXd gradient = objective.gradient(w);
    if ((gradient.array().abs() / precision.array()).maxCoeff() < kTolerance) break;
    Eigen::VectorXd step = newton_step(objective, gradient);
    double next = objective.value(w + step);
    for (int half = 0; half < 30 && next > value; ++half) {
      step *= 0.5;
      next = objective.value(w + step);
    }
    if (next > value) break;  // as low as doubles tell
    w += step;
    value = next;
  }
  objective.gradient(w);
  mean = w;
  precision = objective.diagonal();
}

}  // namespace rehearsal
