#include "analysis/slate_estimators.h"

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

// --- layouts ---------------------------------------------------------------

using Shares = std::span<const double>;

TermLayout mean_layout(Shares /*share*/) { return {1, {{0, RatioPart::kRounds}}}; }

/// Weights divided by their mean over all rows, of which a slate has as many as the shares sum to.
TermLayout one_ratio_layout(Shares share) {
  return {2, {{0, 1, std::accumulate(share.begin(), share.end(), 0.0)}}};
}

/// Weights divided by their mean at each position, over the slates that have it.
TermLayout ratio_a_position_layout(Shares share) {
  TermLayout layout{2 * share.size(), {}};
  for (std::size_t k = 0; k < share.size(); ++k)
    layout.parts.push_back({2 * k, 2 * k + 1, share[k]});
  return layout;
}

/// As before, and baselines: the first is a mean, that of position k a ratio by the weights at
/// k - 1, as it is weighted as the position above.
TermLayout cascade_ratio_layout(Shares share) {
  TermLayout layout{3 * share.size(), {}};
  for (std::size_t k = 0; k < share.size(); ++k) {
    layout.parts.push_back({3 * k, 3 * k + 1, share[k]});
    if (k == 0)
      layout.parts.push_back({2, RatioPart::kRounds});
    else
      layout.parts.push_back({3 * k + 2, 3 * k - 2, share[k - 1]});
  }
  return layout;
}

// --- terms -----------------------------------------------------------------

using SlateInputs = const PropensityColumns&;

/// sum_k w_k r_k of each slate.
void weighted_sums(const SlateColumns& slates, SlateInputs p, std::span<double> out) {
  const double* pi = p.evaluation.data();
  const double* mu = p.behavior.data();
  const double* reward = slates.reward.data();
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double sum = 0;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s)
      sum += reward[s] * pi[s] / mu[s];
    out[i] = sum;
  }
}

template <PropensityColumns SlateColumns::*column>
void weighted(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  weighted_sums(slates, slates.*column, out);
}

template <PropensityColumns SlateColumns::*column>
void one_ratio(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double value = 0, weight = 0;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s) {
      const double w = (slates.*column).evaluation[s] / (slates.*column).behavior[s];
      value += w * slates.reward[s];
      weight += w;
    }
    out[2 * i] = value;
    out[2 * i + 1] = weight;
  }
}

template <PropensityColumns SlateColumns::*column>
void position_ratios(const SlateColumns& slates, std::size_t n_positions, std::span<double> out) {
  const PropensityColumns& p = slates.*column;
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double* at = out.data() + i * 2 * n_positions;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s, at += 2) {
      const double w = p.evaluation[s] / p.behavior[s];
      at[0] = w * slates.reward[s];
      at[1] = w;
    }
  }
}

/// sum_a pi(a | prefix) q_hat(prefix, a) of a row. Four sums, as additions wait for each other.
double baseline_of(const SlateColumns& slates, std::size_t row) {
  const double* pi = slates.action_dist.data() + row * slates.n_actions;
  const double* q = slates.q_hat.data() + row * slates.n_actions;
  double sum[4] = {};
  std::size_t a = 0;
  for (; a + 4 <= slates.n_actions; a += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] += pi[a + j] * q[a + j];
  for (; a < slates.n_actions; ++a) sum[0] += pi[a] * q[a];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

double q_of_shown(const SlateColumns& slates, std::size_t row) {
  return slates.q_hat[row * slates.n_actions + slates.action[row]];
}

void cascade_dr(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double sum = 0, above = 1;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s) {
      const double w = slates.cascade.evaluation[s] / slates.cascade.behavior[s];
      sum += w * (slates.reward[s] - q_of_shown(slates, s)) + above * baseline_of(slates, s);
      above = w;
    }
    out[i] = sum;
  }
}

void sncascade_dr(const SlateColumns& slates, std::size_t n_positions, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double* at = out.data() + i * 3 * n_positions;
    double above = 1;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s, at += 3) {
      const double w = slates.cascade.evaluation[s] / slates.cascade.behavior[s];
      at[0] = w * (slates.reward[s] - q_of_shown(slates, s));
      at[1] = w;
      at[2] = above * baseline_of(slates, s);
      above = w;
    }
  }
}

/// Item-position weight times how much more the item is looked at under the evaluation policy.
double examination_weight(const SlateColumns& slates, std::size_t row) {
  return slates.item_position.evaluation[row] / slates.item_position.behavior[row] *
         slates.examination.evaluation[row] / slates.examination.shown[row];
}

void le_iips(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double sum = 0;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s)
      sum += examination_weight(slates, s) * slates.reward[s];
    out[i] = sum;
  }
}

void ed_dr(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  const ExaminationColumns& e = slates.examination;
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double sum = 0;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s)
      sum += e.baseline[s] +
             examination_weight(slates, s) * (slates.reward[s] - e.shown[s] * e.relevance[s]);
    out[i] = sum;
  }
}

/// Weights of what influences a reward, in place of all that is shown.
std::vector<SlateEstimatorEntry> of_influence() {
  return {
      {"aips",
       "weights of the positions that influence a reward, which may differ by user",
       "Kiyohara et al., KDD 2023",
       {SlateNeed::kInfluence},
       mean_layout,
       weighted<&SlateColumns::influence>},
      {"snaips",
       "aips with weights divided by their mean at each position",
       "Kiyohara et al., KDD 2023; Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kInfluence},
       ratio_a_position_layout,
       position_ratios<&SlateColumns::influence>},
      {"lips",
       "weights of a latent value of the slate: the reward depends on the slate through it",
       "Kiyohara et al., WWW 2024",
       {SlateNeed::kLatent},
       mean_layout,
       weighted<&SlateColumns::latent>},
      {"snlips",
       "lips with weights divided by their mean",
       "Kiyohara et al., WWW 2024; Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kLatent},
       one_ratio_layout,
       one_ratio<&SlateColumns::latent>},
      {"click_ips",
       "weights of how much an item is looked at: position-based clicks, or documents",
       "Li et al., KDD 2018",
       {SlateNeed::kExposure},
       mean_layout,
       weighted<&SlateColumns::exposure>},
      {"snclick_ips",
       "click_ips with weights divided by their mean over all rows",
       "Li et al., KDD 2018; Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kExposure},
       one_ratio_layout,
       one_ratio<&SlateColumns::exposure>},
  };
}

std::vector<SlateEstimatorEntry> slate_table() {
  const std::vector<SlateNeed> cascade_q{SlateNeed::kCascade, SlateNeed::kQHat};
  std::vector<SlateEstimatorEntry> all{
      {"sips",
       "whole-slate importance weights: unbiased whatever users do, large variance",
       "Precup et al., ICML 2000",
       {SlateNeed::kSlate},
       mean_layout,
       weighted<&SlateColumns::slate>},
      {"iips",
       "item-position weights: a position's reward depends on its own item alone",
       "Li et al., KDD 2018",
       {SlateNeed::kItemPosition},
       mean_layout,
       weighted<&SlateColumns::item_position>},
      {"rips",
       "prefix weights: a position's reward depends on its item and those above",
       "McInerney et al., KDD 2020",
       {SlateNeed::kCascade},
       mean_layout,
       weighted<&SlateColumns::cascade>},
      {"snsips",
       "whole-slate weights divided by their mean",
       "Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kSlate},
       one_ratio_layout,
       one_ratio<&SlateColumns::slate>},
      {"sniips",
       "item-position weights divided by their mean at each position",
       "Li et al., KDD 2018; Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kItemPosition},
       ratio_a_position_layout,
       position_ratios<&SlateColumns::item_position>},
      {"snrips",
       "prefix weights divided by their mean at each position",
       "McInerney et al., KDD 2020; Swaminathan and Joachims, NIPS 2015",
       {SlateNeed::kCascade},
       ratio_a_position_layout,
       position_ratios<&SlateColumns::cascade>},
      {"cascade_dr", "doubly robust down the slate, with values of what is still to come",
       "Kiyohara et al., WSDM 2022", cascade_q, mean_layout, cascade_dr},
      {"sncascade_dr", "cascade_dr with weights divided by their mean at each position",
       "Kiyohara et al., WSDM 2022; Swaminathan and Joachims, NIPS 2015", cascade_q,
       cascade_ratio_layout, sncascade_dr},
      {"le_iips",
       "item-position weights times how much more the item is looked at: rewards are clicks, and a "
       "slate may move what is looked at",
       "LE-IIPS, 2026 (examination-dependent item-position weights)",
       {SlateNeed::kItemPosition, SlateNeed::kExamination},
       mean_layout,
       le_iips},
      {"ed_dr",
       "le_iips around a model of relevance: right if examination is, whatever the relevance",
       "ED-DR, 2026 (examination-dependent doubly robust)",
       {SlateNeed::kItemPosition, SlateNeed::kExamination, SlateNeed::kRelevance},
       mean_layout,
       ed_dr},
  };
  for (SlateEstimatorEntry& entry : of_influence()) all.push_back(std::move(entry));
  return all;
}

}  // namespace

std::size_t SlateColumns::n_positions() const {
  std::size_t most = 0;
  for (std::size_t i = 0; i < size(); ++i)
    most = std::max<std::size_t>(most, slate_offsets[i + 1] - slate_offsets[i]);
  return most;
}

bool SlateEstimatorEntry::fits(const SlateColumns& slates) const {
  return std::all_of(needs.begin(), needs.end(), [&](SlateNeed need) {
    switch (need) {
      case SlateNeed::kSlate:
        return !slates.slate.empty();
      case SlateNeed::kItemPosition:
        return !slates.item_position.empty();
      case SlateNeed::kCascade:
        return !slates.cascade.empty();
      case SlateNeed::kExamination:
        return !slates.examination.shown.empty() && !slates.examination.evaluation.empty();
      case SlateNeed::kRelevance:
        return !slates.examination.relevance.empty() && !slates.examination.baseline.empty();
      case SlateNeed::kInfluence:
        return !slates.influence.empty();
      case SlateNeed::kLatent:
        return !slates.latent.empty();
      case SlateNeed::kExposure:
        return !slates.exposure.empty();
      default:
        return !slates.q_hat.empty() && !slates.action_dist.empty() && !slates.action.empty();
    }
  });
}

const Registry<SlateEstimatorEntry>& slate_estimators() {
  static const Registry<SlateEstimatorEntry> registry("slate estimator", slate_table());
  return registry;
}

SlateSums::SlateSums(const SlateEstimatorEntry& estimator)
    : estimator_(&estimator), sums_(estimator.layout({})) {}

void SlateSums::widen(std::size_t n_positions) {
  if (n_positions <= count_.size()) return;
  count_.resize(n_positions);
  sums_ = sums_.with(estimator_->layout(count_));  // shares come in with the estimate
}

void SlateSums::add(const SlateColumns& slates) {
  constexpr std::size_t kChunk = 128;  // slates in flight: their terms stay in the first cache
  if (!estimator_->fits(slates))
    throw Error(ErrorKind::kInput, estimator_->name + ": the slates lack columns that it reads");
  widen(std::max<std::size_t>(1, slates.n_positions()));
  std::vector<double> terms(kChunk * sums_.n_columns());
  SlateColumns few = slates;
  for (std::size_t first = 0; first < slates.size(); first += kChunk) {
    const std::size_t n = std::min(kChunk, slates.size() - first);
    few.slate_offsets = slates.slate_offsets.subspan(first, n + 1);
    const std::span<double> out = std::span(terms).first(n * sums_.n_columns());
    estimator_->terms(few, count_.size(), out);
    sums_.add(out);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < few.slate_offsets[i + 1] - few.slate_offsets[i]; ++k)
        count_[k] += 1;
  }
}

void SlateSums::add(const SlateSums& other) {
  SlateSums next = other;
  widen(next.count_.size());
  next.widen(count_.size());
  sums_.add(next.sums_);
  for (std::size_t k = 0; k < count_.size(); ++k) count_[k] += next.count_[k];
}

PointEstimate SlateSums::estimate() const {
  if (sums_.n_rounds() == 0)
    throw Error(ErrorKind::kInput, estimator_->name + ": there are no slates to estimate from");
  std::vector<double> share = count_;
  for (double& each : share) each /= sums_.n_rounds();
  return sums_.with(estimator_->layout(share)).estimate();
}

PointEstimate estimate_slates(const SlateEstimatorEntry& estimator, const SlateColumns& slates) {
  SlateSums sums(estimator);
  if (slates.size() > 0) sums.add(slates);
  return sums.estimate();
}

}  // namespace rehearsal
