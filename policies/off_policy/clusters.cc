#include "policies/off_policy/clusters.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct Cluster {
  std::vector<std::uint16_t> members;
  Eigen::RowVectorXd mean;
};

/// What joining two adds to the sum of squared distances from the means.
double added(const Cluster& a, const Cluster& b) {
  const auto n_a = static_cast<double>(a.members.size());
  const auto n_b = static_cast<double>(b.members.size());
  return n_a * n_b / (n_a + n_b) * (a.mean - b.mean).squaredNorm();
}

RowMatrix standardised(const RowMatrixF& rows) {
  RowMatrix out = rows.cast<double>();
  const auto n = static_cast<double>(rows.rows());
  for (Eigen::Index j = 0; j < out.cols(); ++j) {
    out.col(j).array() -= out.col(j).mean();
    const double sd = std::sqrt(out.col(j).squaredNorm() / n);
    if (sd > 1e-6) out.col(j) /= sd;
  }
  return out;
}

/// The centre nearest to each row; the first of equal ones. Args: distance: (n) set to the squares.
std::vector<std::uint16_t> nearest(const RowMatrix& rows, const RowMatrix& centres,
                                   Eigen::VectorXd& distance) {
  std::vector<std::uint16_t> out(static_cast<std::size_t>(rows.rows()));
  distance.resize(rows.rows());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    Eigen::Index best = 0;
    distance[i] = (centres.rowwise() - rows.row(i)).rowwise().squaredNorm().minCoeff(&best);
    out[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(best);
  }
  return out;
}

}  // namespace

void ClusterConfig::add_to(Fields& fields) {
  fields
      .add("clusters", clusters, 1, 65535,
           "how many, where `cluster_of` is empty: modules with alike logistic reward models are "
           "put together, items of a list with alike features")
      .add("cluster_of", cluster_of, 0, 65534,
           "the number of each module's cluster, from 0, such as {similar: 0, for_you: 1}; {}: by "
           "their rewards");
}

Fields ClusteredConfig::fields() {
  Fields fields = learner.fields();
  weighting.add_to(fields);
  behavior.add_to(fields);
  clusters.add_to(fields);
  fields.add("l2", l2, 0, 1e12,
             "penalty of the reward model that modules are clustered by and potec's regression "
             "starts from");
  return fields;
}

void ClusterConfig::check(const PluginConfig& given, const Schema& schema) const {
  if (decision_of(schema) == Decision::kItems) {
    if (!cluster_of.empty())
      given.refuse("cluster_of",
                   "names modules, and this world's lists are decided item by item: items with "
                   "alike features are put together, as many as `clusters` says");
    if (schema.item_features.empty() || schema.items.rows() == 0)
      given.refuse("clusters", "the items of this schema have no features to be alike in");
  }
  if (cluster_of.empty()) return;
  std::set<double> numbers;
  for (const auto& [name, number] : cluster_of) {
    if (std::find(schema.modules.begin(), schema.modules.end(), name) == schema.modules.end())
      given.refuse("cluster_of", unknown_name("module", name, schema.modules));
    if (number != std::floor(number))
      given.refuse("cluster_of",
                   fmt::format("'{}' is in cluster {}, which is no whole number", name, number));
    numbers.insert(number);
  }
  for (const std::string& name : schema.modules)
    if (cluster_of.count(name) == 0)
      given.refuse("cluster_of", "the module '" + name + "' has no cluster");
  if (*numbers.rbegin() + 1 != static_cast<double>(numbers.size()))
    given.refuse("cluster_of", fmt::format("{} clusters, the last of them numbered {}: number them "
                                           "0, 1, 2, ...",
                                           numbers.size(), *numbers.rbegin()));
}

std::size_t ClusterConfig::n_clusters(std::size_t n_ids) const {
  if (cluster_of.empty()) return std::min(static_cast<std::size_t>(clusters), n_ids);
  std::set<double> numbers;
  for (const auto& [name, number] : cluster_of) numbers.insert(number);
  return numbers.size();
}

std::vector<std::uint16_t> ClusterConfig::assign(const Schema& schema,
                                                 const RewardModel& rewards) const {
  if (decision_of(schema) == Decision::kItems)
    return k_means(standardised(schema.items), n_clusters(schema.n_items));
  if (cluster_of.empty())
    return ward_clusters(rewards.coefficients(), n_clusters(schema.n_modules()));
  std::vector<std::uint16_t> out;
  for (const std::string& name : schema.modules)
    out.push_back(static_cast<std::uint16_t>(cluster_of.at(name)));
  return out;
}

std::vector<double> cluster_pscores(const Training& training, const Schema& schema,
                                    const NamedPolicy& behavior,
                                    const std::vector<std::uint16_t>& cluster_of) {
  const LoggedPages& pages = training.pages();
  std::vector<double> out;
  std::vector<double> mu;
  for_each_decision(training.context(), training.choices(), schema, pages, behavior,
                    [&](std::size_t i, const SlateDistribution& slates, std::size_t row) {
                      const std::span<const std::uint32_t> eligible = pages.eligible_of(i);
                      const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
                      mu.resize(eligible.size());
                      for (std::size_t k = 0; k < choice.size(); ++k) {
                        behavior_step(slates, row, choice, k, mu);
                        double sum = 0;
                        for (std::size_t c = 0; c < mu.size(); ++c)
                          if (cluster_of[eligible[c]] == cluster_of[eligible[choice[k]]])
                            sum += mu[c];
                        out.push_back(sum);
                      }
                    });
  return out;
}

std::vector<std::uint16_t> ward_clusters(const RowMatrix& rows, std::size_t n_clusters) {
  std::vector<Cluster> clusters;
  for (std::uint16_t i = 0; i < rows.rows(); ++i) clusters.push_back({{i}, rows.row(i)});
  while (clusters.size() > n_clusters) {
    std::size_t first = 0;
    std::size_t second = 1;
    double least = added(clusters[0], clusters[1]);
    for (std::size_t a = 0; a < clusters.size(); ++a)
      for (std::size_t b = a + 1; b < clusters.size(); ++b) {
        const double more = added(clusters[a], clusters[b]);
        if (more >= least) continue;
        least = more;
        first = a;
        second = b;
      }
    Cluster& into = clusters[first];
    const Cluster& from = clusters[second];
    const auto n = static_cast<double>(into.members.size() + from.members.size());
    const double share = static_cast<double>(from.members.size()) / n;
    const Eigen::RowVectorXd step = share * (from.mean - into.mean);
    into.mean += step;
    into.members.insert(into.members.end(), from.members.begin(), from.members.end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(second));
  }
  std::vector<std::uint16_t> out(static_cast<std::size_t>(rows.rows()));
  for (std::size_t c = 0; c < clusters.size(); ++c)
    for (const std::uint16_t row : clusters[c].members) out[row] = static_cast<std::uint16_t>(c);
  return out;
}

std::vector<std::uint16_t> k_means(const RowMatrix& rows, std::size_t n_clusters) {
  constexpr int kMostPasses = 100;
  RowMatrix centres = rows.colwise().mean();
  Eigen::VectorXd distance;
  std::vector<std::uint16_t> cluster = nearest(rows, centres, distance);
  for (Eigen::Index k = 0; k < static_cast<Eigen::Index>(n_clusters); ++k) {
    Eigen::Index farthest = 0;
    if (distance.maxCoeff(&farthest) == 0 && k > 0) break;
    centres.conservativeResize(k + 1, rows.cols());
    centres.row(k) = rows.row(farthest);
    cluster = nearest(rows, centres, distance);
  }
  for (int pass = 0; pass < kMostPasses; ++pass) {
    RowMatrix sums = RowMatrix::Zero(centres.rows(), centres.cols());
    Eigen::VectorXd n = Eigen::VectorXd::Zero(centres.rows());
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
      sums.row(cluster[static_cast<std::size_t>(i)]) += rows.row(i);
      n[cluster[static_cast<std::size_t>(i)]] += 1;
    }
    for (Eigen::Index k = 0; k < centres.rows(); ++k)
      if (n[k] > 0) centres.row(k) = sums.row(k) / n[k];
    const std::vector<std::uint16_t> before = std::move(cluster);
    cluster = nearest(rows, centres, distance);
    if (cluster == before) break;
  }
  return cluster;
}

}  // namespace rehearsal
