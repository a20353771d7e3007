#include <algorithm>
#include <cmath>

#include "analysis/action_rounds.h"
#include "analysis/cross_fit.h"
#include "analysis/marginal_weights.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"

namespace rehearsal {

namespace {

struct MipsConfig {
  std::int64_t rounds = 10000, actions = 100, features = 10, dims = 3, categories = 10, latent = 5,
               truth_rounds = 4000;
  double beta = -1, epsilon = 0.05, deviation = 2.5;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 10000000, "of the log")
        .add("actions", actions, 2, 100000, "actions")
        .add("features", features, 1, 1000, "of the context, standard normal")
        .add("dims", dims, 1, 20, "dimensions of what users see of an action")
        .add("categories", categories, 2, 1000, "values of each")
        .add("latent", latent, 1, 100, "features of a value")
        .add("beta", beta, -100, 100, "the logging policy is softmax(beta q)")
        .add("epsilon", epsilon, 0, 1, "of the epsilon-greedy evaluation policy")
        .add("deviation", deviation, 0, 1000, "of rewards")
        .add("truth_rounds", truth_rounds, 100, 10000000,
             "contexts that the true value is taken on");
  }
};

/// What is fixed for a seed: the published generator draws the shares of the dimensions anew for
/// each batch, so that its truth is not that of its logs; here they stand.
struct MipsWorld {
  std::size_t m = 0, d = 0, n_dims = 0, n_categories = 0;
  std::vector<double> p_e_a;   // (actions, categories, dims)
  std::vector<double> offset;  // (dims, categories) of the reward
  std::vector<double> slope;   // (dims, categories, features), both with the dimension's share

  /// Expected reward of a value of a dimension.
  double of(std::span<const double> x, std::size_t dim, std::size_t c) const {
    const std::size_t row = dim * n_categories + c;
    double sum = offset[row];
    for (std::size_t f = 0; f < d; ++f) sum += slope[row * d + f] * x[f];
    return sum;
  }

  /// q(x, a) of every action.
  void expected(std::span<const double> x, std::span<double> q) const {
    std::vector<double> value(n_dims * n_categories);
    for (std::size_t dim = 0; dim < n_dims; ++dim)
      for (std::size_t c = 0; c < n_categories; ++c) value[c * n_dims + dim] = of(x, dim, c);
    for (std::size_t a = 0; a < m; ++a) {
      q[a] = 0;
      for (std::size_t j = 0; j < value.size(); ++j) q[a] += p_e_a[a * value.size() + j] * value[j];
    }
  }
};

class Mips final : public Benchmark {
 public:
  explicit Mips(const MipsConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        d_(static_cast<std::size_t>(config.features)),
        dims_(static_cast<std::size_t>(config.dims)) {}

  Trial run(const Rng& rng) const override {
    const MipsWorld world = environment(rng);
    std::vector<double> context, reward, pscore, pi, mu, q(m_);
    std::vector<std::uint32_t> action, embedding;
    std::vector<double> p(world.n_categories);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      Stream request = rng.stream(Draw::kRequest, turn);
      const std::vector<double> x = normals(request, d_);
      world.expected(x, q);
      add_greedy(q, pi);
      softmax(q, c_.beta);
      const std::size_t a = pick(q, rng.stream(Draw::kPolicy, turn).uniform());
      Stream response = rng.stream(Draw::kResponse, turn);
      double mean = 0;
      for (std::size_t dim = 0; dim < dims_; ++dim) {
        for (std::size_t c = 0; c < p.size(); ++c)
          p[c] = world.p_e_a[(a * p.size() + c) * dims_ + dim];
        embedding.push_back(static_cast<std::uint32_t>(pick(p, response.uniform())));
        mean += world.of(x, dim, embedding.back());
      }
      reward.push_back(mean + c_.deviation * normal_from(response()));
      action.push_back(static_cast<std::uint32_t>(a));
      pscore.push_back(q[a]);
      mu.insert(mu.end(), q.begin(), q.end());
      context.insert(context.end(), x.begin(), x.end());
    }
    const std::vector<double> q_hat = cross_fit(
        {m_, d_, context, action, reward}, [] { return make_ridge(); }, 2, rng);
    const ActionRounds rounds{m_, action, reward, pscore, pi, q_hat};
    const double truth = value(rng, world);
    Trial trial;
    const std::vector<Estimator> chosen{parse_estimator("dm"), parse_estimator("ips"),
                                        parse_estimator("snips"), parse_estimator("dr")};
    const std::vector<PointEstimate> estimates = estimate_actions(chosen, rounds);
    for (std::size_t e = 0; e < chosen.size(); ++e)
      trial.add(chosen[e].name, estimates[e].value, truth);
    add_marginal(rounds, {m_, world.n_categories, dims_, pi, mu, embedding, world.p_e_a}, truth,
                 trial);
    return trial;
  }

 private:
  /// Shares uniform on the simplex; rewards of unit variance over contexts and values.
  MipsWorld environment(const Rng& rng) const {
    MipsWorld world;
    world.m = m_;
    world.d = d_;
    world.n_dims = dims_;
    world.n_categories = static_cast<std::size_t>(c_.categories);
    const std::size_t n_values = world.n_categories, k = static_cast<std::size_t>(c_.latent);
    Stream stream = rng.stream(Draw::kWorld, {});
    std::vector<double> share(dims_);
    double sum = 0;
    for (double& each : share) sum += each = -std::log(stream.uniform());
    double square = 0;
    for (std::size_t dim = 0; dim < dims_; ++dim) {
      const std::vector<double> of_x = uniforms(stream, d_, -1, 1),
                                of_z = uniforms(stream, k, -1, 1),
                                of_xz = uniforms(stream, d_ * k, -1, 1);
      for (std::size_t c = 0; c < n_values; ++c) {
        const std::vector<double> z = normals(stream, k);
        double offset = 0;
        for (std::size_t j = 0; j < k; ++j) offset += z[j] * of_z[j];
        world.offset.push_back(offset * share[dim] / sum);
        square += world.offset.back() * world.offset.back() / static_cast<double>(n_values);
        for (std::size_t f = 0; f < d_; ++f) {
          double slope = of_x[f];
          for (std::size_t j = 0; j < k; ++j) slope += of_xz[f * k + j] * z[j];
          world.slope.push_back(slope * share[dim] / sum);
          square += world.slope.back() * world.slope.back() / static_cast<double>(n_values);
        }
      }
    }
    for (auto* all : {&world.offset, &world.slope})
      for (double& each : *all) each /= std::sqrt(square);
    world.p_e_a.resize(m_ * n_values * dims_);
    for (std::size_t a = 0; a < m_; ++a)
      for (std::size_t dim = 0; dim < dims_; ++dim) {
        std::vector<double> p = normals(stream, n_values);
        softmax(p);
        for (std::size_t c = 0; c < n_values; ++c)
          world.p_e_a[(a * n_values + c) * dims_ + dim] = p[c];
      }
    return world;
  }

  void add_greedy(std::span<const double> q, std::vector<double>& pi) const {
    const std::size_t first = pi.size();
    pi.resize(first + m_, c_.epsilon / static_cast<double>(m_));
    const auto best = std::max_element(q.begin(), q.end()) - q.begin();
    pi[first + static_cast<std::size_t>(best)] += 1 - c_.epsilon;
  }

  double value(const Rng& rng, const MipsWorld& world) const {
    std::vector<double> q(m_), pi;
    double sum = 0;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 1, 0});
      world.expected(normals(request, d_), q);
      pi.clear();
      add_greedy(q, pi);
      for (std::size_t a = 0; a < m_; ++a) sum += pi[a] * q[a];
    }
    return sum / static_cast<double>(c_.truth_rounds);
  }

  /// MIPS with the true p(e | a) of all dimensions, and without the last.
  void add_marginal(ActionRounds rounds, const EmbeddedRounds& embedded, double truth,
                    Trial& trial) const {
    std::vector<std::size_t> dims;
    for (std::size_t dim = 0; dim < dims_; ++dim) dims.push_back(dim);
    const Estimator ips[] = {parse_estimator("ips")};
    for (const char* name : {"mips", "mips_without_last"}) {
      const std::vector<double> weight = joint_marginal_weights(embedded, dims);
      rounds.weight = weight;
      trial.add(name, estimate_actions(ips, rounds)[0].value, truth);
      dims.pop_back();
    }
  }

  MipsConfig c_;
  std::size_t n_, m_, d_, dims_;
};

}  // namespace

std::unique_ptr<Benchmark> make_mips(const PluginConfig& config) {
  return std::make_unique<Mips>(config.read<MipsConfig>());
}

std::vector<FieldDescription> describe_mips() { return describe_fields<MipsConfig>(); }

}  // namespace rehearsal
