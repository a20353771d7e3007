#include "analysis/estimators.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "analysis/estimator_terms.h"

namespace rehearsal {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// --- hyper-parameters ------------------------------------------------------------

Hyperparameter cut(const std::string& help) {
  return {"lambda", 0, kInf, 10, {0.5, 2, 10, kInf}, help, true};
}

Hyperparameter clip() { return cut("weights above it count as it; inf leaves them as they are"); }

Hyperparameter switch_at() {
  return cut("weights above it count as 0; inf leaves them as they are");
}

Hyperparameter optimistic() {
  return {"lambda", 0, kInf, 100, {0.5, 10, 100, kInf}, "inf leaves weights as they are"};
}

Hyperparameter sub_gaussian() {
  return {"lambda", 0, 1, 0.1, {0, 0.01, 0.1, 0.5}, "0 leaves weights as they are"};
}

Hyperparameter implicit() {
  return {"gamma", 0, kInf, 0.01, {0, 0.01, 0.1}, "added to propensities; 0 leaves them"};
}

Hyperparameter exponent() {
  return {"exponent", 0, 1, 0.9, {0.5, 0.9, 1}, "of propensities; 1 leaves them"};
}

Hyperparameter logarithmic() {
  return {"lambda", 0, kInf, 0.1, {0, 0.01, 0.1, 0.5}, "0 leaves w r as it is"};
}

std::vector<EstimatorEntry> unbiased() {
  using namespace terms;
  return {
      {"ips",
       "whole-page importance weights: unbiased whatever users do, large variance",
       "Horvitz and Thompson, JASA 1952; Precup et al., ICML 2000",
       {Need::kPage},
       mean,
       ips<shrinkage::None>,
       "ipw"},
      {"snips",
       "whole-page weights divided by their mean",
       "Swaminathan and Joachims, NIPS 2015",
       {Need::kPage},
       self_normalized,
       snips<shrinkage::None>,
       "snipw"},
      {"iips",
       "item-position weights: each slot's reward depends on its own module alone",
       "Li et al., KDD 2018",
       {Need::kItemPosition},
       mean,
       iips},
      {"sniips",
       "item-position weights divided by their mean at each slot",
       "Li et al., KDD 2018; Swaminathan and Joachims, NIPS 2015",
       {Need::kItemPosition},
       per_slot,
       sniips},
      {"rips",
       "cascade weights: a slot's reward depends on it and the slots above",
       "McInerney et al., KDD 2020",
       {Need::kCascade},
       mean,
       rips},
      {"snrips",
       "cascade weights divided by their mean at each slot",
       "McInerney et al., KDD 2020",
       {Need::kCascade},
       per_slot,
       snrips},
      {"pi",
       "pseudo-inverse: the page's reward is a sum over (slot, module)",
       "Swaminathan et al., NIPS 2017",
       {Need::kPseudoInverse},
       mean,
       pi},
      {"snpi",
       "pseudo-inverse weights divided by their mean",
       "Swaminathan et al., NIPS 2017",
       {Need::kPseudoInverse},
       self_normalized,
       snpi},
      {"dm",
       "direct method: the reward model alone, biased where it is wrong",
       "Beygelzimer and Langford, KDD 2009",
       {Need::kQHat},
       mean,
       dm},
      {"dr",
       "doubly robust: the reward model, corrected by item-position weights",
       "Dudik et al., Statistical Science 2014",
       {Need::kItemPosition, Need::kQHat},
       mean,
       dr<shrinkage::None>},
      {"sndr",
       "doubly robust with weights divided by their mean at each slot",
       "Dudik et al., Statistical Science 2014; Swaminathan and Joachims, NIPS 2015",
       {Need::kItemPosition, Need::kQHat},
       direct_and_per_slot,
       sndr},
  };
}

/// Weights that are bounded or bent: named with their hyper-parameter.
std::vector<EstimatorEntry> shrunken() {
  using namespace terms;
  using namespace shrinkage;
  const std::vector<Need> weights{Need::kPage}, model{Need::kItemPosition, Need::kQHat};
  const std::vector<Need> propensities{Need::kPage, Need::kPscore};
  const std::vector<Need> both{Need::kItemPosition, Need::kQHat, Need::kPscore};
  return {
      {"ips_clip", "whole-page weights, none above lambda", "Ionides, JCGS 2008", weights, mean,
       ips<Clip>, "ipw_clip", clip()},
      {"snips_clip", "whole-page weights, none above lambda, divided by their mean",
       "Swaminathan and Joachims, NIPS 2015", weights, self_normalized, snips<Clip>, "snipw_clip",
       clip()},
      {"dr_clip", "doubly robust, no weight above lambda", "Su et al., ICML 2020", model, mean,
       dr<Clip>, "", clip()},
      {"switch_ips", "whole-page weights, those above lambda left out", "Wang et al., ICML 2017",
       weights, mean, ips<Switch>, "switch_ipw", switch_at()},
      {"switch_dr", "doubly robust where the weight is at most lambda, the reward model elsewhere",
       "Wang et al., ICML 2017, section 3.2", model, mean, dr<Switch>, "", switch_at()},
      {"dros_ips", "whole-page weights lambda w / (w^2 + lambda)", "Su et al., ICML 2020", weights,
       mean, ips<Optimistic>, "dros_ipw", optimistic()},
      {"dros", "doubly robust with weights lambda w / (w^2 + lambda)", "Su et al., ICML 2020",
       model, mean, dr<Optimistic>, "", optimistic()},
      {"sgips", "whole-page weights w / (1 - lambda + lambda w)", "Metelli et al., NeurIPS 2021",
       weights, mean, ips<SubGaussian>, "sgipw", sub_gaussian()},
      {"sgdr", "doubly robust with weights w / (1 - lambda + lambda w)",
       "Metelli et al., NeurIPS 2021", model, mean, dr<SubGaussian>, "", sub_gaussian()},
      {"ix", "implicit exploration: weights pi / (mu + gamma); single actions",
       "Kocak et al., NIPS 2014; Gabbianelli et al., ALT 2024", propensities, mean,
       ips<ImplicitExploration>, "", implicit()},
      {"ix_dr", "doubly robust with weights pi / (mu + gamma); single actions",
       "Kocak et al., NIPS 2014", both, mean, dr<ImplicitExploration>, "", implicit()},
      {"es", "exponential smoothing: weights pi / mu^exponent; single actions",
       "Aouali et al., ICML 2023", propensities, mean, ips<ExponentialSmoothing>, "", exponent()},
      {"es_dr", "doubly robust with weights pi / mu^exponent; single actions",
       "Aouali et al., ICML 2023", both, mean, dr<ExponentialSmoothing>, "", exponent()},
      {"ls", "logarithmic smoothing: log(1 + lambda w r) / lambda, for rewards of at least 0",
       "Sakhi et al., NeurIPS 2024", weights, mean, log_smoothing, "", logarithmic()},
  };
}

std::vector<EstimatorEntry> action_table() {
  std::vector<EstimatorEntry> all = unbiased();
  for (EstimatorEntry& entry : shrunken()) all.push_back(std::move(entry));
  return all;
}

/// By name or alias.
const EstimatorEntry* find(const std::string& name) {
  for (const EstimatorEntry& entry : estimators().entries())
    if (entry.name == name || (!entry.alias.empty() && entry.alias == name)) return &entry;
  return nullptr;
}

}  // namespace

std::optional<double> parameter_of(const std::string& family, const std::string& text) {
  if (text.size() < family.size() + 2 || text.compare(0, family.size(), family) != 0 ||
      text[family.size()] != '_')
    return std::nullopt;
  const std::string number = text.substr(family.size() + 1);
  if (number == "inf") return kInf;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || !(value >= 0) ||
      value == kInf)
    return std::nullopt;
  return value;
}

std::string parameter_text(double parameter) { return fmt::format("{:.12g}", parameter); }

Estimator estimator_at(const EstimatorEntry& entry, double parameter) {
  return {&entry, parameter, entry.name + "_" + parameter_text(parameter)};
}

Estimator parse_estimator(const std::string& name, const std::string& where) {
  if (const EstimatorEntry* entry = find(name)) {
    if (!entry->parameter) return {entry, 0, entry->name};
    return estimator_at(*entry, entry->parameter->default_value);
  }
  const std::size_t underscore = name.rfind('_');
  const std::string family = name.substr(0, underscore == std::string::npos ? 0 : underscore);
  const EstimatorEntry* entry = find(family);
  const std::optional<double> value = parameter_of(family, name);
  if (entry == nullptr || !entry->parameter || !value) {
    estimators().at(name, where);  // says what is known
    REHEARSAL_CHECK(!"an unknown name");
  }
  const Hyperparameter& allowed = *entry->parameter;
  if (*value < allowed.low || *value > allowed.high)
    throw Error(ErrorKind::kInput,
                fmt::format("{}{}{}: {} is {}, allowed is [{}, {}]", where,
                            where.empty() ? "" : ": ", name, allowed.name, parameter_text(*value),
                            parameter_text(allowed.low), parameter_text(allowed.high)));
  return estimator_at(*entry, *value);
}

bool EstimatorEntry::uses(Need need) const {
  return std::find(needs.begin(), needs.end(), need) != needs.end();
}

const Registry<EstimatorEntry>& estimators() {
  static const Registry<EstimatorEntry> registry("estimator", action_table());
  return registry;
}

double ratio_value(const TermLayout& layout, std::span<const double> sums, double n_rounds) {
  double value = 0;
  for (const RatioPart& part : layout.parts) {
    const double denominator =
        part.denominator == RatioPart::kRounds ? n_rounds : sums[part.denominator];
    if (denominator == 0) return std::numeric_limits<double>::quiet_NaN();
    value += sums[part.numerator] / denominator;
  }
  return value;
}

void ratio_gradient(const TermLayout& layout, std::span<const double> sums, double n_rounds,
                    std::span<double> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (const RatioPart& part : layout.parts) {
    const bool by_rounds = part.denominator == RatioPart::kRounds;
    const double denominator = by_rounds ? n_rounds : sums[part.denominator];
    gradient[part.numerator] += 1 / denominator;
    gradient[by_rounds ? layout.n_columns : part.denominator] -=
        sums[part.numerator] / (denominator * denominator);
  }
}

double estimate_value(const Estimator& estimator, const WeightedRounds& rounds,
                      std::size_t n_slots) {
  if (rounds.size() == 0)
    throw Error(ErrorKind::kInput, estimator.name + ": there are no rounds to estimate from");
  const TermLayout layout = estimator.layout(n_slots);
  std::vector<double> terms(rounds.size() * layout.n_columns);
  estimator.terms(rounds, n_slots, terms);
  std::vector<double> sums(layout.n_columns, 0.0);
  for (std::size_t i = 0; i < rounds.size(); ++i)
    for (std::size_t c = 0; c < layout.n_columns; ++c) sums[c] += terms[i * layout.n_columns + c];
  return ratio_value(layout, sums, static_cast<double>(rounds.size()));
}

}  // namespace rehearsal
