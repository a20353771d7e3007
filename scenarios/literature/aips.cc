#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/influence_tree.h"
#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/oracle_tree.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBehaviors = 6;
constexpr std::uint16_t kAnew = 2;  // sessions of logs that the published tree is grown on

struct AipsConfig {
  std::int64_t rounds = 8000, actions = 3, length = 8, features = 5, oracle_logs = 10,
               truth_rounds = 20000;
  double deviation = 0.5, interaction = 8, mix = 0.6, epsilon = 0.3;
  std::string world = "published";

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 100, 10000000, "slates of the log")
        .add("actions", actions, 2, 1000, "items, each allowed at every position")
        .add("length", length, 2, 20, "positions")
        .add("features", features, 1, 100, "of the context, standard normal")
        .add("deviation", deviation, 0, 100, "of a position's reward")
        .add("interaction", interaction, 0, 1000,
             "times a standard normal number over the positions: of a pair of items")
        .add("mix", mix, 0, 1, "above one half: users feel many positions; below: few")
        .add("epsilon", epsilon, 0, 1, "of the epsilon-greedy evaluation policy")
        .choice("world", world, {"published", "drawn"},
                "interactions and logging policy: those of the published seed, for three items, or "
                "drawn anew")
        .add("oracle_logs", oracle_logs, 0, 1000,
             "drawn anew for aips_oracle, the published tree, which knows the true value; 0: left "
             "out")
        .add("truth_rounds", truth_rounds, 100, 100000000,
             "contexts that the true value is taken on");
  }
};

/// What the published code draws at its seed, for three items: the logging policy's logits, and
/// the lower triangle of the interactions before they are scaled.
constexpr double kLogits[] = {0.595545, 0.964515, 0.653177};
constexpr double kInteraction[3][3] = {
    {-0.204708, 0, 0}, {-0.555730, 1.965781, 0}, {0.092908, 0.281746, 0.769023}};

/// Which positions a position's reward depends on, for each way to behave.
using Influence = std::vector<std::vector<bool>>;  // [position][other]

/// From every position to the nearest ones; six and three random ones, with repetition.
std::vector<Influence> influences(std::size_t l, Stream& stream) {
  std::vector<Influence> all(kBehaviors, Influence(l, std::vector<bool>(l, false)));
  for (std::size_t k = 0; k < l; ++k) {
    for (std::size_t j = 0; j < l; ++j) {
      const std::size_t distance = j < k ? k - j : j - k;
      all[0][k][j] = true;
      for (const std::size_t b : {1, 2}) all[b][k][j] = j == k;
      all[3][k][j] = j <= k || distance <= 3;
      all[4][k][j] = j <= k || distance <= 2;
      all[5][k][j] = distance <= 1;
    }
    for (const std::size_t b : {1, 2})
      for (int draw = 0; draw < (b == 1 ? 6 : 3); ++draw) {
        const std::size_t j = index_below(stream(), l - 1);
        all[b][k][j < k ? j : j + 1] = true;
      }
  }
  return all;
}

/// What stands for a seed. Both policies choose each position alike, whatever the context.
struct AipsWorld {
  std::vector<Influence> influence;
  std::vector<double> behavior;  // (behaviors, features)
  std::vector<double> mu, pi;    // (actions)
  BilinearLogits base;           // of rewards
  RowMatrix interaction;         // (actions, actions)
};

class Aips final : public Benchmark {
 public:
  explicit Aips(const AipsConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        l_(static_cast<std::size_t>(config.length)),
        d_(static_cast<std::size_t>(config.features)) {
    if (c_.world == "published" && c_.actions != 3)
      throw Error(ErrorKind::kInput,
                  fmt::format("benchmark.actions: {}; the published world has 3: say world: drawn",
                              c_.actions));
  }

  Trial run(const Rng& rng) const override {
    const AipsWorld world = make_world(rng);
    return estimate(rng, world, draw(rng, world, 0), value(rng, world));
  }

 private:
  struct Log {
    std::vector<double> context, reward, ratio;  // (n, features), (n, length) twice
    std::vector<std::size_t> behavior;           // (n)
  };

  struct User {
    std::vector<double> context, p_behavior;
    std::size_t behavior = 0;
  };

  Log draw(const Rng& rng, const AipsWorld& world, std::uint16_t session) const {
    Log log;
    std::vector<double> expected(l_);
    std::vector<std::uint16_t> slate(l_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, session, 0};
      const User user = draw_user(rng, turn, world);
      draw_slate(rng, turn, world.mu, slate);
      rewards(world, user, slate, expected);
      Stream response = rng.stream(Draw::kResponse, turn);
      for (std::size_t k = 0; k < l_; ++k) {
        log.reward.push_back(expected[k] + c_.deviation * normal_from(response()));
        log.ratio.push_back(world.pi[slate[k]] / world.mu[slate[k]]);
      }
      log.behavior.push_back(user.behavior);
      log.context.insert(log.context.end(), user.context.begin(), user.context.end());
    }
    return log;
  }

  AipsWorld make_world(const Rng& rng) const {
    Stream stream = rng.stream(Draw::kWorld, {});
    std::vector<Influence> influence = influences(l_, stream);
    std::vector<double> behavior = uniforms(stream, kBehaviors * d_, 0, 1);
    std::vector<double> mu = uniforms(stream, m_, 0, 1),
                        pi(m_, c_.epsilon / static_cast<double>(m_));
    BilinearLogits base(m_, d_, stream);
    RowMatrix interaction = symmetric_normals(stream, m_, 1);
    if (c_.world == "published") {
      mu.assign(std::begin(kLogits), std::end(kLogits));
      for (Eigen::Index a = 0; a < 3; ++a)
        for (Eigen::Index b = 0; b <= a; ++b)
          interaction(a, b) = interaction(b, a) = kInteraction[a][b];
    }
    interaction *= c_.interaction / static_cast<double>(l_);
    pi[static_cast<std::size_t>(std::min_element(mu.begin(), mu.end()) - mu.begin())] +=
        1 - c_.epsilon;
    softmax(mu);
    return {std::move(influence), std::move(behavior), std::move(mu),
            std::move(pi),        std::move(base),     std::move(interaction)};
  }

  /// Context, and how the user behaves: softmax of weighted |x c_b|, from broad to narrow.
  User draw_user(const Rng& rng, const Turn& turn, const AipsWorld& world) const {
    Stream request = rng.stream(Draw::kRequest, turn);
    User user{normals(request, d_), std::vector<double>(kBehaviors)};
    for (std::size_t b = 0; b < kBehaviors; ++b) {
      const double v = 1.5 - 3.0 * static_cast<double>(b) / (kBehaviors - 1);
      const double product = std::inner_product(user.context.begin(), user.context.end(),
                                                world.behavior.data() + b * d_, 0.0);
      user.p_behavior[b] = std::exp((2 * c_.mix - 1) * v) * std::abs(product);
    }
    softmax(user.p_behavior);
    user.behavior = pick(user.p_behavior, request.uniform());
    return user;
  }

  void draw_slate(const Rng& rng, const Turn& turn, std::span<const double> p,
                  std::span<std::uint16_t> slate) const {
    Stream stream = rng.stream(Draw::kPolicy, turn);
    for (std::uint16_t& a : slate) a = static_cast<std::uint16_t>(pick(p, stream.uniform()));
  }

  void rewards(const AipsWorld& world, const User& user, std::span<const std::uint16_t> slate,
               std::span<double> out) const {
    std::vector<double> q(m_);
    world.base.at(user.context, q);
    for (std::size_t k = 0; k < l_; ++k) {
      out[k] = 1 + logistic(q[slate[k]]);
      for (std::size_t j = 0; j < l_; ++j)
        if (j != k && world.influence[user.behavior][k][j])
          out[k] += world.interaction(slate[k], slate[j]);
    }
  }

  /// Of each position: exact over slates, behaviors and noise, for positions are chosen alone.
  std::vector<double> value(const Rng& rng, const AipsWorld& world) const {
    const Eigen::Map<const Eigen::VectorXd> pi(world.pi.data(), static_cast<Eigen::Index>(m_));
    const double pair = pi.dot(world.interaction * pi);
    std::vector<double> out(l_, 0.0), q(m_);
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      const User user = draw_user(rng, {UserId{i}, 1, 0}, world);
      world.base.at(user.context, q);
      double own = 1;
      for (std::size_t a = 0; a < m_; ++a) own += world.pi[a] * logistic(q[a]);
      for (std::size_t k = 0; k < l_; ++k) {
        out[k] += own;
        for (std::size_t b = 0; b < kBehaviors; ++b) {
          const std::vector<bool>& felt = world.influence[b][k];
          out[k] += user.p_behavior[b] * pair *
                    static_cast<double>(std::count(felt.begin(), felt.end(), true) - 1);
        }
      }
    }
    for (double& each : out) each /= static_cast<double>(c_.truth_rounds);
    return out;
  }

  /// The weight of position k of round i over what behavior b lets it depend on.
  double weight(const AipsWorld& world, const Log& log, std::size_t i, std::size_t k,
                std::size_t b) const {
    double product = 1;
    for (std::size_t j = 0; j < l_; ++j)
      if (world.influence[b][k][j]) product *= log.ratio[i * l_ + j];
    return product;
  }

  Trial estimate(const Rng& rng, const AipsWorld& world, const Log& log,
                 const std::vector<double>& values) const {
    const double truth = std::accumulate(values.begin(), values.end(), 0.0);
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
    if (c_.oracle_logs > 0) trial.add("aips_oracle", oracle(rng, world, log, values), truth);
    return trial;
  }

  /// One position of a log by some behaviours. Args: reward: filled, borrowed by what is returned.
  InfluenceProblem problem(const AipsWorld& world, const Log& log, std::size_t k,
                           std::span<const std::size_t> behaviors,
                           std::vector<double>& reward) const {
    InfluenceProblem out;
    out.features = Eigen::Map<const RowMatrix>(log.context.data(), static_cast<Eigen::Index>(n_),
                                               static_cast<Eigen::Index>(d_));
    out.weights.resize(static_cast<Eigen::Index>(n_), static_cast<Eigen::Index>(behaviors.size()));
    reward.resize(n_);
    for (std::size_t i = 0; i < n_; ++i) {
      reward[i] = log.reward[i * l_ + k];
      for (std::size_t c = 0; c < behaviors.size(); ++c)
        out.weights(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c)) =
            weight(world, log, i, k, behaviors[c]);
    }
    out.reward = reward;
    return out;
  }

  /// Influence sets found in the log: one tree a position over the known ways to behave, from all
  /// positions to the nearest.
  double adaptive(const Rng& rng, const AipsWorld& world, const Log& log) const {
    const std::vector<std::size_t> nested{0, 3, 4, 5};
    double sum = 0;
    for (std::size_t k = 0; k < l_; ++k) {
      std::vector<double> reward;
      const InfluenceProblem own = problem(world, log, k, nested, reward);
      Stream stream = rng.stream(Draw::kTraining, {}, static_cast<std::uint32_t>(k));
      const InfluenceTree tree(own, {}, stream);
      const std::vector<double> weights = tree.weights(own);
      for (std::size_t i = 0; i < n_; ++i) sum += weights[i] * reward[i];
    }
    return sum / static_cast<double>(n_);
  }

  /// The published tree, which is given logs drawn anew and each position's true value.
  double oracle(const Rng& rng, const AipsWorld& world, const Log& log,
                const std::vector<double>& values) const {
    const std::vector<std::size_t> all{0, 1, 2, 3, 4, 5};
    std::vector<Log> anew;
    for (std::uint16_t j = 0; j < c_.oracle_logs; ++j)
      anew.push_back(draw(rng, world, static_cast<std::uint16_t>(kAnew + j)));
    double sum = 0;
    for (std::size_t k = 0; k < l_; ++k) {
      std::vector<std::vector<double>> rewards(anew.size() + 1);
      const InfluenceProblem own = problem(world, log, k, all, rewards.back());
      std::vector<InfluenceProblem> others;
      for (std::size_t j = 0; j < anew.size(); ++j)
        others.push_back(problem(world, anew[j], k, all, rewards[j]));
      Stream stream = rng.stream(Draw::kTraining, {UserId{1}}, static_cast<std::uint32_t>(k));
      sum += oracle_tree_estimate(own, others, values[k], {}, stream);
    }
    return sum;
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
