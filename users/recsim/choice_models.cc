#include "users/recsim/choice_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/core/error.h"

namespace rehearsal::recsim {

namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::kInput, message); }

double above_normalizer(const ChoiceModel& model, double score, const char* what) {
  const double mass = score - model.min_normalizer;
  if (!(mass >= 0))
    refuse(fmt::format("{} {} is below min_normalizer {}", what, score, model.min_normalizer));
  return mass;
}

void logit(const ChoiceModel& model, std::span<const double> scores, std::span<double> out) {
  const std::size_t n = scores.size();
  double largest = model.no_click_mass;
  for (const double score : scores) largest = std::max(largest, score);
  out[n] = n == 0 ? 1 : std::exp(model.no_click_mass - largest);
  double sum = out[n];
  for (std::size_t i = 0; i < n; ++i) sum += out[i] = std::exp(scores[i] - largest);
  for (double& p : out) p /= sum;
}

void proportional(const ChoiceModel& model, std::span<const double> scores, std::span<double> out) {
  const std::size_t n = scores.size();
  double sum = out[n] = above_normalizer(model, model.no_click_mass, "no_click_mass");
  for (std::size_t i = 0; i < n; ++i)
    sum += out[i] = above_normalizer(model, scores[i], "the score");
  if (!(sum > 0)) refuse("neither an item nor no_click_mass is above min_normalizer");
  for (double& p : out) p /= sum;
}

void cascade(const ChoiceModel& model, std::span<const double> scores, std::span<double> out) {
  double looking = 1;
  double attention = model.attention;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double f = model.choice == Choice::kExponentialCascade
                         ? std::exp(scores[i])
                         : above_normalizer(model, scores[i], "the score");
    if (!(model.score_scaling * f <= 1))
      refuse(fmt::format("score_scaling {} is above {}, 1 over an item's attraction",
                         model.score_scaling, 1 / f));
    const double q = attention * model.score_scaling * f;
    out[i] = looking * q;
    looking *= 1 - q;
    if (model.attention_decays) attention *= model.attention;
  }
  out[scores.size()] = looking;
}

}  // namespace

void choice_probabilities(const ChoiceModel& model, std::span<const double> scores,
                          std::span<double> out) {
  REHEARSAL_CHECK(out.size() == scores.size() + 1);
  switch (model.choice) {
    case Choice::kMultinomialLogit:
      return logit(model, scores, out);
    case Choice::kMultinomialProportional:
      return proportional(model, scores, out);
    default:
      return cascade(model, scores, out);
  }
}

std::size_t chosen_by_item(bool cascade, std::span<const double> probabilities,
                           std::span<const double> uniforms) {
  const std::size_t n = probabilities.size() - 1;
  if (cascade) {
    double looking = 1;
    for (std::size_t i = 0; i < n; ++i) {
      if (uniforms[i] * looking < probabilities[i]) return i;
      looking -= probabilities[i];
    }
    return n;
  }
  std::size_t first = n;
  double earliest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i <= n; ++i) {
    if (!(probabilities[i] > 0)) continue;
    const double time = -std::log(uniforms[i]) / probabilities[i];
    if (time < earliest) {
      earliest = time;
      first = i;
    }
  }
  return first;
}

double lone_score(const ChoiceModel& model, double score) {
  if (model.choice == Choice::kMultinomialProportional)
    return above_normalizer(model, score, "the score");
  double out[2];
  choice_probabilities(model, {&score, 1}, out);
  return out[0];
}

Fields ChoiceConfig::add_to(Fields fields) {
  return fields
      .choice("choice", choice,
              {"multinomial_logit", "multinomial_proportional", "exponential_cascade",
               "proportional_cascade"},
              "how one item of the list, or none, is chosen")
      .add("no_click_mass", no_click_mass, -1e6, 1e6,
           "weight of no click: a logit, or for multinomial_proportional a score")
      .add("min_normalizer", min_normalizer, -1e6, 1e6,
           "what the proportional models take off every score")
      .add("attention", attention, 0, 1, "attention of a cascade to an item it comes to")
      .add("score_scaling", score_scaling, 0, 1e6, "factor of a cascade's scores")
      .choice("attention_form", attention_form, {"constant", "power"},
              "attention of rank k: constant as the published code has it, or attention^k as its "
              "comments do");
}

ChoiceModel ChoiceConfig::model() const {
  ChoiceModel model;
  model.choice = choice == "multinomial_logit"          ? Choice::kMultinomialLogit
                 : choice == "multinomial_proportional" ? Choice::kMultinomialProportional
                 : choice == "exponential_cascade"      ? Choice::kExponentialCascade
                                                        : Choice::kProportionalCascade;
  model.no_click_mass = no_click_mass;
  model.min_normalizer = min_normalizer;
  model.attention = attention;
  model.score_scaling = score_scaling;
  model.attention_decays = attention_form == "power";
  return model;
}

void check_choice(const ChoiceConfig& config, double low, double high, const PluginConfig& plugin) {
  const ChoiceModel model = config.model();
  const bool proportional = model.choice == Choice::kMultinomialProportional ||
                            model.choice == Choice::kProportionalCascade;
  if (proportional && low < model.min_normalizer)
    plugin.refuse("min_normalizer", fmt::format("{} is above the lowest possible score, {}",
                                                model.min_normalizer, low));
  if (model.choice == Choice::kMultinomialProportional &&
      model.no_click_mass <= model.min_normalizer)
    plugin.refuse("no_click_mass", fmt::format("{} is not above min_normalizer, {}",
                                               model.no_click_mass, model.min_normalizer));
  const double f = proportional ? high - model.min_normalizer : std::exp(high);
  if (model.cascade() && model.score_scaling * f > 1)
    plugin.refuse("score_scaling",
                  fmt::format("{} times the attraction {} of the highest possible score is above 1",
                              model.score_scaling, f));
}

}  // namespace rehearsal::recsim
