#include "analysis/trajectories.h"

#include "analysis/return_distribution.h"
#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/golden_groups.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Columns that own what Trajectories borrows.
struct LoggedSessions {
  std::size_t n_steps = 0;
  std::size_t n_actions = 0;
  double gamma = 1;
  std::vector<std::uint32_t> action;
  std::vector<double> reward, pscore, action_dist, q_hat, initial_value, state, state_action;

  Trajectories view() const {
    return {n_steps,     n_actions, gamma,         action, reward,      pscore,
            action_dist, q_hat,     initial_value, state,  state_action};
  }
};

LoggedSessions golden_sessions(const Arrays& arrays, const std::string& group) {
  const auto input = [&](const std::string& name) {
    return arrays.at(group + "/inputs/" + name).values;
  };
  LoggedSessions log;
  log.n_steps = static_cast<std::size_t>(input("step_per_trajectory")[0]);
  log.n_actions = arrays.at(group + "/inputs/evaluation_policy_action_dist").shape[1];
  log.gamma = input("gamma")[0];
  log.action = whole_numbers(input("action"));
  log.reward = input("reward");
  log.pscore = input("pscore");
  log.action_dist = input("evaluation_policy_action_dist");
  log.q_hat = input("state_action_value_prediction");
  log.initial_value = input("initial_state_value_prediction");
  log.state = input("state_marginal_importance_weight");
  log.state_action = input("state_action_marginal_importance_weight");
  return log;
}

double value(const std::string& name, const LoggedSessions& log) {
  return estimate_sessions(trajectory_estimators().at(name), log.view()).value;
}

/// A decision process with three states and two actions, a reward by state and action, and its
/// whole space of sessions under the behavior, each with its probability.
class Process {
 public:
  static constexpr std::size_t kStates = 3, kActions = 2, kSteps = 3;

  explicit Process(std::uint64_t seed) {
    Stream stream = Rng(seed).stream(Draw::kWorld, {});
    const auto fill = [&](std::vector<double>& p, std::size_t rows, std::size_t n) {
      p.resize(rows * n);
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::size_t a = 0; a < n; ++a) sum += p[r * n + a] = .1 + stream.uniform();
        for (std::size_t a = 0; a < n; ++a) p[r * n + a] /= sum;
      }
    };
    fill(start_, 1, kStates);
    fill(next_, kStates * kActions, kStates);
    fill(mu_, kStates, kActions);
    fill(pi_, kStates, kActions);
    for (std::size_t c = 0; c < kStates * kActions; ++c) reward_.push_back(stream.uniform());
    for (std::size_t c = 0; c < kStates * kActions; ++c) any_q_.push_back(2 * stream.uniform());
    visit({}, 1);
  }

  /// Mean of an estimator's terms over all sessions: its expectation.
  double expectation(const std::string& name, bool true_weights = true) const {
    LoggedSessions log = log_;
    if (!true_weights)
      for (double& w : log.state) w = 1;
    const TrajectoryEstimatorEntry& entry = trajectory_estimators().at(name);
    REQUIRE(entry.layout(kSteps).n_columns == 1);
    std::vector<double> terms(probability_.size());
    entry.terms(log.view(), terms);
    double sum = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) sum += probability_[i] * terms[i];
    return sum;
  }

  /// The evaluation policy's value, step by step.
  double truth() const {
    double sum = 0, discount = 1;
    for (std::size_t t = 0; t < kSteps; ++t, discount *= log_.gamma)
      for (std::size_t s = 0; s < kStates; ++s)
        for (std::size_t a = 0; a < kActions; ++a)
          sum += discount * visits(pi_, t)[s] * pi_[s * kActions + a] * reward_[s * kActions + a];
    return sum;
  }

  const std::vector<double>& probability() const { return probability_; }
  const LoggedSessions& log() const { return log_; }

 private:
  /// P(s at step t) under a policy.
  std::vector<double> visits(const std::vector<double>& policy, std::size_t t) const {
    std::vector<double> at = start_;
    for (; t > 0; --t) {
      std::vector<double> then(kStates, 0.0);
      for (std::size_t s = 0; s < kStates; ++s)
        for (std::size_t a = 0; a < kActions; ++a)
          for (std::size_t u = 0; u < kStates; ++u)
            then[u] += at[s] * policy[s * kActions + a] * next_[(s * kActions + a) * kStates + u];
      at = then;
    }
    return at;
  }

  void visit(std::vector<std::size_t> path, double p) {
    if (path.size() == 2 * kSteps) return add(path, p);
    const std::size_t n = path.size();
    for (std::size_t s = 0; s < kStates; ++s) {
      const double step =
          n == 0 ? start_[s] : next_[(path[n - 2] * kActions + path[n - 1]) * kStates + s];
      for (std::size_t a = 0; a < kActions; ++a) {
        std::vector<std::size_t> longer = path;
        longer.push_back(s);
        longer.push_back(a);
        visit(longer, p * step * mu_[s * kActions + a]);
      }
    }
  }

  void add(const std::vector<std::size_t>& path, double p) {
    probability_.push_back(p);
    log_.n_steps = kSteps;
    log_.n_actions = kActions;
    log_.gamma = .8;
    for (std::size_t t = 0; t < kSteps; ++t) {
      const std::size_t s = path[2 * t], a = path[2 * t + 1], cell = s * kActions + a;
      const double state = visits(pi_, t)[s] / visits(mu_, t)[s];
      log_.action.push_back(static_cast<std::uint32_t>(a));
      log_.reward.push_back(reward_[cell]);
      log_.pscore.push_back(mu_[cell]);
      log_.state.push_back(state);
      log_.state_action.push_back(state * pi_[cell] / mu_[cell]);
      double v = 0;
      for (std::size_t b = 0; b < kActions; ++b) {
        log_.action_dist.push_back(pi_[s * kActions + b]);
        log_.q_hat.push_back(any_q_[s * kActions + b]);
        v += pi_[s * kActions + b] * any_q_[s * kActions + b];
      }
      if (t == 0) log_.initial_value.push_back(v);
    }
  }

  std::vector<double> start_, next_, mu_, pi_, reward_, any_q_, probability_;
  LoggedSessions log_;
};

}  // namespace

TEST_CASE("session estimators give the reference values that are not called wrong") {
  const Arrays arrays = golden_arrays("golden/ope/golden_rl.h5");
  for (const std::string& group : groups_with(arrays, "inputs/step_per_trajectory")) {
    const LoggedSessions log = golden_sessions(arrays, group);
    for (const std::string& key : output_keys(arrays, group)) {
      if (key.rfind("cd_", 0) == 0) continue;
      INFO(group << " " << key);
      // What the code gets wrong stands under a name of its own.
      const bool wrong = trajectory_estimators().find(key + "_scope_rl") != nullptr;
      CHECK(value(key + (wrong ? "_scope_rl" : ""), log) ==
            Approx(arrays.at(group + "/outputs/" + key).values[0]).epsilon(1e-9));
    }
  }
}

TEST_CASE("intervals as SCOPE-RL has them give the reference and the right ones differ as known") {
  const Arrays arrays = golden_arrays("golden/ope/golden_rl.h5");
  for (const std::string& group : groups_with(arrays, "inputs/step_per_trajectory")) {
    const LoggedSessions log = golden_sessions(arrays, group);
    for (const TrajectoryEstimatorEntry& entry : trajectory_estimators().entries()) {
      std::string key = entry.name;
      const bool as_coded = key.find("_scope_rl") != std::string::npos;
      if (as_coded) key = key.substr(0, key.find("_scope_rl"));
      const std::string at = group + "/intervals/" + key + "/";
      const bool corrected = trajectory_estimators().find(key + "_scope_rl") != nullptr;
      if (arrays.count(at + "ttest") == 0 || (corrected && !as_coded)) continue;
      INFO(entry.name);
      const SessionIntervals found = session_intervals(session_terms(entry, log.view()), .95);
      const auto check = [&](const std::string& name, const Interval& interval) {
        const std::vector<double>& expected = arrays.at(at + name).values;
        CHECK(interval.value == Approx(expected[0]).epsilon(1e-9));
        CHECK(interval.low == Approx(expected[1]).epsilon(1e-9));
        CHECK(interval.high == Approx(expected[2]).epsilon(1e-9));
      };
      check("bernstein", found.bernstein);
      check("hoeffding", found.hoeffding_scope_rl);
      check("ttest", found.ttest_scope_rl);
      const double n = static_cast<double>(log.view().size());
      CHECK(found.hoeffding_scope_rl.high - found.hoeffding.value ==
            Approx(n * (found.hoeffding.high - found.hoeffding.value)));
      CHECK(found.ttest.low < found.ttest_scope_rl.low);
      CHECK(found.ttest.high > found.ttest_scope_rl.high);
    }
  }
}

TEST_CASE("distribution summaries as SCOPE-RL has them give the reference values") {
  const Arrays arrays = golden_arrays("golden/ope/golden_rl.h5");
  for (const std::string& group : groups_with(arrays, "inputs/step_per_trajectory")) {
    const LoggedSessions log = golden_sessions(arrays, group);
    const auto input = [&](const std::string& name) {
      return arrays.at(group + "/inputs/" + name).values;
    };
    for (const CdfEstimator estimator : kCdfEstimators) {
      const std::string at = group + "/outputs/" + name_of(estimator) + "/";
      INFO(at);
      const CdfSummary found =
          scope_rl_summary(estimator, log.view(), input("reward_scale"), input("cvar_alphas"));
      CHECK(found.mean == Approx(arrays.at(at + "mean").values[0]).epsilon(1e-9));
      CHECK(found.variance == Approx(arrays.at(at + "variance").values[0]).epsilon(1e-9));
      const std::vector<double> quantiles{found.median, found.lower, found.upper};
      const std::vector<std::pair<std::string, std::vector<double>>> lists{
          {"cdf", found.cdf}, {"cvar", found.cvar}, {"median_lower_upper", quantiles}};
      for (const auto& [name, values] : lists) {
        const std::vector<double>& expected = arrays.at(at + name).values;
        REQUIRE(values.size() == expected.size());
        for (std::size_t j = 0; j < values.size(); ++j) {
          INFO(name << "[" << j << "]");
          CHECK(values[j] == Approx(expected[j]).epsilon(1e-9).margin(1e-12));
        }
      }
    }
  }
}

TEST_CASE("with true weights and any value model session estimators are unbiased by enumeration") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Process process(seed);
    const double truth = process.truth();
    for (const TrajectoryEstimatorEntry& entry : trajectory_estimators().entries()) {
      if (entry.self_normalized || entry.form == StepForm::kInitialValue) continue;
      const bool as_coded = entry.name.find("_scope_rl") != std::string::npos;
      const bool misweighted = entry.weight == StepWeight::kStateScopeRl;
      INFO("seed " << seed << " " << entry.name);
      if (!as_coded && !misweighted)
        CHECK(process.expectation(entry.name) == Approx(truth).epsilon(1e-12));
      else
        CHECK(std::abs(process.expectation(entry.name) - truth) > 1e-4);
    }
  }
}

TEST_CASE("state weights of one leave two-step ratios as they are and bias the rest") {
  const Process process(9);
  CHECK(process.expectation("sope_is_nstep2", false) ==
        Approx(process.expectation("pdis")).epsilon(1e-12));
  CHECK(std::abs(process.expectation("sope_is_nstep0", false) - process.truth()) > 1e-4);
}

TEST_CASE("drl discounts where the code forgets to and both agree without discount") {
  LoggedSessions log = Process(3).log();
  CHECK(value("drl", log) < value("drl_scope_rl", log));
  log.gamma = 1;
  CHECK(value("drl", log) == Approx(value("drl_scope_rl", log)).epsilon(1e-14));
}

TEST_CASE("the misplaced value of SCOPE-RL changes the last two steps alone") {
  LoggedSessions log = Process(5).log();
  log.gamma = 0;  // then V of the next step does not count
  for (const std::string name : {"sm_dr_nstep1", "sam_dr_nstep0"})
    CHECK(value(name, log) == Approx(value(name + "_scope_rl", log)).epsilon(1e-13));
  // On top of it sm_sndr does not start from the value of the first state at all.
  LoggedSessions raised = log;
  for (double& v : raised.initial_value) v += 1;
  CHECK(value("sm_sndr_nstep1", raised) == Approx(value("sm_sndr_nstep1", log) + 1));
  CHECK(value("sm_sndr_nstep1_scope_rl", raised) == value("sm_sndr_nstep1_scope_rl", log));
}

TEST_CASE("a true value model leaves doubly robust sessions no variance where rewards have none") {
  LoggedSessions log;
  log.n_steps = 2;
  log.n_actions = 2;
  log.gamma = .5;
  // One state, actions worth 1 and 3, any action next: Q_1 = r, Q_0 = r + .5 V.
  for (std::uint32_t path = 0; path < 4; ++path)
    for (std::size_t t = 0; t < 2; ++t) {
      const std::uint32_t a = (path >> t) & 1;
      log.action.push_back(a);
      log.reward.push_back(a == 0 ? 1 : 3);
      log.pscore.push_back(a == 0 ? .2 : .8);
      log.action_dist.insert(log.action_dist.end(), {.75, .25});
      const double later = t == 0 ? .5 * 1.5 : 0;
      log.q_hat.insert(log.q_hat.end(), {1 + later, 3 + later});
    }
  log.initial_value.assign(4, 2.25);
  const TrajectoryEstimatorEntry& dr = trajectory_estimators().at("dr");
  std::vector<double> terms(4);
  dr.terms(log.view(), terms);
  for (const double term : terms) CHECK(term == Approx(2.25).epsilon(1e-14));
  for (const double term : session_terms(dr, log.view()))
    CHECK(term == Approx(2.25).epsilon(1e-14));
  CHECK(value("dm", log) == Approx(2.25).epsilon(1e-14));
}

TEST_CASE("where the policies agree session estimators give the mean discounted return") {
  LoggedSessions log = Process(6).log();
  for (std::size_t s = 0; s < log.reward.size(); ++s)
    log.action_dist[2 * s + log.action[s]] = log.pscore[s];
  for (std::size_t s = 0; s < log.reward.size(); ++s)
    log.action_dist[2 * s + 1 - log.action[s]] = 1 - log.pscore[s];
  log.state.assign(log.reward.size(), 1.0);
  log.state_action.assign(log.reward.size(), 1.0);
  double mean = 0;
  const std::vector<double> returns = session_returns(log.view());
  for (const double r : returns) mean += r / static_cast<double>(returns.size());
  for (const std::string name : {"tis", "pdis", "sntis", "snpdis", "sm_is_nstep1",
                                 "sam_snis_nstep2", "sope_is_nstep0", "sope_snis_nstep1"})
    CHECK(value(name, log) == Approx(mean).epsilon(1e-13));
}

TEST_CASE("no sessions and absent columns are refused") {
  CHECK_THROWS_AS(value("dm", LoggedSessions{}), Error);
  LoggedSessions bare = Process(1).log();
  bare.state.clear();
  CHECK_THROWS_AS(value("sm_is_nstep0", bare), Error);
  CHECK_NOTHROW(value("sam_is_nstep0", bare));
  bare.pscore.clear();  // the marginal weights alone need none
  CHECK_NOTHROW(value("sam_dr_nstep0", bare));
  CHECK_THROWS_AS(value("sam_dr_nstep1", bare), Error);
}
