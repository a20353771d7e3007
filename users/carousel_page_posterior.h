#pragma once

// What the clicks of a page say of the hidden scan of carousel_page: used by
// users/carousel_page_fit.cc only.

#include <cmath>
#include <vector>

#include "users/carousel_walk.h"
#include "users/click_sessions.h"

namespace rehearsal {

/// Successes of trials, in expectation.
struct ScanTrials {
  double trials = 0;
  double successes = 0;

  void add(const ScanTrials& other) {
    trials += other.trials;
    successes += other.successes;
  }
  double rate(double otherwise) const { return trials > 0 ? successes / trials : otherwise; }
};

/// Expectations over what is hidden, given the clicks.
struct ScanEvidence {
  std::vector<ScanTrials> entry;     // (n_rows) of those who look at the row
  ScanTrials next;                   // of those back in the scan with a row below
  OutcomeSplit no_click;             // how often each followed an examined item without a click
  std::vector<ScanTrials> examined;  // (n_entities) clicks of examinations
  bool possible = true;
  double log_p = 0;  // of all clicks

  ScanEvidence(std::size_t n_rows, std::size_t n_entities) : entry(n_rows), examined(n_entities) {}

  void add(const ScanEvidence& other) {
    for (std::size_t i = 0; i < entry.size(); ++i) entry[i].add(other.entry[i]);
    next.add(other.next);
    no_click.go_on += other.no_click.go_on;
    no_click.leave_row += other.no_click.leave_row;
    no_click.exit += other.no_click.exit;
    for (std::size_t a = 0; a < examined.size(); ++a) examined[a].add(other.examined[a]);
    possible = possible && other.possible;
    log_p += other.log_p;
  }
};

/// One page at a time, forwards and backwards. Values: P(the clicks from there on | there).
class PagePosterior {
 public:
  PagePosterior(const CarouselPageConfig& config, const ClickSessions& sessions)
      : config_(config), sessions_(sessions) {}

  /// Adds what the clicks of a page say of the hidden scan.
  void add(std::size_t page, const std::vector<double>& attraction, double satisfaction,
           ScanEvidence& evidence) {
    first_ = sessions_.offsets[page];
    page_rows(sessions_, page, row_offsets_);
    const std::size_t n = row_offsets_.back();
    attraction_.resize(n);
    satisfaction_.assign(n, satisfaction);
    for (std::size_t j = 0; j < n; ++j) attraction_[j] = attraction[sessions_.entity[first_ + j]];
    const PageCells cells{row_offsets_, attraction_, satisfaction_};
    walks_.clear();
    for (std::size_t i = 0; i < cells.n_rows(); ++i) walks_.emplace_back(config_, cells, i);
    backwards();
    if (walks_.empty()) return;
    if (!(scan_[0] > 0)) {
      evidence.possible = false;
      return;
    }
    evidence.log_p += std::log(scan_[0]);
    forwards(evidence);
  }

 private:
  bool clicked(std::size_t cell) const { return sessions_.click[first_ + cell] != 0; }

  Branches seen(const RowWalk& walk, const Visit& visit) const {
    return clicked(visit.cell) ? walk.clicked(visit) : walk.no_click(visit);
  }

  /// Cells to visit before the row may be left: to the last click.
  std::size_t needed(const RowWalk& walk, const RowOrder& order) const {
    std::size_t needed = 0;
    for (std::size_t t = 0; t < walk.size(); ++t)
      if (clicked(walk.at(order, t).cell)) needed = t + 1;
    return needed;
  }

  bool without_clicks(const RowWalk& walk) const {
    for (std::size_t k = 0; k < walk.size(); ++k)
      if (clicked(walk.first() + k)) return false;
    return true;
  }

  void backwards() {
    const std::size_t n = walks_.size();
    scan_.assign(n + 1, 0);
    back_.assign(n, 1);
    quiet_.assign(n + 1, 1);
    for (std::size_t i = n; i-- > 0;) {
      const RowWalk& walk = walks_[i];
      const double next = walk.next_row();
      if (i + 1 < n) back_[i] = next * scan_[i + 1] + (1 - next) * quiet_[i + 1];
      const double none = without_clicks(walk) ? 1 : 0;
      quiet_[i] = none * quiet_[i + 1];
      double entered = walk.size() == 0 ? back_[i] : 0;
      for (const RowOrder& order : walk.orders())
        if (walk.size() > 0) entered += order.p * row_values(walk, order, i);
      scan_[i] = (1 - walk.entry()) * none * back_[i] + walk.entry() * entered;
    }
  }

  /// Fills cell_, the values at the t-th cell visited. Returns: the first.
  double row_values(const RowWalk& walk, const RowOrder& order, std::size_t row) {
    needed_ = needed(walk, order);
    cell_.assign(walk.size() + 1, 0);
    for (std::size_t t = walk.size(); t-- > 0;) {
      const Branches then = seen(walk, walk.at(order, t));
      const double left = then.leave_row * back_[row] + then.exit * quiet_[row + 1];
      cell_[t] = then.go_on * cell_[t + 1] + (t + 1 >= needed_ ? left : 0);
    }
    return cell_[0];
  }

  void forwards(ScanEvidence& evidence) {
    double reach = 1 / scan_[0];  // P(clicks above, in the scan) / P(all clicks)
    for (std::size_t i = 0; i < walks_.size(); ++i) {
      const RowWalk& walk = walks_[i];
      const double entering = reach * walk.entry();
      double back = without_clicks(walk) ? reach - entering : 0;
      ScanTrials& entry = evidence.entry[i];
      entry.trials += reach * scan_[i];
      if (walk.size() == 0) {
        back += entering;
        entry.successes += entering * back_[i];
      }
      for (const RowOrder& order : walk.orders()) {
        if (walk.size() == 0) continue;
        const double mass = entering * order.p;
        entry.successes += mass * row_values(walk, order, i);
        back += through_row(walk, order, i, mass, evidence);
      }
      if (i + 1 < walks_.size()) add_next(walk.next_row(), i, back, evidence.next);
      reach = back * walk.next_row();
    }
  }

  /// Below a fold those who would look on may still not scroll.
  void add_next(double next, std::size_t row, double back, ScanTrials& trials) const {
    trials.trials += back * back_[row];
    const double own = config_.next_row.values[0];
    const double unscrolled = next < 1 ? (own - next) / (1 - next) : 0;
    trials.successes += back * (next * scan_[row + 1] + (1 - next) * quiet_[row + 1] * unscrolled);
  }

  /// Returns: those who come back to the scan.
  double through_row(const RowWalk& walk, const RowOrder& order, std::size_t row, double mass,
                     ScanEvidence& evidence) const {
    double back = 0;
    for (std::size_t t = 0; t < walk.size(); ++t) {
      const Visit visit = walk.at(order, t);
      const bool may_leave = t + 1 >= needed_;
      ScanTrials& item = evidence.examined[sessions_.entity[first_ + visit.cell]];
      item.trials += mass * cell_[t];
      const Branches then = seen(walk, visit);
      const double returns = may_leave ? back_[row] : 0, exits = may_leave ? quiet_[row + 1] : 0;
      if (!clicked(visit.cell)) {
        const OutcomeSplit& split = config_.no_click;
        const double here = mass * visit.p(0);
        const double stays = visit.gate * cell_[t + 1] + (1 - visit.gate) * returns;
        evidence.no_click.go_on +=
            here * split.go_on * (visit.decay * stays + (1 - visit.decay) * exits);
        evidence.no_click.leave_row += here * split.leave_row * returns;
        evidence.no_click.exit += here * split.exit * exits;
      } else {
        item.successes += mass * cell_[t];
      }
      if (may_leave) back += mass * then.leave_row;
      mass *= then.go_on;
    }
    return back;
  }

  const CarouselPageConfig& config_;
  const ClickSessions& sessions_;
  std::size_t first_ = 0;
  std::size_t needed_ = 0;
  std::vector<std::uint32_t> row_offsets_;
  std::vector<double> attraction_, satisfaction_;
  std::vector<RowWalk> walks_;
  std::vector<double> scan_;   // (n_rows + 1) in the scan at a row
  std::vector<double> back_;   // (n_rows) back in the scan after it
  std::vector<double> quiet_;  // (n_rows + 1) off the page: 1 where no click follows
  std::vector<double> cell_;   // (n + 1) of one order of one row
};

}  // namespace rehearsal
