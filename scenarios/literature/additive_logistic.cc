#include "scenarios/literature/additive_logistic.h"

#include <Eigen/Dense>

#include "scenarios/literature/slate_rewards.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr int kSteps = 12;

class AdditiveLogistic final : public ActionRegression {
 public:
  explicit AdditiveLogistic(double penalty) : penalty_(penalty) {}

  void fit(const ContextRounds& rounds, std::span<const std::uint32_t> rows) override {
    n_features_ = rounds.n_features;
    const auto d = static_cast<Eigen::Index>(1 + rounds.n_features + rounds.n_actions);
    weights_ = Eigen::VectorXd::Zero(d);
    Eigen::VectorXd x(d);
    for (int step = 0; step < kSteps; ++step) {
      Eigen::MatrixXd hessian = penalty_ * Eigen::MatrixXd::Identity(d, d);
      hessian(0, 0) = 1e-9;  // the constant is free
      Eigen::VectorXd gradient = -hessian * weights_;
      for (const std::uint32_t row : rows) {
        set(rounds.context.subspan(row * n_features_, n_features_), rounds.action[row], x);
        const double p = logistic(weights_.dot(x));
        gradient += (rounds.reward[row] - p) * x;
        hessian.selfadjointView<Eigen::Lower>().rankUpdate(x, p * (1 - p));
      }
      const Eigen::VectorXd move = hessian.selfadjointView<Eigen::Lower>().llt().solve(gradient);
      weights_ += move;
      if (move.norm() < 1e-10) break;
    }
  }

  void predict(std::span<const double> context, std::span<double> q_hat) const override {
    Eigen::VectorXd x(weights_.size());
    for (std::size_t a = 0; a < q_hat.size(); ++a) {
      set(context, a, x);
      q_hat[a] = logistic(weights_.dot(x));
    }
  }

 private:
  void set(std::span<const double> context, std::size_t action, Eigen::VectorXd& x) const {
    x.setZero();
    x[0] = 1;
    for (std::size_t f = 0; f < n_features_; ++f) x[static_cast<Eigen::Index>(f + 1)] = context[f];
    x[static_cast<Eigen::Index>(1 + n_features_ + action)] = 1;
  }

  double penalty_;
  std::size_t n_features_ = 0;
  Eigen::VectorXd weights_;
};

}  // namespace

std::unique_ptr<ActionRegression> make_additive_logistic(double penalty) {
  REHEARSAL_CHECK(penalty > 0);
  return std::make_unique<AdditiveLogistic>(penalty);
}

}  // namespace rehearsal
