#include "sim/slate/pseudo_inverse.h"

#include <Eigen/Eigenvalues>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostKept = 4096;  // of 20 KB each at ten modules and five slots

std::shared_ptr<const RowMatrix> compute(const SlateDistribution& behavior, std::size_t i) {
  const auto size = static_cast<Eigen::Index>(behavior.n_positions(i) * behavior.n_choices(i));
  RowMatrix gamma(size, size);
  if (!behavior.pair_marginals(i, gamma)) return nullptr;
  return std::make_shared<const RowMatrix>(pseudo_inverse(gamma));
}

}  // namespace

RowMatrix pseudo_inverse(const RowMatrix& gamma) {
  REHEARSAL_CHECK(gamma.rows() == gamma.cols());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gamma);
  const Eigen::VectorXd& values = solver.eigenvalues();
  const double least = 1e-10 * values.cwiseAbs().maxCoeff();
  Eigen::VectorXd inverse = Eigen::VectorXd::Zero(values.size());
  for (Eigen::Index j = 0; j < values.size(); ++j)
    if (values[j] > least) inverse[j] = 1 / values[j];
  return solver.eigenvectors() * inverse.asDiagonal() * solver.eigenvectors().transpose();
}

std::shared_ptr<const RowMatrix> PseudoInverseCache::get(const SlateDistribution& behavior,
                                                         std::size_t i) {
  const std::uint64_t pattern = behavior.pattern(i);
  if (pattern == 0) return compute(behavior, i);
  const Key key{pattern, behavior.n_choices(i), behavior.n_positions(i)};
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
  }
  std::shared_ptr<const RowMatrix> inverse = compute(behavior, i);
  const std::lock_guard lock(mutex_);
  if (known_.size() < kMostKept) known_.emplace(key, inverse);
  return inverse;
}

}  // namespace rehearsal
