#include <algorithm>
#include <cmath>
#include <numeric>

#include "policies/examination.h"
#include "policies/makers.h"
#include "policies/off_policy/learner.h"
#include "policies/off_policy/plackett_luce_gradient.h"

namespace rehearsal {

namespace {

constexpr std::uint16_t kRankingRound = 1;

struct PlRankConfig {
  LearnerConfig learner;
  std::int64_t samples = 8;
  double weight_cap = 100;
  Fields fields() {
    return learner.fields()
        .add("samples", samples, 1, 10000, "rankings drawn a page and step")
        .add("weight_cap", weight_cap, 1, 1e9,
             "largest 1 / (slots * probability of the module at its slot)");
  }
};

/// Expected sum_k theta_k rho_{y_k}, theta the examination of a place as the log tells it and
/// rho_m = r / (theta_k K mu(m at k)) of a module shown at slot k, 0 of others: in expectation the
/// module's attraction where mu shows it at all K slots.
class PlRankObjective final : public PageObjective {
 public:
  PlRankObjective(const PlRankConfig& config, std::vector<double> theta, const Rng& rng)
      : config_(config), theta_(std::move(theta)), rng_(rng) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int epoch,
                std::span<double> gradient) const override {
    const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
    const std::span<const std::uint16_t> position = pages.of(pages.position, i);
    const std::span<const double> pscore = pages.of(pages.pscore_position, i);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    const auto n_slots = static_cast<double>(choice.size());
    std::vector<double> theta(choice.size());
    std::vector<double> rho(logits.size(), 0.0);
    bool any = false;
    for (std::size_t k = 0; k < choice.size(); ++k) {
      theta[k] = theta_[position[k]];
      if (rewards[k] == 0) continue;
      const double weight = std::min(1 / (n_slots * pscore[k]), config_.weight_cap);
      rho[choice[k]] = rewards[k] * weight / std::max(theta[k], 1e-6);
      any = true;
    }
    if (!any) return;  // without a value there is nothing to order by
    Stream stream =
        rng_.stream(Draw::kTraining, Turn{UserId{static_cast<std::uint32_t>(i)},
                                          static_cast<std::uint16_t>(epoch), kRankingRound});
    const double scale = 1 / static_cast<double>(config_.samples);
    std::vector<std::uint16_t> ranking;
    for (std::int64_t s = 0; s < config_.samples; ++s) {
      draw_ranking(logits, choice.size(), stream, ranking);
      add_pl_rank(logits, theta, rho, ranking, scale, gradient);
    }
  }

 private:
  /// By Gumbel noise: the K largest.
  static void draw_ranking(std::span<const double> logits, std::size_t n, Stream& stream,
                           std::vector<std::uint16_t>& ranking) {
    std::vector<double> keys(logits.size());
    for (std::size_t c = 0; c < keys.size(); ++c)
      keys[c] = logits[c] - std::log(-std::log(stream.uniform()));
    ranking.resize(keys.size());
    std::iota(ranking.begin(), ranking.end(), std::uint16_t{0});
    std::partial_sort(ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(n),
                      ranking.end(), [&](std::uint16_t a, std::uint16_t b) {
                        return keys[a] > keys[b] || (keys[a] == keys[b] && a < b);
                      });
    ranking.resize(n);
  }

  const PlRankConfig& config_;
  std::vector<double> theta_;
  const Rng& rng_;
};

class PlRank final : public LearningMethod {
 public:
  explicit PlRank(PlRankConfig config) : config_(std::move(config)) {}

  Learnt learn(const Training& training) const override {
    ScoreNetwork network = training.start();
    PlRankObjective objective(config_,
                              estimate_examination(training.context().rounds, training.choices()),
                              training.context().rng);
    training.ascend(objective, network);
    return {network};
  }

 private:
  PlRankConfig config_;
};

}  // namespace

FieldDescriptions describe_pl_rank() { return describe_fields<PlRankConfig>(); }

PolicyPtr make_pl_rank(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PlRankConfig>();
  return make_off_policy_learner("pl_rank", read.learner, std::make_unique<PlRank>(read), config,
                                 context.schema);
}

}  // namespace rehearsal
