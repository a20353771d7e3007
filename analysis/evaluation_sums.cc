#include "analysis/evaluation_sums.h"

#include "sim/core/kernels.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunkUsers = 4096;  // whose panel and resamples are in memory at once

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

EvaluationSums::EvaluationSums(const EvaluationPlan& plan)
    : columns(plan.n_columns, 0.0),
      bootstrap(plan.n_bootstrap * plan.n_columns, 0.0),
      stats(plan.candidates.size() * n_stats(plan)),
      gap(plan.candidates.size() * plan.n_slots * plan.n_modules, 0.0),
      cell_gap(plan.candidates.size() * plan.n_cells(), 0.0),
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
  n_items += other.n_items;
  add_all(columns, other.columns);
  for (std::size_t t = 0; t < moments.size(); ++t) add_all(moments[t], other.moments[t]);
  add_all(bootstrap, other.bootstrap);
  for (std::size_t s = 0; s < stats.size(); ++s) stats[s].add(other.stats[s]);
  add_all(gap, other.gap);
  add_all(cell_gap, other.cell_gap);
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

void bootstrap_weights(const Rng& rng, UserId user, std::span<double> out) {
  std::vector<std::uint32_t> words((out.size() + 3) / 4 * 4);
  rng.fill(Draw::kBootstrap, Turn{user, 0, 0}, 0, words);
  for (std::size_t b = 0; b < out.size(); ++b) out[b] = poisson_one(words[b]);
}

}  // namespace rehearsal
