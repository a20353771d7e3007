#include "analysis/fitted_q.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }

void check(const QProblem& p, const QOptions& options) {
  const auto refuse = [](const std::string& message) {
    throw Error(ErrorKind::kInput, "fitted Q: " + message);
  };
  if (p.offsets.size() < 2) refuse("there are no runs to fit");
  const std::size_t n = p.reward.size();
  const bool fits = p.offsets.back() == n && p.action.size() == n &&
                    p.action_dist.size() == n * p.n_actions &&
                    static_cast<std::size_t>(p.features.rows()) == n &&
                    (p.weight.empty() || p.weight.size() == n);
  if (!fits) refuse("the columns are of different sizes");
  for (std::size_t row = 0; row < n; ++row)
    if (p.action[row] >= p.n_actions)
      refuse(fmt::format("action[{}] is {}; expected one of 0 ... {}", row, p.action[row],
                         p.n_actions - 1));
  const std::size_t n_runs = p.offsets.size() - 1;
  if (options.n_folds == 0 || (options.n_folds > 1 && options.n_folds > n_runs))
    refuse(fmt::format("{} folds of {} runs; expected at most as many folds", options.n_folds,
                       n_runs));
}

/// One step's regressions: normal equations an action, and of all actions together.
class StepModel {
 public:
  StepModel(const QProblem& problem, double ridge)
      : problem_(problem),
        ridge_(ridge),
        width_(problem.features.cols() + 1),
        second_(problem.n_actions + 1, RowMatrix::Zero(width_, width_)),
        cross_(problem.n_actions + 1, Eigen::VectorXd::Zero(width_)) {}

  void add(std::size_t row, double target) {
    const double w = problem_.weight.empty() ? 1.0 : problem_.weight[row];
    const Eigen::VectorXd z = with_constant(row);
    for (const std::size_t model :
         {static_cast<std::size_t>(problem_.action[row]), problem_.n_actions}) {
      second_[model] += w * z * z.transpose();
      cross_[model] += w * target * z;
    }
  }

  void solve() {
    for (std::size_t a = 0; a <= problem_.n_actions; ++a) {
      // No row with weight: the pooled model stands in.
      const double n = second_[a](0, 0);
      if (!(n > 0)) {
        coefficients_.emplace_back();
        continue;
      }
      const double scale = second_[a].trace() / static_cast<double>(width_);
      RowMatrix penalized = second_[a];
      penalized.diagonal().array() += ridge_ * scale;
      coefficients_.emplace_back(penalized.ldlt().solve(cross_[a]));
    }
  }

  double predict(std::size_t row, std::size_t action) const {
    const Eigen::VectorXd& own = coefficients_[action];
    const Eigen::VectorXd& used = own.size() > 0 ? own : coefficients_[problem_.n_actions];
    return used.size() > 0 ? used.dot(with_constant(row)) : 0.0;
  }

 private:
  Eigen::VectorXd with_constant(std::size_t row) const {
    Eigen::VectorXd z(width_);
    z[0] = 1;
    z.tail(width_ - 1) = problem_.features.row(index(row)).transpose();
    return z;
  }

  const QProblem& problem_;
  double ridge_;
  Eigen::Index width_;
  std::vector<RowMatrix> second_;
  std::vector<Eigen::VectorXd> cross_, coefficients_;
};

/// sum_a pi(a) q(a) of a row.
double value_of(const QProblem& p, std::span<const double> q, std::size_t row) {
  double value = 0;
  for (std::size_t a = 0; a < p.n_actions; ++a)
    value += p.action_dist[row * p.n_actions + a] * q[row * p.n_actions + a];
  return value;
}

/// Fits on the runs that `learns` takes; predictions for all.
template <class Learns>
std::vector<double> fit_q(const QProblem& p, double ridge, Learns&& learns) {
  std::vector<double> q(p.reward.size() * p.n_actions, 0.0);
  const std::size_t n_runs = p.offsets.size() - 1;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < n_runs; ++i)
    longest = std::max<std::size_t>(longest, p.offsets[i + 1] - p.offsets[i]);
  for (std::size_t t = longest; t-- > 0;) {
    StepModel model(p, ridge);
    for (std::size_t i = 0; i < n_runs; ++i) {
      const std::size_t row = p.offsets[i] + t;
      if (row >= p.offsets[i + 1] || !learns(i)) continue;
      const bool last = row + 1 == p.offsets[i + 1];
      model.add(row, p.reward[row] + (last ? 0.0 : p.gamma * value_of(p, q, row + 1)));
    }
    model.solve();
    for (std::size_t i = 0; i < n_runs; ++i) {
      const std::size_t row = p.offsets[i] + t;
      for (std::size_t a = 0; row < p.offsets[i + 1] && a < p.n_actions; ++a)
        q[row * p.n_actions + a] = model.predict(row, a);
    }
  }
  return q;
}

}  // namespace

std::vector<double> fitted_q(const QProblem& problem, const QOptions& options) {
  check(problem, options);
  if (options.n_folds == 1) return fit_q(problem, options.ridge, [](std::size_t) { return true; });
  std::vector<double> q(problem.reward.size() * problem.n_actions);
  for (std::size_t fold = 0; fold < options.n_folds; ++fold) {
    const std::vector<double> others =
        fit_q(problem, options.ridge, [&](std::size_t i) { return i % options.n_folds != fold; });
    for (std::size_t i = fold; i + 1 < problem.offsets.size(); i += options.n_folds)
      std::copy(
          others.begin() + static_cast<std::ptrdiff_t>(problem.offsets[i] * problem.n_actions),
          others.begin() + static_cast<std::ptrdiff_t>(problem.offsets[i + 1] * problem.n_actions),
          q.begin() + static_cast<std::ptrdiff_t>(problem.offsets[i] * problem.n_actions));
  }
  return q;
}

std::vector<double> first_values(const QProblem& problem, std::span<const double> q_hat) {
  std::vector<double> values;
  for (std::size_t i = 0; i + 1 < problem.offsets.size(); ++i)
    values.push_back(value_of(problem, q_hat, problem.offsets[i]));
  return values;
}

RowMatrix slate_states(std::span<const std::uint32_t> offsets,
                       std::span<const std::uint32_t> action, std::size_t n_actions,
                       const Eigen::Ref<const RowMatrix>& context) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    longest = std::max<std::size_t>(longest, offsets[i + 1] - offsets[i]);
  RowMatrix states =
      RowMatrix::Zero(index(action.size()), context.cols() + index(longest * n_actions));
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    for (std::size_t s = offsets[i]; s < offsets[i + 1]; ++s) {
      states.row(index(s)).head(context.cols()) = context.row(index(i));
      for (std::size_t u = offsets[i]; u < s; ++u)
        states(index(s), context.cols() + index((u - offsets[i]) * n_actions + action[u])) = 1;
    }
  return states;
}

}  // namespace rehearsal
