#include <algorithm>
#include <cmath>

#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/off_policy/clusters.h"
#include "policies/off_policy/network_policy.h"
#include "policies/off_policy/objectives.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

const std::string kClusterOf = "cluster_of";  // (n_ids) of a saved state

/// Less the mean of its own cluster.
void center(std::span<const std::uint16_t> cluster, std::span<double> values) {
  for (std::size_t a = 0; a < cluster.size(); ++a) {
    if (std::find(cluster.begin(), cluster.begin() + static_cast<std::ptrdiff_t>(a), cluster[a]) !=
        cluster.begin() + static_cast<std::ptrdiff_t>(a))
      continue;  // done with its first member
    double sum = 0;
    double n = 0;
    for (std::size_t b = a; b < cluster.size(); ++b)
      if (cluster[b] == cluster[a]) {
        sum += values[b];
        n += 1;
      }
    const std::uint16_t own = cluster[a];
    for (std::size_t b = a; b < cluster.size(); ++b)
      if (cluster[b] == own) values[b] -= sum / n;
  }
}

std::vector<std::uint16_t> clusters_at(const LoggedPages& pages, std::size_t i,
                                       const std::vector<std::uint16_t>& cluster_of) {
  std::vector<std::uint16_t> out;
  for (const std::uint32_t id : pages.eligible_of(i)) out.push_back(cluster_of[id]);
  return out;
}

class PairwiseRegression final : public PageObjective {
 public:
  PairwiseRegression(SlotRewards rewards, std::vector<std::uint16_t> cluster_of, double weight_cap)
      : rewards_(std::move(rewards)), cluster_of_(std::move(cluster_of)), weight_cap_(weight_cap) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    if (pages.n_shown(i) == 0) return;
    rewards_(pages, i, 0, gradient);
    const std::uint16_t shown = pages.of(pages.choice, i)[0];
    const double weight = std::min(1 / pages.of(pages.pscore_cascade, i)[0], weight_cap_);
    gradient[shown] += weight * (pages.of(pages.reward, i)[0] - gradient[shown]);
    for (std::size_t a = 0; a < logits.size(); ++a) gradient[a] -= logits[a];
    center(clusters_at(pages, i, cluster_of_), gradient);
  }

 private:
  SlotRewards rewards_;
  std::vector<std::uint16_t> cluster_of_;
  double weight_cap_;
};

/// Where each cluster's best module stands among `cluster`, best by `within`.
/// Returns: (cluster, index) in the order in which clusters first appear.
template <class Number>
std::vector<std::pair<std::uint16_t, std::uint16_t>> best_of_clusters(
    std::span<const std::uint16_t> cluster, std::span<const Number> within) {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> best;
  for (std::uint16_t a = 0; a < cluster.size(); ++a) {
    const auto known = std::find_if(best.begin(), best.end(),
                                    [&](const auto& pair) { return pair.first == cluster[a]; });
    if (known == best.end())
      best.emplace_back(cluster[a], a);
    else if (within[a] > within[known->second])
      known->second = a;
  }
  return best;
}

/// The second stage's values of all pages, flat as `eligible`: the reward model's mean over the
/// cluster, and what the regression says a module adds to the others' mean.
std::vector<double> second_stage(const LoggedPages& pages, ScoreNetwork& within,
                                 const RewardModel& rewards,
                                 const std::vector<std::uint16_t>& cluster_of) {
  std::vector<double> all;
  std::vector<double> f;
  std::vector<double> level;
  for_each_page(pages, within, [&](std::size_t i, std::span<const double> h) {
    level.assign(h.size(), 0.0);
    if (pages.n_shown(i) > 0) rewards(pages, i, 0, level);
    f.assign(h.begin(), h.end());
    for (std::size_t a = 0; a < f.size(); ++a) f[a] -= level[a];
    center(clusters_at(pages, i, cluster_of), f);
    for (std::size_t a = 0; a < f.size(); ++a) all.push_back(f[a] + level[a]);
  });
  return all;
}

class Potec final : public NetworkPolicy {
 public:
  Potec(const ClusteredConfig& config, NamedPolicy behavior, const Schema& schema,
        const Choices& choices)
      : NetworkPolicy("potec", config.learner, std::move(behavior), schema,
                      {{"cluster", config.clusters.n_clusters(choices.n_ids())},
                       {"within", choices.n_outputs()}}),
        potec_(config) {}

  bool deterministic() const override { return config().serve == "greedy"; }

 private:
  Fitted learn(const Training& training) const override {
    const double cap = potec_.weighting.weight_cap;
    const RewardModel rewards(training, config().reward, potec_.l2);
    const std::vector<std::uint16_t> cluster_of = potec_.clusters.assign(schema(), rewards);
    ScoreNetwork within = training.start();
    training.ascend(*pairwise_objective(rewards, cluster_of, cap), within);

    const ClusterPages clusters =
        cluster_pages(training.pages(), second_stage(training.pages(), within, rewards, cluster_of),
                      cluster_of, cluster_pscores(training, schema(), behavior(), cluster_of));
    const Training first =
        training.on(clusters.pages, potec_.clusters.n_clusters(choices().n_ids()));
    const auto objective = dr_objective(
        cap, [&](const LoggedPages& pages, std::size_t i, std::size_t, std::span<double> out) {
          std::copy_n(clusters.q_hat.data() + pages.eligible_offsets[i], out.size(), out.data());
        });
    ScoreNetwork cluster = potec_.weighting.first_model(first);
    first.ascend(*objective, cluster);
    return {{cluster, within},
            {{kClusterOf, to_array(std::vector<double>(cluster_of.begin(), cluster_of.end()))}}};
  }

  void restore(const Arrays& state) override {
    cluster_of_.clear();
    const Array numbers = state_array(state, kClusterOf, {choices().n_ids()});
    const std::size_t n = potec_.clusters.n_clusters(choices().n_ids());
    for (const double number : numbers.values) {
      if (!(number >= 0 && number < static_cast<double>(n)))
        throw Error(ErrorKind::kInput, "saved state: the array 'cluster_of' holds " +
                                           std::to_string(number) + "; there are " +
                                           std::to_string(n) + " clusters");
      cluster_of_.push_back(static_cast<std::uint16_t>(number));
    }
  }

  ListedSlates page(const Outputs& outputs) const override {
    if (outputs.n_positions == 0) return {{{}, 1.0}};
    std::vector<std::uint16_t> cluster;
    std::vector<float> within;
    for (std::size_t c = 0; c < outputs.ids.size(); ++c) {
      cluster.push_back(cluster_of_[outputs.ids[c]]);
      within.push_back(outputs.value(1, c));
    }
    const auto best = best_of_clusters<float>(cluster, within);
    const auto logit = [&](const auto& pair) {
      return static_cast<double>(outputs.networks[0][pair.first]);
    };
    const auto top = std::max_element(best.begin(), best.end(), [&](const auto& a, const auto& b) {
      return logit(a) < logit(b);
    });
    if (deterministic()) return {{{top->second}, 1.0}};
    double sum = 0;
    for (const auto& pair : best) sum += std::exp(logit(pair) - logit(*top));
    ListedSlates slates;
    for (const auto& pair : best)
      slates.push_back({{pair.second}, std::exp(logit(pair) - logit(*top)) / sum});
    return slates;
  }

  ClusteredConfig potec_;
  std::vector<std::uint16_t> cluster_of_;
};

}  // namespace

std::unique_ptr<PageObjective> pairwise_objective(SlotRewards q_hat,
                                                  std::vector<std::uint16_t> cluster_of,
                                                  double weight_cap) {
  return std::make_unique<PairwiseRegression>(std::move(q_hat), std::move(cluster_of), weight_cap);
}

ClusterPages cluster_pages(const LoggedPages& pages, const std::vector<double>& f_hat,
                           const std::vector<std::uint16_t>& cluster_of,
                           std::vector<double> cluster_pscore) {
  ClusterPages out;
  out.pages.user = pages.user;
  out.pages.inputs = pages.inputs;
  out.pages.scale = pages.scale;
  out.pages.position = pages.position;
  out.pages.pscore_position = cluster_pscore;
  out.pages.pscore_cascade = std::move(cluster_pscore);
  out.pages.slot_offsets = pages.slot_offsets;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::vector<std::uint16_t> cluster = clusters_at(pages, i, cluster_of);
    const std::span<const double> f(f_hat.data() + pages.eligible_offsets[i], cluster.size());
    for (const auto& [c, best] : best_of_clusters<double>(cluster, f)) {
      for (const std::uint16_t shown : pages.of(pages.choice, i)) {
        if (c != cluster[shown]) continue;
        out.pages.choice.push_back(static_cast<std::uint16_t>(out.pages.eligible.size() -
                                                              out.pages.eligible_offsets.back()));
        out.pages.reward.push_back(pages.of(pages.reward, i)[0] - f[shown] + f[best]);
      }
      out.pages.eligible.push_back(c);
      out.q_hat.push_back(f[best]);
    }
    out.pages.eligible_offsets.push_back(static_cast<std::uint32_t>(out.pages.eligible.size()));
  }
  return out;
}

FieldDescriptions describe_potec() { return describe_fields<ClusteredConfig>(); }

PolicyPtr make_potec(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<ClusteredConfig>();
  check_one_decision(config, context.schema, "potec");
  read.learner.choices.check(config, context.schema);
  read.clusters.check(config, context.schema);
  return std::make_unique<Potec>(read, policy_above(read.behavior.behavior, config, context),
                                 context.schema, Choices(context.schema, read.learner.choices));
}

}  // namespace rehearsal
