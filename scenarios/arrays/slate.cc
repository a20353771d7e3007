#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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
    for (const char* suffix :
         {"", "_item_position", "_cascade", "_influence", "_latent", "_examination"}) {
      const std::string behavior = std::string("pscore") + suffix;
      const std::string evaluation = "evaluation_policy_" + behavior;
      if (inputs_.has(behavior) && !inputs_.has(evaluation)) alone_[behavior] = evaluation;
      if (inputs_.has(evaluation) && !inputs_.has(behavior)) alone_[evaluation] = behavior;
    }
    check_repeated("pscore_latent", columns_.latent.behavior);
    check_repeated("evaluation_policy_pscore_latent", columns_.latent.evaluation);
    check_repeated("pscore", columns_.slate.behavior);
    check_repeated("evaluation_policy_pscore", columns_.slate.evaluation);
    if (inputs_.has("evaluation_policy_action_dist")) read_actions();
  }
  SlateCase(const SlateCase&) = delete;
  SlateCase& operator=(const SlateCase&) = delete;

  const CaseInputs& inputs() const { return inputs_; }
  /// Propensities of one policy without the other's, and what is missing.
  const std::map<std::string, std::string>& alone() const { return alone_; }
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
    for (std::size_t s = 1; s < n_; ++s)
      if (id[s] != id[s - 1]) offsets_.push_back(static_cast<std::uint32_t>(s));
    const std::size_t again = first_repeated(id);
    offsets_.push_back(static_cast<std::uint32_t>(n_));
    for (std::size_t i = 0; i + 1 < offsets_.size(); ++i) {
      if (offsets_[i] == again)
        inputs_.refuse("slate_id", {n_}, again, "a slate's rows next to each other");
      for (std::size_t s = offsets_[i]; s < offsets_[i + 1]; ++s)
        if (position[s] != static_cast<double>(s - offsets_[i]))
          inputs_.refuse("position", {n_}, s,
                         fmt::format("{}: a slate's positions are 0, 1, 2, ... in this order",
                                     s - offsets_[i]));
    }
  }

  /// The first row where a slate begins whose id was there before; n_ without one.
  std::size_t first_repeated(std::span<const double> id) const {
    const auto less = [&](std::uint32_t a, std::uint32_t b) { return id[a] < id[b]; };
    std::size_t found = n_;
    if (std::is_sorted(offsets_.begin(), offsets_.end(), less)) return found;
    std::vector<std::uint32_t> starts = offsets_;
    std::stable_sort(starts.begin(), starts.end(), less);
    for (std::size_t i = 1; i < starts.size(); ++i)
      if (id[starts[i]] == id[starts[i - 1]]) found = std::min<std::size_t>(found, starts[i]);
    return found;
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
        inputs_.refuse(dataset, fmt::format("the probabilities of row {} sum to {}, expected 1",
                                            inputs_.round(s), sum));
    }
    action_ = inputs_.indices("action", {n_}, columns_.n_actions);
    columns_.action = action_;
  }

  CaseInputs inputs_;
  std::size_t n_ = 0;  // rows
  std::vector<std::uint32_t> offsets_{0}, action_;
  SlateColumns columns_;
  std::map<std::string, std::string> alone_;
};

std::vector<double> whole_slate_weights(const SlateColumns& slates) {
  std::vector<double> out;
  for (std::size_t i = 0; !slates.slate.empty() && i < slates.size(); ++i) {
    const std::size_t s = slates.slate_offsets[i];
    out.push_back(slates.slate.evaluation[s] / slates.slate.behavior[s]);
  }
  return out;
}

/// Args: only_models: leaves out what reads no q_hat.
void score(const SlateColumns& slates, const std::string& suffix, bool only_models,
           Scores& scores) {
  for (const SlateEstimatorEntry& entry : slate_estimators().entries()) {
    const bool model = std::count(entry.needs.begin(), entry.needs.end(), SlateNeed::kQHat) > 0;
    if (!only_models || model) scores.add(entry.name + suffix, entry, slates);
  }
}

}  // namespace

void score_slates(const ArrayGroup& block, Scores& scores) {
  const SlateCase slates(block);
  score(slates.columns("q_hat"), "", false, scores);
  if (slates.inputs().has("q_hat_iw")) score(slates.columns("q_hat_iw"), "_iw", true, scores);
  scores.weigh(whole_slate_weights(slates.columns("")), "slate");
  for (const auto& [there, missing] : slates.alone())
    scores.warn(fmt::format("there are {} but no {}: what needs both is left out", there, missing));
}

CaseResult evaluate_slates(const ArrayGroup& group, const ArrayOptions& options) {
  Scores scores(options);
  score_slates(group, scores);
  return scores.take();
}

}  // namespace rehearsal
