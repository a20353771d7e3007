#pragma once

// One row of a page as a user of carousel_page reads it: what users/carousel_page*.cc share.

#include <algorithm>
#include <array>
#include <cmath>

#include "users/carousel_page.h"

namespace rehearsal {

/// Joint probabilities of an outcome at an examined cell and of what follows it.
struct Branches {
  double go_on = 0;
  double leave_row = 0;
  double exit = 0;
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
  Visit at(const RowOrder& order, std::size_t t) const { return at(order, t, window_of(t)); }

  /// Of outcomes with the given probabilities: `no_click` and so on, in [0, 1].
  Branches branches(const Visit& visit, double no_click, double click, double satisfied) const {
    const OutcomeSplit& a = config_.no_click;
    const OutcomeSplit& b = config_.click;
    const OutcomeSplit& c = config_.satisfied_click;
    const double patient = no_click * a.go_on * visit.decay;
    const double stays = patient + click * b.go_on + satisfied * c.go_on;
    return {
        stays * visit.gate,
        no_click * a.leave_row + click * b.leave_row + satisfied * c.leave_row +
            stays * (1 - visit.gate),
        no_click * a.exit + click * b.exit + satisfied * c.exit + (no_click * a.go_on - patient)};
  }
  /// What may follow an outcome; sums to 1.
  Branches after(const Visit& visit, std::size_t outcome) const {
    return branches(visit, outcome == 0, outcome == 1, outcome == 2);
  }
  Branches no_click(const Visit& visit) const { return branches(visit, visit.p(0), 0, 0); }
  Branches unsatisfied(const Visit& visit) const { return branches(visit, 0, visit.p(1), 0); }
  Branches satisfied(const Visit& visit) const { return branches(visit, 0, 0, visit.p(2)); }
  Branches clicked(const Visit& visit) const { return branches(visit, 0, visit.p(1), visit.p(2)); }
  Branches all(const Visit& visit) const {
    return branches(visit, visit.p(0), visit.p(1), visit.p(2));
  }

  /// Reads from the t-th cell to before the end-th, `mass` of users being at the first: calls
  /// seen(visit, mass) at each. Returns: how many of them come back to the vertical scan; `mass`
  /// becomes those who are at the end-th.
  template <class Seen>
  double read(const RowOrder& order, std::size_t t, std::size_t end, double& mass,
              Seen&& seen) const {
    double back = 0;
    for (Window window = window_of(t); t < end; window = next(window))
      for (; t < std::min(window.end, end); ++t) {
        const Visit visit = at(order, t, window);
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
    const std::size_t same = std::min(visible_, size_);  // in every order
    double back = read(orders_[0], 0, same, mass, seen);
    for (const RowOrder& order : orders()) {
      double part = mass * order.p;
      back += read(order, same, size_, part, seen);
    }
    return back;
  }

 private:
  double entry_by_logit() const;
  double decay(std::size_t t) const;

  /// Columns begin ... end - 1, on the screen together.
  struct Window {
    std::size_t begin;
    std::size_t end;
  };
  Window window_of(std::size_t t) const {
    if (t < visible_) return {0, std::min(visible_, size_)};
    const std::size_t begin = visible_ + (t - visible_) / step_ * step_;
    return {begin, std::min(begin + step_, size_)};
  }
  Window next(const Window& window) const {
    return {window.end, std::min(window.end + step_, size_)};
  }
  Visit at(const RowOrder& order, std::size_t t, const Window& window) const {
    const bool from_right = order.mirrored && window.begin > 0;
    Visit visit;
    visit.column = from_right ? window.begin + window.end - 1 - t : t;
    visit.cell = first_ + visit.column;
    visit.attraction = cells_.attraction[visit.cell];
    visit.satisfaction = cells_.satisfied(visit.cell);
    visit.decay = tired_ ? decay(t) : 1;
    visit.gate = t + 1 == size_ ? 0 : t + 1 == window.end ? config_.swipe : 1;
    return visit;
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
