#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/online/laplace.h"
#include "policies/online/linear.h"
#include "policies/online/normal_slates.h"
#include "sim/core/error.h"
#include "sim/core/products.h"

namespace rehearsal {

namespace {

struct LogisticThompsonConfig : LinearConfig {
  double intercept = 0;
  double precision = 1;
  double deviation = 1;
  Fields fields() {
    return add_to(Fields()
                      .add("intercept", intercept, -50, 50,
                           "mean of the prior's intercept; -5 is pessimistic, a rate of 0.7 %")
                      .add("precision", precision, 1e-9, 1e12,
                           "of the prior of every coefficient, whose mean is otherwise 0")
                      .add("deviation", deviation, 1e-6, 1000,
                           "by which the posterior's standard deviations are multiplied in draws"));
  }
};

/// Arms by draws of the logit w . x from N(mean . x, sum x^2 / precision), independent from arm to
/// arm, new ones for each slate. Scored in single precision, term after term, so that a request
/// scores the same in any batch.
class LogisticThompson final : public LinearBandit {
 public:
  LogisticThompson(const LogisticThompsonConfig& config, const PluginConfig& plugin,
                   const Schema& schema)
      : LinearBandit(config, plugin, schema), config_(config) {
    forget();
  }

  Arrays state() const override {
    return {{"mean", to_array(mean_)}, {"precision", to_array(precision_)}};
  }
  void set_state(const Arrays& state) override {
    mean_ = to_matrix(state_array(state, "mean", {n_arms(), width()}));
    precision_ = to_matrix(state_array(state, "precision", {n_arms(), width()}));
    if (precision_.minCoeff() <= 0)
      throw Error(ErrorKind::kInput, "saved state: a precision is not above 0");
    freeze();
  }

 private:
  void forget() override {
    const auto n = static_cast<Eigen::Index>(n_arms());
    const auto w = static_cast<Eigen::Index>(width());
    mean_ = RowMatrix::Zero(n, w);
    mean_.col(0).setConstant(config_.intercept);
    precision_ = RowMatrix::Constant(n, w, config_.precision);
    freeze();
  }

  void learn(const LogBatch& played, const std::vector<Observation>& observations) override {
    RowMatrixF inputs;
    encode(played.requests, inputs);
    std::vector<std::vector<LogisticExample>> of_arm(n_arms());
    // A failure where nobody may have looked says less; a success says that somebody did.
    for (const Observation& seen : observations)
      of_arm[seen.arm].push_back({seen.round, seen.success ? 1 : seen.weight, seen.success});
    for (std::size_t arm = 0; arm < of_arm.size(); ++arm)
      laplace_update(
          inputs, of_arm[arm],
          {{mean_.data() + arm * width(), width()}, {precision_.data() + arm * width(), width()}});
    freeze();
  }

  void freeze() {
    served_mean_ = mean_.cast<float>();
    served_variance_ =
        (config_.deviation * config_.deviation * precision_.cwiseInverse()).cast<float>();
    mean_by_input_ = served_mean_.transpose();
    variance_by_input_ = served_variance_.transpose();
  }

  /// x . table[arm] of every choice. Args: by_input: the same table, (width, n_arms).
  std::vector<double> products(const RowMatrixF& x, const ArmDecisions& decisions,
                               const RowMatrixF& table, const RowMatrixF& by_input) const {
    const auto n = static_cast<std::size_t>(x.rows());
    std::vector<double> out(decisions.arm.size());
    std::vector<float> all;
    const bool most = 2 * out.size() >= n * n_arms();
    if (most) {
      all.resize(n * n_arms());
      multiply({x.data(), width(), 1}, by_input.data(), n, width(), n_arms(), false, all.data());
    }
    for (std::size_t d = 0; d < decisions.size(); ++d) {
      const float* row = x.data() + decisions.round[d] * width();
      for (std::size_t c = decisions.choice_offsets[d]; c < decisions.choice_offsets[d + 1]; ++c) {
        const std::size_t arm = decisions.arm[c];
        out[c] = static_cast<double>(most ? all[decisions.round[d] * n_arms() + arm]
                                          : dot(row, table.data() + arm * width()));
      }
    }
    return out;
  }
  float dot(const float* a, const float* b) const {
    float sum = 0;
    for (std::size_t k = 0; k < width(); ++k) sum += a[k] * b[k];
    return sum;
  }

  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override {
    RowMatrixF x;
    encode(requests, x);
    std::vector<double> means = products(x, decisions, served_mean_, mean_by_input_);
    const RowMatrixF squares = x.cwiseProduct(x);
    std::vector<double> deviations =
        products(squares, decisions, served_variance_, variance_by_input_);
    for (double& each : deviations) each = std::sqrt(each);
    return make_normal_draws(std::move(decisions.choice_offsets), std::move(decisions.n_positions),
                             std::move(means), std::move(deviations));
  }

  LogisticThompsonConfig config_;
  RowMatrix mean_;              // (n_arms, width)
  RowMatrix precision_;         // (n_arms, width)
  RowMatrixF served_mean_;      // the same in single precision
  RowMatrixF served_variance_;  // of draws
  RowMatrixF mean_by_input_;    // transposed
  RowMatrixF variance_by_input_;
};

}  // namespace

FieldDescriptions describe_logistic_thompson() { return describe_fields<LogisticThompsonConfig>(); }

PolicyPtr make_logistic_thompson(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<LogisticThompson>(config.read<LogisticThompsonConfig>(), config,
                                            context.schema);
}

}  // namespace rehearsal
