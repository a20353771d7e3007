#include "scenarios/literature/offcem_world.h"

#include <cmath>
#include <numeric>

#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"

namespace rehearsal {

namespace {

using Vector = Eigen::VectorXd;

}  // namespace

Vector cubic_monomials(std::span<const double> x) {
  std::vector<double> out{1};
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.push_back(x[i]);
    for (std::size_t j = i; j < x.size(); ++j) {
      out.push_back(x[i] * x[j]);
      for (std::size_t k = j; k < x.size(); ++k) out.push_back(x[i] * x[j] * x[k]);
    }
  }
  return Eigen::Map<const Vector>(out.data(), static_cast<Eigen::Index>(out.size()));
}

Vector with_constant(std::span<const double> x) {
  Vector out(static_cast<Eigen::Index>(x.size() + 1));
  out[0] = 1;
  for (std::size_t f = 0; f < x.size(); ++f) out[static_cast<Eigen::Index>(f + 1)] = x[f];
  return out;
}

OffcemWorld::OffcemWorld(const OffcemSizes& sizes, const Users& users, Stream& stream)
    : sizes_(sizes) {
  draw_looks(stream);
  deal_clusters(stream);
  const Eigen::Index n_monomials = cubic_monomials(users[0]).size();
  const auto coefficients = [&](Eigen::Index rows, Eigen::Index columns) {
    RowMatrix out(rows, columns);
    for (double& each : out.reshaped()) each = 2 * stream.uniform() - 1;
    return out;
  };
  // A cluster's indicator stands in the published polynomial three times over, as its powers.
  const auto clusters = static_cast<Eigen::Index>(sizes_.clusters);
  const RowMatrix shared = coefficients(2, n_monomials);
  of_cluster_ = coefficients(clusters, n_monomials) + coefficients(clusters, n_monomials) +
                coefficients(clusters, n_monomials);
  of_cluster_.rowwise() += shared.colwise().sum();
  for (double& each : step_) each = 6 * stream.uniform() - 3;
  for (std::size_t c = 0; c < sizes_.clusters; ++c)
    of_look_.push_back(coefficients(kFeatures + 1, one_hot_.cols()));
  standardize(users);
}

void OffcemWorld::draw_looks(Stream& stream) {
  const auto dims = sizes_.dims;
  const auto categories = sizes_.categories;
  p_e_a_.resize(sizes_.actions * categories * dims);
  one_hot_ = RowMatrix::Zero(static_cast<Eigen::Index>(sizes_.actions),
                             static_cast<Eigen::Index>(1 + dims * (categories - 1)));
  one_hot_.col(0).setOnes();
  for (std::size_t a = 0; a < sizes_.actions; ++a)
    for (std::size_t dim = 0; dim < dims; ++dim) {
      std::vector<double> p = normals(stream, categories, 4);
      softmax(p);
      for (std::size_t e = 0; e < categories; ++e) p_e_a_[(a * categories + e) * dims + dim] = p[e];
      const std::size_t e = pick(p, stream.uniform());
      look_.push_back(static_cast<std::uint32_t>(e));
      if (e > 0)
        one_hot_(static_cast<Eigen::Index>(a),
                 static_cast<Eigen::Index>(dim * (categories - 1) + e)) = 1;
    }
}

/// Softmax of scores linear in the looks, of deviation 1 / 10.
void OffcemWorld::deal_clusters(Stream& stream) {
  RowMatrix by_look(one_hot_.cols(), static_cast<Eigen::Index>(sizes_.clusters));
  for (double& each : by_look.reshaped()) each = stream.uniform();
  RowMatrix score = one_hot_ * by_look;
  const double mean = score.mean();
  const double deviation = std::sqrt((score.array() - mean).square().mean());
  for (Eigen::Index a = 0; a < score.rows(); ++a) {
    const std::span<double> p(score.row(a).data(), sizes_.clusters);
    softmax(p, deviation > 0 ? 0.1 / deviation : 1);
    cluster_.push_back(static_cast<std::uint32_t>(pick(p, stream.uniform())));
  }
}

/// As the published code: over the log's users, g at three times the deviation of h.
void OffcemWorld::standardize(const Users& users) {
  std::vector<double> g;
  std::vector<std::vector<double>> h(sizes_.clusters);
  shift_h_.assign(sizes_.clusters, 0);
  scale_h_.assign(sizes_.clusters, 1);
  for (const std::vector<double>& x : users) {
    const Vector of_cluster = of_cluster_ * cubic_monomials(x);
    g.insert(g.end(), of_cluster.begin(), of_cluster.end());
    const Vector of_look = look_values(x);
    for (std::size_t a = 0; a < sizes_.actions; ++a)
      h[cluster_[a]].push_back(of_look[static_cast<Eigen::Index>(a)]);
  }
  const auto moments = [](std::span<const double> all, double& shift, double& scale) {
    const Eigen::Map<const Eigen::ArrayXd> values(all.data(),
                                                  static_cast<Eigen::Index>(all.size()));
    if (all.size() < 2) return;
    shift = values.mean();
    const double deviation = std::sqrt((values - shift).square().mean());
    if (deviation > 0) scale = 1 / deviation;
  };
  moments(g, shift_g_, scale_g_);
  scale_g_ *= 3;
  for (std::size_t c = 0; c < sizes_.clusters; ++c) moments(h[c], shift_h_[c], scale_h_[c]);
}

/// What looks are worth in each action's cluster, as drawn.
Vector OffcemWorld::look_values(std::span<const double> x) const {
  const Vector own = with_constant(x);
  RowMatrix by_cluster(static_cast<Eigen::Index>(sizes_.clusters), one_hot_.cols());
  for (std::size_t c = 0; c < sizes_.clusters; ++c)
    by_cluster.row(static_cast<Eigen::Index>(c)) = own.transpose() * of_look_[c];
  Vector out(static_cast<Eigen::Index>(sizes_.actions));
  for (Eigen::Index a = 0; a < out.size(); ++a)
    out[a] = by_cluster.row(cluster_[static_cast<std::size_t>(a)]).dot(one_hot_.row(a));
  return out;
}

/// q(x, a) of every action: of its cluster, and of its look within the cluster.
Vector OffcemWorld::expected(std::span<const double> x) const {
  const auto mean = [&](std::size_t from, std::size_t to) {
    return std::accumulate(x.begin() + static_cast<std::ptrdiff_t>(from),
                           x.begin() + static_cast<std::ptrdiff_t>(to), 0.0) /
           static_cast<double>(to - from);
  };
  double same = 0;
  same += 1 / mean(0, 3) < 1.5 ? step_[0] : 0;
  same += 1 / mean(2, 8) < -0.5 ? step_[1] : 0;
  same += mean(1, 3) > 3 ? step_[2] : 0;
  same += mean(5, kFeatures) < 1 ? step_[3] : 0;
  const Vector g = ((of_cluster_ * cubic_monomials(x)).array() - shift_g_) * scale_g_;
  Vector q = look_values(x);
  for (std::size_t a = 0; a < sizes_.actions; ++a) {
    const std::size_t c = cluster_[a];
    double& own = q[static_cast<Eigen::Index>(a)];
    own = (own - shift_h_[c]) * scale_h_[c] + g[static_cast<Eigen::Index>(c)] + same;
  }
  return q;
}

}  // namespace rehearsal
