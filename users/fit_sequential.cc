#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "users/fitters.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostRounds = 500;
constexpr double kTolerance = 1e-6;
constexpr double kSatisfactionStrength = 2;  // pseudo-clicks at the mean

/// Successes of trials, in expectation.
struct Trials {
  double trials = 0;
  double successes = 0;

  void add(double weight, double success) {
    trials += weight;
    successes += success;
  }
  void add(const Trials& other) { add(other.trials, other.successes); }
  double rate(double otherwise) const { return trials > 0 ? successes / trials : otherwise; }
};

/// P(next cell examined) after what happened at a cell of a rank.
struct Onward {
  double skip = 0.9;
  double unsatisfied = 0.6;
  double satisfied = 0.3;
};
struct OnwardTrials {
  Trials skip, unsatisfied, satisfied;
};

/// Expectations over what is hidden.
struct Evidence {
  std::vector<OnwardTrials> onward;  // (n_ranks)
  std::vector<Trials> attraction;    // (n_entities) clicks of examinations
  std::vector<Trials> satisfaction;  // (n_entities) of clicks with a cell below them
};

class Sequential {
 public:
  Sequential(const std::string& model, const ClickSessions& sessions, const Shrinkage& shrinkage)
      : model_(model),
        one_click_(model == "cascade" || model == "tcm"),
        sessions_(sessions),
        shrinkage_(shrinkage),
        onward_(sessions.n_ranks),
        attraction_(sessions.n_entities, 0.3),
        satisfaction_(sessions.n_entities, 0.5) {
    for (Onward& at : onward_) {
      if (model != "tcm" && model != "dbn" && model != "ccm") at.skip = 1;
      if (model == "dbn" || model == "sdbn") at = {at.skip, at.skip, 0};
      if (model == "dcm") at = {1, 0.5, 0.5};
      if (one_click_) at = {at.skip, 0, 0};
    }
  }

  ClickFit fit() {
    std::size_t round = 0;
    for (double change = 1; round < kMostRounds && change > kTolerance; ++round)
      change = maximize(expect());
    ClickFit result;
    result.type = model_;
    result.iterations = round;
    result.attraction = attraction_;
    describe(result);
    return result;
  }

 private:
  double satisfaction(std::uint32_t entity) const {
    return model_ == "ccm" ? attraction_[entity] : satisfaction_[entity];
  }

  Evidence expect() {
    Evidence seen;
    seen.onward.resize(sessions_.n_ranks);
    seen.attraction.resize(sessions_.n_entities);
    seen.satisfaction.resize(sessions_.n_entities);
    several_clicks_ = 0;
    for (std::size_t i = 0; i < sessions_.size(); ++i) expect_session(i, seen);
    return seen;
  }

  void expect_session(std::size_t i, Evidence& seen) {
    const std::size_t first = sessions_.offsets[i];
    std::size_t n = sessions_.offsets[i + 1] - first;
    const std::uint32_t* entity = sessions_.entity.data() + first;
    const std::uint8_t* click = sessions_.click.data() + first;
    std::size_t below = 0;  // the rank below the last click
    for (std::size_t r = 0; r < n; ++r) {
      if (click[r] == 0) continue;
      if (one_click_ && below > 0) {
        ++several_clicks_;
        break;
      }
      below = r + 1;
    }
    if (one_click_ && below > 0) n = below;  // nothing is read below a click
    // quiet_[r]: P(no click from r on | r examined).
    quiet_.assign(n + 1, 1.0);
    for (std::size_t r = n; r-- > below;) {
      const double on = r + 1 < n ? onward_[r].skip : 0;
      quiet_[r] = (1 - attraction_[entity[r]]) * (1 - on + on * quiet_[r + 1]);
    }
    double examined = 1;
    for (std::size_t r = 0; r < n; ++r) {
      seen.attraction[entity[r]].add(examined, click[r]);
      if (r + 1 == n) break;
      const double quiet = r + 1 < below ? 0 : quiet_[r + 1];
      if (click[r] != 0) {
        examined = after_click(entity[r], r, r + 1 < below, quiet, seen);
      } else if (r + 1 < below) {
        seen.onward[r].skip.add(1, 1);
      } else {
        const double on = onward_[r].skip * quiet;
        const double all = 1 - onward_[r].skip + on;
        const double next = all > 0 ? examined * on / all : 0;
        seen.onward[r].skip.add(examined, next);
        examined = next;
      }
    }
  }

  /// Args: read_on: the next cell was surely examined; else `quiet` is P(no click from it on | it
  ///       is).  Returns: P(next cell examined | all clicks).
  double after_click(std::uint32_t entity, std::size_t r, bool read_on, double quiet,
                     Evidence& seen) const {
    const double s = satisfaction(entity);
    const Onward& at = onward_[r];
    const double weight = read_on ? 1 : quiet;
    const double on_satisfied = s * at.satisfied * weight;
    const double on_unsatisfied = (1 - s) * at.unsatisfied * weight;
    const double off_satisfied = read_on ? 0 : s * (1 - at.satisfied);
    const double off_unsatisfied = read_on ? 0 : (1 - s) * (1 - at.unsatisfied);
    const double all = on_satisfied + on_unsatisfied + off_satisfied + off_unsatisfied;
    if (!(all > 0)) return read_on ? 1 : 0;
    seen.satisfaction[entity].add(1, (on_satisfied + off_satisfied) / all);
    OnwardTrials& trials = seen.onward[r];
    trials.satisfied.add((on_satisfied + off_satisfied) / all, on_satisfied / all);
    trials.unsatisfied.add((on_unsatisfied + off_unsatisfied) / all, on_unsatisfied / all);
    return (on_satisfied + on_unsatisfied) / all;
  }

  /// Returns: the largest change of what is not an entity's own.
  double maximize(Evidence seen) {
    if (model_ == "ccm")
      for (std::size_t a = 0; a < attraction_.size(); ++a)
        seen.attraction[a].add(seen.satisfaction[a]);
    Trials all;
    for (const Trials& own : seen.attraction) all.add(own);
    const double mean = all.rate(0.5);
    double change = std::abs(mean - mean_);
    mean_ = mean;
    set_rates(seen.attraction, mean, shrinkage_.strength(mean), attraction_);
    Trials satisfied;
    for (const Trials& own : seen.satisfaction) satisfied.add(own);
    set_rates(seen.satisfaction, satisfied.rate(0.5), kSatisfactionStrength, satisfaction_);
    const std::vector<Onward> before = onward_;
    set_onward(seen.onward);
    for (std::size_t r = 0; r < onward_.size(); ++r)
      change = std::max({change, std::abs(onward_[r].skip - before[r].skip),
                         std::abs(onward_[r].unsatisfied - before[r].unsatisfied),
                         std::abs(onward_[r].satisfied - before[r].satisfied)});
    return change;
  }

  static void set_rates(const std::vector<Trials>& own, double mean, double strength,
                        std::vector<double>& rates) {
    for (std::size_t a = 0; a < rates.size(); ++a)
      rates[a] = std::isinf(strength)
                     ? mean
                     : (own[a].successes + strength * mean) / (own[a].trials + strength);
  }

  void set_onward(const std::vector<OnwardTrials>& by_rank) {
    OnwardTrials all;
    for (const OnwardTrials& at : by_rank) {
      all.skip.add(at.skip);
      all.unsatisfied.add(at.unsatisfied);
      all.satisfied.add(at.satisfied);
    }
    for (std::size_t r = 0; r < onward_.size(); ++r) {
      Onward& at = onward_[r];
      if (model_ == "tcm") {
        at.skip = all.skip.rate(at.skip);
      } else if (model_ == "dcm") {
        Trials after = by_rank[r].unsatisfied;
        after.add(by_rank[r].satisfied);
        at.unsatisfied = at.satisfied = after.rate(at.satisfied);
      } else if (model_ == "dbn") {
        Trials patience = all.skip;
        patience.add(all.unsatisfied);
        at.skip = at.unsatisfied = patience.rate(at.skip);
      } else if (model_ == "ccm") {
        at = {all.skip.rate(at.skip), all.unsatisfied.rate(at.unsatisfied),
              all.satisfied.rate(at.satisfied)};
      }
    }
  }

  void describe(ClickFit& result) const {
    const Onward& at = onward_.front();
    if (model_ == "tcm") result.parameters = {{"quit", fmt::format("{:.6g}", 1 - at.skip)}};
    if (model_ == "dbn") result.parameters = {{"gamma", fmt::format("{:.6g}", at.skip)}};
    if (model_ == "ccm")
      result.parameters = {
          {"tau", fmt::format("[{:.6g}, {:.6g}, {:.6g}]", at.skip, at.unsatisfied, at.satisfied)}};
    if (model_ == "dcm") {
      std::vector<double> lambda;
      for (std::size_t r = 0; r + 1 < onward_.size(); ++r) lambda.push_back(onward_[r].satisfied);
      result.parameters = {{"lambda", fmt::format("[{:.6g}]", fmt::join(lambda, ", "))}};
    }
    if (model_ == "dbn" || model_ == "sdbn") {
      result.satisfaction = satisfaction_;
      result.notes.push_back(fmt::format(
          "satisfaction of each entity is pulled to the mean by {} clicks", kSatisfactionStrength));
    }
    if (several_clicks_ > 0)
      result.notes.push_back(
          fmt::format("{} sessions have several clicks, which {} cannot explain; "
                      "they count down to the first",
                      several_clicks_, model_));
  }

  std::string model_;
  bool one_click_;  // a click ends the visit
  const ClickSessions& sessions_;
  Shrinkage shrinkage_;
  std::vector<Onward> onward_;        // (n_ranks)
  std::vector<double> attraction_;    // (n_entities)
  std::vector<double> satisfaction_;  // (n_entities)
  std::vector<double> quiet_;
  double mean_ = 0;
  std::size_t several_clicks_ = 0;
};

}  // namespace

ClickFit fit_sequential(const std::string& model, const ClickSessions& sessions,
                        const Shrinkage& shrinkage) {
  return Sequential(model, sessions, shrinkage).fit();
}

}  // namespace rehearsal
