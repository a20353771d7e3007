#include "analysis/list_outcome.h"

#include <Eigen/Cholesky>

#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/metrics.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

constexpr int kFolds = 2;
constexpr std::size_t kMostProducts = 256;
constexpr double kRidge = 1;

using Vector = Eigen::VectorXd;

/// The inputs of one cell: 1, position, context, item, products.
class CellInputs {
 public:
  explicit CellInputs(const Schema& schema)
      : schema_(schema),
        encoder_(schema),
        n_positions_(schema.n_positions),
        n_item_(static_cast<std::size_t>(schema.items.cols())),
        products_(encoder_.n_inputs() * n_item_ <= kMostProducts),
        context_(encoder_.n_inputs()) {}

  std::size_t size() const {
    const std::size_t n_context = encoder_.n_inputs();
    return n_positions_ + n_context + n_item_ + (products_ ? n_context * n_item_ : 0);
  }
  /// The context of the request that the next cells belong to.
  void set_request(std::span<const float> features) { encoder_.encode(features, context_); }
  /// Args: z: (size).
  void fill(std::size_t position, std::uint32_t item, Vector& z) const {
    z.setZero();
    z[0] = 1;
    if (position > 0) z[static_cast<Eigen::Index>(std::min(position, n_positions_ - 1))] = 1;
    auto at = static_cast<Eigen::Index>(n_positions_);
    for (const float x : context_) z[at++] = static_cast<double>(x);
    if (n_item_ > 0 && item >= static_cast<std::size_t>(schema_.items.rows()))
      throw Error(ErrorKind::kInput,
                  "log: item " + std::to_string(item) + " is not in the catalogue");
    const float* g = schema_.items.data() + item * n_item_;
    for (std::size_t j = 0; j < n_item_; ++j) z[at++] = static_cast<double>(g[j]);
    if (!products_) return;
    for (const float x : context_)
      for (std::size_t j = 0; j < n_item_; ++j) z[at++] = static_cast<double>(x * g[j]);
  }

 private:
  const Schema& schema_;
  Encoder encoder_;
  std::size_t n_positions_;
  std::size_t n_item_;
  bool products_;
  std::vector<float> context_;
};

/// Normal equations of every fold and metric; entry f leaves out the users of fold f.
struct NormalEquations {
  std::vector<Eigen::MatrixXd> squares;      // [fold]
  std::vector<std::vector<Vector>> product;  // [fold][metric]

  NormalEquations(std::size_t width, std::size_t n_metrics)
      : squares(kFolds, Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(width),
                                              static_cast<Eigen::Index>(width))),
        product(kFolds,
                std::vector<Vector>(n_metrics, Vector::Zero(static_cast<Eigen::Index>(width)))) {}

  void add(const NormalEquations& other) {
    for (std::size_t f = 0; f < squares.size(); ++f) {
      squares[f] += other.squares[f];
      for (std::size_t m = 0; m < product[f].size(); ++m) product[f][m] += other.product[f][m];
    }
  }
};

NormalEquations sum_shard(const RoundSource& rounds, std::size_t shard,
                          const std::vector<const Metric*>& measured, const Rng& rng) {
  Columns columns;
  columns.items = columns.candidates = true;
  columns.propensities = false;
  const LogBatch batch = rounds.read(shard, columns);
  CellInputs inputs(*rounds.schema);
  NormalEquations sums(inputs.size(), measured.size());
  std::vector<std::vector<double>> reward(measured.size());
  for (std::size_t m = 0; m < measured.size(); ++m)
    item_rewards(*measured[m], batch.responses, batch.pages, reward[m]);
  Vector z(static_cast<Eigen::Index>(inputs.size()));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    inputs.set_request(batch.requests.features(i));
    const int fold = cross_fitting_fold(rng, UserId{batch.requests.user[i]}, kFolds);
    const auto learner = static_cast<std::size_t>(1 - fold);
    const std::uint32_t slot = batch.pages.slot_offsets[i];
    if (batch.pages.n_shown(i) == 0) continue;
    const std::uint32_t first = batch.pages.item_offsets[slot];
    for (std::uint32_t j = first; j < batch.pages.item_offsets[slot + 1]; ++j) {
      inputs.fill(j - first, batch.pages.item[j], z);
      sums.squares[learner].selfadjointView<Eigen::Lower>().rankUpdate(z);
      for (std::size_t m = 0; m < measured.size(); ++m)
        sums.product[learner][m] += reward[m][j] * z;
    }
  }
  return sums;
}

class RidgeOfItems final : public OutcomeModel {
 public:
  RidgeOfItems(const Schema& schema, const Rng& rng, std::vector<Vector> folds)
      : schema_(schema), rng_(rng), folds_(std::move(folds)) {}

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    out.clear();
    CellInputs inputs(schema_);
    Vector z(static_cast<Eigen::Index>(inputs.size()));
    for (std::size_t i = 0; i < requests.size(); ++i) {
      inputs.set_request(requests.features(i));
      const auto fold =
          static_cast<std::size_t>(cross_fitting_fold(rng_, UserId{requests.user[i]}, kFolds));
      const std::uint32_t first = requests.candidate_offsets[i];
      const std::size_t n = requests.candidate_offsets[i + 1] - first;
      for (std::size_t k = 0; k < requests.n_placed(i, n); ++k)
        for (std::size_t c = 0; c < n; ++c) {
          inputs.fill(k, requests.candidate[first + c], z);
          out.push_back(folds_[fold].dot(z));
        }
    }
  }

 private:
  const Schema& schema_;
  Rng rng_;
  std::vector<Vector> folds_;  // folds_[f] did not see users of fold f
};

}  // namespace

std::vector<std::shared_ptr<const OutcomeModel>> fit_list_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& names, const Rng& rng, int threads) {
  std::vector<const Metric*> measured;
  for (const std::string& name : names) measured.push_back(&metrics().at(name));
  NormalEquations total(CellInputs(*rounds.schema).size(), measured.size());
  ordered_reduce(
      rounds.n_shards, threads,
      [&](std::size_t shard) { return sum_shard(rounds, shard, measured, rng); },
      [&](std::size_t, NormalEquations&& sums) { total.add(sums); });
  std::vector<std::vector<Vector>> folds(measured.size());
  for (std::size_t f = 0; f < kFolds; ++f) {
    Eigen::MatrixXd squares = total.squares[f].selfadjointView<Eigen::Lower>();
    squares.diagonal().array() += kRidge;
    const Eigen::LDLT<Eigen::MatrixXd> solver(squares);
    for (std::size_t m = 0; m < measured.size(); ++m)
      folds[m].push_back(solver.solve(total.product[f][m]));
  }
  std::vector<std::shared_ptr<const OutcomeModel>> models;
  for (std::vector<Vector>& of_metric : folds)
    models.push_back(std::make_shared<RidgeOfItems>(*rounds.schema, rng, std::move(of_metric)));
  return models;
}

}  // namespace rehearsal
