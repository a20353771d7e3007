#include "policies/examination.h"

#include "policies/learning.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr double kLargestWeight = 1000;

}  // namespace

ExaminationEstimator::ExaminationEstimator(Encoder encoder)
    : encoder_(std::move(encoder)),
      weighted_clicks_(encoder_.n_positions()),
      weighted_clicks_at_top_(encoder_.n_positions()),
      clicks_(encoder_.n_positions()) {}

void ExaminationEstimator::add(const LogBatch& batch) {
  const std::vector<double>& pscore = batch.propensities.pscore_item_position;
  const std::vector<std::uint8_t>& click = batch.responses.click;
  if (pscore.size() != batch.pages.module.size())
    throw Error(ErrorKind::kInput,
                "log: pscore_item_position is not recorded; examination cannot be estimated from "
                "this log (examination: false trains without it)");
  const auto weighted = [&](std::size_t slot) {
    return click[slot] == 0 ? 0.0 : click[slot] * std::min(1 / pscore[slot], kLargestWeight);
  };
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::size_t first = batch.pages.slot_offsets[i];
    const std::size_t n_shown = batch.pages.n_shown(i);
    if (n_shown == 0) continue;
    const std::size_t top = encoder_.position(batch.requests.features(i), 0);
    const double at_top = weighted(first);
    for (std::size_t k = 0; k < n_shown; ++k) {
      weighted_clicks_[top + k] += weighted(first + k);
      weighted_clicks_at_top_[top + k] += at_top;
      clicks_[top + k] += click[first + k];
    }
  }
}

std::vector<double> ExaminationEstimator::theta() const {
  const std::size_t n_slots = encoder_.n_slots();
  std::vector<double> theta(encoder_.n_positions(), 1);
  for (std::size_t device = 0; device < encoder_.n_devices(); ++device) {
    const std::size_t top = device * n_slots;
    double weight = 0;
    double clicks = 0;
    for (std::size_t k = 0; k < n_slots; ++k) {
      weight += weighted_clicks_[top + k];
      clicks += clicks_[top + k];
    }
    const double mean_weight = clicks > 0 ? weight / clicks : 1;
    for (std::size_t k = 1; k < n_slots; ++k)
      theta[top + k] = (weighted_clicks_[top + k] + mean_weight) /
                       (weighted_clicks_at_top_[top + k] + mean_weight);
  }
  return theta;
}

std::vector<double> estimate_examination(const RoundSource& rounds, const Choices& choices) {
  ExaminationEstimator estimator(choices.encoder());
  choices.for_each_shard(rounds, *rounds.schema, {}, "examination", nullptr,
                         [&](const LogBatch& batch) { estimator.add(batch); });
  return estimator.theta();
}

}  // namespace rehearsal
