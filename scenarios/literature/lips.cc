#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/selection.h"
#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_abstraction.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr double kBetas[] = {0.01, 0.1, 1, 10};

struct LipsConfig {
  std::int64_t rounds = 4000, items = 10, length = 8, features = 5, values = 20, samples = 100,
               steps = 100, truth_rounds = 20000, world = 1;
  double behavior_epsilon = 0.1, epsilon = 0.3, deviation = 0.1;
  std::string reward = "additive";

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 20, 10000000, "slates of the log")
        .add("items", items, 2, 1000, "of every slot")
        .add("length", length, 4, 50, "slots, of which the first half moves the reward")
        .add("features", features, 1, 100, "of the context, standard normal")
        .choice("reward", reward, {"additive", "discount", "minmax"},
                "of a slate from its slots': their mean, with terms of neighbours; the mean where "
                "each is multiplied by a term of it and the one before; largest plus smallest")
        .add("deviation", deviation, 0, 100, "of rewards")
        .add("behavior_epsilon", behavior_epsilon, 1e-6, 1, "uniform share of the logging policy")
        .add("epsilon", epsilon, 0, 1, "of the epsilon-greedy evaluation policy")
        .add("values", values, 2, 1000, "of the abstraction")
        .add("steps", steps, 1, 100000, "of learning it, for each strength of the penalty")
        .add("samples", samples, 1, 100000, "slates drawn a round and policy for its weights")
        .add("world", world, 0, 1000000, "seed of items and rewards, the same at all seeds")
        .add("truth_rounds", truth_rounds, 100, 10000000,
             "contexts that the true value is taken on");
  }
};

/// Items of every slot: whether a user has an item's label is logistic in the context; the policies
/// rank by a classifier of it that is off by noise.
struct LipsWorld {
  std::vector<double> label;     // (length, items, 1 + features) coefficients of its logit
  std::vector<double> score;     // (length, items, 1 + features) of the classifier's
  std::vector<double> base;      // (length, items) reward without the label; 1 with it
  std::vector<double> neighbor;  // (length, items, items) of a slot's item and the next slot's
};

class Lips final : public Benchmark {
 public:
  explicit Lips(const LipsConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.items)),
        l_(static_cast<std::size_t>(config.length)),
        d_(static_cast<std::size_t>(config.features)) {}

  Trial run(const Rng& rng) const override {
    const Rng fixed(static_cast<std::uint64_t>(c_.world));
    Stream stream = fixed.stream(Draw::kWorld, {});
    LipsWorld world;
    for (std::size_t s = 0; s < l_ * m_; ++s) {
      world.base.push_back(0.5 * stream.uniform());
      for (std::size_t f = 0; f <= d_; ++f) {
        world.label.push_back(f == 0 ? -1.5 : normal_from(stream()));
        world.score.push_back(world.label.back() + 0.5 * normal_from(stream()));
      }
    }
    world.neighbor = normals(stream, l_ * m_ * m_);
    const Log log = draw(rng, world);
    return estimate(rng, log, value(fixed, world));
  }

 private:
  struct Log {
    std::vector<double> context, reward, behavior, evaluation;
    std::vector<std::uint16_t> slate;
  };

  /// (length, items) logits.
  std::vector<double> logits(const std::vector<double>& coefficients,
                             std::span<const double> x) const {
    std::vector<double> out;
    for (std::size_t s = 0; s < l_ * m_; ++s) {
      const double* own = coefficients.data() + s * (d_ + 1);
      out.push_back(std::inner_product(x.begin(), x.end(), own + 1, own[0]));
    }
    return out;
  }

  /// Appends (length, items) probabilities of both policies.
  void add_policies(const LipsWorld& world, std::span<const double> x,
                    std::vector<double>& behavior, std::vector<double>& evaluation) const {
    const std::vector<double> score = logits(world.score, x);
    const auto uniform = 1 / static_cast<double>(m_);
    for (std::size_t l = 0; l < l_; ++l) {
      std::vector<double> p(score.begin() + static_cast<std::ptrdiff_t>(l * m_),
                            score.begin() + static_cast<std::ptrdiff_t>((l + 1) * m_));
      const auto best = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
      softmax(p, -1);
      for (std::size_t a = 0; a < m_; ++a) {
        behavior.push_back((1 - c_.behavior_epsilon) * p[a] + c_.behavior_epsilon * uniform);
        evaluation.push_back((a == best ? 1 - c_.epsilon : 0) + c_.epsilon * uniform);
      }
    }
  }

  std::size_t n_felt() const { return l_ / 2; }
  double neighbor(const LipsWorld& world, std::size_t l, std::size_t a, std::size_t b) const {
    return world.neighbor[(l * m_ + a) * m_ + b];
  }

  /// Args: own: the slots' rewards, with or without the label.
  double reward(const LipsWorld& world, std::span<const std::uint16_t> slate,
                std::span<const double> own) const {
    const std::size_t felt = n_felt();
    if (c_.reward == "minmax")
      return *std::max_element(own.begin(), own.end()) + *std::min_element(own.begin(), own.end());
    double sum = 0, beside = 0;
    for (std::size_t l = 0; l < felt; ++l) {
      const double term = l == 0 ? 1 : neighbor(world, l - 1, slate[l - 1], slate[l]);
      sum += c_.reward == "discount" ? own[l] * term : own[l];
      if (l > 0) beside += term;
    }
    sum /= static_cast<double>(felt);
    return c_.reward == "additive" ? sum + beside / static_cast<double>(l_ - 1) : sum;
  }

  Log draw(const Rng& rng, const LipsWorld& world) const {
    Log log;
    std::vector<double> own(n_felt());
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      Stream request = rng.stream(Draw::kRequest, turn), policy = rng.stream(Draw::kPolicy, turn),
             response = rng.stream(Draw::kResponse, turn);
      const std::vector<double> x = normals(request, d_), label = logits(world.label, x);
      add_policies(world, x, log.behavior, log.evaluation);
      std::vector<std::uint16_t> slate;
      for (std::size_t l = 0; l < l_; ++l) {
        const double* p = log.behavior.data() + (i * l_ + l) * m_;
        slate.push_back(static_cast<std::uint16_t>(pick({p, m_}, policy.uniform())));
      }
      for (std::size_t l = 0; l < own.size(); ++l) {
        const std::size_t s = l * m_ + slate[l];
        own[l] = response.uniform() < logistic(label[s]) ? 1 : world.base[s];
      }
      log.reward.push_back(reward(world, slate, own) + c_.deviation * normal_from(response()));
      log.context.insert(log.context.end(), x.begin(), x.end());
      log.slate.insert(log.slate.end(), slate.begin(), slate.end());
    }
    return log;
  }

  /// Exact but for the contexts.
  double value(const Rng& fixed, const LipsWorld& world) const {
    double sum = 0;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      Stream request = fixed.stream(Draw::kRequest, {UserId{i}, 1, 0});
      const std::vector<double> x = normals(request, d_);
      std::vector<double> behavior, pi, label = logits(world.label, x);
      add_policies(world, x, behavior, pi);
      for (double& each : label) each = logistic(each);
      sum += c_.reward == "minmax" ? extremes(world, pi, label) : sums(world, pi, label);
    }
    return sum / static_cast<double>(c_.truth_rounds);
  }

  /// E of the mean over slots, with what neighbours do.
  double sums(const LipsWorld& world, std::span<const double> pi,
              std::span<const double> label) const {
    double own = 0, beside = 0;
    for (std::size_t l = 0; l < n_felt(); ++l)
      for (std::size_t b = 0; b < m_; ++b) {
        const std::size_t s = l * m_ + b;
        double term = l == 0 ? 1 : 0;
        for (std::size_t a = 0; l > 0 && a < m_; ++a)
          term += pi[s - b - m_ + a] * neighbor(world, l - 1, a, b);
        const double mean = world.base[s] + (1 - world.base[s]) * label[s];
        own += pi[s] * mean * (c_.reward == "discount" ? term : 1);
        if (l > 0) beside += pi[s] * term;
      }
    own /= static_cast<double>(n_felt());
    return c_.reward == "additive" ? own + beside / static_cast<double>(l_ - 1) : own;
  }

  /// E[max + min] of independent slots, from their distribution functions at every value there is.
  double extremes(const LipsWorld& world, std::span<const double> pi,
                  std::span<const double> label) const {
    std::vector<std::size_t> order(n_felt() * m_);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return world.base[a] < world.base[b]; });
    std::vector<double> below(n_felt(), 0.0);  // P(slot <= value so far); all are at most 1
    double largest = 1, smallest = 0, from = 0;
    for (const std::size_t s : order) {
      double all = 1, none = 1;
      for (const double p : below) {
        all *= p;
        none *= 1 - p;
      }
      largest -= all * (world.base[s] - from);
      smallest += none * (world.base[s] - from);
      from = world.base[s];
      below[s / m_] += pi[s] * (1 - label[s]);
    }
    double all = 1, none = 1;
    for (const double p : below) {
      all *= p;
      none *= 1 - p;
    }
    return largest - all * (1 - from) + smallest + none * (1 - from);
  }

  /// Each slot's ratio of the logged item.
  double ratio(const Log& log, std::size_t i, std::size_t l) const {
    const std::size_t s = (i * l_ + l) * m_ + log.slate[i * l_ + l];
    return log.evaluation[s] / log.behavior[s];
  }

  Trial estimate(const Rng& rng, const Log& log, double truth) const {
    std::vector<double> whole, half, pseudo;
    for (std::size_t i = 0; i < n_; ++i) {
      double product = 1, sum = 1 - static_cast<double>(l_);
      for (std::size_t l = 0; l < l_; ++l) {
        product *= ratio(log, i, l);
        sum += ratio(log, i, l);
        if (l + 1 == n_felt()) half.push_back(product);
      }
      whole.push_back(product);
      pseudo.push_back(sum);
    }
    Trial trial;
    trial.add("ips", weighted("sips", whole, log), truth);
    trial.add("pi", mean_of(terms(pseudo, log)), truth);
    trial.add("dm", direct(log), truth);
    trial.add("mips", weighted("lips", half, log), truth);
    add_abstractions(rng, log, truth, trial);
    return trial;
  }

  static double mean_of(const std::vector<double>& all) {
    return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
  }

  static std::vector<double> terms(const std::vector<double>& weight, const Log& log) {
    std::vector<double> out(weight);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= log.reward[i];
    return out;
  }

  /// By an estimator of slates: one row a slate, as the reward is the slate's.
  double weighted(const std::string& name, const std::vector<double>& weight,
                  const Log& log) const {
    std::vector<std::uint32_t> offsets(n_ + 1);
    std::iota(offsets.begin(), offsets.end(), 0U);
    const std::vector<double> ones(n_, 1.0);
    SlateColumns slates;
    slates.slate_offsets = offsets;
    slates.reward = log.reward;
    slates.slate = slates.latent = {weight, ones};
    return estimate_slates(slate_estimators().at(name), slates).value;
  }

  /// Abstractions of growing penalty, each learnt from where the one before stood; SLOPE++ in that
  /// order picks one.
  void add_abstractions(const Rng& rng, const Log& log, double truth, Trial& trial) const {
    const AbstractedSlates slates{d_,        l_,         m_,           log.context,
                                  log.slate, log.reward, log.behavior, log.evaluation};
    Stream stream = rng.stream(Draw::kTraining, {});
    SlateAbstraction abstraction(slates, static_cast<std::size_t>(c_.values), stream);
    std::vector<double> theta, half_width;
    for (const double beta : kBetas) {
      abstraction.fit(beta, static_cast<int>(c_.steps));
      const std::vector<double> weight =
          abstraction.weights(rng, static_cast<std::size_t>(c_.samples));
      theta.push_back(weighted("lips", weight, log));
      half_width.push_back(slope_half_width(terms(weight, log), 0.1));
    }
    trial.add("lips", theta[slope_plus_plus_in_order(theta, half_width)], truth);
    for (std::size_t b = 0; b < theta.size(); ++b)
      trial.add("lips_beta_" + std::to_string(b + 1), theta[b], truth);
  }

  /// Ridge regression on items, context and their products, summed over the evaluation policy.
  double direct(const Log& log) const {
    const auto cells = static_cast<Eigen::Index>(l_ * m_), own = static_cast<Eigen::Index>(d_ + 1);
    RowMatrix x = RowMatrix::Zero(static_cast<Eigen::Index>(n_), own * cells), z = x;
    for (Eigen::Index i = 0; i < x.rows(); ++i)
      for (Eigen::Index s = 0; s < cells; ++s) {
        const auto slot = static_cast<std::size_t>(i) * l_ + static_cast<std::size_t>(s) / m_;
        const double pi = log.evaluation[static_cast<std::size_t>(i * cells + s)];
        const bool shown = log.slate[slot] == static_cast<std::size_t>(s) % m_;
        for (Eigen::Index f = 0; f < own; ++f) {
          const double feature =
              f == 0
                  ? 1
                  : log.context[static_cast<std::size_t>(i) * d_ + static_cast<std::size_t>(f) - 1];
          if (shown) x(i, f * cells + s) = feature;
          z(i, f * cells + s) = pi * feature;
        }
      }
    const Eigen::Map<const Eigen::VectorXd> y(log.reward.data(), x.rows());
    Eigen::MatrixXd gram = x.transpose() * x;
    gram.diagonal().array() += 1;
    const Eigen::VectorXd coefficients = gram.llt().solve(x.transpose() * y);
    return (z * coefficients).mean();
  }

  LipsConfig c_;
  std::size_t n_, m_, l_, d_;
};

}  // namespace

std::unique_ptr<Benchmark> make_lips(const PluginConfig& config) {
  return std::make_unique<Lips>(config.read<LipsConfig>());
}

std::vector<FieldDescription> describe_lips() { return describe_fields<LipsConfig>(); }

}  // namespace rehearsal
