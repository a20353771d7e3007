#include "analysis/cross_fit.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <numeric>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

class Ridge final : public ActionRegression {
 public:
  explicit Ridge(double penalty) : penalty_(penalty) {}

  void fit(const ContextRounds& rounds, std::span<const std::uint32_t> rows) override {
    const auto d = static_cast<Eigen::Index>(rounds.n_features + 1);
    const auto n_actions = static_cast<Eigen::Index>(rounds.n_actions);
    mean_ = 0;
    for (const std::uint32_t row : rows)
      mean_ += rounds.reward[row] / static_cast<double>(rows.size());
    std::vector<Eigen::MatrixXd> gram(rounds.n_actions, penalty_ * Eigen::MatrixXd::Identity(d, d));
    Eigen::MatrixXd moments = Eigen::MatrixXd::Zero(d, n_actions);
    Eigen::VectorXd x(d);
    for (const std::uint32_t row : rows) {
      set_features(rounds.context.subspan(row * rounds.n_features, rounds.n_features), x);
      gram[rounds.action[row]].noalias() += x * x.transpose();
      moments.col(rounds.action[row]) += (rounds.reward[row] - mean_) * x;
    }
    weights_.resize(d, n_actions);
    for (Eigen::Index a = 0; a < n_actions; ++a)
      weights_.col(a) = gram[static_cast<std::size_t>(a)].llt().solve(moments.col(a));
  }

  void predict(std::span<const double> context, std::span<double> q_hat) const override {
    Eigen::VectorXd x(weights_.rows());
    set_features(context, x);
    for (Eigen::Index a = 0; a < weights_.cols(); ++a)
      q_hat[static_cast<std::size_t>(a)] = mean_ + weights_.col(a).dot(x);
  }

 private:
  static void set_features(std::span<const double> context, Eigen::VectorXd& x) {
    x[0] = 1;
    for (std::size_t f = 0; f < context.size(); ++f)
      x[static_cast<Eigen::Index>(f + 1)] = context[f];
  }

  double penalty_;
  double mean_ = 0;
  Eigen::MatrixXd weights_;  // (1 + n_features, n_actions)
};

/// Rows in a random order: fold f has every n_folds-th of them from f on.
std::vector<std::uint32_t> shuffled(std::size_t n, const Rng& rng) {
  std::vector<std::uint32_t> rows(n), key(n);
  std::iota(rows.begin(), rows.end(), 0U);
  Stream draw = rng.stream(Draw::kAssignment, {});
  for (std::uint32_t& each : key) each = draw();
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return key[a] < key[b]; });
  return rows;
}

}  // namespace

std::unique_ptr<ActionRegression> make_ridge(double penalty) {
  REHEARSAL_CHECK(penalty > 0);
  return std::make_unique<Ridge>(penalty);
}

std::vector<double> cross_fit(const ContextRounds& rounds,
                              const std::function<std::unique_ptr<ActionRegression>()>& make,
                              std::size_t n_folds, const Rng& rng) {
  REHEARSAL_CHECK(n_folds >= 2);
  if (rounds.size() < n_folds)
    throw Error(ErrorKind::kInput,
                fmt::format("{} rounds are too few for {} folds", rounds.size(), n_folds));
  const std::vector<std::uint32_t> rows = shuffled(rounds.size(), rng);
  std::vector<double> q_hat(rounds.size() * rounds.n_actions);
  for (std::size_t fold = 0; fold < n_folds; ++fold) {
    std::vector<std::uint32_t> others;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (i % n_folds != fold) others.push_back(rows[i]);
    std::sort(others.begin(), others.end());
    const std::unique_ptr<ActionRegression> model = make();
    model->fit(rounds, others);
    for (std::size_t i = fold; i < rows.size(); i += n_folds)
      model->predict(rounds.context.subspan(rows[i] * rounds.n_features, rounds.n_features),
                     std::span(q_hat).subspan(rows[i] * rounds.n_actions, rounds.n_actions));
  }
  return q_hat;
}

}  // namespace rehearsal
