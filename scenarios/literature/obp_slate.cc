#include <cmath>

#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

struct ObpSlateConfig {
  std::int64_t rounds = 10000, actions = 10, length = 3, features = 2;
  double deviation = 5, scale = 3;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 10000000, "slates of the log")
        .add("actions", actions, 2, 20, "items; none stands twice in a slate")
        .add("length", length, 1, 4, "positions, at most the items")
        .add("features", features, 1, 100, "of the context, standard normal")
        .add("deviation", deviation, 0, 100, "of the interactions between items")
        .add("scale", scale, 0, 100, "of the evaluation policies' logits");
  }
};

/// The three kinds of probabilities of a log's rows.
struct SlateRows {
  std::vector<double> slate, item_position, cascade;
};

class ObpSlate final : public Benchmark {
 public:
  explicit ObpSlate(const ObpSlateConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        l_(static_cast<std::size_t>(config.length)) {
    each_slate(m_, l_, false, [&](std::span<const std::uint16_t> slate) {
      slates_.insert(slates_.end(), slate.begin(), slate.end());
    });
    n_slates_ = slates_.size() / l_;
  }

  Trial run(const Rng& rng) const override {
    const auto d = static_cast<std::size_t>(c_.features);
    Stream world = rng.stream(Draw::kWorld, {});
    const BilinearLogits base(m_, d, world);
    SlateRewards rewards;
    rewards.structure = RewardStructure::kCascade;
    rewards.interaction = symmetric_normals(world, m_, c_.deviation);
    std::vector<double> reward, logits(m_), expected(l_), value(n_slates_);
    std::vector<std::uint32_t> offsets{0};
    SlateRows logged, by_policy[2];
    double truths[3] = {0, 0, 0};  // uniform, optimal, anti-optimal
    const double one = 1 / static_cast<double>(n_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 0, 0});
      base.at(normals(request, d), logits);
      for (std::size_t s = 0; s < n_slates_; ++s) {
        rewards.expected(logits, slate(s), expected);
        value[s] = 0;
        for (const double each : expected) value[s] += each;
        truths[0] += one * value[s] / static_cast<double>(n_slates_);
      }
      Stream policy = rng.stream(Draw::kPolicy, {UserId{i}, 0, 0});
      const auto shown =
          static_cast<std::size_t>(policy.uniform() * static_cast<double>(n_slates_));
      rewards.expected(logits, slate(shown), expected);
      Stream response = rng.stream(Draw::kResponse, {UserId{i}, 0, 0});
      for (const double each : expected) reward.push_back(response.uniform() < each ? 1 : 0);
      offsets.push_back(static_cast<std::uint32_t>(reward.size()));
      add_uniform(logged);
      for (int p = 0; p < 2; ++p)
        truths[p + 1] +=
            one * add_policy(logits, p == 0 ? c_.scale : -c_.scale, shown, value, by_policy[p]);
    }
    return estimate(offsets, reward, logged, by_policy, truths);
  }

 private:
  std::span<const std::uint16_t> slate(std::size_t s) const {
    return {slates_.data() + s * l_, l_};
  }

  void add_uniform(SlateRows& rows) const {
    double prefix = 1;
    for (std::size_t k = 0; k < l_; ++k) {
      rows.slate.push_back(1 / static_cast<double>(n_slates_));
      rows.item_position.push_back(1 / static_cast<double>(m_));
      rows.cascade.push_back(prefix /= static_cast<double>(m_ - k));
    }
  }

  /// Plackett-Luce with logits scale * logistic(logits), all slates enumerated.
  /// Returns: its expected reward.
  double add_policy(std::span<const double> logits, double scale, std::size_t shown,
                    std::span<const double> value, SlateRows& rows) const {
    std::vector<double> weight(m_), marginal(l_, 0.0), prefix(l_);
    for (std::size_t a = 0; a < m_; ++a) weight[a] = scale * logistic(logits[a]);
    softmax(weight);
    double total = 0;
    const std::span<const std::uint16_t> own = slate(shown);
    for (std::size_t s = 0; s < n_slates_; ++s) {
      double p = 1, left = 1;
      for (std::size_t k = 0; k < l_; ++k) {
        p *= weight[slate(s)[k]] / left;
        left -= weight[slate(s)[k]];
        if (s == shown) prefix[k] = p;
      }
      total += p * value[s];
      for (std::size_t k = 0; k < l_; ++k) marginal[k] += slate(s)[k] == own[k] ? p : 0;
    }
    rows.slate.insert(rows.slate.end(), l_, prefix.back());
    rows.item_position.insert(rows.item_position.end(), marginal.begin(), marginal.end());
    rows.cascade.insert(rows.cascade.end(), prefix.begin(), prefix.end());
    return total;
  }

  /// Each policy's estimates, whether an estimator says the wrong sign of its gain over uniform
  /// slates, and whether it misses by more than 0.05 (1 or 0 where the truth is 0).
  Trial estimate(std::span<const std::uint32_t> offsets, std::span<const double> reward,
                 const SlateRows& logged, const SlateRows (&by_policy)[2],
                 const double (&truths)[3]) const {
    Trial trial, signs;
    for (std::size_t p = 0; p < 2; ++p) {
      SlateColumns columns;
      columns.slate_offsets = offsets;
      columns.reward = reward;
      columns.slate = {by_policy[p].slate, logged.slate};
      columns.item_position = {by_policy[p].item_position, logged.item_position};
      columns.cascade = {by_policy[p].cascade, logged.cascade};
      const std::string suffix = p == 0 ? "_optimal" : "_anti_optimal";
      for (const std::string name : {"sips", "iips", "rips"}) {
        const double got = estimate_slates(slate_estimators().at(name), columns).value;
        trial.add(name + suffix, got, truths[p + 1]);
        const bool wrong = (got > truths[0]) != (truths[p + 1] > truths[0]);
        signs.add(name + suffix + "_wrong_sign", wrong ? 1 : 0, 0);
        signs.add(name + suffix + "_misses", std::abs(got - truths[p + 1]) > 0.05 ? 1 : 0, 0);
      }
    }
    for (const Trial::Scored& each : signs.scored) trial.scored.push_back(each);
    return trial;
  }

  ObpSlateConfig c_;
  std::size_t n_, m_, l_, n_slates_ = 0;
  std::vector<std::uint16_t> slates_;  // (n_slates, length)
};

}  // namespace

std::unique_ptr<Benchmark> make_obp_slate(const PluginConfig& config) {
  const auto own = config.read<ObpSlateConfig>();
  if (own.length > own.actions)
    config.refuse("length", "is larger than actions: no item stands twice");
  return std::make_unique<ObpSlate>(own);
}

std::vector<FieldDescription> describe_obp_slate() { return describe_fields<ObpSlateConfig>(); }

}  // namespace rehearsal
