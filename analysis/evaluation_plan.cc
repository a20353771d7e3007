#include <algorithm>
#include <cmath>

#include "analysis/evaluation_sums.h"

namespace rehearsal {

namespace {

/// Its weight's place among the plan's, added where it is new.
std::ptrdiff_t add_cell_rule(const Estimator& estimator, EvaluationPlan& plan) {
  CellRule rule{*estimator.entry->cells, {}};
  if (estimator.entry->parameter && std::isfinite(estimator.parameter))
    rule.options.columns_above = static_cast<std::size_t>(estimator.parameter);
  rule.options.columns_of_row = plan.columns_of_row;
  const auto found = std::find(plan.cell_rules.begin(), plan.cell_rules.end(), rule);
  const auto at = found - plan.cell_rules.begin();
  if (found == plan.cell_rules.end()) plan.cell_rules.push_back(rule);
  return at;
}

}  // namespace

void add_targets(std::span<const Estimator> scored, int baseline, EvaluationPlan& plan) {
  const std::size_t per_candidate = plan.metrics.size() * scored.size();
  for (std::size_t c = 0; c < plan.candidates.size(); ++c)
    for (std::size_t m = 0; m < plan.metrics.size(); ++m)
      for (std::size_t e = 0; e < scored.size(); ++e) {
        Target target{c,  m, scored[e], scored[e].layout(plan.n_places(scored[e])), plan.n_columns,
                      -1, -1};
        if (scored[e].entry->cells) target.cell_rule = add_cell_rule(scored[e], plan);
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
  return cell_stats_index(plan, plan.cell_rules.size(), 0);
}

std::size_t cell_stats_index(const EvaluationPlan& plan, std::size_t rule, std::size_t cell) {
  const std::size_t others = 2 + (plan.session_models.empty() ? 2 : 3) * plan.n_slots;
  return others + rule * plan.n_cells() + cell;
}

}  // namespace rehearsal
