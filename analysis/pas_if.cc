#include "analysis/pas_if.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "analysis/minimize.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

// Away from the addresses of cross-fitting folds and arms.
constexpr std::uint16_t kSplitSession = 0x4000;

class LogisticRule final : public SamplingRule {
 public:
  explicit LogisticRule(std::size_t n_features) : n_features_(n_features) {}

  std::size_t n_parameters() const override { return n_features_ + 1; }

  void apply(const Eigen::VectorXd& parameters, const BanditColumns& log,
             RowMatrix& out) const override {
    const Eigen::VectorXd scores =
        (log.features * parameters.tail(log.features.cols())).array() + parameters[0];
    out.resize(log.behavior.rows(), log.behavior.cols());
    for (Eigen::Index c = 0; c < scores.size(); ++c) out.data()[c] = logistic(scores[c]);
  }

  Eigen::VectorXd gradient(const Eigen::VectorXd& parameters, const BanditColumns& log,
                           const RowMatrix& rho, const RowMatrix& by_rho) const override {
    Eigen::VectorXd by_score(rho.size());
    for (Eigen::Index c = 0; c < by_score.size(); ++c)
      by_score[c] = by_rho.data()[c] * rho.data()[c] * (1 - rho.data()[c]);
    Eigen::VectorXd out(parameters.size());
    out[0] = by_score.sum();
    out.tail(log.features.cols()) = log.features.transpose() * by_score;
    return out;
  }

 private:
  std::size_t n_features_;
};

void check(const BanditColumns& log, std::span<const PseudoEstimator> estimators) {
  const auto n = static_cast<Eigen::Index>(log.n_rounds());
  if (n == 0 || estimators.empty())
    throw Error(ErrorKind::kInput, "PAS-IF: needs rounds and estimators");
  if (log.behavior.rows() != n || log.evaluation.rows() != n ||
      log.evaluation.cols() != log.behavior.cols() || log.reward.size() != log.n_rounds() ||
      log.features.rows() != log.behavior.size())
    throw Error(ErrorKind::kInput, "PAS-IF: the columns do not fit each other");
  for (std::size_t i = 0; i < log.n_rounds(); ++i)
    if (log.action[i] >= log.n_actions() ||
        !(log.behavior(static_cast<Eigen::Index>(i), log.action[i]) > 0))
      throw Error(ErrorKind::kInput,
                  fmt::format("PAS-IF: the behavior never shows the action of round {}", i));
}

/// The loss of a rule and what it consists of.
class SamplingLoss {
 public:
  SamplingLoss(const BanditColumns& log, const SamplingRule& rule, double share, double penalty)
      : log_(log), rule_(rule), share_(share), penalty_(penalty) {}

  double operator()(const Eigen::VectorXd& parameters, Eigen::VectorXd& gradient) {
    rule_.apply(parameters, log_, rho_);
    by_rho_.setZero(rho_.rows(), rho_.cols());
    const double n = static_cast<double>(log_.n_rounds());
    weight_loss = mean_share = 0;
    double share_loss = 0;
    for (Eigen::Index i = 0; i < rho_.rows(); ++i) {
      const auto a = static_cast<Eigen::Index>(log_.action[static_cast<std::size_t>(i)]);
      const double bar = log_.behavior.row(i).dot(rho_.row(i));
      const double p = rho_(i, a);
      const double ratio = p / bar * (1 - bar) / (1 - p);
      const double off = ratio - log_.evaluation(i, a) / log_.behavior(i, a);
      weight_loss += off * off / n;
      share_loss += (bar - share_) * (bar - share_) / n;
      mean_share += bar / n;
      // d ratio / d bar = -ratio / (bar (1 - bar)), d ratio / d p = ratio / (p (1 - p))
      const double by_bar = 2 * (penalty_ * (bar - share_) - off * ratio / (bar * (1 - bar))) / n;
      by_rho_.row(i) += by_bar * log_.behavior.row(i);
      by_rho_(i, a) += 2 * off * ratio / (p * (1 - p)) / n;
    }
    gradient = rule_.gradient(parameters, log_, rho_, by_rho_);
    return weight_loss + penalty_ * share_loss;
  }

  const RowMatrix& rho() const { return rho_; }
  double weight_loss = 0;
  double mean_share = 0;

 private:
  const BanditColumns& log_;
  const SamplingRule& rule_;
  double share_, penalty_;
  RowMatrix rho_, by_rho_;
};

struct FittedRule {
  RowMatrix rho;
  double share = 0;
  double weight_loss = std::numeric_limits<double>::infinity();
};

/// The least weight loss among penalties that keep the share; else the share nearest to it.
FittedRule fit(const BanditColumns& log, const SamplingRule& rule, const PasIfOptions& options) {
  FittedRule best;
  double best_off = std::numeric_limits<double>::infinity();
  for (const double penalty : options.penalties) {
    Eigen::VectorXd x = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(rule.n_parameters()));
    SamplingLoss loss(log, rule, options.share, penalty);
    MinimizeOptions how;
    how.max_steps = options.max_steps;
    minimize(
        [&](const Eigen::VectorXd& at, Eigen::VectorXd& gradient) { return loss(at, gradient); }, x,
        how);
    Eigen::VectorXd gradient;
    loss(x, gradient);
    const double off = std::max(0.0, std::abs(loss.mean_share - options.share) - options.tolerance);
    if (off < best_off || (off == best_off && loss.weight_loss < best.weight_loss)) {
      best_off = off;
      best = {loss.rho(), loss.mean_share, loss.weight_loss};
    }
  }
  return best;
}

/// mu rho / rho_bar, row by row.
RowMatrix tilted(const RowMatrix& behavior, const RowMatrix& rho) {
  RowMatrix out = behavior.cwiseProduct(rho);
  for (Eigen::Index i = 0; i < out.rows(); ++i) out.row(i) /= out.row(i).sum();
  return out;
}

}  // namespace

std::unique_ptr<SamplingRule> logistic_sampling_rule(std::size_t n_features) {
  return std::make_unique<LogisticRule>(n_features);
}

PasIfResult pas_if(const BanditColumns& log, std::span<const PseudoEstimator> estimators,
                   const SamplingRule& rule, const PasIfOptions& options, const Rng& rng) {
  check(log, estimators);
  const FittedRule fitted = fit(log, rule, options);
  const RowMatrix evaluation = tilted(log.behavior, fitted.rho);
  const RowMatrix behavior =
      tilted(log.behavior, RowMatrix::Ones(fitted.rho.rows(), fitted.rho.cols()) - fitted.rho);
  PasIfResult out;
  out.share = fitted.share;
  out.weight_loss = fitted.weight_loss;
  out.mse.assign(estimators.size(), 0.0);
  for (std::size_t s = 0; s < options.n_splits; ++s) {
    std::vector<std::uint32_t> rows;
    double truth = 0, n_truth = 0;
    for (std::uint32_t i = 0; i < log.n_rounds(); ++i) {
      const Turn turn{UserId{i}, kSplitSession, static_cast<std::uint16_t>(s)};
      const double rho = fitted.rho(static_cast<Eigen::Index>(i), log.action[i]);
      if (rng.stream(Draw::kAssignment, turn).uniform() >= rho) {
        rows.push_back(i);
        continue;
      }
      truth += log.reward[i];
      n_truth += 1;
    }
    if (rows.empty() || n_truth == 0)
      throw Error(ErrorKind::kInput, "PAS-IF: a split leaves one of its parts empty");
    const PseudoLog part{log, rows, behavior, evaluation};
    for (std::size_t e = 0; e < estimators.size(); ++e) {
      const double off = estimators[e].estimate(part) - truth / n_truth;
      out.mse[e] += off * off / static_cast<double>(options.n_splits);
    }
  }
  const auto least = std::min_element(out.mse.begin(), out.mse.end());
  out.index = static_cast<std::size_t>(least - out.mse.begin());
  out.reason = fmt::format(
      "{}: the least error of {} estimators, {:.3g}, on {} pseudo-logs whose weights differ from "
      "the "
      "log's by {:.2g} (root mean square), {:.0f} % of the rounds standing for the truth{}",
      estimators[out.index].name, estimators.size(), std::sqrt(*least), options.n_splits,
      std::sqrt(out.weight_loss), 100 * out.share,
      std::abs(out.share - options.share) > options.tolerance
          ? fmt::format(" (no rule came within {:g} of {:g})", options.tolerance, options.share)
          : "");
  return out;
}

}  // namespace rehearsal
