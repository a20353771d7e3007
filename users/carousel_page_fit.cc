#include "users/carousel_page_fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "sim/engine/ordered_reduce.h"
#include "users/carousel_page_posterior.h"
#include "users/fitters.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostEmRounds = 300;
constexpr double kEmTolerance = 1e-5;
constexpr std::size_t kBlock = 4096;  // pages whose evidence is added up together

class PageFit {
 public:
  PageFit(const ClickSessions& sessions, const CarouselPageConfig& held, int threads)
      : sessions_(sessions),
        shrinkage_(sessions),
        config_(held),
        satisfaction_(sessions.satisfied),
        threads_(threads),
        n_rows_((sessions.n_ranks + sessions.row_size - 1) / sessions.row_size),
        attraction_(sessions.n_entities, 0.3) {
    if (!std::isinf(config_.row_entry_logit.bias))
      throw Error(ErrorKind::kInput,
                  "fit of carousel_page: row_entry_logit cannot be held: row_entry is fitted");
    if (config_.row_entry.is_list)
      require_entries("row_entry", size_of(config_.row_entry), n_rows_);
    // Ends at 0 or 1 are never left, so that a fit starts inside.
    std::ranges::fill(config_.row_entry.values, 0.7);
    config_.next_row = {{0.8}, false};
    config_.no_click = {0.7, 0.2, 0.1};
  }

  ClickFit fit() {
    ClickFit result;
    double change = 1;
    // EM creeps along what clicks hardly tell apart (row entry and attraction): every third round
    // starts from where two rounds point (SQUAREM, Varadhan and Roland 2008), if that is better.
    while (result.iterations < kMostEmRounds && change > kEmTolerance) {
      const Eigen::VectorXd zero = state();
      maximize(expect());
      const Eigen::VectorXd one = state();
      const ScanEvidence seen = expect();
      change = maximize(seen);
      result.iterations += 2;
      if (change <= kEmTolerance) break;
      const Eigen::VectorXd two = state();
      set_state(ahead(zero, one, two));
      const ScanEvidence there = expect();
      ++result.iterations;
      if (there.log_p >= seen.log_p)
        maximize(there);
      else
        set_state(two);
    }
    result.type = "carousel_page";
    result.attraction = attraction_;
    result.satisfaction.assign(attraction_.size(), satisfaction_);
    describe(result, change);
    return result;
  }

 private:
  static std::size_t size_of(const NumberOrList& list) { return list.values.size(); }

  ScanEvidence expect() const {
    ScanEvidence all(n_rows_, attraction_.size());
    const auto block = [&](std::size_t b) {
      ScanEvidence evidence(n_rows_, attraction_.size());
      PagePosterior posterior(config_, sessions_);
      const std::size_t end = std::min(sessions_.size(), (b + 1) * kBlock);
      for (std::size_t i = b * kBlock; i < end; ++i)
        posterior.add(i, attraction_, satisfaction_, evidence);
      return evidence;
    };
    ordered_reduce((sessions_.size() + kBlock - 1) / kBlock, threads_, block,
                   [&](std::size_t, ScanEvidence&& evidence) { all.add(evidence); });
    if (!all.possible)
      throw Error(ErrorKind::kInput,
                  "fit of carousel_page: some page's clicks cannot be by what is held; click and "
                  "satisfied_click must let users read on");
    return all;
  }

  /// Returns: the largest change of what is not an item's own.
  double maximize(const ScanEvidence& seen) {
    ScanTrials items;
    for (const ScanTrials& own : seen.examined) items.add(own);
    const double mean = items.rate(0.3), strength = shrinkage_.strength(mean);
    for (std::size_t a = 0; a < attraction_.size(); ++a) {
      const ScanTrials& own = seen.examined[a];
      attraction_[a] = std::isinf(strength) || own.trials == 0
                           ? mean
                           : (own.successes + strength * mean) / (own.trials + strength);
    }
    double change = 0;
    const auto set = [&](double& at, double value) {
      change = std::max(change, std::abs(value - at));
      at = value;
    };
    set(mean_, mean);
    ScanTrials rows;
    for (const ScanTrials& row : seen.entry) rows.add(row);
    for (std::size_t i = 0; i < config_.row_entry.values.size(); ++i) {
      double& at = config_.row_entry.values[i];
      if (!config_.row_entry.is_list)
        set(at, rows.rate(at));
      else if (i < n_rows_)
        set(at, seen.entry[i].rate(at));
    }
    set(config_.next_row.values[0], seen.next.rate(config_.next_row.values[0]));
    const OutcomeSplit& after = seen.no_click;
    const double all = after.go_on + after.leave_row + after.exit;
    if (all > 0) {
      set(config_.no_click.go_on, after.go_on / all);
      set(config_.no_click.exit, after.exit / all);
      config_.no_click.leave_row = 1 - config_.no_click.go_on - config_.no_click.exit;
    }
    return change;
  }

  static double logit(double p) {
    const double inside = std::clamp(p, 1e-12, 1 - 1e-12);
    return std::log(inside / (1 - inside));
  }

  /// All that is fitted, without bounds: log-odds; of no_click P(continue) and P(exit | it ends).
  Eigen::VectorXd state() const {
    std::vector<double> z;
    for (const double p : config_.row_entry.values) z.push_back(logit(p));
    z.push_back(logit(config_.next_row.values[0]));
    z.push_back(logit(config_.no_click.go_on));
    const double ends = config_.no_click.leave_row + config_.no_click.exit;
    z.push_back(logit(ends > 0 ? config_.no_click.exit / ends : 0.5));
    for (const double p : attraction_) z.push_back(logit(p));
    return Eigen::Map<Eigen::VectorXd>(z.data(), static_cast<Eigen::Index>(z.size()));
  }
  void set_state(const Eigen::VectorXd& z) {
    Eigen::Index k = 0;
    for (double& p : config_.row_entry.values) p = logistic(z[k++]);
    config_.next_row.values[0] = logistic(z[k++]);
    config_.no_click.go_on = logistic(z[k++]);
    config_.no_click.exit = (1 - config_.no_click.go_on) * logistic(z[k++]);
    config_.no_click.leave_row = 1 - config_.no_click.go_on - config_.no_click.exit;
    for (double& p : attraction_) p = logistic(z[k++]);
  }
  static Eigen::VectorXd ahead(const Eigen::VectorXd& zero, const Eigen::VectorXd& one,
                               const Eigen::VectorXd& two) {
    const Eigen::VectorXd step = one - zero, turn = two - one - step;
    const double length = std::clamp(step.norm() / std::max(turn.norm(), 1e-300), 1.0, 30.0);
    return zero + 2 * length * step + length * length * turn;
  }

  void describe(ClickFit& result, double change) const;

  const ClickSessions& sessions_;
  Shrinkage shrinkage_;
  CarouselPageConfig config_;
  double satisfaction_;
  int threads_;
  std::size_t n_rows_;
  std::vector<double> attraction_;  // (n_entities)
  double mean_ = 0;
};

/// JSON, which is YAML too; sums stay 1.
std::string text_of(const OutcomeSplit& split) {
  return fmt::format("{{\"continue\": {:.17g}, \"leave_row\": {:.17g}, \"exit\": {:.17g}}}",
                     split.go_on, split.leave_row, split.exit);
}

void PageFit::describe(ClickFit& result, double change) const {
  const CarouselPageConfig& at = config_;
  const std::vector<double>& entry = at.row_entry.values;
  result.parameters = {
      {"row_entry", at.row_entry.is_list ? fmt::format("[{:.6g}]", fmt::join(entry, ", "))
                                         : fmt::format("{:.6g}", entry[0])},
      {"next_row", fmt::format("{:.6g}", at.next_row.values[0])},
      {"no_click", text_of(at.no_click)},
      {"click", text_of(at.click)},
      {"satisfied_click", text_of(at.satisfied_click)},
      {"visible", fmt::format("{}", at.visible)},
      {"swipe_step", fmt::format("{}", at.swipe_step)},
      {"swipe", fmt::format("{:.6g}", at.swipe)},
      {"fold", fmt::format("{{\"rows\": {}, \"step\": {}, \"probability\": {:.6g}}}", at.fold.rows,
                           at.fold.step, at.fold.probability)},
      {"mirror", fmt::format("{:.6g}", at.mirror)},
      {"fatigue",
       fmt::format("{{\"row\": {:.6g}, \"column\": {:.6g}}}", at.fatigue.row, at.fatigue.column)}};
  for (std::size_t i = 0; i < entry.size(); ++i)
    result.fitted.emplace_back(
        at.row_entry.is_list ? fmt::format("row_entry[{}]", i) : std::string("row_entry"),
        entry[i]);
  result.fitted.emplace_back("next_row", at.next_row.values[0]);
  result.fitted.emplace_back("no_click.continue", at.no_click.go_on);
  result.fitted.emplace_back("no_click.leave_row", at.no_click.leave_row);
  result.fitted.emplace_back("no_click.exit", at.no_click.exit);
  result.notes = {
      "fitted: the attraction of each item, row_entry, next_row, no_click",
      "held: click, satisfied_click, visible, swipe_step, swipe, fold, mirror, fatigue",
      fmt::format("held: every click satisfies with probability {:.4g}", satisfaction_)};
  if (change > kEmTolerance)
    result.notes.push_back(
        fmt::format("stopped after {} rounds, the last of which moved a parameter by {:.2g}",
                    kMostEmRounds, change));
}

}  // namespace

ClickFit fit_carousel_page(const ClickSessions& sessions, const CarouselPageConfig& held,
                           int threads) {
  REHEARSAL_CHECK(sessions.row_size > 0);
  if (std::count(sessions.click.begin(), sessions.click.end(), 1) == 0)
    throw Error(ErrorKind::kInput, "no clicks to fit a model to");
  return PageFit(sessions, held, threads).fit();
}

}  // namespace rehearsal
