#pragma once

#include <string>
#include <vector>

#include "users/click_model.h"
#include "users/click_sessions.h"

namespace rehearsal {

/// A click model fitted to a log: its own parameters, and what each entity is worth.
struct ClickFit {
  std::string type;
  std::vector<std::pair<std::string, std::string>> parameters;  // keys and values, in YAML
  std::vector<double> attraction;                               // (n_entities)
  std::vector<double> satisfaction;                             // (n_entities), or empty
  std::vector<std::string> notes;                               // what was assumed, in words
  std::size_t iterations = 0;
  std::vector<std::pair<std::string, double>> fitted{};  // the numbers among the parameters that
                                                         // carousel_page fits

  std::string yaml() const;  // "{type: .., ..}"
  std::unique_ptr<ClickModel> model() const;
};

/// The models that can be fitted.
std::vector<std::string> fittable_click_models();

/// Maximum likelihood of a model's parameters and of the attraction of each entity, which is shrunk
/// to the mean as far as its spread over entities is noise (beta-binomial, method of moments).
/// pbm, ubm, trust_bias by ascent over one group of parameters at a time; cascade, tcm, dcm, dbn,
/// sdbn and ccm by EM over the hidden examination and satisfaction.
/// Raises: Error(kInput) for an unknown model, no clicks, or a model of whole lists and a log of
/// single impressions.
ClickFit fit_clicks(const std::string& model, const ClickSessions& sessions);

/// How well click probabilities q predict clicks: log q(what happened), per impression, and
/// perplexity 2^(-mean log2), 1 being the ideal.
struct ClickScore {
  double log_likelihood = 0;               // mean of an impression
  double perplexity = 0;                   // mean over ranks
  std::vector<double> perplexity_at_rank;  // (n_ranks)
};

/// What the model says of every impression. Args: conditional: given the clicks above it.
/// Returns: (n_impressions) probabilities.
std::vector<double> click_predictions(const ClickFit& fit, const ClickSessions& sessions,
                                      bool conditional);
/// Mean P(examined) at each rank over the pages of the sessions, (n_ranks).
std::vector<double> mean_examination(const ClickFit& fit, const ClickSessions& sessions);
/// Args: q: (n_impressions), each kept inside [1e-9, 1 - 1e-9].
ClickScore score_clicks(const std::vector<double>& q, const ClickSessions& sessions);
/// P(k clicks on a page), mean over the pages; of single impressions: k = 0, 1.
std::vector<double> mean_n_clicks(const ClickFit& fit, const ClickSessions& sessions);

}  // namespace rehearsal
