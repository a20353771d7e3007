#include "users/fitting.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/core/error.h"
#include "users/fitters.h"

namespace rehearsal {

namespace {

struct Fitter {
  const char* model;
  bool whole_lists;
  ClickFit (*fit)(const std::string&, const ClickSessions&, const Shrinkage&);
};
constexpr Fitter kFitters[] = {
    {"pbm", false, fit_bilinear},  {"trust_bias", false, fit_bilinear},
    {"ubm", true, fit_bilinear},   {"cascade", true, fit_sequential},
    {"tcm", true, fit_sequential}, {"dcm", true, fit_sequential},
    {"dbn", true, fit_sequential}, {"sdbn", true, fit_sequential},
    {"ccm", true, fit_sequential},
};

/// One session as a page. A single impression stands at its rank among cells that attract nobody.
struct SessionPage {
  const ClickFit& fit;
  const ClickSessions& sessions;
  std::vector<std::uint32_t> row_offsets{};
  std::vector<double> attraction{}, satisfaction{};
  std::vector<std::uint8_t> clicks{};
  std::size_t first = 0;

  /// The cell of an impression.
  std::size_t cell(std::size_t j) const {
    return sessions.row_size > 0 ? j - first : sessions.rank[j];
  }

  std::size_t load(std::size_t i) {
    first = sessions.offsets[i];
    const std::size_t end = sessions.offsets[i + 1];
    const std::size_t n = first == end ? 0 : cell(end - 1) + 1;
    if (sessions.row_size > 0)
      page_rows(sessions, i, row_offsets);
    else
      row_offsets = {0, static_cast<std::uint32_t>(n)};
    attraction.assign(n, 0.0);
    satisfaction.assign(fit.satisfaction.empty() ? 0 : n, 0.0);
    clicks.assign(n, 0);
    for (std::size_t j = first; j < end; ++j) {
      const std::size_t r = cell(j);
      attraction[r] = fit.attraction[sessions.entity[j]];
      if (!satisfaction.empty()) satisfaction[r] = fit.satisfaction[sessions.entity[j]];
      clicks[r] = sessions.click[j];
    }
    return n;
  }
  PageCells cells() const { return {row_offsets, attraction, satisfaction}; }
};

}  // namespace

Shrinkage::Shrinkage(const ClickSessions& sessions) {
  std::vector<double> shown(sessions.n_entities, 0.0), clicked(sessions.n_entities, 0.0);
  double all = 0, clicks = 0;
  for (std::size_t j = 0; j < sessions.n_impressions(); ++j) {
    ++shown[sessions.entity[j]];
    clicked[sessions.entity[j]] += sessions.click[j];
    ++all;
    clicks += sessions.click[j];
  }
  const double mean = rate_ = clicks / all;
  double spread = 0, noise = 0, weight = all;
  for (std::size_t a = 0; a < shown.size(); ++a) {
    if (shown[a] == 0) continue;
    const double rate = clicked[a] / shown[a];
    spread += shown[a] * (rate - mean) * (rate - mean);
    noise += mean * (1 - mean) * (1 - shown[a] / all);
    weight -= shown[a] * shown[a] / all;
  }
  if (weight > 0) variance_ = std::max(0.0, (spread - noise) / weight);
}

double Shrinkage::strength(double mean, double sensitivity) const {
  if (variance_ <= 0) return std::numeric_limits<double>::infinity();
  return std::max(0.0, mean * (1 - mean) * sensitivity * sensitivity / variance_ - 1);
}

std::string ClickFit::yaml() const {
  std::string text = "{type: " + type;
  for (const auto& [key, value] : parameters) text += ", " + key + ": " + value;
  return text + "}";
}

std::unique_ptr<ClickModel> ClickFit::model() const {
  return click_models().at(type).make({YAML::Load(yaml()), {"", "fitted model"}});
}

std::vector<std::string> fittable_click_models() {
  std::vector<std::string> names;
  for (const Fitter& fitter : kFitters) names.emplace_back(fitter.model);
  return names;
}

ClickFit fit_clicks(const std::string& model, const ClickSessions& sessions) {
  const std::vector<std::string> known = fittable_click_models();
  const auto found = std::find(known.begin(), known.end(), model);
  if (found == known.end())
    throw Error(ErrorKind::kInput, unknown_name("model that can be fitted to a log", model, known));
  const Fitter& fitter = kFitters[found - known.begin()];
  if (fitter.whole_lists && !sessions.whole_lists)
    throw Error(ErrorKind::kInput,
                "model " + model +
                    " needs whole lists; this log holds single impressions at a position, to "
                    "which pbm and trust_bias can be fitted");
  if (std::count(sessions.click.begin(), sessions.click.end(), 1) == 0)
    throw Error(ErrorKind::kInput, "no clicks to fit a model to");
  return fitter.fit(model, sessions, Shrinkage(sessions));
}

std::vector<double> click_predictions(const ClickFit& fit, const ClickSessions& sessions,
                                      bool conditional) {
  const std::unique_ptr<ClickModel> model = fit.model();
  SessionPage page{fit, sessions};
  std::vector<double> all, examination, q;
  all.reserve(sessions.n_impressions());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const std::size_t n = page.load(i);
    examination.resize(n);
    q.resize(n);
    if (conditional)
      model->conditional(page.cells(), page.clicks, q);
    else
      model->marginals(page.cells(), examination, q);
    for (std::size_t j = sessions.offsets[i]; j < sessions.offsets[i + 1]; ++j)
      all.push_back(q[page.cell(j)]);
  }
  return all;
}

std::vector<double> mean_examination(const ClickFit& fit, const ClickSessions& sessions) {
  const std::unique_ptr<ClickModel> model = fit.model();
  SessionPage page{fit, sessions};
  std::vector<double> sum(sessions.n_ranks, 0.0), shown(sessions.n_ranks, 0.0), examination, q;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const std::size_t n = page.load(i);
    examination.resize(n);
    q.resize(n);
    model->marginals(page.cells(), examination, q);
    for (std::size_t j = sessions.offsets[i]; j < sessions.offsets[i + 1]; ++j) {
      sum[sessions.rank[j]] += examination[page.cell(j)];
      ++shown[sessions.rank[j]];
    }
  }
  for (std::size_t r = 0; r < sum.size(); ++r)
    if (shown[r] > 0) sum[r] /= shown[r];
  return sum;
}

ClickScore score_clicks(const std::vector<double>& q, const ClickSessions& sessions) {
  std::vector<double> sum(sessions.n_ranks, 0.0), shown(sessions.n_ranks, 0.0);
  ClickScore score;
  for (std::size_t j = 0; j < q.size(); ++j) {
    const double p = std::clamp(q[j], 1e-9, 1 - 1e-9);
    const double log_p = sessions.click[j] != 0 ? std::log(p) : std::log1p(-p);
    sum[sessions.rank[j]] += log_p;
    ++shown[sessions.rank[j]];
    score.log_likelihood += log_p / static_cast<double>(q.size());
  }
  for (std::size_t r = 0; r < sum.size(); ++r) {
    score.perplexity_at_rank.push_back(shown[r] > 0 ? std::exp(-sum[r] / shown[r]) : 1);
    score.perplexity += score.perplexity_at_rank[r] / static_cast<double>(sum.size());
  }
  return score;
}

std::vector<double> mean_n_clicks(const ClickFit& fit, const ClickSessions& sessions) {
  const std::unique_ptr<ClickModel> model = fit.model();
  SessionPage page{fit, sessions};
  std::vector<double> mean(sessions.whole_lists ? sessions.n_ranks + 1 : 2, 0.0);
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    page.load(i);
    const std::vector<double> pmf = model->n_clicks(page.cells());
    for (std::size_t k = 0; k < std::min(pmf.size(), mean.size()); ++k)
      mean[k] += pmf[k] / static_cast<double>(sessions.size());
  }
  return mean;
}

}  // namespace rehearsal
