#include "analysis/slate_estimators.h"

#include <algorithm>

#include "analysis/ratio_terms.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

// --- layouts ---------------------------------------------------------------

TermLayout mean_layout(std::size_t /*n_positions*/) { return {1, {{0, RatioPart::kRounds}}}; }

TermLayout one_ratio_layout(std::size_t /*n_positions*/) { return {2, {{0, 1}}}; }

/// Numerators of all positions first, then denominators.
TermLayout ratio_a_position_layout(std::size_t n_positions) {
  TermLayout layout{2 * n_positions, {}};
  for (std::size_t k = 0; k < n_positions; ++k) layout.parts.push_back({k, n_positions + k});
  return layout;
}

/// As before, then baselines: the first is a mean, that of position k a ratio by the weights at
/// k - 1.
TermLayout cascade_ratio_layout(std::size_t n_positions) {
  TermLayout layout = ratio_a_position_layout(n_positions);
  for (std::size_t k = 0; k < n_positions; ++k)
    layout.parts.push_back(
        {2 * n_positions + k, k == 0 ? RatioPart::kRounds : n_positions + k - 1});
  layout.n_columns += n_positions;
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

/// Weights divided by their mean over all rows.
template <PropensityColumns SlateColumns::*column>
void one_ratio(const SlateColumns& slates, std::size_t /*n_positions*/, std::span<double> out) {
  const double rows_a_slate =
      static_cast<double>(slates.n_rows()) / static_cast<double>(slates.size());
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double value = 0, weight = 0;
    for (std::size_t s = slates.slate_offsets[i]; s < slates.slate_offsets[i + 1]; ++s) {
      const double w = (slates.*column).evaluation[s] / (slates.*column).behavior[s];
      value += w * slates.reward[s];
      weight += w;
    }
    out[2 * i] = rows_a_slate * value;
    out[2 * i + 1] = weight;
  }
}

/// Share of the slates that have each position.
std::vector<double> position_shares(const SlateColumns& slates, std::size_t n_positions) {
  std::vector<double> share(n_positions, 0.0);
  for (std::size_t i = 0; i < slates.size(); ++i)
    for (std::size_t k = 0; k < slates.slate_offsets[i + 1] - slates.slate_offsets[i]; ++k)
      share[k] += 1 / static_cast<double>(slates.size());
  return share;
}

/// Weights divided by their mean at each position, over the slates that have it.
void ratio_a_position(const SlateColumns& slates, SlateInputs p, std::size_t n_positions,
                      std::span<double> out) {
  const std::vector<double> share = position_shares(slates, n_positions);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double* row = out.data() + i * 2 * n_positions;
    const std::size_t first = slates.slate_offsets[i];
    for (std::size_t s = first; s < slates.slate_offsets[i + 1]; ++s) {
      const double w = p.evaluation[s] / p.behavior[s];
      row[s - first] = share[s - first] * w * slates.reward[s];
      row[n_positions + s - first] = w;
    }
  }
}

template <PropensityColumns SlateColumns::*column>
void position_ratios(const SlateColumns& slates, std::size_t n_positions, std::span<double> out) {
  ratio_a_position(slates, slates.*column, n_positions, out);
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

/// A baseline is weighted as the position above, so it is divided by the mean weight there.
void sncascade_dr(const SlateColumns& slates, std::size_t n_positions, std::span<double> out) {
  const std::vector<double> share = position_shares(slates, n_positions);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < slates.size(); ++i) {
    double* row = out.data() + i * 3 * n_positions;
    const std::size_t first = slates.slate_offsets[i];
    double above = 1;
    for (std::size_t s = first; s < slates.slate_offsets[i + 1]; ++s) {
      const std::size_t k = s - first;
      const double w = slates.cascade.evaluation[s] / slates.cascade.behavior[s];
      row[k] = share[k] * w * (slates.reward[s] - q_of_shown(slates, s));
      row[n_positions + k] = w;
      row[2 * n_positions + k] = (k == 0 ? 1.0 : share[k - 1]) * above * baseline_of(slates, s);
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

PointEstimate estimate_slates(const SlateEstimatorEntry& estimator, const SlateColumns& slates) {
  if (slates.size() == 0)
    throw Error(ErrorKind::kInput, estimator.name + ": there are no slates to estimate from");
  if (!estimator.fits(slates))
    throw Error(ErrorKind::kInput, estimator.name + ": the slates lack columns that it reads");
  const std::size_t n_positions = slates.n_positions();
  const TermLayout layout = estimator.layout(n_positions);
  std::vector<double> terms(slates.size() * layout.n_columns);
  estimator.terms(slates, n_positions, terms);
  return estimate_terms(layout, terms);
}

}  // namespace rehearsal
