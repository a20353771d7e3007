#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "analysis/diagnostics.h"
#include "analysis/estimators.h"
#include "analysis/intervals.h"
#include "scenarios/action_log.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// One candidate's columns.
struct ActionColumns {
  std::vector<double> weight;  // (n_rounds)
  std::vector<double> direct;  // (n_rounds), empty without q_hat
  WeightStats stats;
};

/// An estimate of one candidate, with what lifts need.
struct Scored {
  double value = 0;
  std::vector<double> influence;  // (n_users) first-order effect of each user on the value
};

bool needs_q_hat(const Estimator& estimator) { return estimator.entry->uses(Need::kQHat); }

std::vector<Estimator> chosen(const ActionEvaluation& options) {
  std::vector<Estimator> entries;
  if (options.estimators.empty()) {
    for (const char* name : {"ips", "snips", "dm", "dr", "sndr"}) {
      const Estimator estimator = parse_estimator(name);
      if (!needs_q_hat(estimator) || options.q_hat != nullptr) entries.push_back(estimator);
    }
    return entries;
  }
  for (const std::string& name : options.estimators) {
    const Estimator estimator = parse_estimator(name, "--estimators");
    if (needs_q_hat(estimator) && options.q_hat == nullptr)
      throw Error(ErrorKind::kInput, name + ": needs a reward model: give --q-hat FILE.h5:DATASET");
    entries.push_back(estimator);
  }
  return entries;
}

std::vector<double> direct_term(const ActionLog& log, const ActionCandidate& candidate,
                                const ActionTable& q_hat) {
  if (!candidate.expected_q_hat.empty()) return candidate.expected_q_hat;
  if (!q_hat.complete() || !candidate.policy.complete())
    throw Error(
        ErrorKind::kInput,
        fmt::format("{}: '{}' is known for the logged actions only, so the expectation of "
                    "q_hat under '{}' is not: give --q-hat-expected {}=FILE.h5:DATASET",
                    candidate.name, q_hat.complete() ? candidate.policy.name() : q_hat.name(),
                    candidate.name, candidate.name));
  std::vector<double> direct(log.size(), 0.0);
  for (std::size_t i = 0; i < log.size(); ++i)
    for (std::size_t a = 0; a < log.n_actions; ++a)
      direct[i] += candidate.policy.at(i, a) * q_hat.at(i, a);
  return direct;
}

ActionColumns columns_of(const ActionLog& log, const ActionCandidate& candidate,
                         const ActionTable* q_hat, bool with_direct) {
  candidate.policy.require_probabilities();
  ActionColumns columns;
  columns.weight.resize(log.size());
  for (std::size_t i = 0; i < log.size(); ++i) {
    columns.weight[i] = candidate.policy.logged(i) / log.pscore[i];
    columns.stats.add(columns.weight[i]);
  }
  columns.stats.settle();
  if (with_direct) columns.direct = direct_term(log, candidate, *q_hat);
  return columns;
}

Scored score(const Estimator& estimator, const WeightedRounds& rounds, const ActionLog& log) {
  const TermLayout layout = estimator.layout(1);
  const std::size_t width = layout.n_columns;
  std::vector<double> terms(log.size() * width);
  estimator.terms(rounds, 1, terms);
  std::vector<double> sums(width, 0.0);
  for (std::size_t i = 0; i < log.size(); ++i)
    for (std::size_t c = 0; c < width; ++c) sums[c] += terms[i * width + c];
  const double n = static_cast<double>(log.size());
  std::vector<double> gradient(width + 1);
  ratio_gradient(layout, sums, n, gradient);
  Scored scored;
  scored.value = ratio_value(layout, sums, n);
  for (std::size_t i = 0; i < log.size(); ++i) {
    double effect = gradient[width];
    for (std::size_t c = 0; c < width; ++c) effect += gradient[c] * terms[i * width + c];
    if (i == 0 || log.user[i] != log.user[i - 1]) scored.influence.push_back(0);
    scored.influence.back() += effect;
  }
  return scored;
}

double standard_error(const std::vector<double>& influence) {
  const double n = static_cast<double>(influence.size());
  if (n < 2) return 0;
  const double squares =
      std::inner_product(influence.begin(), influence.end(), influence.begin(), 0.0);
  return std::sqrt(squares * n / (n - 1));
}

void set_lift(const Scored& own, const Scored& baseline, Estimate& out) {
  if (!(baseline.value > 0)) {
    out.warnings.emplace_back("no lift: the baseline's value is not above 0");
    return;
  }
  const double ratio = own.value / baseline.value;
  std::vector<double> influence(own.influence.size());
  for (std::size_t u = 0; u < influence.size(); ++u)
    influence[u] = (own.influence[u] - ratio * baseline.influence[u]) / baseline.value;
  out.lift_standard_error = standard_error(influence);
  out.lift = normal_interval(ratio - 1, out.lift_standard_error, out.confidence);
}

Estimate describe(const Estimator& estimator, const Scored& scored, const ActionColumns& columns,
                  double confidence) {
  Estimate out;
  out.estimator = estimator.name;
  out.metric = "ctr";
  out.value = scored.value;
  out.confidence = confidence;
  out.standard_error = standard_error(scored.influence);
  const Interval interval = normal_interval(out.value, out.standard_error, confidence);
  out.low = interval.low;
  out.high = interval.high;
  const double n = columns.stats.n;
  const bool weighted = estimator.entry->needs != std::vector<Need>{Need::kQHat};
  out.ess = n;
  out.max_weight = 1;
  if (weighted) set_weight_diagnostics(std::span(&columns.stats, 1), n, out);
  return out;
}

}  // namespace

std::vector<std::vector<Estimate>> evaluate_actions(const ActionLog& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options) {
  if (log.size() == 0) throw Error(ErrorKind::kInput, "evaluate: the log has no rounds");
  const std::vector<Estimator> entries = chosen(options);
  const bool with_q_hat = std::any_of(entries.begin(), entries.end(), needs_q_hat);
  std::vector<double> q_hat;
  for (std::size_t i = 0; with_q_hat && i < log.size(); ++i)
    q_hat.push_back(options.q_hat->logged(i));
  std::vector<std::uint32_t> offsets(log.size() + 1);
  std::iota(offsets.begin(), offsets.end(), 0U);
  std::vector<std::vector<Scored>> scored(candidates.size());
  std::vector<std::vector<Estimate>> estimates(candidates.size());
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const ActionColumns columns = columns_of(log, candidates[c], options.q_hat, with_q_hat);
    const WeightedRounds rounds{offsets,        log.reward,     columns.weight,
                                columns.weight, columns.weight, columns.weight,
                                q_hat,          columns.direct, log.pscore};
    for (const Estimator& entry : entries) {
      scored[c].push_back(score(entry, rounds, log));
      estimates[c].push_back(describe(entry, scored[c].back(), columns, options.confidence));
    }
  }
  if (options.baseline < 0) return estimates;
  const auto& baseline = scored[static_cast<std::size_t>(options.baseline)];
  for (std::size_t c = 0; c < candidates.size(); ++c)
    for (std::size_t e = 0; e < entries.size(); ++e)
      set_lift(scored[c][e], baseline[e], estimates[c][e]);
  return estimates;
}

}  // namespace rehearsal
