#include "analysis/page_behavior.h"

#include <cmath>

#include "analysis/minimize.h"
#include "analysis/weights.h"
#include "sim/core/error.h"
#include "sim/decision.h"
#include "sim/encoder.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/outcome_model.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostPageProducts = 256;
constexpr double kPenalty = 1;
constexpr int kMostSteps = 100;

using Vector = Eigen::VectorXd;

/// Scores of a round's choices, linear in coefficients.
class PageScores {
 public:
  PageScores(const Schema& schema)
      : schema_(schema),
        encoder_(schema),
        list_(decision_of(schema) == Decision::kItems),
        n_item_(list_ ? static_cast<std::size_t>(schema.items.cols()) : 0),
        products_(encoder_.n_inputs() * n_item_ <= kMostPageProducts) {}

  bool list() const { return list_; }
  std::size_t size() const {
    const std::size_t n_context = 1 + encoder_.n_inputs();
    return list_ ? n_item_ * (products_ ? n_context : 1) : schema_.n_modules() * n_context;
  }

  /// Calls use(choice, feature index, value) for all that is not 0 of a round's choices.
  template <class Use>
  void visit(const RequestBatch& requests, std::size_t i, Use&& use) const {
    std::vector<float> context(encoder_.n_inputs());
    encoder_.encode(requests.features(i), context);
    const std::size_t width = 1 + context.size();
    const auto input = [&](std::size_t f) {
      return f == 0 ? 1.0 : static_cast<double>(context[f - 1]);
    };
    if (!list_) {
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      for (std::size_t c = 0; c < eligible.size(); ++c)
        for (std::size_t f = 0; f < width; ++f) use(c, eligible[c] * width + f, input(f));
      return;
    }
    const std::uint32_t first = requests.candidate_offsets[i];
    for (std::size_t c = 0; c < requests.candidate_offsets[i + 1] - first; ++c) {
      const std::uint32_t item = requests.candidate[first + c];
      if (item >= static_cast<std::size_t>(schema_.items.rows()))
        throw Error(ErrorKind::kInput,
                    "log: item " + std::to_string(item) + " is not in the catalogue");
      for (std::size_t j = 0; j < n_item_; ++j) {
        const auto feature = static_cast<double>(
            schema_.items(static_cast<Eigen::Index>(item), static_cast<Eigen::Index>(j)));
        for (std::size_t f = 0; f < (products_ ? width : 1); ++f)
          use(c, f * n_item_ + j, input(f) * feature);
      }
    }
  }

  /// Args: out: (choices) log weights.
  void of(const RequestBatch& requests, std::size_t i, const Vector& coefficients,
          std::span<double> out) const {
    std::fill(out.begin(), out.end(), 0.0);
    visit(requests, i, [&](std::size_t c, std::size_t f, double x) {
      out[c] += x * coefficients[static_cast<Eigen::Index>(f)];
    });
  }

 private:
  const Schema& schema_;
  Encoder encoder_;
  bool list_;
  std::size_t n_item_;
  bool products_;
};

/// Choices shown in order, as places among the round's choices.
std::vector<std::uint16_t> shown_choices(const LogBatch& decisions, std::size_t i) {
  const std::span<const std::uint16_t> eligible = decisions.requests.eligible(i);
  std::vector<std::uint16_t> out;
  for (const std::uint16_t module : decisions.pages.shown(i)) {
    const auto found = std::find(eligible.begin(), eligible.end(), module);
    if (found == eligible.end())
      throw Error(ErrorKind::kInput, "log: a page shows what is not eligible");
    out.push_back(static_cast<std::uint16_t>(found - eligible.begin()));
  }
  return out;
}

/// Minus the log likelihood of an order, and its gradient by the choices' log weights.
double misfit(std::span<const double> log_weight, std::span<const std::uint16_t> shown,
              std::span<double> gradient) {
  std::vector<double> left(log_weight.size());
  const double largest = *std::max_element(log_weight.begin(), log_weight.end());
  for (std::size_t c = 0; c < left.size(); ++c) left[c] = std::exp(log_weight[c] - largest);
  double value = 0;
  for (const std::uint16_t chosen : shown) {
    double sum = 0;
    for (const double each : left) sum += each;
    value += std::log(sum) + largest - log_weight[chosen];
    for (std::size_t c = 0; c < left.size(); ++c) gradient[c] += left[c] / sum;
    gradient[chosen] -= 1;
    left[chosen] = 0;
  }
  return value;
}

/// Each user's scores by the model of the user's fold.
class Fitted {
 public:
  Fitted(const Schema& schema, const CrossFitting& folds, std::vector<Vector> coefficients)
      : scores_(schema), folds_(folds), coefficients_(std::move(coefficients)) {}

  /// Args: offsets: of the choices.
  std::vector<double> log_weights(const RequestBatch& requests, const Offsets& offsets) const {
    std::vector<double> out(offsets.back());
    for (std::size_t i = 0; i < requests.size(); ++i)
      scores_.of(requests, i,
                 coefficients_[static_cast<std::size_t>(folds_.fold_of(UserId{requests.user[i]}))],
                 std::span(out).subspan(offsets[i], offsets[i + 1] - offsets[i]));
    return out;
  }

 private:
  PageScores scores_;
  CrossFitting folds_;
  std::vector<Vector> coefficients_;  // [fold]
};

class FittedRanker final : public Ranker {
 public:
  explicit FittedRanker(std::shared_ptr<const Fitted> fitted) : fitted_(std::move(fitted)) {}
  bool deterministic() const override { return false; }
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> sizes;
    for (std::size_t i = 0; i < requests.size(); ++i)
      sizes.push_back(static_cast<std::uint16_t>(
          requests.n_placed(i, requests.candidate_offsets[i + 1] - requests.candidate_offsets[i])));
    return make_plackett_luce(requests.candidate_offsets, std::move(sizes),
                              fitted_->log_weights(requests, requests.candidate_offsets));
  }

 private:
  std::shared_ptr<const Fitted> fitted_;
};

class FittedOrder final : public Policy {
 public:
  FittedOrder(std::shared_ptr<const Fitted> fitted, bool list) : fitted_(std::move(fitted)) {
    if (list) set_ranker(std::make_shared<FittedRanker>(fitted_));
  }
  bool deterministic() const override { return false; }
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> sizes;
    for (std::size_t i = 0; i < requests.size(); ++i)
      sizes.push_back(static_cast<std::uint16_t>(
          std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i))));
    std::vector<double> weights(requests.module.size(), 0.0);  // of a list: its one module
    if (ranker() == nullptr) weights = fitted_->log_weights(requests, requests.module_offsets);
    return make_plackett_luce(requests.module_offsets, std::move(sizes), std::move(weights));
  }

 private:
  std::shared_ptr<const Fitted> fitted_;
};

/// A shard's misfit for a model: of the users that it learns from.
double shard_misfit(const PageScores& scores, const LogBatch& batch, const CrossFitting& folds,
                    int model, const Vector& at, Vector& gradient) {
  const LogBatch decisions = scores.list() ? items_as_choices(batch) : LogBatch{};
  const LogBatch& shown = scores.list() ? decisions : batch;
  double value = 0;
  std::vector<double> log_weight, by_choice;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!folds.learns_from(model, folds.fold_of(UserId{batch.requests.user[i]}))) continue;
    log_weight.resize(shown.requests.n_eligible(i));
    if (log_weight.empty()) continue;
    scores.of(batch.requests, i, at, log_weight);
    by_choice.assign(log_weight.size(), 0.0);
    value += misfit(log_weight, shown_choices(shown, i), by_choice);
    scores.visit(batch.requests, i, [&](std::size_t c, std::size_t f, double x) {
      gradient[static_cast<Eigen::Index>(f)] += by_choice[c] * x;
    });
  }
  return value;
}

}  // namespace

std::unique_ptr<Policy> estimate_page_behavior(const RoundSource& rounds, const Rng& rng,
                                               int threads) {
  const PageScores scores(*rounds.schema);
  const CrossFitting folds{rng, 2, false};
  Columns columns;
  columns.propensities = columns.responses = false;
  columns.items = columns.candidates = scores.list();
  std::vector<Vector> coefficients;
  for (int model = 0; model < folds.n_folds; ++model) {
    Vector at = Vector::Zero(static_cast<Eigen::Index>(scores.size()));
    const SmoothFunction objective = [&](const Vector& x, Vector& gradient) {
      double value = kPenalty / 2 * x.squaredNorm();
      gradient = kPenalty * x;
      using Part = std::pair<double, Vector>;
      ordered_reduce(
          rounds.n_shards, threads,
          [&](std::size_t shard) {
            Part part{0, Vector::Zero(x.size())};
            part.first =
                shard_misfit(scores, rounds.read(shard, columns), folds, model, x, part.second);
            return part;
          },
          [&](std::size_t, Part&& part) {
            value += part.first;
            gradient += part.second;
          });
      return value;
    };
    minimize(objective, at, {kMostSteps, 10, 1e-5});
    coefficients.push_back(std::move(at));
  }
  auto fitted = std::make_shared<const Fitted>(*rounds.schema, folds, std::move(coefficients));
  return std::make_unique<FittedOrder>(std::move(fitted), scores.list());
}

RoundSource with_propensities_of(const Policy& behavior, RoundSource rounds) {
  const bool list = decision_of(*rounds.schema) == Decision::kItems;
  const auto read = std::move(rounds.read);
  rounds.read = [read, &behavior, list](std::size_t shard, const Columns& asked) {
    Columns columns = asked;
    if (list) columns.items = columns.candidates = true;
    LogBatch batch = read(shard, columns);
    if (!asked.propensities) return batch;
    if (list) {
      batch.propensities = propensities(behavior, batch.requests, batch.pages);
      return batch;
    }
    const std::vector<double> of_items = std::move(batch.propensities.pscore_items);
    batch.propensities = {};
    PseudoInverseCache none;
    batch.propensities = module_propensities(logged_rounds(batch, nullptr, {}, none),
                                             *behavior.distribution(batch.requests));
    if (of_items.empty()) return batch;
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::size_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1]; ++s)
        batch.propensities.pscore[i] *= of_items[s];
    batch.propensities.pscore_items = of_items;
    return batch;
  };
  return rounds;
}

}  // namespace rehearsal
