#include <Eigen/Cholesky>

#include "policies/examination.h"
#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/core/kernels.h"

namespace rehearsal {

namespace {

struct LinUcbConfig {
  double alpha = 0.05;
  double ridge = 1;
  bool examination = true;
  Fields fields() {
    return Fields()
        .add("alpha", alpha, 0, 1000,
             "weight of the confidence width in the score; 0: the fitted mean alone")
        .add("ridge", ridge, 1e-9, 1e12, "strength of the ridge penalty, in examined impressions")
        .add("examination", examination,
             "take examination by place, estimated from the log's propensities, out of the clicks; "
             "false: every impression counts as examined");
  }
};

/// Sums over impressions by place and module, so that the examination estimated from the same pass
/// can weigh them at the end. A row is (1, encoded context).
class RidgeSums {
 public:
  explicit RidgeSums(const Schema& schema)
      : encoder_(schema),
        estimator_(schema),
        n_modules_(schema.n_modules()),
        width_(1 + encoder_.n_inputs()),
        rows_(encoder_.n_positions() * n_modules_),
        gram_(rows_.size() * width_ * width_),
        clicks_(rows_.size() * width_) {}

  void add(const LogBatch& batch, bool examination) {
    if (examination) estimator_.add(batch);
    RowMatrixF inputs;
    encoder_.encode(batch.requests, inputs);
    for (auto& rows : rows_) rows.clear();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const float* x = inputs.row(static_cast<Eigen::Index>(i)).data();
      const std::size_t top = encoder_.position(batch.requests.features(i), 0);
      const std::size_t first = batch.pages.slot_offsets[i];
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t cell = (top + k) * n_modules_ + batch.pages.module[first + k];
        rows_[cell].push_back(1);
        rows_[cell].insert(rows_[cell].end(), x, x + width_ - 1);
        const double click = batch.responses.click[first + k];
        if (click == 0) continue;
        double* sums = clicks_.data() + cell * width_;
        sums[0] += click;
        for (std::size_t f = 1; f < width_; ++f) sums[f] += click * static_cast<double>(x[f - 1]);
      }
    }
    for (std::size_t cell = 0; cell < rows_.size(); ++cell)
      add_products(rows_[cell].data(), width_, rows_[cell].data(), width_,
                   rows_[cell].size() / width_, gram_.data() + cell * width_ * width_);
  }

  std::vector<double> theta(bool examination) const {
    return examination ? estimator_.theta() : std::vector<double>(encoder_.n_positions(), 1);
  }

  /// Normal equations of a module, click ~ theta * (b . x): sums of theta^2 x x' and theta click x.
  void equations(std::size_t module, const std::vector<double>& theta, RowMatrix& a,
                 Eigen::VectorXd& b) const {
    const auto n = static_cast<Eigen::Index>(width_);
    for (std::size_t p = 0; p < theta.size(); ++p) {
      const std::size_t cell = p * n_modules_ + module;
      const Eigen::Map<const RowMatrix> gram(gram_.data() + cell * width_ * width_, n, n);
      const Eigen::Map<const Eigen::VectorXd> clicks(clicks_.data() + cell * width_, n);
      a += theta[p] * theta[p] * gram;
      b += theta[p] * clicks;
    }
  }

 private:
  Encoder encoder_;
  ExaminationEstimator estimator_;
  std::size_t n_modules_;
  std::size_t width_;
  std::vector<std::vector<double>> rows_;  // (n_positions * n_modules) of the batch
  std::vector<double> gram_;               // (n_positions * n_modules, width, width)
  std::vector<double> clicks_;             // (n_positions * n_modules, width)
};

/// Ridge regression a module on x = (1, encoded context), penalty on every coefficient:
///   A = ridge I + sum theta^2 x x',  beta = A^-1 sum theta click x,
///   score = beta . x + alpha sqrt(x' A^-1 x).
/// An impression enters as theta x, so that clicks of places that are rarely looked at say less and
/// are not taken for dislike. Frozen when serving: scores do not change until the next fit.
class LinUcb final : public Policy {
 public:
  LinUcb(const LinUcbConfig& config, const Schema& schema)
      : config_(config), schema_(schema), encoder_(schema), width_(1 + encoder_.n_inputs()) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (coefficients_.size() == 0) refuse_untrained("linucb");
    RowMatrixF inputs;
    encoder_.encode(requests, inputs);
    std::vector<double> scores;
    scores.reserve(requests.module.size());
    std::vector<double> x(width_, 1);
    std::vector<double> scratch(width_);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const float* row = inputs.row(static_cast<Eigen::Index>(i)).data();
      std::copy(row, row + width_ - 1, x.begin() + 1);
      for (const std::uint16_t module : requests.eligible(i))
        scores.push_back(score(module, x, scratch));
    }
    return order_by_score(requests, std::move(scores));
  }
  bool deterministic() const override { return true; }

  void fit(const FitContext& context) override {
    RidgeSums sums(schema_);
    Columns columns;
    columns.propensities = config_.examination;
    for_each_shard(context.rounds, schema_, columns, context.name, context.progress,
                   [&](const LogBatch& batch) { sums.add(batch, config_.examination); });
    theta_ = sums.theta(config_.examination);
    const auto n_modules = static_cast<Eigen::Index>(schema_.n_modules());
    const auto n = static_cast<Eigen::Index>(width_);
    coefficients_.resize(n_modules, n);
    inverse_roots_.resize(n_modules, n * n);
    for (Eigen::Index m = 0; m < n_modules; ++m) {
      RowMatrix a = config_.ridge * RowMatrix::Identity(n, n);
      Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
      sums.equations(static_cast<std::size_t>(m), theta_, a, b);
      const Eigen::LLT<Eigen::MatrixXd> root(a);
      coefficients_.row(m) = root.solve(b).transpose();
      const Eigen::MatrixXd inverse = root.matrixL().solve(Eigen::MatrixXd::Identity(n, n));
      inverse_roots_.row(m) = Eigen::Map<const Eigen::RowVectorXd>(inverse.data(), n * n);
    }
  }
  Arrays state() const override {
    if (coefficients_.size() == 0) return {};
    return {{"coefficients", to_array(coefficients_)},
            {"inverse_roots", to_array(inverse_roots_)},
            {"examination", to_array(theta_)}};
  }
  void set_state(const Arrays& state) override {
    const std::size_t n_modules = schema_.n_modules();
    theta_ = state_array(state, "examination", {encoder_.n_positions()}).values;
    inverse_roots_ = to_matrix(state_array(state, "inverse_roots", {n_modules, width_ * width_}));
    coefficients_ = to_matrix(state_array(state, "coefficients", {n_modules, width_}));
  }

 private:
  /// Sums run in a fixed order, one request at a time: the same in any batch.
  double score(std::size_t module, const std::vector<double>& x,
               std::vector<double>& scratch) const {
    const double* beta = coefficients_.data() + module * width_;
    double mean = 0;
    for (std::size_t f = 0; f < width_; ++f) mean += beta[f] * x[f];
    if (config_.alpha == 0) return mean;
    // |L^-1 x|^2 = x' A^-1 x with A = L L'; L^-1 by columns, lower.
    const double* root = inverse_roots_.data() + module * width_ * width_;
    std::fill(scratch.begin(), scratch.end(), 0.0);
    for (std::size_t c = 0; c < width_; ++c)
      for (std::size_t r = c; r < width_; ++r) scratch[r] += root[c * width_ + r] * x[c];
    double squared = 0;
    for (const double value : scratch) squared += value * value;
    return mean + config_.alpha * std::sqrt(squared);
  }

  LinUcbConfig config_;
  const Schema& schema_;
  Encoder encoder_;
  std::size_t width_;
  RowMatrix coefficients_;     // (n_modules, width)
  RowMatrix inverse_roots_;    // (n_modules, width * width) L^-1 by columns
  std::vector<double> theta_;  // (n_positions) that impressions were weighed with
};

}  // namespace

FieldDescriptions describe_linucb() { return describe_fields<LinUcbConfig>(); }

std::unique_ptr<Policy> make_linucb(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<LinUcb>(config.read<LinUcbConfig>(), context.schema);
}

}  // namespace rehearsal
