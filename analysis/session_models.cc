#include "analysis/session_models.h"

#include <Eigen/Cholesky>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostCells = 256;  // (slot, module) pairs with a coefficient each

/// Least squares from moments, the constant without penalty; 0 where nothing was seen.
Eigen::VectorXd solved(Eigen::MatrixXd squares, const Eigen::VectorXd& product, double penalty) {
  if (squares(0, 0) == 0) return Eigen::VectorXd::Zero(product.size());
  squares.diagonal().tail(squares.rows() - 1).array() += penalty;
  return squares.ldlt().solve(product);
}

}  // namespace

SessionFeatures::SessionFeatures(const Schema& schema, Decision decision)
    : schema_(schema),
      encoder_(schema),
      list_(decision == Decision::kItems),
      by_slot_(n_places(schema, decision) * schema.n_modules() <= kMostCells),
      n_state_(static_cast<Eigen::Index>(1 + encoder_.n_inputs())) {
  const std::size_t of_page =
      list_ ? static_cast<std::size_t>(schema.items.cols())
            : schema.n_modules() * (by_slot_ ? n_places(schema, decision) : 1);
  size_ = n_state_ + static_cast<Eigen::Index>(of_page);
}

void SessionFeatures::state(const RequestBatch& requests, std::size_t i,
                            Eigen::Ref<Eigen::VectorXd> out) const {
  std::vector<float> context(encoder_.n_inputs());
  encoder_.encode(requests.features(i), context);
  out[0] = 1;
  for (std::size_t f = 0; f < context.size(); ++f)
    out[static_cast<Eigen::Index>(1 + f)] = static_cast<double>(context[f]);
}

void SessionFeatures::add(const RequestBatch& requests, std::size_t i, std::size_t place,
                          std::size_t choice, double share, Eigen::Ref<Eigen::VectorXd> out) const {
  if (!list_) {
    const std::size_t module = requests.eligible(i)[choice];
    const std::size_t cell = (by_slot_ ? place * schema_.n_modules() : 0) + module;
    out[n_state_ + static_cast<Eigen::Index>(cell)] += share;
    return;
  }
  const std::uint32_t item = requests.candidate[requests.candidate_offsets[i] + choice];
  if (item >= static_cast<std::size_t>(schema_.items.rows()))
    throw Error(ErrorKind::kInput,
                "log: item " + std::to_string(item) + " is not in the catalogue");
  for (Eigen::Index j = 0; j < size_ - n_state_; ++j)
    out[n_state_ + j] +=
        share * static_cast<double>(schema_.items(static_cast<Eigen::Index>(item), j));
}

SessionMoments::SessionMoments(const SessionFeatures& features, std::size_t n_folds,
                               std::size_t n_steps, std::size_t n_metrics) {
  const Eigen::Index state = features.n_state(), size = features.size();
  const Step none{Eigen::MatrixXd::Zero(state, state), Eigen::MatrixXd::Zero(state, state),
                  Eigen::MatrixXd::Zero(size, size), Eigen::MatrixXd::Zero(size, size),
                  std::vector<Eigen::VectorXd>(n_metrics, Eigen::VectorXd::Zero(size))};
  steps_.assign(n_folds, std::vector<Step>(n_steps, none));
}

void SessionMoments::add(std::size_t fold, std::span<const SessionRound> rounds,
                         std::span<const double> ratio,
                         std::span<const std::span<const double>> reward) {
  for (std::size_t t = 0; t < rounds.size(); ++t) {
    Step& step = steps_[fold][t];
    const SessionRound& own = rounds[t];
    step.states.noalias() += own.state * own.state.transpose();
    step.pages.noalias() += own.shown * own.shown.transpose();
    for (std::size_t m = 0; m < reward.size(); ++m) step.rewards[m] += reward[m][t] * own.shown;
    if (t + 1 == rounds.size()) break;
    step.moved.noalias() += rounds[t + 1].state * (ratio[t] * own.state.transpose());
    step.next.noalias() += own.shown * rounds[t + 1].expected.transpose();
  }
}

void SessionMoments::add(const SessionMoments& other) {
  for (std::size_t f = 0; f < steps_.size(); ++f)
    for (std::size_t t = 0; t < steps_[f].size(); ++t) {
      Step& own = steps_[f][t];
      const Step& from = other.steps_[f][t];
      own.states += from.states;
      own.moved += from.moved;
      own.pages += from.pages;
      own.next += from.next;
      for (std::size_t m = 0; m < own.rewards.size(); ++m) own.rewards[m] += from.rewards[m];
    }
}

SessionModels::SessionModels(const SessionMoments& moments, double penalty) {
  const std::size_t n_folds = moments.steps_.size(), n_steps = moments.steps_[0].size();
  const std::size_t n_metrics = moments.steps_[0][0].rewards.size();
  for (std::size_t fold = 0; fold < n_folds; ++fold) {
    std::vector<SessionMoments::Step> learnt;
    for (std::size_t t = 0; t < n_steps; ++t) {
      SessionMoments::Step step = moments.steps_[(fold + 1) % n_folds][t];
      for (std::size_t other = 2; other < n_folds; ++other) {
        const SessionMoments::Step& from = moments.steps_[(fold + other) % n_folds][t];
        step.states += from.states;
        step.moved += from.moved;
        step.pages += from.pages;
        step.next += from.next;
        for (std::size_t m = 0; m < n_metrics; ++m) step.rewards[m] += from.rewards[m];
      }
      learnt.push_back(std::move(step));
    }
    std::vector<Eigen::VectorXd> weights{Eigen::VectorXd::Unit(learnt[0].states.rows(), 0)};
    for (std::size_t t = 1; t < n_steps; ++t)
      weights.push_back(solved(learnt[t].states, learnt[t - 1].moved * weights.back(), penalty));
    weights_.push_back(std::move(weights));
    values_.emplace_back();
    for (std::size_t m = 0; m < n_metrics; ++m) {
      std::vector<Eigen::VectorXd> values(n_steps);
      for (std::size_t t = n_steps; t-- > 0;) {
        Eigen::VectorXd target = learnt[t].rewards[m];
        if (t + 1 < n_steps) target += learnt[t].next * values[t + 1];
        values[t] = solved(learnt[t].pages, target, penalty);
      }
      values_.back().push_back(std::move(values));
    }
  }
}

}  // namespace rehearsal
