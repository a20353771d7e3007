#include "analysis/interval_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/confidence_sequences.h"
#include "analysis/off_policy_sequences.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

Interval normal(const IntervalInput& in, const IntervalOptions& options) {
  return normal_interval(in.value, in.standard_error, options.confidence);
}

Interval student_t(const IntervalInput& in, const IntervalOptions& options) {
  if (in.n_units < 2) return {in.value, kNan, kNan};
  const double variance = in.standard_error * in.standard_error * in.n_units;
  return student_t_interval({in.n_units, in.value, variance}, options.confidence);
}

Interval poisson_bootstrap(const IntervalInput& in, const IntervalOptions& options) {
  std::vector<double> values(in.resampled.begin(), in.resampled.end());
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.size() < 2) return {in.value, kNan, kNan};
  return {in.value, sample_quantile(values, 0.5 - options.confidence / 2),
          sample_quantile(values, 0.5 + options.confidence / 2)};
}

template <BootstrapKind kind>
Interval multinomial_bootstrap(const IntervalInput& in, const IntervalOptions& options) {
  const BootstrapOptions how{options.n_bootstrap, options.confidence, kind};
  return bootstrap_interval(*in.sums, in.statistic, how, addressed_resampler(options.rng)).interval;
}

Interval hoeffding(const IntervalInput& in, const IntervalOptions& options) {
  return hoeffding_interval(moments_within(in.terms, in.range), in.range, options.confidence);
}

Interval empirical_bernstein(const IntervalInput& in, const IntervalOptions& options) {
  return empirical_bernstein_interval(moments_within(in.terms, in.range), in.range,
                                      options.confidence);
}

/// Reads a sequence of terms in [0, 1] at its end, on the scale of the range.
template <class Sequence>
Interval read_sequence(Sequence sequence, const IntervalInput& in) {
  moments_within(in.terms, in.range);  // says which term is outside
  for (const double term : in.terms)
    sequence.add(std::clamp((term - in.range.low) / in.range.width(), 0.0, 1.0));
  const Interval unit = sequence.interval();
  return {in.value, in.range.low + in.range.width() * unit.low,
          in.range.low + in.range.width() * unit.high};
}

Interval betting(const IntervalInput& in, const IntervalOptions& options) {
  return read_sequence(HedgedBetting(1 - options.confidence), in);
}

Interval bernstein_sequence(const IntervalInput& in, const IntervalOptions& options) {
  return read_sequence(EmpiricalBernsteinSequence(1 - options.confidence), in);
}

Interval mixture_sequence(const IntervalInput& in, const IntervalOptions& options) {
  return read_sequence(NormalMixture(0.5, in.n_units, 1 - options.confidence), in);
}

Interval asymptotic_sequence(const IntervalInput& in, const IntervalOptions& options) {
  if (in.n_units < 2) return {in.value, kNan, kNan};
  AsymptoticSequence sequence(in.n_units, 1 - options.confidence);
  for (const double term : in.terms) sequence.add(term);
  const Interval at_end = sequence.interval();
  return {in.value, at_end.low, at_end.high};
}

Interval off_policy_betting(const IntervalInput& in, const IntervalOptions& options) {
  if (!(in.max_weight > 0))
    throw Error(ErrorKind::kInput, "needs the largest importance weight possible (max_weight)");
  OffPolicyBetting sequence(1 - options.confidence, std::max(in.max_weight, 1 + 1e-6));
  for (std::size_t u = 0; u < in.terms.size(); ++u)
    sequence.add(in.weights[u], in.weights[u] > 0 ? in.terms[u] / in.weights[u] : 0.0);
  const Interval at_end = sequence.interval();
  return {in.value, at_end.low, at_end.high};
}

Interval gamma_exponential(const IntervalInput& in, const IntervalOptions& options) {
  GammaExponentialLower lower((1 - options.confidence) / 2), upper((1 - options.confidence) / 2);
  for (std::size_t u = 0; u < in.terms.size(); ++u) {
    lower.add(in.terms[u]);
    upper.add(in.weights[u] - in.terms[u]);
  }
  return {in.value, lower.lower(), 1 - upper.lower()};
}

/// Either side is a bound from below: of w r, and of w (1 - r), whose means add up to 1.
Interval hcope(const IntervalInput& in, const IntervalOptions& options) {
  std::vector<double> rest(in.weights.begin(), in.weights.end());
  for (std::size_t u = 0; u < rest.size(); ++u) rest[u] = std::max(0.0, rest[u] - in.terms[u]);
  const double delta = (1 - options.confidence) / 2;
  return {in.value, std::max(0.0, hcope_lower(in.terms, delta)),
          std::min(1.0, 1 - hcope_lower(rest, delta))};
}

Interval clopper_pearson(const IntervalInput& in, const IntervalOptions& options) {
  if (!(in.max_weight > 0))
    throw Error(ErrorKind::kInput, "needs the largest importance weight possible (max_weight)");
  double sum = 0;
  for (const double term : in.terms) sum += term;
  const Interval found = vw_clopper_pearson_interval(sum, in.n_units, std::max(1.0, in.max_weight),
                                                     options.confidence);
  return {in.value, found.low, found.high};
}

std::vector<IntervalEntry> kinds_table() {
  using Reads = IntervalReads;
  return {
      {"normal", "value +- z standard errors, by user", "the central limit theorem", Reads::kError,
       normal},
      {"student_t", "value +- t standard errors, users less 1 degrees of freedom",
       "Student, Biometrika 1908", Reads::kError, student_t},
      {"bootstrap", "percentiles of Poisson resamples of users, drawn in one pass",
       "Efron, Annals of Statistics 1979; Chamandy et al., 2012", Reads::kResamples,
       poisson_bootstrap},
      {"percentile_bootstrap", "percentiles of resamples of users with replacement",
       "Efron, Annals of Statistics 1979", Reads::kUnits,
       multinomial_bootstrap<BootstrapKind::kPercentile>},
      {"bca_bootstrap", "the same, bias-corrected and accelerated: for skewed weights",
       "Efron, JASA 1987", Reads::kUnits, multinomial_bootstrap<BootstrapKind::kBca>},
      {"hoeffding", "holds at every size of log, from the range alone; wide",
       "Hoeffding, JASA 1963", Reads::kBounded, hoeffding},
      {"empirical_bernstein", "holds at every size of log, from range and variance",
       "Maurer and Pontil, COLT 2009", Reads::kBounded, empirical_bernstein},
      {"betting_cs", "hedged betting: holds at all times at once, whenever one looks",
       "Waudby-Smith and Ramdas, JRSS B 2024", Reads::kBounded, betting},
      {"empirical_bernstein_cs", "at all times at once, predictable plug-in empirical Bernstein",
       "Waudby-Smith and Ramdas, JRSS B 2024", Reads::kBounded, bernstein_sequence},
      {"normal_mixture_cs", "at all times at once, from the range alone",
       "Howard et al., Annals of Statistics 2021", Reads::kBounded, mixture_sequence},
      {"asymptotic_cs", "at all times at once, as normal intervals hold: for large logs",
       "Waudby-Smith et al., Annals of Statistics 2024", Reads::kUnits, asymptotic_sequence},
      {"off_policy_betting_cs",
       "at all times at once, for snips: bets on weighted rewards, hedged by the weights' mean of "
       "1",
       "Karampatziakis et al., ICML 2021", Reads::kWeighted, off_policy_betting},
      {"gamma_exponential_cs",
       "at all times at once, for snips: no bound on weights; needs the range of rewards alone",
       "Howard et al., Annals of Statistics 2021; Karampatziakis et al., ICML 2021",
       Reads::kWeighted, gamma_exponential},
      {"hcope", "for snips: bounds of clipped weighted rewards; needs the range of rewards alone",
       "Thomas et al., AAAI 2015", Reads::kWeighted, hcope},
      {"clopper_pearson",
       "for snips of rewards of 0 or 1: exact where no weight differs from 1; with others a "
       "heuristic, sum(w r) / max_weight successes of n / max_weight",
       "Clopper and Pearson, Biometrika 1934; VowpalWabbit", Reads::kWeighted, clopper_pearson},
  };
}

}  // namespace

const Registry<IntervalEntry>& interval_kinds() {
  static const Registry<IntervalEntry> registry("interval", kinds_table());
  return registry;
}

std::optional<Range> term_range(const Estimator& estimator, const Range& reward,
                                double max_weight) {
  const TermLayout layout = estimator.layout(1);
  if (layout.parts.size() != 1 || layout.parts[0].denominator != RatioPart::kRounds)
    return std::nullopt;
  const EstimatorEntry& entry = *estimator.entry;
  const bool models = entry.uses(Need::kQHat);
  if (models && entry.needs.size() == 1) return reward;
  double weight = max_weight > 0 ? max_weight : std::numeric_limits<double>::infinity();
  if (entry.parameter && entry.parameter->caps_weights)
    weight = std::min(weight, estimator.parameter);
  if (std::isinf(weight))
    throw Error(ErrorKind::kInput, estimator.name +
                                       ": a bound needs the largest importance weight possible "
                                       "(max_weight), known beforehand, not read off the log");
  const double least = std::min(reward.low, 0.0), most = std::max(reward.high, 0.0);
  if (models) return Range{least - weight * (most - least), most + weight * (most - least)};
  if (entry.uses(Need::kPseudoInverse)) {  // these weights may be negative
    const double either = weight * std::max(-least, most);
    return Range{-either, either};
  }
  return Range{weight * least, weight * most};
}

}  // namespace rehearsal
