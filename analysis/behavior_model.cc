#include "analysis/behavior_model.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>

#include "analysis/minimize.h"
#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

/// Sums over rounds of inputs, for their scales.
struct InputSums {
  Eigen::RowVectorXd sum, squares;
  std::vector<double> outside;  // [fold] rounds that are not in it
};

/// Loss and gradient, summed over rounds.
struct SoftmaxLoss {
  double value = 0;
  RowMatrix gradient;  // (1 + n_inputs, n_actions)
};

RowMatrix logits_of(const RowMatrix& x, const RowMatrix& coefficients) {
  RowMatrix logits = x * coefficients.bottomRows(coefficients.rows() - 1);
  logits.rowwise() += coefficients.row(0);
  return logits;
}

/// Turns logits into probabilities. Returns: the sum over rows of log P(action).
double normalize(const std::vector<std::uint32_t>& action, RowMatrix& logits) {
  double log_likelihood = 0;
  for (Eigen::Index i = 0; i < logits.rows(); ++i) {
    const double largest = logits.row(i).maxCoeff();
    const double own = logits(i, action[static_cast<std::size_t>(i)]) - largest;
    logits.row(i) = (logits.row(i).array() - largest).exp();
    const double sum = logits.row(i).sum();
    logits.row(i) /= sum;
    log_likelihood += own - std::log(sum);
  }
  return log_likelihood;
}

InputSums sum_inputs(const ChoiceSource& rounds, std::size_t n_folds, int threads) {
  const auto d = static_cast<Eigen::Index>(rounds.n_inputs);
  const InputSums none{Eigen::RowVectorXd::Zero(d), Eigen::RowVectorXd::Zero(d),
                       std::vector<double>(n_folds, 0.0)};
  InputSums total = none;
  ordered_reduce(
      rounds.n_blocks, threads,
      [&](std::size_t block) {
        const LoggedChoices part = rounds.read(block);
        InputSums own = none;
        own.sum = part.inputs.colwise().sum();
        own.squares = part.inputs.colwise().squaredNorm();
        for (const std::uint8_t fold : part.fold)
          for (std::size_t f = 0; f < n_folds; ++f) own.outside[f] += f == fold ? 0 : 1;
        return own;
      },
      [&](std::size_t, InputSums&& own) {
        total.sum += own.sum;
        total.squares += own.squares;
        for (std::size_t f = 0; f < n_folds; ++f) total.outside[f] += own.outside[f];
      });
  if (!total.squares.allFinite())
    throw Error(ErrorKind::kInput,
                "estimated propensities: the context has values that are not "
                "finite");
  for (const double n : total.outside)
    if (n < 2)
      throw Error(ErrorKind::kInput,
                  fmt::format("estimated propensities: {} rounds are left to learn from outside "
                              "one of {} folds, expected at least 2",
                              n, n_folds));
  return total;
}

}  // namespace

BehaviorModel::BehaviorModel(const ChoiceSource& rounds, std::size_t n_folds, int threads) {
  REHEARSAL_CHECK(n_folds >= 2);
  const InputSums sums = sum_inputs(rounds, n_folds, threads);
  double n = 0;
  for (const double outside : sums.outside) n += outside / static_cast<double>(n_folds - 1);
  mean_ = sums.sum / n;
  scale_ = (sums.squares / n - mean_.cwiseProduct(mean_)).cwiseMax(0.0).cwiseSqrt();
  for (double& scale : scale_)
    if (!(scale > 0)) scale = 1;  // a constant: the intercept has it
  const auto d = static_cast<Eigen::Index>(rounds.n_inputs + 1);
  const auto n_actions = static_cast<Eigen::Index>(rounds.n_actions);
  for (std::size_t fold = 0; fold < n_folds; ++fold) {
    const double n_seen = sums.outside[fold];
    const SmoothFunction mean_loss = [&](const Eigen::VectorXd& flat, Eigen::VectorXd& gradient) {
      const RowMatrix coefficients = Eigen::Map<const RowMatrix>(flat.data(), d, n_actions);
      SoftmaxLoss total{0, RowMatrix::Zero(d, n_actions)};
      ordered_reduce(
          rounds.n_blocks, threads,
          [&](std::size_t block) {
            const LoggedChoices part = rounds.read(block);
            std::vector<std::uint32_t> action;
            std::vector<Eigen::Index> seen;
            for (std::size_t i = 0; i < part.fold.size(); ++i) {
              if (part.fold[i] == fold) continue;
              seen.push_back(static_cast<Eigen::Index>(i));
              action.push_back(part.action[i]);
            }
            const RowMatrix x = scaled(part.inputs(seen, Eigen::all));
            RowMatrix p = logits_of(x, coefficients);
            SoftmaxLoss own{-normalize(action, p), RowMatrix(d, n_actions)};
            for (std::size_t i = 0; i < action.size(); ++i)
              p(static_cast<Eigen::Index>(i), action[i]) -= 1;
            own.gradient.row(0) = p.colwise().sum();
            own.gradient.bottomRows(d - 1).noalias() = x.transpose() * p;
            return own;
          },
          [&](std::size_t, SoftmaxLoss&& own) {
            total.value += own.value;
            total.gradient += own.gradient;
          });
      total.gradient += coefficients;
      gradient = Eigen::Map<const Eigen::VectorXd>(total.gradient.data(), flat.size()) / n_seen;
      return (total.value + 0.5 * flat.squaredNorm()) / n_seen;
    };
    Eigen::VectorXd flat = Eigen::VectorXd::Zero(d * n_actions);
    minimize(mean_loss, flat, {200, 10, 1e-7});
    coefficients_.emplace_back(Eigen::Map<const RowMatrix>(flat.data(), d, n_actions));
  }
}

RowMatrix BehaviorModel::scaled(const RowMatrix& inputs) const {
  RowMatrix x = inputs.rowwise() - mean_;
  x.array().rowwise() /= scale_.array();
  return x;
}

RowMatrix BehaviorModel::predict(const LoggedChoices& rounds) const {
  const RowMatrix x = scaled(rounds.inputs);
  RowMatrix out(x.rows(), coefficients_[0].cols());
  for (std::size_t fold = 0; fold < coefficients_.size(); ++fold) {
    std::vector<Eigen::Index> own;
    std::vector<std::uint32_t> action;
    for (std::size_t i = 0; i < rounds.fold.size(); ++i) {
      if (rounds.fold[i] != fold) continue;
      own.push_back(static_cast<Eigen::Index>(i));
      action.push_back(rounds.action[i]);
    }
    RowMatrix p = logits_of(x(own, Eigen::all), coefficients_[fold]);
    normalize(action, p);
    out(own, Eigen::all) = p;
  }
  return out;
}

std::vector<double> BehaviorModel::pscores(const LoggedChoices& rounds) const {
  const RowMatrix p = predict(rounds);
  std::vector<double> out(rounds.action.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = p(static_cast<Eigen::Index>(i), rounds.action[i]);
  return out;
}

}  // namespace rehearsal
