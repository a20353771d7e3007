#pragma once

// One row of a page as a user of carousel_page reads it: what users/carousel_page*.cc share.

#include <algorithm>
#include <array>
#include <cmath>

#include "users/carousel_page.h"

namespace rehearsal {

/// Joint probabilities of what happens at an examined cell: of an outcome and what follows it.
struct Branches {
  double go_on = 0;
  double leave_row = 0;
  double exit = 0;

  Branches operator+(const Branches& other) const {
    return {go_on + other.go_on, leave_row + other.leave_row, exit + other.exit};
  }
};

/// An examined cell. Outcomes: 0 no click, 1 a click that does not satisfy, 2 one that does.
struct Visit {
  std::size_t column;  // of the row
  std::size_t cell;    // of the page
  double attraction;
  double satisfaction;
  double decay;  // of going on after no click
  double gate;   // 1, the swipe at a window's end, 0 at the row's

  double p(std::size_t outcome) const {
    if (outcome == 0) return 1 - attraction;
    return attraction * (outcome == 1 ? 1 - satisfaction : satisfaction);
  }
};

/// Whether a row is read from the right from its second window on, and how often.
struct RowOrder {
  bool mirrored;
  double p;
};

class RowWalk {
 public:
  RowWalk(const CarouselPageConfig& config, const PageCells& cells, std::size_t row)
      : config_(config),
        cells_(cells),
        row_(row),
        first_(cells.row_offsets[row]),
        size_(cells.row_offsets[row + 1] - first_),
        visible_(config.visible > 0 ? static_cast<std::size_t>(config.visible) : size_),
        step_(config.swipe_step > 0 ? static_cast<std::size_t>(config.swipe_step) : visible_),
        tired_(config.fatigue.row > 0 || config.fatigue.column > 0) {
    const bool swiped = size_ > visible_;
    const double mirror = swiped ? config.mirror : 0;
    orders_ = {RowOrder{false, 1 - mirror}, RowOrder{true, mirror}};
    if (mirror == 1) orders_[0] = orders_[1];
    n_orders_ = mirror > 0 && mirror < 1 ? 2 : 1;
  }

  std::size_t first() const { return first_; }
  std::size_t size() const { return size_; }
  std::span<const RowOrder> orders() const { return std::span(orders_).first(n_orders_); }

  /// P(enters the row | at it in the vertical scan).
  double entry() const {
    const double own = config_.row_entry.at(row_);
    return std::isinf(config_.row_entry_logit.bias) ? own : own * entry_by_logit();
  }

  /// P(looks at the next row | back in the vertical scan); 0 at the last row.
  double next_row() const {
    if (row_ + 1 == cells_.n_rows()) return 0;
    const PageFold& fold = config_.fold;
    const std::int64_t beyond = static_cast<std::int64_t>(row_) + 1 - fold.rows;
    const bool folded = beyond >= 0 && beyond % fold.step == 0;
    return config_.next_row.at(row_) * (folded ? fold.probability : 1);
  }

  /// The t-th cell visited, t < size().
  Visit at(const RowOrder& order, std::size_t t) const {
    Visit visit;
    visit.column = order.mirrored ? mirrored(t) : t;
    visit.cell = first_ + visit.column;
    visit.attraction = cells_.attraction[visit.cell];
    visit.satisfaction = cells_.satisfied(visit.cell);
    visit.decay = tired_ ? decay(t) : 1;
    const bool window_ends = t + 1 >= visible_ && (t + 1 - visible_) % step_ == 0;
    visit.gate = t + 1 == size_ ? 0 : window_ends ? config_.swipe : 1;
    return visit;
  }

  /// What may follow an outcome at a cell; sums to 1.
  OutcomeSplit after(const Visit& visit, std::size_t outcome) const {
    const OutcomeSplit& split = outcome == 0   ? config_.no_click
                                : outcome == 1 ? config_.click
                                               : config_.satisfied_click;
    const double stays = outcome == 0 ? split.go_on * visit.decay : split.go_on;
    return {stays * visit.gate, split.leave_row + stays * (1 - visit.gate),
            split.exit + (split.go_on - stays)};
  }

  Branches branches(const Visit& visit, std::size_t outcome) const {
    const double p = visit.p(outcome);
    const OutcomeSplit split = after(visit, outcome);
    return {p * split.go_on, p * split.leave_row, p * split.exit};
  }
  Branches clicked(const Visit& visit) const { return branches(visit, 1) + branches(visit, 2); }
  Branches all(const Visit& visit) const { return branches(visit, 0) + clicked(visit); }

  /// Reads on from the t-th cell, `mass` of users being at it: calls seen(visit, mass) at each.
  /// Returns: how many of them come back to the vertical scan.
  template <class Seen>
  double read(const RowOrder& order, std::size_t t, double mass, Seen&& seen) const {
    double back = 0;
    for (; t < size_; ++t) {
      const Visit visit = at(order, t);
      seen(visit, mass);
      const Branches then = all(visit);
      back += mass * then.leave_row;
      mass *= then.go_on;
    }
    return back;
  }

  /// The whole row, in its orders, entered by `mass` of users. A row without cells lets all back.
  template <class Seen>
  double read(double mass, Seen&& seen) const {
    if (size_ == 0) return mass;
    double back = 0;
    for (const RowOrder& order : orders()) back += read(order, 0, mass * order.p, seen);
    return back;
  }

 private:
  double entry_by_logit() const;
  double decay(std::size_t t) const;

  std::size_t mirrored(std::size_t t) const {
    if (t < visible_) return t;
    const std::size_t window = visible_ + (t - visible_) / step_ * step_;
    return window + std::min(window + step_, size_) - 1 - t;
  }

  const CarouselPageConfig& config_;
  const PageCells& cells_;
  std::size_t row_;
  std::size_t first_;
  std::size_t size_;
  std::size_t visible_;
  std::size_t step_;
  bool tired_;
  std::array<RowOrder, 2> orders_{};
  std::size_t n_orders_ = 1;
};

}  // namespace rehearsal
