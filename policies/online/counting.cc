#include "policies/online/counting.h"

#include <fmt/format.h>

#include "policies/learning.h"
#include "policies/online/tied_slates.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostCells = 100'000'000;

}  // namespace

Fields CountingConfig::add_to(Fields fields) {
  return BanditConfig::add_to(
      fields.add("segments", segments,
                 "categorical features whose product makes the segments, each a bandit of its own; "
                 "empty: one for all"));
}

CountingBandit::CountingBandit(const CountingConfig& config, const PluginConfig& plugin,
                               const Schema& schema)
    : Bandit(config, plugin, schema), segments_(schema, config.segments, plugin) {
  if (segments_.size() * n_arms() > kMostCells)
    plugin.refuse("segments", fmt::format("{} segments of {} arms are more than {} cells",
                                          segments_.size(), n_arms(), kMostCells));
  displays_ = successes_ = RowMatrix::Zero(static_cast<Eigen::Index>(segments_.size()),
                                           static_cast<Eigen::Index>(n_arms()));
}

void CountingBandit::learn(const LogBatch& played, const std::vector<Observation>& observations) {
  for (const Observation& seen : observations) {
    const auto row = static_cast<Eigen::Index>(segment(played.requests, seen.round));
    displays_(row, seen.arm) += seen.weight;
    successes_(row, seen.arm) += seen.success ? 1 : 0;
  }
  freeze();
}

void CountingBandit::forget() {
  displays_.setZero();
  successes_.setZero();
  freeze();
}

Arrays CountingBandit::state() const {
  return {{"displays", to_array(displays_)}, {"successes", to_array(successes_)}};
}

void CountingBandit::set_state(const Arrays& state) {
  const std::vector<std::size_t> shape{segments_.size(), n_arms()};
  const RowMatrix displays = to_matrix(state_array(state, "displays", shape));
  const RowMatrix successes = to_matrix(state_array(state, "successes", shape));
  if (displays.minCoeff() < 0 || successes.minCoeff() < 0 ||
      ((displays.array() == 0) && (successes.array() > 0)).any())
    throw Error(ErrorKind::kInput, "saved state: displays and successes are no counts");
  displays_ = displays;
  successes_ = successes;
  freeze();
}

void IndexBandit::freeze() {
  const double all = displays().sum();
  indices_.resize(displays().rows(), displays().cols());
  for (Eigen::Index s = 0; s < indices_.rows(); ++s) {
    const double of_segment = displays().row(s).sum();
    for (Eigen::Index a = 0; a < indices_.cols(); ++a)
      indices_(s, a) = index({displays()(s, a), successes()(s, a), of_segment, all});
  }
}

std::unique_ptr<SlateDistribution> IndexBandit::slates(const RequestBatch& requests,
                                                       ArmDecisions decisions) const {
  std::vector<double> scores(decisions.arm.size());
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    const double* row = indices_.data() + segment(requests, decisions.round[d]) * n_arms();
    for (std::size_t c = decisions.choice_offsets[d]; c < decisions.choice_offsets[d + 1]; ++c)
      scores[c] = row[decisions.arm[c]];
  }
  return make_tied(std::move(decisions.choice_offsets), std::move(decisions.n_positions),
                   std::move(scores));
}

}  // namespace rehearsal
