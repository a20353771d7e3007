#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/clusters.h"
#include "policies/off_policy/objectives.h"
#include "policies/off_policy/plackett_luce_gradient.h"

namespace rehearsal {

namespace {

class MipsObjective final : public PageObjective {
 public:
  MipsObjective(double weight_cap, std::vector<std::uint16_t> cluster_of,
                std::vector<double> cluster_pscore)
      : weight_cap_(weight_cap),
        cluster_of_(std::move(cluster_of)),
        cluster_pscore_(std::move(cluster_pscore)) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    const std::span<const double> behavior = pages.of(cluster_pscore_, i);
    const std::size_t n = choice.size();
    RowMatrix pi(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(logits.size()));
    std::vector<double> p_cluster(n);
    std::vector<double> above(n);  // w_j r_j: all steps up to j are in w_j
    double log_w = 0;
    for (std::size_t k = 0; k < n; ++k) {
      double* row = pi.row(static_cast<Eigen::Index>(k)).data();
      step_distribution(logits, choice, k, {row, logits.size()});
      for (std::size_t c = 0; c < logits.size(); ++c)
        if (alike(pages, i, c, choice[k])) p_cluster[k] += row[c];
      log_w += std::log(p_cluster[k] / behavior[k]);
      const double w = std::exp(log_w);
      above[k] = w < weight_cap_ ? w * rewards[k] : 0;
    }
    for (std::size_t k = n; k-- > 1;) above[k - 1] += above[k];
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t c = 0; c < logits.size(); ++c) {
        const double share = alike(pages, i, c, choice[k]) ? 1 / p_cluster[k] - 1 : -1;
        gradient[c] +=
            above[k] * share * pi(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(c));
      }
  }

 private:
  bool alike(const LoggedPages& pages, std::size_t i, std::size_t c, std::size_t shown) const {
    const std::span<const std::uint32_t> eligible = pages.eligible_of(i);
    return cluster_of_[eligible[c]] == cluster_of_[eligible[shown]];
  }

  double weight_cap_;
  std::vector<std::uint16_t> cluster_of_;
  std::vector<double> cluster_pscore_;
};

class MipsGradient final : public LearningMethod {
 public:
  MipsGradient(ClusteredConfig config, NamedPolicy behavior, const Schema& schema)
      : config_(std::move(config)), behavior_(std::move(behavior)), schema_(schema) {}

  Learnt learn(const Training& training) const override {
    const RewardModel rewards(training, config_.learner.reward, config_.l2);
    const std::vector<std::uint16_t> cluster_of = config_.clusters.assign(schema_, rewards);
    const auto objective =
        mips_objective(config_.weighting.weight_cap, cluster_of,
                       cluster_pscores(training, schema_, behavior_, cluster_of));
    ScoreNetwork network = config_.weighting.first_model(training);
    training.ascend(*objective, network);
    return {network};
  }

 private:
  ClusteredConfig config_;
  NamedPolicy behavior_;
  const Schema& schema_;
};

}  // namespace

std::unique_ptr<PageObjective> mips_objective(double weight_cap,
                                              std::vector<std::uint16_t> cluster_of,
                                              std::vector<double> cluster_pscore) {
  return std::make_unique<MipsObjective>(weight_cap, std::move(cluster_of),
                                         std::move(cluster_pscore));
}

FieldDescriptions describe_mips_gradient() { return describe_fields<ClusteredConfig>(); }

PolicyPtr make_mips_gradient(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<ClusteredConfig>();
  read.clusters.check(config, context.schema);
  const NamedPolicy behavior = policy_above(read.behavior.behavior, config, context);
  return make_off_policy_learner("mips_gradient", read.learner,
                                 std::make_unique<MipsGradient>(read, behavior, context.schema),
                                 config, context.schema, behavior);
}

}  // namespace rehearsal
