#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/influence_tree.h"
#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBehaviors = 6;

struct AipsConfig {
  std::int64_t rounds = 8000, actions = 3, length = 8, features = 5, truth_rounds = 20000;
  double deviation = 0.5, interaction = 8, mix = 0.6, epsilon = 0.3, spread = 0.3;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 100, 10000000, "slates of the log")
        .add("actions", actions, 2, 1000, "items, each allowed at every position")
        .add("length", length, 2, 20, "positions")
        .add("features", features, 1, 100, "of the context, standard normal")
        .add("deviation", deviation, 0, 100, "of a position's reward")
        .add("interaction", interaction, 0, 1000,
             "of all positions that a position feels, together")
        .add("mix", mix, 0, 1, "above one half: users feel many positions; below: few")
        .add("epsilon", epsilon, 0, 1, "of the epsilon-greedy evaluation policy")
        .add("spread", spread, 0, 100, "deviation of the logging policy's logits")
        .add("truth_rounds", truth_rounds, 100, 100000000,
             "slates that the true value is taken on");
  }
};

/// Which positions a position's reward depends on, for each way to behave.
using Influence = std::vector<std::vector<bool>>;  // [position][other]

/// From every position to the nearest ones.
std::vector<Influence> influences(std::size_t l, Stream& stream) {
  std::vector<Influence> all(kBehaviors, Influence(l, std::vector<bool>(l, false)));
  for (std::size_t k = 0; k < l; ++k) {
    std::vector<std::pair<std::uint32_t, std::size_t>> others;
    for (std::size_t j = 0; j < l; ++j)
      if (j != k) others.emplace_back(stream(), j);
    std::sort(others.begin(), others.end());
    for (std::size_t j = 0; j < l; ++j) {
      const std::size_t distance = j < k ? k - j : j - k;
      all[0][k][j] = true;
      for (const std::size_t b : {1, 2}) all[b][k][j] = j == k;
      all[3][k][j] = j <= k || distance <= 3;
      all[4][k][j] = j <= k || distance <= 2;
      all[5][k][j] = distance <= 1;
    }
    for (std::size_t o = 0; o < others.size() && o < 6; ++o) {
      all[1][k][others[o].second] = true;
      if (o < 3) all[2][k][others[o].second] = true;
    }
  }
  return all;
}

/// What stands for a seed.
struct World {
  std::vector<Influence> influence;
  std::vector<double> behavior;  // (behaviors, features)
  std::vector<double> policy;    // (actions, features)
  std::vector<double> reward;    // (length, actions, features)
  RowMatrix interaction;         // (actions, actions)
};

double dot(std::span<const double> x, const double* y) {
  return std::inner_product(x.begin(), x.end(), y, 0.0);
}

class Aips final : public Benchmark {
 public:
  explicit Aips(const AipsConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        l_(static_cast<std::size_t>(config.length)),
        d_(static_cast<std::size_t>(config.features)) {}

  Trial run(const Rng& rng) const override {
    Stream stream = rng.stream(Draw::kWorld, {});
    World world;
    world.influence = influences(l_, stream);
    world.behavior = normals(stream, kBehaviors * d_);
    world.policy = normals(stream, m_ * d_, c_.spread / std::sqrt(static_cast<double>(d_)));
    world.reward = normals(stream, l_ * m_ * d_, 1 / std::sqrt(static_cast<double>(d_)));
    world.interaction = symmetric_normals(stream, m_, 1);
    Log log;
    std::vector<double> x, expected(l_), mu(m_), pi(m_);
    std::vector<std::uint16_t> slate(l_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      const std::size_t b = draw_user(rng, turn, world, x);
      policies(world, x, mu, pi);
      draw_slate(rng, turn, mu, slate);
      rewards(world, x, b, slate, expected);
      Stream response = rng.stream(Draw::kResponse, turn);
      for (std::size_t k = 0; k < l_; ++k) {
        log.reward.push_back(expected[k] + c_.deviation * normal_from(response()));
        log.ratio.push_back(pi[slate[k]] / mu[slate[k]]);
      }
      log.behavior.push_back(b);
      log.context.insert(log.context.end(), x.begin(), x.end());
    }
    return estimate(rng, world, log, value(rng, world));
  }

 private:
  struct Log {
    std::vector<double> context, reward, ratio;  // (n, features), (n, length) twice
    std::vector<std::size_t> behavior;           // (n)
  };

  /// Context, and how the user behaves: softmax of weighted |x c_b|, from broad to narrow.
  std::size_t draw_user(const Rng& rng, const Turn& turn, const World& world,
                        std::vector<double>& x) const {
    Stream request = rng.stream(Draw::kRequest, turn);
    x = normals(request, d_);
    std::vector<double> p(kBehaviors);
    for (std::size_t b = 0; b < kBehaviors; ++b) {
      const double v = 1.5 - 3.0 * static_cast<double>(b) / (kBehaviors - 1);
      p[b] = std::exp((2 * c_.mix - 1) * v) * std::abs(dot(x, world.behavior.data() + b * d_));
    }
    softmax(p);
    return pick(p, request.uniform());
  }

  void policies(const World& world, std::span<const double> x, std::span<double> mu,
                std::span<double> pi) const {
    for (std::size_t a = 0; a < m_; ++a) mu[a] = dot(x, world.policy.data() + a * d_);
    const auto least = std::min_element(mu.begin(), mu.end()) - mu.begin();
    std::fill(pi.begin(), pi.end(), c_.epsilon / static_cast<double>(m_));
    pi[static_cast<std::size_t>(least)] += 1 - c_.epsilon;
    softmax(mu);
  }

  void draw_slate(const Rng& rng, const Turn& turn, std::span<const double> p,
                  std::span<std::uint16_t> slate) const {
    Stream stream = rng.stream(Draw::kPolicy, turn);
    for (std::uint16_t& a : slate) a = static_cast<std::uint16_t>(pick(p, stream.uniform()));
  }

  void rewards(const World& world, std::span<const double> x, std::size_t b,
               std::span<const std::uint16_t> slate, std::span<double> out) const {
    for (std::size_t k = 0; k < l_; ++k) {
      out[k] = 1 + dot(x, world.reward.data() + (k * m_ + slate[k]) * d_);
      for (std::size_t j = 0; j < l_; ++j)
        if (j != k && world.influence[b][k][j])
          out[k] +=
              c_.interaction / static_cast<double>(l_ * l_) * world.interaction(slate[k], slate[j]);
    }
  }

  double value(const Rng& rng, const World& world) const {
    std::vector<double> x, expected(l_), mu(m_), pi(m_);
    std::vector<std::uint16_t> slate(l_);
    double sum = 0;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      const Turn turn{UserId{i}, 1, 0};
      const std::size_t b = draw_user(rng, turn, world, x);
      policies(world, x, mu, pi);
      draw_slate(rng, turn, pi, slate);
      rewards(world, x, b, slate, expected);
      sum += std::accumulate(expected.begin(), expected.end(), 0.0);
    }
    return sum / static_cast<double>(c_.truth_rounds);
  }

  /// The weight of position k of round i over what behavior b lets it depend on.
  double weight(const World& world, const Log& log, std::size_t i, std::size_t k,
                std::size_t b) const {
    double product = 1;
    for (std::size_t j = 0; j < l_; ++j)
      if (world.influence[b][k][j]) product *= log.ratio[i * l_ + j];
    return product;
  }

  Trial estimate(const Rng& rng, const World& world, const Log& log, double truth) const {
    std::vector<std::uint32_t> offsets(n_ + 1);
    std::vector<double> whole, cascade, ones(n_ * l_, 1.0);
    for (std::size_t i = 0; i <= n_; ++i) offsets[i] = static_cast<std::uint32_t>(i * l_);
    for (std::size_t i = 0; i < n_; ++i) {
      double product = 1;
      for (std::size_t k = 0; k < l_; ++k) cascade.push_back(product *= log.ratio[i * l_ + k]);
      whole.insert(whole.end(), l_, product);
    }
    // Estimators read ratios alone, so that these stand over ones.
    SlateColumns slates;
    slates.slate_offsets = offsets;
    slates.reward = log.reward;
    slates.slate = {whole, ones};
    slates.item_position = {log.ratio, ones};
    slates.cascade = {cascade, ones};
    Trial trial;
    for (const char* name : {"sips", "iips", "rips"})
      trial.add(name, estimate_slates(slate_estimators().at(name), slates).value, truth);
    double sum = 0;
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t k = 0; k < l_; ++k)
        sum += weight(world, log, i, k, log.behavior[i]) * log.reward[i * l_ + k];
    trial.add("aips_true", sum / static_cast<double>(n_), truth);
    trial.add("aips", adaptive(rng, world, log), truth);
    return trial;
  }

  /// Influence sets found in the log: one tree a position over the known ways to behave, from all
  /// positions to the nearest.
  double adaptive(const Rng& rng, const World& world, const Log& log) const {
    const std::vector<std::size_t> nested{0, 3, 4, 5};
    double sum = 0;
    for (std::size_t k = 0; k < l_; ++k) {
      std::vector<double> reward(n_);
      InfluenceProblem problem;
      problem.features = Eigen::Map<const RowMatrix>(
          log.context.data(), static_cast<Eigen::Index>(n_), static_cast<Eigen::Index>(d_));
      problem.weights.resize(static_cast<Eigen::Index>(n_),
                             static_cast<Eigen::Index>(nested.size()));
      for (std::size_t i = 0; i < n_; ++i) {
        reward[i] = log.reward[i * l_ + k];
        for (std::size_t c = 0; c < nested.size(); ++c)
          problem.weights(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c)) =
              weight(world, log, i, k, nested[c]);
      }
      problem.reward = reward;
      Stream stream = rng.stream(Draw::kTraining, {}, static_cast<std::uint32_t>(k));
      const InfluenceTree tree(problem, {}, stream);
      const std::vector<double> weights = tree.weights(problem);
      for (std::size_t i = 0; i < n_; ++i) sum += weights[i] * reward[i];
    }
    return sum / static_cast<double>(n_);
  }

  AipsConfig c_;
  std::size_t n_, m_, l_, d_;
};

}  // namespace

std::unique_ptr<Benchmark> make_aips(const PluginConfig& config) {
  return std::make_unique<Aips>(config.read<AipsConfig>());
}

std::vector<FieldDescription> describe_aips() { return describe_fields<AipsConfig>(); }

}  // namespace rehearsal
