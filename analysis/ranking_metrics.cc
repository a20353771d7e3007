#include <cmath>

#include "analysis/evaluate.h"
#include "analysis/weights.h"
#include "sim/core/error.h"
#include "sim/decision.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

/// Sums over pages.
struct RankingSums {
  double click_pairs = 0, click_won = 0;
  double purchase_pairs = 0, purchase_won = 0;
  double ndcg = 0, reciprocal_rank = 0;
  double n_clicked = 0;

  void add(const RankingSums& other) {
    click_pairs += other.click_pairs;
    click_won += other.click_won;
    purchase_pairs += other.purchase_pairs;
    purchase_won += other.purchase_won;
    ndcg += other.ndcg;
    reciprocal_rank += other.reciprocal_rank;
    n_clicked += other.n_clicked;
  }
};

/// How high a policy is expected to put each eligible module: sum_k (n_positions - k) P(m at k).
std::vector<double> heights(const SlateDistribution& slates, std::size_t i, RowMatrix& scratch) {
  const auto l = static_cast<Eigen::Index>(slates.n_positions(i));
  const auto m = static_cast<Eigen::Index>(slates.n_choices(i));
  scratch.resize(l, m);
  slates.marginals(i, scratch);
  std::vector<double> out(static_cast<std::size_t>(m), 0.0);
  for (Eigen::Index k = 0; k < l; ++k)
    for (Eigen::Index c = 0; c < m; ++c)
      out[static_cast<std::size_t>(c)] += static_cast<double>(l - k) * scratch(k, c);
  return out;
}

/// Mean of f(rank) over the ranks (1-based) that the modules tied with module k share.
template <class F>
double over_ties(const std::vector<double>& score, std::size_t k, F&& f) {
  std::size_t above = 0, tied = 0;
  for (const double other : score) {
    if (other > score[k]) ++above;
    if (other == score[k]) ++tied;
  }
  double sum = 0;
  for (std::size_t rank = above + 1; rank <= above + tied; ++rank)
    sum += f(static_cast<double>(rank));
  return sum / static_cast<double>(tied);
}

/// Pairs of a success and a failure on one page; a tie is half won.
void add_pairs_won(const std::vector<double>& score, const std::vector<std::uint8_t>& success,
                   double& pairs, double& won) {
  for (std::size_t j = 0; j < score.size(); ++j)
    for (std::size_t k = 0; k < score.size(); ++k) {
      if (success[j] == 0 || success[k] != 0) continue;
      pairs += 1;
      won += score[j] > score[k] ? 1.0 : score[j] == score[k] ? 0.5 : 0.0;
    }
}

double discount(double rank) { return 1 / std::log2(rank + 1); }

void add_page(const std::vector<double>& score, const std::vector<std::uint8_t>& click,
              const std::vector<std::uint8_t>& purchase, RankingSums& sums) {
  add_pairs_won(score, click, sums.click_pairs, sums.click_won);
  add_pairs_won(score, purchase, sums.purchase_pairs, sums.purchase_won);
  double gain = 0, ideal = 0, first = 0;
  std::size_t n_clicked = 0;
  for (std::size_t k = 0; k < score.size(); ++k) {
    if (click[k] == 0) continue;
    ideal += discount(static_cast<double>(++n_clicked));
    gain += over_ties(score, k, discount);
    first = std::max(first, over_ties(score, k, [](double rank) { return 1 / rank; }));
  }
  if (n_clicked == 0) return;
  sums.n_clicked += 1;
  sums.ndcg += gain / ideal;
  sums.reciprocal_rank += first;
}

RankingSums rank_shard(const LogBatch& batch, const Policy& policy, Decision decision,
                       int component) {
  const Propensities& logged = batch.propensities;
  if (component >= 0 && logged.component.size() != batch.size())
    throw Error(ErrorKind::kInput, "ranking metrics: the log has no column 'behavior_component'");
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < batch.size(); ++i)
    if (component < 0 || logged.component[i] == component) rows.push_back(i);
  LogBatch kept;
  kept.requests = gather(batch.requests, rows);
  kept.propensities = gather(logged, batch.pages, rows);
  kept.responses = gather(batch.responses, batch.pages, rows);
  kept.pages = gather(batch.pages, rows);
  const std::unique_ptr<SlateDistribution> slates = decide(policy, decision, kept.requests);
  if (decision == Decision::kItems) kept = items_as_choices(kept);
  if (kept.responses.click.size() != kept.pages.module.size())
    throw Error(ErrorKind::kInput, "ranking metrics: the log has no column 'click'");
  PseudoInverseCache cache;
  const LoggedRounds located = logged_rounds(kept, nullptr, {}, cache);
  RankingSums sums;
  RowMatrix scratch;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::vector<double> height = heights(*slates, i, scratch);
    const std::size_t first = kept.pages.slot_offsets[i], n = kept.pages.n_shown(i);
    std::vector<double> score(n);
    std::vector<std::uint8_t> click(n), purchase(n, 0);
    for (std::size_t k = 0; k < n; ++k) {
      score[k] = height[located.choice[first + k]];
      click[k] = kept.responses.click[first + k];
      if (!kept.responses.purchase.empty()) purchase[k] = kept.responses.purchase[first + k];
    }
    add_page(score, click, purchase, sums);
  }
  return sums;
}

int component_index(const LogInfo& info, const std::string& component) {
  if (component.empty()) return -1;
  for (std::size_t c = 0; c < info.behavior_components.size(); ++c)
    if (info.behavior_components[c] == component) return static_cast<int>(c);
  throw Error(ErrorKind::kInput, "ranking metrics: '" + component +
                                     "' is no part of the behavior policy '" +
                                     info.behavior_policy + "'");
}

}  // namespace

std::map<std::string, double> ranking_metrics(const RoundSource& rounds, const LogInfo& info,
                                              const Policy& policy, const std::string& component) {
  const int index = component_index(info, component);
  const Decision decision = decision_of(*rounds.schema);
  Columns columns;
  columns.items = columns.candidates = decision == Decision::kItems;
  columns.candidates |= policy.reads_candidates();
  RankingSums total;
  ordered_reduce(
      rounds.n_shards, 0,
      [&](std::size_t shard) {
        return rank_shard(rounds.read(shard, columns), policy, decision, index);
      },
      [&](std::size_t, RankingSums&& sums) { total.add(sums); });
  std::map<std::string, double> out;
  if (total.click_pairs > 0) out["auc_click"] = total.click_won / total.click_pairs;
  if (total.purchase_pairs > 0) out["auc_purchase"] = total.purchase_won / total.purchase_pairs;
  if (total.n_clicked > 0) {
    out["ndcg"] = total.ndcg / total.n_clicked;
    out["mrr"] = total.reciprocal_rank / total.n_clicked;
  }
  return out;
}

}  // namespace rehearsal
