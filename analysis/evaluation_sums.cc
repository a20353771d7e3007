#include "analysis/evaluation_sums.h"

#include <numeric>

#include "analysis/session_columns.h"
#include "sim/core/error.h"
#include "sim/core/kernels.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunkRounds = 4096;  // rounds in flight; whole users, so at times more
constexpr std::size_t kChunkUsers = 4096;   // whose panel and resamples are in memory at once

/// A few thousand rounds on their way into the sums.
class SumsChunk {
 public:
  SumsChunk(const EvaluationPlan& plan, PseudoInverseCache& cache, EvaluationSums& sums)
      : plan_(plan), cache_(cache), sums_(sums), columns_(plan) {}

  /// Args: rows: of whole users.
  void add(const LogBatch& shard, std::span<const std::uint32_t> rows) {
    batch_.requests = gather(shard.requests, rows);
    batch_.pages = gather(shard.pages, rows);
    batch_.propensities = gather(shard.propensities, shard.pages, rows);
    batch_.responses = gather(shard.responses, shard.pages, rows);
    if (list()) as_logged_ = batch_;
    index_users();
    weigh_behavior();
    score_outcomes();
    if (!plan_.learns_sessions && !plan_.sessions.distributions.empty()) add_returns();
    users_.assign(n_users_ * plan_.n_columns, 0.0);
    for (const std::size_t user : user_of_) users_[user * plan_.n_columns] += 1;
    for (std::size_t c = 0; c < plan_.candidates.size(); ++c) add_candidate(c);
    if (!plan_.learns_sessions) sums_.add_users(plan_, ids_, users_);
  }

 private:
  bool sessions() const { return plan_.session_discount.has_value(); }
  /// Of the units' slots: of pages, or of sessions.
  const Offsets& offsets() const { return sessions() ? sessions_ : batch_.pages.slot_offsets; }
  bool list() const { return plan_.decision == Decision::kItems; }
  /// The requests as policies and reward models know them.
  const RequestBatch& requests() const { return list() ? as_logged_.requests : batch_.requests; }

  void index_users() {
    user_of_.clear();
    ids_.clear();
    if (sessions()) sessions_ = session_offsets(batch_.requests);
    const std::size_t n = sessions() ? sessions_.size() - 1 : batch_.size();
    for (std::size_t u = 0; u < n; ++u) {
      const std::uint32_t user = batch_.requests.user[sessions() ? sessions_[u] : u];
      if (u == 0 || user != ids_.back()) ids_.push_back(user);
      user_of_.push_back(ids_.size() - 1);
    }
    n_users_ = ids_.size();
    sums_.n_rounds += static_cast<double>(n);
    sums_.n_shown += static_cast<double>(batch_.pages.module.size());
  }

  void weigh_behavior() {
    std::unique_ptr<SlateDistribution> slates;
    const bool restated = plan_.component >= 0;
    if (restated || plan_.needs.pseudo_inverse || plan_.needs.support)
      slates = decide(*plan_.behavior, plan_.decision, requests());
    if (restated && (plan_.needs.items || list())) {
      batch_.propensities = propensities(*plan_.behavior, batch_.requests, batch_.pages);
    } else if (restated) {
      batch_.propensities.pscore_items.clear();
      batch_.propensities =
          module_propensities(logged_rounds(batch_, nullptr, {}, cache_), *slates);
    }
    if (list()) batch_ = items_as_choices(batch_);
    logged_ = logged_rounds(batch_, slates.get(), plan_.needs, cache_);
  }

  void score_outcomes() {
    q_hat_.resize(plan_.outcome_models.size());
    shown_.resize(plan_.outcome_models.size());
    for (std::size_t m = 0; m < q_hat_.size(); ++m) {
      plan_.outcome_models[m]->predict(requests(), q_hat_[m]);
      if (q_hat_[m].size() != logged_.cell_offsets.back())
        throw Error(ErrorKind::kInput, "q_hat: the model's predictions do not fit the log's pages");
      shown_q_hat(logged_, q_hat_[m], shown_[m]);
    }
    rewards_.resize(plan_.metrics.size());
    for (std::size_t m = 0; m < plan_.metrics.size(); ++m) {
      const Metric& metric = metrics().at(plan_.metrics[m]);
      if (list())
        item_rewards(metric, as_logged_.responses, as_logged_.pages, rewards_[m]);
      else
        slot_rewards(metric, batch_.responses, batch_.pages, rewards_[m]);
      if (sessions())
        rewards_[m] = discounted_rewards(sessions_, batch_.pages.slot_offsets, rewards_[m],
                                         *plan_.session_discount);
    }
    for (std::size_t m = 0; m < q_hat_.size(); ++m)
      for (std::size_t s = 0; s < shown_[m].size(); ++s)
        sums_.calibration[m].add(shown_[m][s], rewards_[m][s]);
  }

  void add_candidate(std::size_t c) {
    const Policy& policy = *plan_.candidates[c].policy;
    if (list())
      slate_weights(logged_, *decide(policy, plan_.decision, requests()), plan_.needs, weights_);
    else
      policy_weights(logged_, policy, plan_.needs, weights_);
    if (sessions()) {
      SessionWeights own = session_weights(sessions_, weights_.page);
      weights_.item_position = std::move(weights_.page);
      weights_.page = std::move(own.whole);
      weights_.cascade = std::move(own.so_far);
      if (plan_.learns_sessions) return columns_.learn(session_view(), sums_.session_moments[c]);
      if (!plan_.session_models.empty()) columns_.fill(session_view(), c);
      add_session_rows(c);
    }
    add_stats(c);
    if (plan_.needs.support) add_gap(c);
    const std::size_t per_metric =
        plan_.targets.size() / plan_.candidates.size() / plan_.metrics.size();
    for (std::size_t m = 0; m < plan_.metrics.size(); ++m) {
      const bool modelled = !plan_.outcome_models.empty();
      if (modelled) direct_term(logged_, weights_, q_hat_[m], direct_);
      WeightedRounds rounds{offsets(),
                            rewards_[m],
                            weights_.page,
                            weights_.cascade,
                            weights_.item_position,
                            weights_.pseudo_inverse,
                            {},
                            {}};
      if (modelled) {
        rounds.q_hat = shown_[m];
        rounds.direct = direct_;
      }
      for (std::size_t e = 0; e < per_metric; ++e)
        add_terms(
            plan_.targets[(c * plan_.metrics.size() + m) * per_metric + e],
            sessions() ? columns_.of(*plan_.sessions.entries[e], m, weights_, rounds) : rounds);
    }
  }

  // --- sessions -----------------------------------------------------------------

  SessionView session_view() const {
    return {requests(), batch_, logged_, sessions_, weights_, rewards_};
  }

  void add_returns() {
    SessionRows& rows = sums_.session_rows;
    for (std::size_t s = 0; s + 1 < sessions_.size(); ++s) {
      rows.user.push_back(batch_.requests.user[sessions_[s]]);
      for (std::size_t m = 0; m < rewards_.size(); ++m)
        rows.total[m].push_back(std::accumulate(rewards_[m].begin() + sessions_[s],
                                                rewards_[m].begin() + sessions_[s + 1], 0.0));
    }
  }

  void add_session_rows(std::size_t c) {
    if (plan_.sessions.distributions.empty()) return;
    SessionRows& rows = sums_.session_rows;
    rows.weight[c].insert(rows.weight[c].end(), weights_.page.begin(), weights_.page.end());
    for (std::size_t m = 0; m < columns_.initial_values().size(); ++m) {
      const std::vector<double>& own = columns_.initial_values()[m];
      std::vector<double>& value = rows.value[c * plan_.metrics.size() + m];
      value.insert(value.end(), own.begin(), own.end());
    }
  }

  void add_terms(const Target& target, const WeightedRounds& rounds) {
    const std::size_t width = target.layout.n_columns;
    terms_.resize(user_of_.size() * width);
    target.estimator.terms(rounds, plan_.n_slots, terms_);
    for (std::size_t i = 0; i < user_of_.size(); ++i) {
      double* row = users_.data() + user_of_[i] * plan_.n_columns + target.first_column;
      for (std::size_t j = 0; j < width; ++j) row[j] += terms_[i * width + j];
    }
  }

  void add_stats(std::size_t c) {
    WeightStats* stats = sums_.stats.data() + c * n_stats(plan_);
    const auto add_pages = [&](Need need, const std::vector<double>& weights) {
      for (const double w : weights) stats[stats_index(plan_, need, 0)].add(w);
    };
    const auto add_slots = [&](Need need, const std::vector<double>& weights) {
      for (std::size_t i = 0; !weights.empty() && i + 1 < offsets().size(); ++i)
        for (std::size_t k = 0; k < offsets()[i + 1] - offsets()[i]; ++k)
          stats[stats_index(plan_, need, k)].add(weights[offsets()[i] + k]);
    };
    add_pages(Need::kPage, weights_.page);
    add_pages(Need::kPseudoInverse, weights_.pseudo_inverse);
    add_slots(Need::kCascade, weights_.cascade);
    add_slots(Need::kItemPosition, weights_.item_position);
    for (std::size_t s = 0; !plan_.session_models.empty() && s + 1 < sessions_.size(); ++s)
      for (std::size_t i = sessions_[s]; i < sessions_[s + 1]; ++i)
        stats[marginal_stats_index(plan_, i - sessions_[s])].add(columns_.marginal()[i]);
  }

  void add_gap(std::size_t c) {
    double* gap = sums_.gap.data() + c * plan_.n_slots * plan_.n_modules;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const std::span<const std::uint16_t> eligible = batch_.requests.eligible(i);
      std::size_t cell = logged_.cell_offsets[i];
      for (std::size_t k = 0; k < batch_.pages.n_shown(i); ++k)
        for (const std::uint16_t module : eligible) {
          if (logged_.unsupported[cell] != 0)
            gap[k * plan_.n_modules + (list() ? 0 : module)] += weights_.marginals[cell];
          ++cell;
        }
    }
  }

  const EvaluationPlan& plan_;
  PseudoInverseCache& cache_;
  EvaluationSums& sums_;
  LogBatch batch_;      // decisions: modules on pages, or items in lists
  LogBatch as_logged_;  // of lists only
  LoggedRounds logged_;
  PolicyWeights weights_;
  std::size_t n_users_ = 0;
  Offsets sessions_;                          // (n_sessions + 1), where they are the units
  std::vector<std::size_t> user_of_;          // (units)
  std::vector<std::uint32_t> ids_;            // (n_users)
  std::vector<double> users_;                 // (n_users, n_columns)
  std::vector<std::vector<double>> q_hat_;    // [metric] (cells)
  std::vector<std::vector<double>> shown_;    // [metric] (slots)
  std::vector<std::vector<double>> rewards_;  // [metric] (slots)
  std::vector<double> direct_, terms_;
  SessionColumns columns_;
};

void add_some(const EvaluationPlan& plan, std::span<const std::uint32_t> ids,
              std::span<const double> rows, EvaluationSums& sums) {
  const std::size_t n = ids.size();
  sums.n_users += static_cast<double>(n);
  for (std::size_t u = 0; u < n; ++u)
    for (std::size_t j = 0; j < plan.n_columns; ++j)
      sums.columns[j] += rows[u * plan.n_columns + j];
  std::vector<double> panel;
  for (std::size_t t = 0; t < plan.targets.size(); ++t) {
    target_panel(plan, t, rows, n, panel);
    const std::size_t width = plan.targets[t].n_moments();
    add_products(panel.data(), width, panel.data(), width, n, sums.moments[t].data());
  }
  if (plan.n_bootstrap > 0) {
    std::vector<double> resamples(n * plan.n_bootstrap);
    for (std::size_t u = 0; u < n; ++u)
      bootstrap_weights(plan.rng, UserId{ids[u]},
                        {resamples.data() + u * plan.n_bootstrap, plan.n_bootstrap});
    add_products(resamples.data(), plan.n_bootstrap, rows.data(), plan.n_columns, n,
                 sums.bootstrap.data());
  }
  if (plan.keep_users) sums.users.insert(sums.users.end(), rows.begin(), rows.end());
}

}  // namespace

void add_targets(std::span<const Estimator> scored, int baseline, EvaluationPlan& plan) {
  const std::size_t per_candidate = plan.metrics.size() * scored.size();
  for (std::size_t c = 0; c < plan.candidates.size(); ++c)
    for (std::size_t m = 0; m < plan.metrics.size(); ++m)
      for (std::size_t e = 0; e < scored.size(); ++e) {
        Target target{c, m, scored[e], scored[e].layout(plan.n_slots), plan.n_columns, -1};
        if (baseline >= 0 && static_cast<int>(c) != baseline)
          target.baseline = static_cast<std::ptrdiff_t>(
              static_cast<std::size_t>(baseline) * per_candidate + m * scored.size() + e);
        plan.n_columns += target.layout.n_columns;
        plan.targets.push_back(std::move(target));
      }
}

void target_panel(const EvaluationPlan& plan, std::size_t t, std::span<const double> users,
                  std::size_t n_users, std::vector<double>& out) {
  const Target& target = plan.targets[t];
  const std::size_t width = target.layout.n_columns, n = target.n_moments();
  const bool paired = target.baseline >= 0;
  const std::size_t base =
      paired ? plan.targets[static_cast<std::size_t>(target.baseline)].first_column : 0;
  out.resize(n_users * n);
  for (std::size_t u = 0; u < n_users; ++u) {
    const double* row = users.data() + u * plan.n_columns;
    double* panel = out.data() + u * n;
    for (std::size_t j = 0; j < width; ++j) {
      panel[j] = row[target.first_column + j] - (paired ? row[base + j] : 0.0);
      if (paired) panel[width + j] = row[base + j];
    }
    panel[n - 1] = row[0];
  }
}

std::size_t stats_index(const EvaluationPlan& plan, Need need, std::size_t slot) {
  switch (need) {
    case Need::kPage:
      return 0;
    case Need::kPseudoInverse:
      return 1;
    case Need::kCascade:
      return 2 + slot;
    default:
      return 2 + plan.n_slots + slot;
  }
}

std::size_t marginal_stats_index(const EvaluationPlan& plan, std::size_t page) {
  return 2 + 2 * plan.n_slots + page;
}

std::size_t n_stats(const EvaluationPlan& plan) {
  return 2 + (plan.session_models.empty() ? 2 : 3) * plan.n_slots;
}

EvaluationSums::EvaluationSums(const EvaluationPlan& plan)
    : columns(plan.n_columns, 0.0),
      bootstrap(plan.n_bootstrap * plan.n_columns, 0.0),
      stats(plan.candidates.size() * n_stats(plan)),
      gap(plan.candidates.size() * plan.n_slots * plan.n_modules, 0.0),
      calibration(plan.outcome_models.size()) {
  for (const Target& target : plan.targets)
    moments.emplace_back(target.n_moments() * target.n_moments(), 0.0);
  if (plan.learns_sessions)
    session_moments.assign(plan.candidates.size(),
                           SessionMoments(SessionFeatures(*plan.rounds.schema, plan.decision),
                                          static_cast<std::size_t>(plan.session_folds.n_folds),
                                          plan.n_slots, plan.metrics.size()));
  session_rows.total.resize(plan.metrics.size());
  session_rows.weight.resize(plan.candidates.size());
  session_rows.value.resize(plan.candidates.size() * plan.metrics.size());
}

void EvaluationSums::add(const EvaluationSums& other) {
  const auto add_all = [](std::vector<double>& to, const std::vector<double>& from) {
    for (std::size_t j = 0; j < to.size(); ++j) to[j] += from[j];
  };
  n_rounds += other.n_rounds;
  n_users += other.n_users;
  n_shown += other.n_shown;
  add_all(columns, other.columns);
  for (std::size_t t = 0; t < moments.size(); ++t) add_all(moments[t], other.moments[t]);
  add_all(bootstrap, other.bootstrap);
  for (std::size_t s = 0; s < stats.size(); ++s) stats[s].add(other.stats[s]);
  add_all(gap, other.gap);
  for (std::size_t m = 0; m < calibration.size(); ++m) calibration[m].add(other.calibration[m]);
  users.insert(users.end(), other.users.begin(), other.users.end());
  for (std::size_t c = 0; c < session_moments.size(); ++c)
    session_moments[c].add(other.session_moments[c]);
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  session_rows.user.insert(session_rows.user.end(), other.session_rows.user.begin(),
                           other.session_rows.user.end());
  for (std::size_t m = 0; m < session_rows.total.size(); ++m)
    append(session_rows.total[m], other.session_rows.total[m]);
  for (std::size_t c = 0; c < session_rows.weight.size(); ++c)
    append(session_rows.weight[c], other.session_rows.weight[c]);
  for (std::size_t v = 0; v < session_rows.value.size(); ++v)
    append(session_rows.value[v], other.session_rows.value[v]);
}

void EvaluationSums::add_users(const EvaluationPlan& plan, std::span<const std::uint32_t> ids,
                               std::span<const double> rows) {
  for (std::size_t u = 0; u < ids.size(); u += kChunkUsers) {
    const std::size_t n = std::min(kChunkUsers, ids.size() - u);
    add_some(plan, ids.subspan(u, n), rows.subspan(u * plan.n_columns, n * plan.n_columns), *this);
  }
}

EvaluationSums sum_shard(const EvaluationPlan& plan, std::size_t shard, PseudoInverseCache& cache) {
  Columns columns;
  columns.candidates = columns.items = plan.needs.items || plan.decision == Decision::kItems;
  columns.candidates |= plan.behavior != nullptr && plan.behavior->reads_candidates();
  for (const Candidate& candidate : plan.candidates)
    columns.candidates |= candidate.policy->reads_candidates();
  for (const std::string& metric : plan.metrics) columns.items |= metrics().at(metric).of_items();
  const LogBatch batch = plan.rounds.read(shard, columns);
  if (plan.component >= 0 && batch.propensities.component.size() != batch.size())
    throw Error(ErrorKind::kInput, "log_subset: the log has no column 'behavior_component'");
  EvaluationSums sums(plan);
  SumsChunk chunk(plan, cache, sums);
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool new_user = i == 0 || batch.requests.user[i] != batch.requests.user[i - 1];
    if (new_user && rows.size() >= kChunkRounds) {
      chunk.add(batch, rows);
      rows.clear();
    }
    if (plan.component < 0 || batch.propensities.component[i] == plan.component)
      rows.push_back(static_cast<std::uint32_t>(i));
  }
  if (!rows.empty()) chunk.add(batch, rows);
  for (WeightStats& stats : sums.stats) stats.settle();
  return sums;
}

void bootstrap_weights(const Rng& rng, UserId user, std::span<double> out) {
  std::vector<std::uint32_t> words((out.size() + 3) / 4 * 4);
  rng.fill(Draw::kBootstrap, Turn{user, 0, 0}, 0, words);
  for (std::size_t b = 0; b < out.size(); ++b) out[b] = poisson_one(words[b]);
}

}  // namespace rehearsal
