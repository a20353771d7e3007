#include <algorithm>

#include "analysis/action_rounds.h"
#include "analysis/cross_fit.h"
#include "analysis/selection.h"
#include "scenarios/literature/additive_logistic.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

struct ObpBanditConfig {
  std::int64_t rounds = 10000, actions = 10, features = 5, folds = 3;
  double beta = 1;
  std::string policy = "learner";

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 100000000, "of the log, and of one that the learner sees")
        .add("actions", actions, 2, 10000, "actions")
        .add("features", features, 1, 1000, "of the context, standard normal")
        .add("beta", beta, -100, 100, "the logging policy is softmax(beta q)")
        .choice("policy", policy, {"learner", "uniform"},
                "who is evaluated; learner: the action of the largest linear prediction")
        .add("folds", folds, 2, 20, "of the cross-fitted reward model");
  }
};

struct BanditLog {
  std::vector<double> context, q, reward, pscore;
  std::vector<std::uint32_t> action;
};

class ObpBandit final : public Benchmark {
 public:
  explicit ObpBandit(const ObpBanditConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.actions)),
        d_(static_cast<std::size_t>(config.features)) {}

  Trial run(const Rng& rng) const override {
    Stream world = rng.stream(Draw::kWorld, {});
    const BilinearLogits base(m_, d_, world);
    const BanditLog log = draw(rng, base, 0);
    const std::vector<double> pi = c_.policy == "uniform"
                                       ? std::vector<double>(n_ * m_, 1 / static_cast<double>(m_))
                                       : greedy(draw(rng, base, 1), log.context);
    double truth = 0;
    for (std::size_t j = 0; j < pi.size(); ++j) truth += pi[j] * log.q[j] / static_cast<double>(n_);
    const std::vector<double> q_hat = cross_fit(
        rounds_of(log), [] { return make_additive_logistic(); }, static_cast<std::size_t>(c_.folds),
        rng);
    const ActionRounds rounds{m_, log.action, log.reward, log.pscore, pi, q_hat};
    Trial trial;
    std::vector<Estimator> chosen;
    for (const char* name : {"dm", "ips", "snips", "dr", "sndr"})
      chosen.push_back(parse_estimator(name));
    const std::vector<PointEstimate> estimates = estimate_actions(chosen, rounds);
    for (std::size_t e = 0; e < chosen.size(); ++e)
      trial.add(chosen[e].name, estimates[e].value, truth);
    for (const char* family : {"switch_dr", "dros"})
      trial.add(family, tuned(family, rounds), truth);
    return trial;
  }

 private:
  /// A family at the hyper-parameter that SLOPE picks, as the published script does.
  static double tuned(const std::string& family, const ActionRounds& rounds) {
    const EstimatorEntry& entry = estimators().at(family);
    std::vector<std::vector<double>> terms;
    std::vector<FamilyMember> members;
    for (const double value : entry.parameter->grid)
      terms.push_back(action_terms(estimator_at(entry, value), rounds));
    for (std::size_t m = 0; m < terms.size(); ++m)
      members.push_back({parameter_text(entry.parameter->grid[m]), terms[m], {}});
    return select(family, members, {}, {}).value;
  }

  ContextRounds rounds_of(const BanditLog& log) const {
    return {m_, d_, log.context, log.action, log.reward};
  }

  /// Args: session: which log.
  BanditLog draw(const Rng& rng, const BilinearLogits& base, std::uint16_t session) const {
    BanditLog log;
    std::vector<double> q(m_), mu(m_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, session, 0};
      Stream request = rng.stream(Draw::kRequest, turn);
      const std::vector<double> x = normals(request, d_);
      base.at(x, q);
      for (double& each : q) each = logistic(each);
      mu = q;
      softmax(mu, c_.beta);
      const std::size_t a = pick(mu, rng.stream(Draw::kPolicy, turn).uniform());
      log.context.insert(log.context.end(), x.begin(), x.end());
      log.q.insert(log.q.end(), q.begin(), q.end());
      log.action.push_back(static_cast<std::uint32_t>(a));
      log.pscore.push_back(mu[a]);
      log.reward.push_back(rng.stream(Draw::kResponse, turn).uniform() < q[a] ? 1 : 0);
    }
    return log;
  }

  /// The evaluation policy that a linear model of another log gives these contexts.
  std::vector<double> greedy(const BanditLog& seen, const std::vector<double>& context) const {
    const std::unique_ptr<ActionRegression> model = make_ridge();
    std::vector<std::uint32_t> rows(n_);
    for (std::uint32_t i = 0; i < n_; ++i) rows[i] = i;
    model->fit(rounds_of(seen), rows);
    std::vector<double> pi(n_ * m_, 0.0), scores(m_);
    for (std::size_t i = 0; i < n_; ++i) {
      model->predict(std::span(context).subspan(i * d_, d_), scores);
      const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
      pi[i * m_ + static_cast<std::size_t>(best)] = 1;
    }
    return pi;
  }

  ObpBanditConfig c_;
  std::size_t n_, m_, d_;
};

}  // namespace

std::unique_ptr<Benchmark> make_obp_bandit(const PluginConfig& config) {
  return std::make_unique<ObpBandit>(config.read<ObpBanditConfig>());
}

std::vector<FieldDescription> describe_obp_bandit() { return describe_fields<ObpBanditConfig>(); }

}  // namespace rehearsal
