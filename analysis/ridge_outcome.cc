#include <Eigen/Cholesky>

#include "analysis/outcome.h"
#include "sim/core/error.h"
#include "sim/decision.h"
#include "sim/encoder.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostRidgeProducts = 256;
constexpr double kRidge = 1;

using Vector = Eigen::VectorXd;

/// The inputs of one cell: 1, position, context and, of items in a list, item and products.
class CellInputs {
 public:
  explicit CellInputs(const Schema& schema)
      : schema_(schema),
        encoder_(schema),
        list_(decision_of(schema) == Decision::kItems),
        n_positions_(list_ ? schema.n_positions : encoder_.n_positions()),
        n_item_(list_ ? static_cast<std::size_t>(schema.items.cols()) : 0),
        products_(encoder_.n_inputs() * n_item_ <= kMostRidgeProducts),
        context_(encoder_.n_inputs()) {}

  bool list() const { return list_; }
  /// Regressions: one a module, or one for all items.
  std::size_t n_groups() const { return list_ ? 1 : schema_.n_modules(); }
  std::size_t size() const {
    const std::size_t n_context = encoder_.n_inputs();
    return n_positions_ + n_context + n_item_ + (products_ ? n_context * n_item_ : 0);
  }
  /// The request that the next cells belong to.
  void set_request(std::span<const float> features) {
    features_ = features;
    encoder_.encode(features, context_);
  }
  /// Args: place: slot, or position in a list.  item: of a list.  z: (size).
  void fill(std::size_t place, std::uint32_t item, Vector& z) const {
    z.setZero();
    z[0] = 1;
    const std::size_t position =
        list_ ? std::min(place, n_positions_ - 1) : encoder_.position(features_, place);
    if (position > 0) z[static_cast<Eigen::Index>(position)] = 1;
    auto at = static_cast<Eigen::Index>(n_positions_);
    for (const float x : context_) z[at++] = static_cast<double>(x);
    if (n_item_ == 0) return;
    if (item >= static_cast<std::size_t>(schema_.items.rows()))
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
  bool list_;
  std::size_t n_positions_;
  std::size_t n_item_;
  bool products_;
  std::span<const float> features_;
  std::vector<float> context_;
};

/// Normal equations of some rounds, by group.
struct NormalEquations {
  std::vector<Eigen::MatrixXd> squares;      // [group] lower
  std::vector<std::vector<Vector>> product;  // [group][metric]

  NormalEquations(const CellInputs& inputs, std::size_t n_metrics) {
    const auto width = static_cast<Eigen::Index>(inputs.size());
    squares.assign(inputs.n_groups(), Eigen::MatrixXd::Zero(width, width));
    product.assign(inputs.n_groups(), std::vector<Vector>(n_metrics, Vector::Zero(width)));
  }

  void add(const NormalEquations& other) {
    for (std::size_t g = 0; g < squares.size(); ++g) {
      squares[g] += other.squares[g];
      for (std::size_t m = 0; m < product[g].size(); ++m) product[g][m] += other.product[g][m];
    }
  }

  /// Mean reward of all cells: inputs begin with 1.
  double mean(std::size_t metric) const {
    double n = 0, sum = 0;
    for (std::size_t g = 0; g < squares.size(); ++g) {
      n += squares[g](0, 0);
      sum += product[g][metric][0];
    }
    if (n == 0)
      throw Error(ErrorKind::kInput, "ridge regression: the log has nothing shown to learn from");
    return sum / n;
  }

  /// Coefficients of a metric, by group, pulled to the mean of all.
  std::vector<Vector> solve(std::size_t metric) const {
    const double centre = mean(metric);
    std::vector<Vector> out;
    for (std::size_t g = 0; g < squares.size(); ++g) {
      Eigen::MatrixXd penalised = squares[g].selfadjointView<Eigen::Lower>();
      penalised.diagonal().array() += kRidge;
      out.push_back(Eigen::LDLT<Eigen::MatrixXd>(penalised).solve(product[g][metric] -
                                                                  centre * squares[g].col(0)));
      out.back()[0] += centre;
    }
    return out;
  }
};

/// Sums of one shard, by the users' own fold.
class ShardSums {
 public:
  ShardSums(const Schema& schema, const std::vector<const Metric*>& measured,
            const CrossFitting& folds)
      : inputs_(schema), measured_(measured), folds_(folds) {}

  std::vector<NormalEquations> of(const LogBatch& batch) {
    std::vector<NormalEquations> sums(static_cast<std::size_t>(folds_.n_folds),
                                      NormalEquations(inputs_, measured_.size()));
    std::vector<std::vector<double>> reward(measured_.size());
    for (std::size_t m = 0; m < measured_.size(); ++m)
      (inputs_.list() ? item_rewards : slot_rewards)(*measured_[m], batch.responses, batch.pages,
                                                     reward[m]);
    Vector z(static_cast<Eigen::Index>(inputs_.size()));
    const auto add = [&](NormalEquations& own, std::size_t group, std::size_t row) {
      own.squares[group].selfadjointView<Eigen::Lower>().rankUpdate(z);
      for (std::size_t m = 0; m < measured_.size(); ++m)
        own.product[group][m] += reward[m][row] * z;
    };
    const PageBatch& pages = batch.pages;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      inputs_.set_request(batch.requests.features(i));
      const int fold = folds_.fold_of(UserId{batch.requests.user[i]});
      NormalEquations& own = sums[static_cast<std::size_t>(fold)];
      const std::uint32_t first = pages.slot_offsets[i];
      if (inputs_.list()) {
        const std::uint32_t item = pages.item_offsets[first];
        for (std::uint32_t j = item; j < pages.item_offsets[pages.slot_offsets[i + 1]]; ++j) {
          inputs_.fill(j - item, pages.item[j], z);
          add(own, 0, j);
        }
        continue;
      }
      for (std::uint32_t s = first; s < pages.slot_offsets[i + 1]; ++s) {
        inputs_.fill(s - first, 0, z);
        add(own, pages.module[s], s);
      }
    }
    return sums;
  }

 private:
  CellInputs inputs_;
  const std::vector<const Metric*>& measured_;
  const CrossFitting& folds_;
};

class RidgeOutcome final : public OutcomeModel {
 public:
  RidgeOutcome(const Schema& schema, std::vector<Vector> coefficients)
      : schema_(schema), coefficients_(std::move(coefficients)) {}

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    out.clear();
    CellInputs inputs(schema_);
    Vector z(static_cast<Eigen::Index>(inputs.size()));
    for (std::size_t i = 0; i < requests.size(); ++i) {
      inputs.set_request(requests.features(i));
      if (inputs.list()) {
        const std::uint32_t first = requests.candidate_offsets[i];
        const std::size_t n = requests.candidate_offsets[i + 1] - first;
        for (std::size_t k = 0; k < requests.n_placed(i, n); ++k)
          for (std::size_t c = 0; c < n; ++c) {
            inputs.fill(k, requests.candidate[first + c], z);
            out.push_back(coefficients_[0].dot(z));
          }
        continue;
      }
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      const std::size_t n = std::min<std::size_t>(requests.n_slots[i], eligible.size());
      for (std::size_t k = 0; k < n; ++k) {
        inputs.fill(k, 0, z);
        for (const std::uint16_t module : eligible) out.push_back(coefficients_[module].dot(z));
      }
    }
  }

 private:
  const Schema& schema_;
  std::vector<Vector> coefficients_;  // [group]
};

/// One pass over the log for all metrics and folds.
class RidgeTrainer final : public OutcomeTrainer {
 public:
  bool of_events() const override { return false; }

  std::vector<FoldModels> fit(const RoundSource& rounds, const std::vector<std::string>& names,
                              const CrossFitting& folds, int threads,
                              ProgressSink*) const override {
    std::vector<const Metric*> measured;
    Columns columns;
    columns.propensities = false;
    columns.items = columns.candidates = decision_of(*rounds.schema) == Decision::kItems;
    for (const std::string& name : names) {
      measured.push_back(&metrics().at(name));
      columns.items |= measured.back()->of_items();
    }
    const NormalEquations none(CellInputs(*rounds.schema), measured.size());
    const auto n_folds = static_cast<std::size_t>(folds.n_folds);
    std::vector<NormalEquations> total(n_folds, none);
    ordered_reduce(
        rounds.n_shards, threads,
        [&](std::size_t shard) {
          return ShardSums(*rounds.schema, measured, folds).of(rounds.read(shard, columns));
        },
        [&](std::size_t, std::vector<NormalEquations>&& sums) {
          for (std::size_t f = 0; f < n_folds; ++f) total[f].add(sums[f]);
        });
    std::vector<FoldModels> models(names.size());
    for (int model = 0; model < folds.n_folds; ++model) {
      NormalEquations learnt = none;
      for (int fold = 0; fold < folds.n_folds; ++fold)
        if (folds.learns_from(model, fold)) learnt.add(total[static_cast<std::size_t>(fold)]);
      for (std::size_t m = 0; m < names.size(); ++m)
        models[m].push_back(std::make_shared<RidgeOutcome>(*rounds.schema, learnt.solve(m)));
    }
    return models;
  }
};

}  // namespace

std::unique_ptr<OutcomeTrainer> make_ridge_outcome() { return std::make_unique<RidgeTrainer>(); }

}  // namespace rehearsal
