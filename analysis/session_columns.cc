#include "analysis/session_columns.h"

namespace rehearsal {

std::size_t SessionColumns::fold(const SessionView& view, std::size_t s) const {
  return static_cast<std::size_t>(
      plan_.session_folds.fold_of(UserId{view.requests.user[view.sessions[s]]}));
}

std::vector<SessionRound> SessionColumns::rounds(const SessionFeatures& features,
                                                 const SessionView& view, std::size_t s) const {
  std::vector<SessionRound> out;
  for (std::size_t i = view.sessions[s]; i < view.sessions[s + 1]; ++i) {
    SessionRound round{
        Eigen::VectorXd(features.n_state()), Eigen::VectorXd::Zero(features.size()), {}};
    features.state(view.requests, i, round.state);
    round.shown.head(features.n_state()) = round.state;
    round.expected = round.shown;
    const PageBatch& pages = view.batch.pages;
    const std::size_t n = view.batch.requests.n_eligible(i);
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      features.add(view.requests, i, k, view.logged.choice[pages.slot_offsets[i] + k], 1,
                   round.shown);
      for (std::size_t choice = 0; choice < n; ++choice)
        features.add(view.requests, i, k, choice,
                     view.weights.marginals[view.logged.cell_offsets[i] + k * n + choice],
                     round.expected);
    }
    out.push_back(std::move(round));
  }
  return out;
}

void SessionColumns::learn(const SessionView& view, SessionMoments& moments) const {
  const SessionFeatures features(*plan_.rounds.schema, plan_.decision);
  for (std::size_t s = 0; s + 1 < view.sessions.size(); ++s) {
    const std::size_t first = view.sessions[s], n = view.sessions[s + 1] - first;
    std::vector<std::span<const double>> reward;
    for (const std::vector<double>& each : view.rewards)
      reward.push_back(std::span(each).subspan(first, n));
    moments.add(fold(view, s), rounds(features, view, s),
                std::span(view.weights.item_position).subspan(first, n), reward);
  }
}

void SessionColumns::fill(const SessionView& view, std::size_t candidate) {
  const SessionFeatures features(*plan_.rounds.schema, plan_.decision);
  const SessionModels& models = plan_.session_models[candidate];
  const std::size_t n_metrics = plan_.metrics.size();
  marginal_.clear();
  targets_ = view.rewards;
  q_hat_.assign(n_metrics, {});
  initial_.assign(n_metrics, {});
  for (std::size_t s = 0; s + 1 < view.sessions.size(); ++s) {
    const std::size_t first = view.sessions[s], own_fold = fold(view, s);
    const std::vector<SessionRound> own = rounds(features, view, s);
    for (std::size_t t = 0; t < own.size(); ++t) {
      marginal_.push_back(models.weight(own_fold, t, own[t].state) *
                          view.weights.item_position[first + t]);
      for (std::size_t m = 0; m < n_metrics; ++m) {
        q_hat_[m].push_back(models.value(own_fold, m, t, own[t].shown));
        const double value = models.value(own_fold, m, t, own[t].expected);
        if (t == 0)
          initial_[m].push_back(value);
        else
          targets_[m][first + t - 1] += value;
      }
    }
  }
}

WeightedRounds SessionColumns::of(const SessionEstimatorEntry& entry, std::size_t metric,
                                  const PolicyWeights& weights, WeightedRounds rounds) const {
  if (entry.share == PageShare::kSoFar) rounds.item_position_weight = weights.cascade;
  if (entry.share == PageShare::kMarginal) rounds.item_position_weight = marginal_;
  if (!entry.modelled) return rounds;
  rounds.reward = targets_[metric];
  rounds.q_hat = q_hat_[metric];
  rounds.direct = initial_[metric];
  return rounds;
}

}  // namespace rehearsal
