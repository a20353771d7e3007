#include <fmt/format.h>

#include <cmath>
#include <set>

#include "analysis/diagnostics.h"
#include "analysis/slate_estimators.h"
#include "scenarios/arrays/inputs.h"
#include "scenarios/arrays/kinds.h"
#include "scenarios/arrays/scores.h"

namespace rehearsal {

namespace {

constexpr double kSlateSumTolerance = 1e-6;
constexpr double kSlateRounding = 1e-9;

/// A group of slates, checked. Rows are slate-major, positions from 0 on.
class SlateCase {
 public:
  explicit SlateCase(const ArrayGroup& group) : inputs_(group) {
    n_ = inputs_.rows("slate_id", 1);
    find_slates();
    columns_.slate_offsets = offsets_;
    columns_.reward = inputs_.numbers("reward", {n_});
    columns_.slate = pair("");
    columns_.item_position = pair("_item_position");
    columns_.cascade = pair("_cascade");
    columns_.influence = pair("_influence");
    columns_.latent = pair("_latent");
    columns_.exposure = weights("_examination");
    check_repeated("pscore_latent", columns_.latent.behavior);
    check_repeated("evaluation_policy_pscore_latent", columns_.latent.evaluation);
    check_repeated("pscore", columns_.slate.behavior);
    check_repeated("evaluation_policy_pscore", columns_.slate.evaluation);
    if (inputs_.has("evaluation_policy_action_dist")) read_actions();
  }
  SlateCase(const SlateCase&) = delete;
  SlateCase& operator=(const SlateCase&) = delete;

  const CaseInputs& inputs() const { return inputs_; }
  /// Args: q_hat: its dataset, left out where it is absent.
  SlateColumns columns(const std::string& q_hat) const {
    SlateColumns with = columns_;
    if (inputs_.has(q_hat) && columns_.n_actions > 0)
      with.q_hat = inputs_.numbers(q_hat, inputs_.at("evaluation_policy_action_dist").shape);
    return with;
  }

 private:
  void find_slates() {
    const std::span<const double> id = inputs_.numbers("slate_id", {n_});
    const std::span<const double> position = inputs_.numbers("position", {n_});
    std::set<double> closed;
    double expected = 0;
    for (std::size_t s = 0; s < n_; ++s, ++expected) {
      if (s > 0 && id[s] != id[s - 1]) {
        offsets_.push_back(static_cast<std::uint32_t>(s));
        closed.insert(id[s - 1]);
        expected = 0;
      }
      if (closed.count(id[s]) > 0)
        inputs_.refuse("slate_id", {n_}, s, "a slate's rows next to each other");
      if (position[s] != expected)
        inputs_.refuse(
            "position", {n_}, s,
            fmt::format("{}: a slate's positions are 0, 1, 2, ... in this order", expected));
    }
    offsets_.push_back(static_cast<std::uint32_t>(n_));
  }

  /// Both policies' probabilities; absent where either is.
  PropensityColumns pair(const std::string& suffix) const {
    const std::string behavior = "pscore" + suffix, evaluation = "evaluation_policy_" + behavior;
    if (!inputs_.has_all({behavior, evaluation})) return {};
    return {inputs_.probabilities(evaluation, {n_}), inputs_.propensities(behavior, {n_})};
  }

  /// Sums over positions, which may be above 1.
  PropensityColumns weights(const std::string& suffix) const {
    const std::string behavior = "pscore" + suffix, evaluation = "evaluation_policy_" + behavior;
    if (!inputs_.has_all({behavior, evaluation})) return {};
    PropensityColumns out{inputs_.numbers(evaluation, {n_}), inputs_.numbers(behavior, {n_})};
    for (std::size_t s = 0; s < n_; ++s) {
      if (!(out.behavior[s] > 0)) inputs_.refuse(behavior, {n_}, s, "more than 0");
      if (!(out.evaluation[s] >= 0)) inputs_.refuse(evaluation, {n_}, s, "at least 0");
    }
    return out;
  }

  void check_repeated(const std::string& dataset, std::span<const double> p) const {
    for (std::size_t i = 0; !p.empty() && i + 1 < offsets_.size(); ++i)
      for (std::size_t s = offsets_[i]; s < offsets_[i + 1]; ++s)
        if (std::abs(p[s] - p[offsets_[i]]) > kSlateRounding * p[offsets_[i]])
          inputs_.refuse(
              dataset, {n_}, s,
              fmt::format("{}, the whole slate's at its first position", p[offsets_[i]]));
  }

  /// Flat (rows * actions), or (rows, actions).
  void read_actions() {
    const std::string dataset = "evaluation_policy_action_dist";
    const CaseInputs::Shape& shape = inputs_.at(dataset).shape;
    std::size_t size = 1;
    for (const std::size_t d : shape) size *= d;
    if (size == 0 || size % n_ != 0)
      inputs_.refuse(dataset, fmt::format("has {} values, expected {} for each action", size, n_));
    columns_.n_actions = size / n_;
    columns_.action_dist = inputs_.probabilities(dataset, shape);
    for (std::size_t s = 0; s < n_; ++s) {
      double sum = 0;
      for (std::size_t a = 0; a < columns_.n_actions; ++a)
        sum += columns_.action_dist[s * columns_.n_actions + a];
      if (!(std::abs(sum - 1) <= kSlateSumTolerance))
        inputs_.refuse(dataset,
                       fmt::format("the probabilities of row {} sum to {}, expected 1", s, sum));
    }
    action_ = inputs_.indices("action", {n_}, columns_.n_actions);
    columns_.action = action_;
  }

  CaseInputs inputs_;
  std::size_t n_ = 0;  // rows
  std::vector<std::uint32_t> offsets_{0}, action_;
  SlateColumns columns_;
};

void warn_of_weights(const SlateColumns& slates, Scores& scores) {
  if (slates.slate.empty()) return;
  WeightStats stats;
  for (std::size_t i = 0; i < slates.size(); ++i) {
    const std::size_t s = slates.slate_offsets[i];
    stats.add(slates.slate.evaluation[s] / slates.slate.behavior[s]);
  }
  stats.settle();
  for (const std::string& warning : weight_warnings(std::span(&stats, 1), stats.n))
    scores.warn("whole slates: " + warning);
}

/// Args: only_models: leaves out what reads no q_hat.
void score(const SlateColumns& slates, const std::string& suffix, bool only_models,
           Scores& scores) {
  for (const SlateEstimatorEntry& entry : slate_estimators().entries()) {
    const bool model = std::count(entry.needs.begin(), entry.needs.end(), SlateNeed::kQHat) > 0;
    if (!entry.fits(slates) || (only_models && !model) || !scores.wants(entry.name + suffix))
      continue;
    scores.add(entry.name + suffix, estimate_slates(entry, slates));
  }
}

}  // namespace

CaseResult evaluate_slates(const ArrayGroup& group, const ArrayOptions& options) {
  const SlateCase slates(group);
  Scores scores(options);
  score(slates.columns("q_hat"), "", false, scores);
  if (slates.inputs().has("q_hat_iw")) score(slates.columns("q_hat_iw"), "_iw", true, scores);
  warn_of_weights(slates.columns(""), scores);
  return scores.take();
}

}  // namespace rehearsal
