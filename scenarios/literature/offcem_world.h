#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Sizes of OffCEM's synthetic environment.
struct OffcemSizes {
  std::size_t actions = 1000, clusters = 50, dims = 10, categories = 5;
};

/// OffCEM's synthetic environment (Saito et al., ICML 2023): actions look like something, stand in
/// clusters, and are worth a cubic of the context by cluster plus, within a cluster, what is linear
/// in context and looks.
class OffcemWorld {
 public:
  static constexpr std::size_t kFeatures = 10;     // the steps of the published reward name them
  using Users = std::vector<std::vector<double>>;  // (users, kFeatures)

  /// Args: users: of the log, over whom the parts are standardized.
  OffcemWorld(const OffcemSizes& sizes, const Users& users, Stream& stream);

  /// q(x, a) of every action. Args: x: (kFeatures).
  Eigen::VectorXd expected(std::span<const double> x) const;

  std::span<const double> p_e_a() const { return p_e_a_; }       // (actions, categories, dims)
  std::span<const std::uint32_t> look() const { return look_; }  // (actions, dims)
  std::span<const std::uint32_t> cluster() const { return cluster_; }  // (actions)
  /// (actions, 1 + dims (categories - 1)): a constant, then looks one-hot, first categories left
  /// out.
  const RowMatrix& one_hot() const { return one_hot_; }

 private:
  void draw_looks(Stream& stream);
  void deal_clusters(Stream& stream);
  void standardize(const Users& users);
  Eigen::VectorXd look_values(std::span<const double> x) const;

  OffcemSizes sizes_;
  std::vector<double> p_e_a_;
  std::vector<std::uint32_t> look_, cluster_;
  RowMatrix one_hot_;
  RowMatrix of_cluster_;            // (clusters, monomials) g of a cluster
  std::vector<RowMatrix> of_look_;  // [cluster] (1 + kFeatures, 1 + looks) h
  double step_[4] = {};
  double shift_g_ = 0, scale_g_ = 1;       // g has mean 0 and deviation 3 over the log's users
  std::vector<double> shift_h_, scale_h_;  // [cluster] h has 0 and 1
};

/// All monomials of up to three features, the constant first.
Eigen::VectorXd cubic_monomials(std::span<const double> x);
/// (1, x)
Eigen::VectorXd with_constant(std::span<const double> x);

}  // namespace rehearsal
