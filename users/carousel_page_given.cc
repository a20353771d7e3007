#include "sim/core/error.h"
#include "users/carousel_page.h"
#include "users/carousel_walk.h"

namespace rehearsal {

namespace {

/// Clicks seen in the first `n` columns of a row; what was done in the others is not known.
struct SeenClicks {
  const std::uint8_t* click;  // of the row
  std::size_t n;
  bool last_as_click;  // takes the n-th column for clicked, whatever was seen

  bool known(std::size_t column) const { return column < n; }
  bool clicked(std::size_t column) const {
    return column + 1 == n && last_as_click ? true : click[column] != 0;
  }
  bool none() const {
    for (std::size_t column = 0; column < n; ++column)
      if (clicked(column)) return false;
    return true;
  }
};

/// P(those clicks, and how the row is left | entered).
struct RowJoint {
  double back = 0;
  double exit = 0;
};

RowJoint entered_joint(const RowWalk& walk, const SeenClicks& seen) {
  RowJoint out;
  if (walk.size() == 0) out.back = 1;
  for (const RowOrder& order : walk.orders()) {
    std::size_t needed = 0;  // cells to visit before the row may be left: to the last click
    for (std::size_t t = 0; t < walk.size(); ++t) {
      const std::size_t column = walk.at(order, t).column;
      if (seen.known(column) && seen.clicked(column)) needed = t + 1;
    }
    double mass = order.p;
    for (std::size_t t = 0; t < walk.size(); ++t) {
      const Visit visit = walk.at(order, t);
      const Branches then = !seen.known(visit.column)    ? walk.all(visit)
                            : seen.clicked(visit.column) ? walk.clicked(visit)
                                                         : walk.no_click(visit);
      if (t + 1 >= needed) {
        out.back += mass * then.leave_row;
        out.exit += mass * then.exit;
      }
      mass *= then.go_on;
    }
  }
  return out;
}

/// Where a user of one type may be, given the clicks so far.
struct TypeState {
  double weight;      // P(type | clicks)
  double scan = 1;    // P(in the vertical scan | type, clicks)
  double exited = 0;  // P(left the page | type, clicks)
};

/// P(clicks seen in the row | type, clicks before the row).
double row_joint(const RowWalk& walk, const TypeState& state, const SeenClicks& seen) {
  const double entry = walk.entry();
  const RowJoint entered = entered_joint(walk, seen);
  const double passed = seen.none() ? state.exited + state.scan * (1 - entry) : 0;
  return passed + state.scan * entry * (entered.back + entered.exit);
}

/// After the whole row: not divided by P(its clicks), which is returned.
double advance(const RowWalk& walk, const SeenClicks& seen, TypeState& state) {
  const double entering = state.scan * walk.entry();
  const RowJoint entered = entered_joint(walk, seen);
  const double without = seen.none() ? 1 : 0;
  const double back = without * (state.scan - entering) + entering * entered.back;
  const double next = walk.next_row();
  state.exited = without * state.exited + back * (1 - next) + entering * entered.exit;
  state.scan = back * next;
  return state.scan + state.exited;
}

}  // namespace

void CarouselPage::conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                               std::span<double> out) const {
  check(cells);
  std::vector<TypeState> states;
  for (const CarouselUserType& type : types_) states.push_back({type.share});
  std::ranges::fill(out, 0.0);
  for (std::size_t i = 0; i < cells.n_rows(); ++i) {
    const std::size_t first = cells.row_offsets[i];
    const std::size_t n = cells.row_offsets[i + 1] - first;
    const std::uint8_t* row = clicks.data() + first;
    const auto total = [&](std::size_t n_seen, bool last_as_click) {
      double sum = 0;
      for (std::size_t z = 0; z < states.size(); ++z)
        sum += states[z].weight * row_joint(RowWalk(types_[z].config, cells, i), states[z],
                                            {row, n_seen, last_as_click});
      return sum;
    };
    double before = 1;
    for (std::size_t k = 0; k < n; ++k) {
      const double with_click = total(k + 1, true);
      out[first + k] = with_click / before;
      before = row[k] != 0 ? with_click : total(k + 1, false);
      if (!(before > 0)) return;
    }
    double sum = 0;
    for (std::size_t z = 0; z < states.size(); ++z) {
      TypeState& state = states[z];
      const double joint = advance(RowWalk(types_[z].config, cells, i), {row, n, false}, state);
      if (joint > 0) {
        state.scan /= joint;
        state.exited /= joint;
      }
      state.weight *= joint;
      sum += state.weight;
    }
    for (TypeState& state : states) state.weight /= sum;
  }
}

namespace {

/// The joint probability of each cell's examination and a click on one cell, for one user type.
class GivenClick {
 public:
  GivenClick(const CarouselPageConfig& config, const PageCells& cells, std::size_t row,
             std::size_t column, double share, std::span<double> joint)
      : config_(config), cells_(cells), row_(row), column_(column), reach_(share), joint_(joint) {}

  /// Returns: P(the click).
  double add() {
    std::vector<RowWalk> above;
    for (std::size_t j = 0; j < row_; ++j) {
      const RowWalk& walk = above.emplace_back(config_, cells_, j);
      const double entering = reach_ * walk.entry();
      reach_ =
          walk.next_row() * (reach_ - entering + walk.read(entering, [](const Visit&, double) {}));
    }
    const double click = clicked_row(RowWalk(config_, cells_, row_));
    for (const RowWalk& walk : above) row_above(walk, click);
    for (std::size_t j = row_ + 1; j < cells_.n_rows(); ++j) row_below({config_, cells_, j});
    return click;
  }

 private:
  double clicked_row(const RowWalk& walk) {
    const double entering = reach_ * walk.entry();
    double click = 0, back = 0;
    for (const RowOrder& order : walk.orders()) {
      double mass = entering * order.p;
      std::size_t t = 0;
      for (; walk.at(order, t).column != column_; ++t) mass *= walk.all(walk.at(order, t)).go_on;
      const Visit visit = walk.at(order, t);
      for (std::size_t seen = 0; seen <= t; ++seen)
        joint_[walk.at(order, seen).cell] += mass * visit.attraction;
      click += mass * visit.attraction;
      const Branches then = walk.clicked(visit);
      double rest = mass * then.go_on;
      back += mass * then.leave_row;
      back += walk.read(order, t + 1, walk.size(), rest,
                        [&](const Visit& later, double m) { joint_[later.cell] += m; });
    }
    reach_ = back * walk.next_row();
    return click;
  }

  /// Of those who click further down: a_j h_jc b_jc / (1 - a_j + a_j B_j), b_jc = P(back in the
  /// scan | at column c).
  void row_above(const RowWalk& walk, double click) {
    if (walk.size() == 0) return;
    const double entry = walk.entry();
    std::vector<double> seen(walk.size(), 0);
    double back = 0;
    for (const RowOrder& order : walk.orders()) {
      std::vector<double> returns(walk.size() + 1, 0);
      for (std::size_t t = walk.size(); t-- > 0;) {
        const Branches then = walk.all(walk.at(order, t));
        returns[t] = then.leave_row + then.go_on * returns[t + 1];
      }
      double mass = order.p;
      for (std::size_t t = 0; t < walk.size(); ++t) {
        const Visit visit = walk.at(order, t);
        seen[visit.column] += mass * returns[t];
        mass *= walk.all(visit).go_on;
      }
      back += order.p * returns[0];
    }
    const double through = 1 - entry + entry * back;
    if (!(through > 0)) return;
    for (std::size_t k = 0; k < walk.size(); ++k)
      joint_[walk.first() + k] += click * entry * seen[k] / through;
  }

  void row_below(const RowWalk& walk) {
    const double entering = reach_ * walk.entry();
    const double back =
        walk.read(entering, [&](const Visit& visit, double mass) { joint_[visit.cell] += mass; });
    reach_ = walk.next_row() * (reach_ - entering + back);
  }

  const CarouselPageConfig& config_;
  const PageCells& cells_;
  std::size_t row_;
  std::size_t column_;
  double reach_;  // of the row that is looked at
  std::span<double> joint_;
};

}  // namespace

void CarouselPage::examination_given_click(const PageCells& cells, std::size_t clicked,
                                           std::span<double> out) const {
  check(cells);
  REHEARSAL_CHECK(clicked < cells.size() && out.size() == cells.size());
  std::size_t row = 0;
  while (cells.row_offsets[row + 1] <= clicked) ++row;
  std::ranges::fill(out, 0.0);
  double p_click = 0;
  for (const auto& [share, config] : types_)
    p_click += GivenClick(config, cells, row, clicked - cells.row_offsets[row], share, out).add();
  for (double& p : out) p = p_click > 0 ? p / p_click : 0;
}

}  // namespace rehearsal
