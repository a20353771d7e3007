#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "analysis/action_rounds.h"
#include "analysis/action_weights.h"
#include "analysis/marginal_weights.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/offcem_world.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"

namespace rehearsal {

namespace {

struct OffcemConfig {
  std::int64_t rounds = 3000, actions = 1000, clusters = 50, users = 200, dims = 10, categories = 5,
               folds = 2, truth_users = 1000;
  double beta = -0.1, epsilon = 0.2, deviation = 3, penalty = 10;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 10000000, "of the log")
        .add("actions", actions, 2, 100000, "actions")
        .add("clusters", clusters, 1, 10000, "of actions, as dealt nearly evenly")
        .add("users", users, 1, 100000, "who come back: of ten features, standard normal")
        .add("dims", dims, 1, 20, "of what an action looks like")
        .add("categories", categories, 2, 100, "values of each")
        .add("beta", beta, -100, 100, "the logging policy is softmax(beta q)")
        .add("epsilon", epsilon, 0, 1, "of the epsilon-greedy evaluation policy")
        .add("deviation", deviation, 0, 1000, "of rewards")
        .add("penalty", penalty, 1e-6, 1e6, "of the ridge regressions, in rounds")
        .add("folds", folds, 1, 100, "of cross-fitting; 1: fitted to the rounds that are estimated")
        .add("truth_users", truth_users, 10, 10000000, "that the true value is taken on");
  }
};

using Vector = Eigen::VectorXd;
using Users = OffcemWorld::Users;

/// Least squares with a penalty, in rows. Returns: coefficients of the columns.
Vector ridge(const RowMatrix& x, const Vector& y, double penalty) {
  Eigen::MatrixXd gram = x.transpose() * x;
  gram.diagonal().array() += penalty;
  return gram.llt().solve(x.transpose() * y);
}

/// Tables of the log's users: (users, actions).
struct Tables {
  RowMatrix q, pi, mu;
};

class Offcem final : public Benchmark {
 public:
  explicit Offcem(const OffcemConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        n_clusters_(static_cast<std::size_t>(config.clusters)),
        n_users_(static_cast<std::size_t>(config.users)),
        n_folds_(static_cast<std::size_t>(config.folds)) {}

  Trial run(const Rng& rng) const override {
    Users users;
    for (std::uint32_t u = 0; u < n_users_; ++u) {
      Stream stream = rng.stream(Draw::kPopulation, {UserId{u}});
      users.push_back(normals(stream, OffcemWorld::kFeatures));
    }
    Stream stream = rng.stream(Draw::kWorld, {});
    const OffcemWorld world({m_, n_clusters_, static_cast<std::size_t>(c_.dims),
                             static_cast<std::size_t>(c_.categories)},
                            users, stream);
    const Tables tables = tables_of(world, users);
    Log log;
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      const std::uint32_t u = index_below(rng.stream(Draw::kRequest, turn)(), n_users_);
      const auto row = static_cast<Eigen::Index>(u);
      const std::size_t a =
          pick({tables.mu.row(row).data(), m_}, rng.stream(Draw::kPolicy, turn).uniform());
      log.user.push_back(u);
      log.action.push_back(static_cast<std::uint32_t>(a));
      log.reward.push_back(tables.q(row, static_cast<Eigen::Index>(a)) +
                           c_.deviation * normal_from(rng.stream(Draw::kResponse, turn)()));
    }
    return estimate(world, users, tables, log, value(rng, world));
  }

 private:
  struct Log {
    std::vector<std::uint32_t> user, action;  // (n)
    std::vector<double> reward;               // (n)
  };
  using Rows = std::vector<std::size_t>;  // rounds to learn from

  Vector greedy(const Vector& q) const {
    Eigen::Index best = 0;
    q.maxCoeff(&best);
    Vector pi = Vector::Constant(q.size(), c_.epsilon / static_cast<double>(m_));
    pi[best] += 1 - c_.epsilon;
    return pi;
  }

  Tables tables_of(const OffcemWorld& world, const Users& users) const {
    const auto rows = static_cast<Eigen::Index>(users.size()), m = static_cast<Eigen::Index>(m_);
    Tables out{RowMatrix(rows, m), RowMatrix(rows, m), RowMatrix(rows, m)};
    for (Eigen::Index u = 0; u < rows; ++u) {
      const Vector q = world.expected(users[static_cast<std::size_t>(u)]);
      out.q.row(u) = out.mu.row(u) = q;
      out.pi.row(u) = greedy(q);
      softmax({out.mu.row(u).data(), m_}, c_.beta);
    }
    return out;
  }

  /// Over users whom the log has not seen.
  double value(const Rng& rng, const OffcemWorld& world) const {
    double sum = 0;
    for (std::uint32_t u = 0; u < static_cast<std::uint32_t>(c_.truth_users); ++u) {
      Stream stream = rng.stream(Draw::kPopulation, {UserId{u}, 1, 0});
      const Vector q = world.expected(normals(stream, OffcemWorld::kFeatures));
      sum += greedy(q).dot(q);
    }
    return sum / static_cast<double>(c_.truth_users);
  }

  /// Looks, and their products with the features: what an action adds within its cluster.
  Vector look_features(const OffcemWorld& world, std::span<const double> x, std::size_t a) const {
    const auto look =
        world.one_hot().row(static_cast<Eigen::Index>(a)).tail(world.one_hot().cols() - 1);
    const Vector own = with_constant(x);
    Vector out(own.size() * look.size());
    for (Eigen::Index f = 0; f < own.size(); ++f)
      out.segment(f * look.size(), look.size()) = own[f] * look.transpose();
    return out;
  }

  /// Predictions of every user and action. Args: features: of user u and action a.
  RowMatrix predicted(const Users& users, const Vector& coefficients,
                      const std::function<Vector(std::size_t u, std::size_t a)>& features) const {
    RowMatrix out(static_cast<Eigen::Index>(users.size()), static_cast<Eigen::Index>(m_));
    for (std::size_t u = 0; u < users.size(); ++u)
      for (std::size_t a = 0; a < m_; ++a)
        out(static_cast<Eigen::Index>(u), static_cast<Eigen::Index>(a)) =
            coefficients.dot(features(u, a));
    return out;
  }

  /// One regression of rewards on the context's monomials and what an action looks like.
  RowMatrix one_step(const OffcemWorld& world, const Users& users, const Log& log,
                     const Rows& rows) const {
    std::vector<Vector> own;
    for (const std::vector<double>& x : users) own.push_back(cubic_monomials(x));
    const auto features = [&](std::size_t u, std::size_t a) {
      const Vector look = look_features(world, users[u], a);
      Vector out(own[u].size() + look.size());
      out << own[u], look;
      return out;
    };
    RowMatrix x(static_cast<Eigen::Index>(rows.size()), features(0, 0).size());
    Vector y(x.rows());
    for (Eigen::Index j = 0; j < x.rows(); ++j) {
      const std::size_t i = rows[static_cast<std::size_t>(j)];
      x.row(j) = features(log.user[i], log.action[i]);
      y[j] = log.reward[i];
    }
    return predicted(users, ridge(x, y, c_.penalty), features);
  }

  /// Differences within a cluster from pairs of one user's rounds, then the clusters' own values
  /// from what is left (OffCEM's two-step regression).
  RowMatrix two_step(const OffcemWorld& world, const Users& users, const Log& log,
                     const Rows& rows) const {
    const auto look = [&](std::size_t u, std::size_t a) {
      return look_features(world, users[u], a);
    };
    std::vector<std::vector<std::size_t>> of_user(users.size());
    for (const std::size_t i : rows) of_user[log.user[i]].push_back(i);
    std::vector<Vector> pairs;
    std::vector<double> gaps;
    for (const std::vector<std::size_t>& own : of_user)
      for (std::size_t j = 0; j < own.size(); ++j)
        for (std::size_t k = 0; k < j; ++k) {
          const std::size_t a = log.action[own[j]], b = log.action[own[k]];
          if (a == b || world.cluster()[a] != world.cluster()[b]) continue;
          pairs.push_back(look(log.user[own[j]], a) - look(log.user[own[k]], b));
          gaps.push_back(log.reward[own[j]] - log.reward[own[k]]);
        }
    RowMatrix x(static_cast<Eigen::Index>(pairs.size()), look(0, 0).size());
    for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i) = pairs[static_cast<std::size_t>(i)];
    const Vector y = Eigen::Map<const Vector>(gaps.data(), static_cast<Eigen::Index>(gaps.size()));
    RowMatrix out = predicted(users, ridge(x, y, c_.penalty), look);
    out += of_clusters(world, users, log, rows, out);
    return out;
  }

  /// Args: within: differences inside clusters, which rewards are freed of first.
  RowMatrix of_clusters(const OffcemWorld& world, const Users& users, const Log& log,
                        const Rows& rows, const RowMatrix& within) const {
    std::vector<Vector> own;
    for (const std::vector<double>& x : users) own.push_back(cubic_monomials(x));
    const Eigen::Index width = own[0].size(), per = OffcemWorld::kFeatures + 1;
    const auto n_clusters = static_cast<Eigen::Index>(n_clusters_);
    const auto features = [&](std::size_t u, std::size_t c) {
      Vector out = Vector::Zero(width + per * n_clusters);
      out.head(width) = own[u];
      out.segment(width + per * static_cast<Eigen::Index>(c), per) = with_constant(users[u]);
      return out;
    };
    RowMatrix x(static_cast<Eigen::Index>(rows.size()), width + per * n_clusters);
    Vector y(x.rows());
    for (Eigen::Index j = 0; j < x.rows(); ++j) {
      const std::size_t i = rows[static_cast<std::size_t>(j)];
      const auto u = static_cast<Eigen::Index>(log.user[i]);
      x.row(j) = features(log.user[i], world.cluster()[log.action[i]]);
      y[j] = log.reward[i] - within(u, static_cast<Eigen::Index>(log.action[i]));
    }
    const Vector coefficients = ridge(x, y, c_.penalty);
    RowMatrix out(within.rows(), within.cols());
    for (std::size_t u = 0; u < users.size(); ++u) {
      std::vector<double> by_cluster;
      for (std::size_t c = 0; c < n_clusters_; ++c)
        by_cluster.push_back(coefficients.dot(features(u, c)));
      for (std::size_t a = 0; a < m_; ++a)
        out(static_cast<Eigen::Index>(u), static_cast<Eigen::Index>(a)) =
            by_cluster[world.cluster()[a]];
    }
    return out;
  }

  Trial estimate(const OffcemWorld& world, const Users& users, const Tables& tables, const Log& log,
                 double truth) const {
    std::vector<double> pi, mu, ips;
    std::vector<std::uint32_t> looks;
    const auto dims = static_cast<std::size_t>(c_.dims);
    for (std::size_t i = 0; i < n_; ++i) {
      const auto u = static_cast<Eigen::Index>(log.user[i]);
      pi.insert(pi.end(), tables.pi.row(u).begin(), tables.pi.row(u).end());
      mu.insert(mu.end(), tables.mu.row(u).begin(), tables.mu.row(u).end());
      ips.push_back(pi[i * m_ + log.action[i]] / mu[i * m_ + log.action[i]]);
      const auto first = world.look().begin() + static_cast<std::ptrdiff_t>(log.action[i] * dims);
      looks.insert(looks.end(), first, first + static_cast<std::ptrdiff_t>(dims));
    }
    std::vector<std::size_t> all(dims);
    std::iota(all.begin(), all.end(), std::size_t{0});
    const std::vector<double> mips = joint_marginal_weights(
        {m_, static_cast<std::size_t>(c_.categories), dims, pi, mu, looks, world.p_e_a()}, all);
    const std::vector<double> of_cluster = cluster_weights(pi, mu, log.action, world.cluster());
    std::vector<RowMatrix> one, two;
    for (std::size_t fold = 0; fold < n_folds_; ++fold) {
      Rows others;
      for (std::size_t i = 0; i < n_; ++i)
        if (n_folds_ == 1 || i % n_folds_ != fold) others.push_back(i);
      one.push_back(one_step(world, users, log, others));
      two.push_back(two_step(world, users, log, others));
    }
    Trial trial;
    add(trial, "ips", "ips", tables, log, ips, one, truth);
    add(trial, "dm", "dm", tables, log, ips, one, truth);
    add(trial, "dr", "dr", tables, log, ips, one, truth);
    add(trial, "mips", "ips", tables, log, mips, one, truth);
    add(trial, "offcem_one_step", "dr", tables, log, of_cluster, one, truth);
    add(trial, "offcem", "dr", tables, log, of_cluster, two, truth);
    return trial;
  }

  /// Args: q_hat: (users, actions) for the rounds of each fold.
  void add(Trial& trial, const std::string& name, const std::string& estimator,
           const Tables& tables, const Log& log, std::span<const double> weight,
           const std::vector<RowMatrix>& q_hat, double truth) const {
    std::vector<double> direct, shown;
    for (std::size_t i = 0; i < n_; ++i) {
      const auto u = static_cast<Eigen::Index>(log.user[i]);
      const RowMatrix& own = q_hat[i % n_folds_];
      direct.push_back(tables.pi.row(u).dot(own.row(u)));
      shown.push_back(own(u, static_cast<Eigen::Index>(log.action[i])));
    }
    ActionRounds rounds;
    rounds.n_actions = m_;
    rounds.action = log.action;
    rounds.reward = log.reward;
    rounds.weight = weight;
    rounds.direct = direct;
    rounds.shown_q_hat = shown;
    const Estimator chosen[] = {parse_estimator(estimator)};
    trial.add(name, estimate_actions(chosen, rounds)[0].value, truth);
  }

  OffcemConfig c_;
  std::size_t n_, m_, n_clusters_, n_users_, n_folds_;
};

}  // namespace

std::unique_ptr<Benchmark> make_offcem(const PluginConfig& config) {
  return std::make_unique<Offcem>(config.read<OffcemConfig>());
}

std::vector<FieldDescription> describe_offcem() { return describe_fields<OffcemConfig>(); }

}  // namespace rehearsal
