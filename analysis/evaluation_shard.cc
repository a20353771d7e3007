#include <numeric>

#include "analysis/cell_columns.h"
#include "analysis/evaluation_sums.h"
#include "analysis/session_columns.h"
#include "sim/core/error.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunkRounds = 4096;  // rounds in flight; whole users, so at times more

/// A few thousand rounds on their way into the sums.
class ShardChunk {
 public:
  ShardChunk(const EvaluationPlan& plan, PseudoInverseCache& cache, EvaluationSums& sums)
      : plan_(plan), cache_(cache), sums_(sums), columns_(plan), cells_(plan) {}

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
    start_cells();
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

  void start_cells() {
    if (!plan_.by_cells()) return;
    const LogBatch& shown = list() ? as_logged_ : batch_;
    cells_.start(shown, logged_);
    sums_.n_items += static_cast<double>(shown.pages.item.size());
  }

  void add_cells(std::size_t c) {
    if (!plan_.by_cells()) return;
    const Policy& policy = *plan_.candidates[c].policy;
    cells_.weigh(policy, weights_);
    cells_.add_stats(sums_.stats.data() + c * n_stats(plan_));
    if (plan_.needs.support && !list())
      cells_.add_gap(policy, weights_, sums_.cell_gap.data() + c * plan_.n_cells());
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
    add_cells(c);
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
      for (std::size_t e = 0; e < per_metric; ++e) {
        const Target& target = plan_.targets[(c * plan_.metrics.size() + m) * per_metric + e];
        add_terms(target, sessions() ? columns_.of(*plan_.sessions.entries[e], m, weights_, rounds)
                          : target.cell_rule >= 0
                              ? cells_.of(static_cast<std::size_t>(target.cell_rule), m)
                              : rounds);
      }
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
    target.estimator.terms(rounds, plan_.n_places(target.estimator), terms_);
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
  CellColumns cells_;
};

}  // namespace

EvaluationSums sum_shard(const EvaluationPlan& plan, std::size_t shard, PseudoInverseCache& cache) {
  Columns columns;
  columns.candidates = columns.items = plan.needs.items || plan.decision == Decision::kItems;
  columns.items |= plan.by_cells();
  columns.candidates |= plan.behavior != nullptr && plan.behavior->reads_candidates();
  for (const Candidate& candidate : plan.candidates)
    columns.candidates |= candidate.policy->reads_candidates();
  for (const std::string& metric : plan.metrics) columns.items |= metrics().at(metric).of_items();
  const LogBatch batch = plan.rounds.read(shard, columns);
  if (plan.component >= 0 && batch.propensities.component.size() != batch.size())
    throw Error(ErrorKind::kInput, "log_subset: the log has no column 'behavior_component'");
  EvaluationSums sums(plan);
  ShardChunk chunk(plan, cache, sums);
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

}  // namespace rehearsal
