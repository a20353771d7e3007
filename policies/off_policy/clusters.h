#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "policies/off_policy/behavior.h"
#include "policies/off_policy/learner.h"
#include "policies/off_policy/reward_model.h"
#include "policies/off_policy/weighted_pages.h"
#include "sim/core/fields.h"
#include "sim/schema.h"

namespace rehearsal {

/// Keys of learners that see choices as members of clusters: what MIPS calls their embedding.
struct ClusterConfig {
  std::int64_t clusters = 3;
  std::map<std::string, double> cluster_of;
  void add_to(Fields& fields);
  /// Raises: Error(kInput) for a `cluster_of` that leaves a module out, or numbers clusters with
  /// gaps, or stands where items are decided, or where those have no features to be alike in.
  void check(const PluginConfig& given, const Schema& schema) const;
  std::size_t n_clusters(std::size_t n_ids) const;
  /// The cluster of each module: as given, else of modules with alike rewards. Of each item: of
  /// items with alike features.
  std::vector<std::uint16_t> assign(const Schema& schema, const RewardModel& rewards) const;
};

/// Keys of a learner that weighs decisions by clusters.
struct ClusteredConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  BehaviorConfig behavior;
  ClusterConfig clusters;
  double l2 = 1;
  Fields fields();
};

/// mu(e_k | s_0 ... s_{k-1}), e_k the cluster of the module at slot k: (n_slots of all pages).
std::vector<double> cluster_pscores(const Training& training, const Schema& schema,
                                    const NamedPolicy& behavior,
                                    const std::vector<std::uint16_t>& cluster_of);

/// Rows whose clusters vary least inside: those two are joined, until so many are left, that add
/// least to the sum of squared distances from the means (Ward, JASA 1963). Clusters are numbered by
/// their first row. Args: n_clusters: at least 1.
std::vector<std::uint16_t> ward_clusters(const RowMatrix& rows, std::size_t n_clusters);
/// The same for many rows: k-means (Lloyd, IEEE Trans. Information Theory 1982) from the row that
/// is farthest from the mean on, each next start the row farthest from those before (Gonzalez, TCS
/// 1985). Equal rows beyond the number of different ones leave clusters out: fewer may come.
std::vector<std::uint16_t> k_means(const RowMatrix& rows, std::size_t n_clusters);

}  // namespace rehearsal
