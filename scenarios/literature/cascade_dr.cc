#include <cmath>

#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/regression_tree.h"
#include "scenarios/literature/slate_rewards.h"

namespace rehearsal {

namespace {

struct CascadeDrConfig {
  std::int64_t rounds = 1000, actions = 5, length = 5, features = 5, depth = 3,
               truth_rounds = 20000;
  std::string structure = "standard", interaction = "random", tilt = "random";
  double deviation = 5;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 10000000, "slates of the log")
        .add("actions", actions, 2, 1000, "items, each allowed at every position")
        .add("length", length, 1, 12, "positions")
        .add("features", features, 1, 100, "of the context, standard normal")
        .choice("structure", structure, {"standard", "cascade", "independent"},
                "which positions move a position's reward")
        .choice("interaction", interaction, {"random", "additive", "decay"},
                "how; random: a coin a seed")
        .add("deviation", deviation, 0, 100, "of the additive interactions")
        .choice("tilt", tilt, {"random", "0.8", "-0.8"},
                "of the evaluation policy: its logits are this many times the logging policy's; "
                "random: one of -0.8, -0.6 ... 0.8 a seed")
        .add("depth", depth, 0, 20, "of the regression trees of q_hat")
        .add("truth_rounds", truth_rounds, 100, 100000000,
             "slates that the true value is taken on");
  }
};

/// A log in columns, with what the estimators read.
struct CascadeLog {
  std::vector<std::uint32_t> offsets{0}, action;
  std::vector<double> context, reward;
  std::vector<double> behavior[3], evaluation[3];  // whole slate, item at position, prefix
};

class CascadeDr final : public Benchmark {
 public:
  explicit CascadeDr(const CascadeDrConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        l_(static_cast<std::size_t>(config.length)),
        d_(static_cast<std::size_t>(config.features)) {}

  Trial run(const Rng& rng) const override {
    Stream world = rng.stream(Draw::kWorld, {});
    const BilinearLogits base(m_, d_, world);
    SlateRewards rewards;
    rewards.structure = reward_structure(c_.structure);
    const bool coin = world.uniform() < 0.5;
    rewards.additive = c_.interaction == "random" ? coin : c_.interaction == "additive";
    rewards.interaction = symmetric_normals(world, m_, c_.deviation);
    const double drawn = -0.8 + 0.2 * std::floor(9 * world.uniform());
    const double tilt = c_.tilt == "random" ? drawn : std::stod(c_.tilt);
    // What the published logging policy adds for the context is the same for every item.
    const std::vector<double> logits = uniforms(world, m_, 0, 1);
    std::vector<double> mu = logits, pi = logits;
    softmax(mu);
    softmax(pi, tilt);
    const CascadeLog log = draw(rng, base, rewards, mu, pi);
    const double truth = value(rng, base, rewards, pi);
    return estimate(log, pi, truth);
  }

 private:
  /// Args: session: 0 the log, 1 the truth.
  void draw_slate(const Rng& rng, std::uint32_t i, std::uint16_t session, std::span<const double> p,
                  std::span<std::uint16_t> slate) const {
    Stream stream = rng.stream(Draw::kPolicy, {UserId{i}, session, 0});
    for (std::uint16_t& a : slate) a = static_cast<std::uint16_t>(pick(p, stream.uniform()));
  }

  CascadeLog draw(const Rng& rng, const BilinearLogits& base, const SlateRewards& rewards,
                  std::span<const double> mu, std::span<const double> pi) const {
    CascadeLog log;
    std::vector<std::uint16_t> slate(l_);
    std::vector<double> logits(m_), expected(l_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 0, 0});
      const std::vector<double> x = normals(request, d_);
      draw_slate(rng, i, 0, mu, slate);
      base.at(x, logits);
      rewards.expected(logits, slate, expected);
      Stream response = rng.stream(Draw::kResponse, {UserId{i}, 0, 0});
      double prefix_mu = 1, prefix_pi = 1;
      for (std::size_t k = 0; k < l_; ++k) {
        log.action.push_back(slate[k]);
        log.reward.push_back(response.uniform() < expected[k] ? 1 : 0);
        log.behavior[1].push_back(mu[slate[k]]);
        log.evaluation[1].push_back(pi[slate[k]]);
        log.behavior[2].push_back(prefix_mu *= mu[slate[k]]);
        log.evaluation[2].push_back(prefix_pi *= pi[slate[k]]);
      }
      log.behavior[0].insert(log.behavior[0].end(), l_, prefix_mu);
      log.evaluation[0].insert(log.evaluation[0].end(), l_, prefix_pi);
      log.context.insert(log.context.end(), x.begin(), x.end());
      log.offsets.push_back(static_cast<std::uint32_t>(log.action.size()));
    }
    return log;
  }

  double value(const Rng& rng, const BilinearLogits& base, const SlateRewards& rewards,
               std::span<const double> pi) const {
    std::vector<std::uint16_t> slate(l_);
    std::vector<double> logits(m_), expected(l_);
    double sum = 0;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 1, 0});
      base.at(normals(request, d_), logits);
      draw_slate(rng, i, 1, pi, slate);
      rewards.expected(logits, slate, expected);
      for (const double each : expected) sum += each;
    }
    return sum / static_cast<double>(c_.truth_rounds);
  }

  /// q_hat of a position and those below, backwards: a tree a position on the context and the
  /// items down to it as numbers, weighted by the prefix, as published; not cross-fitted.
  std::vector<double> q_hat(const CascadeLog& log, std::span<const double> pi) const {
    std::vector<double> q(n_ * l_ * m_), target(n_), weight(n_), below(n_, 0.0);
    for (std::size_t k = l_; k-- > 0;) {
      const std::size_t width = d_ + k + 1;
      std::vector<double> features(n_ * width);
      for (std::size_t i = 0; i < n_; ++i) {
        double* row = features.data() + i * width;
        for (std::size_t f = 0; f < d_; ++f) row[f] = log.context[i * d_ + f];
        for (std::size_t j = 0; j <= k; ++j) row[d_ + j] = log.action[i * l_ + j];
        const std::size_t s = i * l_ + k;
        target[i] = log.reward[s] + below[i];
        weight[i] = log.evaluation[2][s] / log.behavior[2][s];
      }
      const RegressionTree tree({width, features, target, weight},
                                static_cast<std::size_t>(c_.depth));
      for (std::size_t i = 0; i < n_; ++i) {
        const std::span<double> row(features.data() + i * width, width);
        below[i] = 0;
        for (std::size_t a = 0; a < m_; ++a) {
          row[width - 1] = static_cast<double>(a);
          below[i] += pi[a] * (q[(i * l_ + k) * m_ + a] = tree.predict(row));
        }
      }
    }
    return q;
  }

  Trial estimate(const CascadeLog& log, std::span<const double> pi, double truth) const {
    const std::vector<double> q = q_hat(log, pi);
    std::vector<double> dist;
    for (std::size_t s = 0; s < n_ * l_; ++s) dist.insert(dist.end(), pi.begin(), pi.end());
    SlateColumns slates;
    slates.slate_offsets = log.offsets;
    slates.reward = log.reward;
    slates.slate = {log.evaluation[0], log.behavior[0]};
    slates.item_position = {log.evaluation[1], log.behavior[1]};
    slates.cascade = {log.evaluation[2], log.behavior[2]};
    slates.n_actions = m_;
    slates.action = log.action;
    slates.q_hat = q;
    slates.action_dist = dist;
    Trial trial;
    for (const char* name : {"sips", "iips", "rips", "cascade_dr"})
      trial.add(name, estimate_slates(slate_estimators().at(name), slates).value, truth);
    return trial;
  }

  CascadeDrConfig c_;
  std::size_t n_, m_, l_, d_;
};

}  // namespace

std::unique_ptr<Benchmark> make_cascade_dr(const PluginConfig& config) {
  return std::make_unique<CascadeDr>(config.read<CascadeDrConfig>());
}

std::vector<FieldDescription> describe_cascade_dr() { return describe_fields<CascadeDrConfig>(); }

}  // namespace rehearsal
