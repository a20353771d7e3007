#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include "sim/core/fields.h"

namespace rehearsal::recsim {

/// RecSim's choice models (Ie et al. 2019, arXiv 1909.04847; choice_model.py): at most one item of
/// a list is chosen, from scores s_i.
enum class Choice {
  kMultinomialLogit,         // p_i ~ exp(s_i), no click ~ exp(no_click_mass)
  kMultinomialProportional,  // p_i ~ s_i - n, no click ~ no_click_mass - n
  kExponentialCascade,       // q_i = attention scale exp(s_i), p_i = q_i prod_{j < i} (1 - q_j)
  kProportionalCascade,      // the same with q_i = attention scale (s_i - n)
};

struct ChoiceModel {
  Choice choice = Choice::kMultinomialProportional;
  double no_click_mass = 0;   // a logit, or a score that n shifts too; cascades have none
  double min_normalizer = 0;  // n
  double attention = 1;       // of a cascade, in [0, 1]
  double score_scaling = 1;   // of a cascade
  /// Published code: every rank has `attention`. Its comments: rank k = 1, 2, ... has attention^k.
  bool attention_decays = false;

  bool cascade() const {
    return choice == Choice::kExponentialCascade || choice == Choice::kProportionalCascade;
  }
};

/// A choice model as a part of a configuration.
struct ChoiceConfig {
  std::string choice = "multinomial_proportional";
  double no_click_mass = 0;
  double min_normalizer = 0;
  double attention = 1;
  double score_scaling = 1;
  std::string attention_form = "constant";

  Fields add_to(Fields fields);
  ChoiceModel model() const;
};

/// Exact probabilities of choosing each item; the last is that of choosing none.
/// Args: scores: (n).  out: (n + 1).
/// Raises: Error(kInput) where the published code's assertions fail: s_i - n >= 0,
///         no_click_mass - n >= 0, scale f(s_i) <= 1; and where every mass is 0.
void choice_probabilities(const ChoiceModel& model, std::span<const double> scores,
                          std::span<double> out);

/// Which outcome a uniform number falls on. Args: probabilities: of choice_probabilities.
/// Returns: an index; the last is no click.
inline std::size_t chosen(std::span<const double> probabilities, double u) {
  std::size_t i = 0;
  while (i + 1 < probabilities.size() && (u -= probabilities[i]) >= 0) ++i;
  return i;
}

/// The same with a number of each item's own, so that what is chosen depends on an item's luck and
/// not on its place: a race of exponential times for multinomial models; of a cascade, each item
/// when its turn comes. Args: uniforms: (n + 1) in (0, 1), of the items and of no click.
std::size_t chosen_by_item(bool cascade, std::span<const double> probabilities,
                           std::span<const double> uniforms);

/// What the code hands on as the score of a chosen item: s - n, or for the other models the
/// probability of choosing the item from a list of its own.
double lone_score(const ChoiceModel& model, double score);

/// Refuses a model that some scores in [low, high] break, however long the list.
/// Raises: Error(kInput) with the key.
void check_choice(const ChoiceConfig& config, double low, double high, const PluginConfig& plugin);

}  // namespace rehearsal::recsim
