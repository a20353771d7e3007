#include "policies/online/linear.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>

#include "policies/learning.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostNumbers = 50'000'000;

std::vector<std::size_t> numbers_of(const Schema& schema) {
  std::vector<std::size_t> numbers;
  for (std::size_t f = 0; f < schema.n_features(); ++f)
    if (!schema.features[f].categorical()) numbers.push_back(f);
  return numbers;
}

}  // namespace

Fields LinearConfig::add_to(Fields fields) {
  return BanditConfig::add_to(
      fields.choice("inputs", inputs, {"all", "numbers"},
                    "features of the request that models see: all, or those that are numbers"));
}

LinearBandit::LinearBandit(const LinearConfig& config, const PluginConfig& plugin,
                           const Schema& schema)
    : Bandit(config, plugin, schema), inputs_(schema), width_(1 + inputs_.n_inputs()) {
  if (config.inputs == "all") return;
  numbers_ = numbers_of(schema);
  width_ = 1 + numbers_.size();
  if (numbers_.empty()) plugin.refuse("inputs", "no feature is a number");
}

void LinearBandit::encode(const RequestBatch& requests, RowMatrixF& out) const {
  out.resize(static_cast<Eigen::Index>(requests.size()), static_cast<Eigen::Index>(width_));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    float* row = out.data() + i * width_;
    row[0] = 1;
    const std::span<const float> context = requests.features(i);
    if (numbers_.empty()) inputs_.encode(context, {row + 1, width_ - 1});
    for (std::size_t k = 0; k < numbers_.size(); ++k) row[1 + k] = context[numbers_[k]];
  }
}

RidgeBandit::RidgeBandit(const LinearConfig& config, double ridge, const PluginConfig& plugin,
                         const Schema& schema)
    : LinearBandit(config, plugin, schema), ridge_(ridge) {
  if (n_arms() * width() * width() > kMostNumbers)
    plugin.refuse("type", fmt::format("{} arms with {} inputs take more than {} numbers; "
                                      "logistic_thompson keeps a diagonal alone",
                                      n_arms(), width(), kMostNumbers));
  forget();
}

void RidgeBandit::forget() {
  const auto n = static_cast<Eigen::Index>(n_arms());
  const auto w = static_cast<Eigen::Index>(width());
  gram_ = inverse_roots_ = RowMatrix::Zero(n, w * w);
  moments_ = coefficients_ = RowMatrix::Zero(n, w);
  for (Eigen::Index f = 0; f < w; ++f)
    inverse_roots_.col(f * w + f).setConstant(1 / std::sqrt(ridge_));
}

void RidgeBandit::learn(const LogBatch& played, const std::vector<Observation>& observations) {
  RowMatrixF inputs;
  encode(played.requests, inputs);
  const auto w = static_cast<Eigen::Index>(width());
  std::vector<std::uint8_t> changed(n_arms(), 0);
  for (const Observation& seen : observations) {
    const Eigen::VectorXd x = inputs.row(seen.round).cast<double>().transpose();
    Eigen::Map<RowMatrix> gram(gram_.row(seen.arm).data(), w, w);
    gram.noalias() += seen.weight * seen.weight * x * x.transpose();
    if (seen.success) moments_.row(seen.arm) += seen.weight * x.transpose();
    changed[seen.arm] = 1;
  }
  for (std::size_t arm = 0; arm < changed.size(); ++arm)
    if (changed[arm]) solve(arm);
}

void RidgeBandit::solve(std::size_t arm) {
  const auto w = static_cast<Eigen::Index>(width());
  const auto row = static_cast<Eigen::Index>(arm);
  const Eigen::Map<const RowMatrix> gram(gram_.row(row).data(), w, w);
  const Eigen::LLT<Eigen::MatrixXd> root(gram + ridge_ * RowMatrix::Identity(w, w));
  coefficients_.row(row) = root.solve(moments_.row(row).transpose()).transpose();
  const Eigen::MatrixXd inverse = root.matrixL().solve(Eigen::MatrixXd::Identity(w, w));
  inverse_roots_.row(row) = Eigen::Map<const Eigen::RowVectorXd>(inverse.data(), w * w);
}

RidgeBandit::Scores RidgeBandit::scores(const RequestBatch& requests,
                                        const ArmDecisions& decisions) const {
  RowMatrixF inputs;
  encode(requests, inputs);
  const std::size_t w = width();
  Scores out{std::vector<double>(decisions.arm.size()), std::vector<double>(decisions.arm.size())};
  std::vector<double> x(w), solved(w);
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    const float* row = inputs.data() + decisions.round[d] * w;
    std::copy(row, row + w, x.begin());
    for (std::size_t c = decisions.choice_offsets[d]; c < decisions.choice_offsets[d + 1]; ++c) {
      const double* mean = coefficients_.data() + decisions.arm[c] * w;
      const double* root = inverse_roots_.data() + decisions.arm[c] * w * w;
      for (std::size_t f = 0; f < w; ++f) out.mean[c] += mean[f] * x[f];
      std::fill(solved.begin(), solved.end(), 0.0);
      for (std::size_t f = 0; f < w; ++f)
        for (std::size_t r = f; r < w; ++r) solved[r] += root[f * w + r] * x[f];
      double squared = 0;
      for (const double value : solved) squared += value * value;
      out.deviation[c] = std::sqrt(squared);
    }
  }
  return out;
}

Arrays RidgeBandit::state() const {
  return {{"gram", to_array(gram_)}, {"moments", to_array(moments_)}};
}

void RidgeBandit::set_state(const Arrays& state) {
  gram_ = to_matrix(state_array(state, "gram", {n_arms(), width() * width()}));
  moments_ = to_matrix(state_array(state, "moments", {n_arms(), width()}));
  for (std::size_t arm = 0; arm < n_arms(); ++arm) solve(arm);
}

}  // namespace rehearsal
