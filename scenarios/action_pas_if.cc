#include <fmt/format.h>

#include <cmath>

#include "analysis/pas_if.h"
#include "scenarios/action_log.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr double kLeastWeight = 1e-3;  // smaller weights look alike to the sampling rule

void check_behavior(const ActionLog& log, const ActionRows& behavior, const std::string& name) {
  behavior.require_probabilities();
  for (std::size_t i = 0; i < log.size(); ++i) {
    const double stated = behavior.logged(i);
    if (std::abs(stated - log.pscore[i]) > 1e-6 * log.pscore[i])
      throw Error(ErrorKind::kInput,
                  fmt::format("--behavior {}: gives the logged action of round {} probability {}, "
                              "the log {}",
                              name, i, stated, log.pscore[i]));
  }
}

/// Features of (context, action) are functions of the weight: a rule that gives rounds to the
/// pseudo-target in proportion to w / (1 + w) makes weights like the log's own.
BanditColumns bandit_columns(const ActionLog& log, const ActionRows& policy,
                             const ActionRows& behavior) {
  const auto n = static_cast<Eigen::Index>(log.size());
  const auto n_actions = static_cast<Eigen::Index>(log.shape.n_actions);
  BanditColumns out;
  out.behavior.resize(n, n_actions);
  out.evaluation.resize(n, n_actions);
  out.features.resize(n * n_actions, 2);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index a = 0; a < n_actions; ++a) {
      const auto round = static_cast<std::size_t>(i), action = static_cast<std::size_t>(a);
      const double mu = behavior.at(round, action), pi = policy.at(round, action);
      const double w = std::max(mu > 0 ? pi / mu : 0.0, kLeastWeight);
      out.behavior(i, a) = mu;
      out.evaluation(i, a) = pi;
      out.features(i * n_actions + a, 0) = std::log(w);
      out.features(i * n_actions + a, 1) = w / (1 + w);
    }
  out.action = log.action;
  out.reward = log.reward;
  return out;
}

/// An estimator's value of the pseudo-target from the pseudo-log.
double pseudo_value(const Estimator& estimator, const PseudoLog& part, const ActionRows* q_hat) {
  const bool models = estimator.entry->uses(Need::kQHat);
  std::vector<double> reward, weight, pscore, shown, direct;
  for (const std::uint32_t row : part.rows) {
    const auto i = static_cast<Eigen::Index>(row);
    reward.push_back(part.log.reward[row]);
    weight.push_back(part.weight(row));
    pscore.push_back(part.behavior(i, part.log.action[row]));
    if (!models) continue;
    shown.push_back(q_hat->logged(row));
    double expected = 0;
    for (std::size_t a = 0; a < part.log.n_actions(); ++a)
      expected += part.evaluation(i, static_cast<Eigen::Index>(a)) * q_hat->at(row, a);
    direct.push_back(expected);
  }
  const WeightedRounds rounds{{}, reward, weight, weight, weight, weight, shown, direct, pscore};
  return estimate_value(estimator, rounds, 1);
}

}  // namespace

Estimate choose_by_pas_if(const std::string& name, std::span<const Estimator> scored,
                          std::span<const Estimate> members, const ActionLog& log,
                          const ActionCandidate& candidate, const ActionEvaluation& options) {
  if (options.behavior == nullptr)
    throw Error(ErrorKind::kInput,
                "selection pas_if: needs the logging policy's probabilities of every action: give "
                "--behavior uniform or FILE.h5:DATASET");
  if (!options.behavior->complete() || !candidate.policy.complete())
    throw Error(ErrorKind::kInput,
                fmt::format("selection pas_if: '{}' is known for the logged actions only",
                            options.behavior->complete() ? candidate.policy.name()
                                                         : options.behavior->name()));
  const ActionRows behavior = options.behavior->rows(log);
  check_behavior(log, behavior, options.behavior->name());
  std::optional<ActionRows> q_hat;
  if (options.q_hat != nullptr) q_hat.emplace(options.q_hat->rows(log));
  std::vector<PseudoEstimator> tried;
  for (const Estimator& estimator : scored) {
    if (estimator.entry->uses(Need::kQHat) && !options.q_hat->complete())
      throw Error(ErrorKind::kInput, "selection pas_if: '" + options.q_hat->name() +
                                         "' is known for the logged actions only");
    tried.push_back({estimator.name, [&](const PseudoLog& part) {
                       return pseudo_value(estimator, part, q_hat ? &*q_hat : nullptr);
                     }});
  }
  const BanditColumns columns = bandit_columns(log, candidate.policy.rows(log), behavior);
  const PasIfResult result =
      pas_if(columns, tried, *logistic_sampling_rule(2), PasIfOptions{}, options.rng);
  Estimate out = members[result.index];
  Choice choice{out.estimator, "pas_if", result.reason, "rmse", {}};
  for (std::size_t e = 0; e < members.size(); ++e)
    choice.considered.push_back({members[e].estimator, members[e].value, std::sqrt(result.mse[e])});
  out.estimator = name;
  out.choice = std::move(choice);
  return out;
}

}  // namespace rehearsal
