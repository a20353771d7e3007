#include "users/carousel_page.h"

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "users/carousel_walk.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

void ignore(const Visit&, double) {}

/// Calls row(walk, reach) down the page with P(the vertical scan reaches it); row returns how many
/// of them, entered or not, are back in the scan.
template <class Row>
void scan(const CarouselPageConfig& config, const PageCells& cells, double reach, Row&& row) {
  for (std::size_t i = 0; i < cells.n_rows(); ++i) {
    const RowWalk walk(config, cells, i);
    reach = walk.next_row() * row(walk, reach);
  }
}

/// Those who come back to the scan from a row that `reach` users stood at.
template <class Seen>
double through_row(const RowWalk& walk, double reach, Seen&& seen) {
  const double entering = reach * walk.entry();
  return reach - entering + walk.read(entering, seen);
}

using Polynomial = std::vector<double>;  // in z, a click a power

void add_product(const Polynomial& a, const Polynomial& b, double factor, Polynomial& out) {
  if (out.size() < a.size() + b.size() - 1) out.resize(a.size() + b.size() - 1, 0);
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) out[i + j] += factor * a[i] * b[j];
}

/// sum += here (unclicked + clicked z).
void add_branch(const Polynomial& here, double unclicked, double clicked, Polynomial& sum) {
  for (std::size_t n = 0; n < here.size(); ++n) {
    sum[n] += here[n] * unclicked;
    sum[n + 1] += here[n] * clicked;
  }
}

/// Clicks in one row that is entered, with whether it is left for the scan or for good.
struct RowClicks {
  Polynomial back, exit;
};

RowClicks row_clicks_of(const RowWalk& walk) {
  RowClicks out{Polynomial(walk.size() + 1, 0), Polynomial(walk.size() + 1, 0)};
  if (walk.size() == 0) out.back[0] = 1;
  for (const RowOrder& order : walk.orders()) {
    Polynomial here{order.p};
    for (std::size_t t = 0; t < walk.size(); ++t) {
      const Visit visit = walk.at(order, t);
      const Branches no_click = walk.no_click(visit);
      const Branches click = walk.clicked(visit);
      add_branch(here, no_click.leave_row, click.leave_row, out.back);
      add_branch(here, no_click.exit, click.exit, out.exit);
      Polynomial next(here.size() + 1, 0);
      add_branch(here, no_click.go_on, click.go_on, next);
      here = std::move(next);
    }
  }
  return out;
}

void add_clicks(const CarouselPageConfig& config, const PageCells& cells, double share,
                Polynomial& out) {
  Polynomial reach{share};
  for (std::size_t i = 0; i < cells.n_rows(); ++i) {
    const RowWalk walk(config, cells, i);
    const double entry = walk.entry();
    const double next = walk.next_row();
    const RowClicks row = row_clicks_of(walk);
    add_product(reach, row.exit, entry, out);
    Polynomial back;
    add_product(reach, row.back, entry, back);
    add_product(reach, {1}, 1 - entry, back);
    add_product(back, {1}, 1 - next, out);
    for (double& p : back) p *= next;
    reach = std::move(back);
  }
}

}  // namespace

CarouselPage::CarouselPage(std::vector<CarouselUserType> types) : types_(std::move(types)) {
  REHEARSAL_CHECK(!types_.empty());
}

void CarouselPage::check(const PageCells& cells) const {
  for (const CarouselUserType& type : types_) {
    if (!type.config.row_entry.covers(cells.n_rows()))
      require_entries("row_entry", type.config.row_entry.values.size(), cells.n_rows());
    if (!type.config.next_row.covers(cells.n_rows() - 1))
      require_entries("next_row", type.config.next_row.values.size(), cells.n_rows() - 1);
  }
}

void CarouselPage::marginals(const PageCells& cells, std::span<double> examination,
                             std::span<double> click) const {
  check(cells);
  std::ranges::fill(examination, 0.0);
  for (const auto& [share, config] : types_)
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      return through_row(walk, reach,
                         [&](const Visit& visit, double mass) { examination[visit.cell] += mass; });
    });
  for (std::size_t j = 0; j < cells.size(); ++j) click[j] = examination[j] * cells.attraction[j];
}

std::vector<double> CarouselPage::reach(const PageCells& cells) const {
  check(cells);
  std::vector<double> out(cells.n_rows(), 0);
  for (const auto& [share, config] : types_) {
    auto at = out.begin();
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      *at++ += reach;
      return through_row(walk, reach, ignore);
    });
  }
  return out;
}

double CarouselPage::expected_examined(const PageCells& cells) const {
  check(cells);
  double sum = 0;
  for (const auto& [share, config] : types_)
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      return through_row(walk, reach, [&](const Visit&, double mass) { sum += mass; });
    });
  return sum;
}

double CarouselPage::expected_clicks(const PageCells& cells) const {
  check(cells);
  double sum = 0;
  for (const auto& [share, config] : types_)
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      return through_row(walk, reach,
                         [&](const Visit& visit, double mass) { sum += mass * visit.attraction; });
    });
  return sum;
}

PageEnd CarouselPage::end(const PageCells& cells) const {
  check(cells);
  PageEnd out;
  for (const auto& [share, config] : types_)
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      const double back = through_row(walk, reach, [&](const Visit& visit, double mass) {
        out.tired += mass * walk.no_click(visit).exit;
        out.unsatisfied += mass * walk.unsatisfied(visit).exit;
        out.satisfied += mass * walk.satisfied(visit).exit;
      });
      out.scanned += back * (1 - walk.next_row());
      return back;
    });
  return out;
}

double CarouselPage::no_click(const PageCells& cells) const {
  check(cells);
  double sum = 0;
  for (const auto& [share, config] : types_)
    scan(config, cells, share, [&](const RowWalk& walk, double reach) {
      const double entering = reach * walk.entry();
      double back = reach - entering + (walk.size() == 0 ? entering : 0);
      for (const RowOrder& order : walk.orders()) {
        double mass = entering * order.p;
        for (std::size_t t = 0; t < walk.size(); ++t) {
          const Branches then = walk.no_click(walk.at(order, t));
          sum += mass * then.exit;
          back += mass * then.leave_row;
          mass *= then.go_on;
        }
      }
      sum += back * (1 - walk.next_row());
      return back;
    });
  return sum;
}

std::vector<double> CarouselPage::n_clicks(const PageCells& cells) const {
  check(cells);
  Polynomial out(cells.size() + 1, 0);
  for (const auto& [share, config] : types_) add_clicks(config, cells, share, out);
  REHEARSAL_CHECK(out.size() == cells.size() + 1);
  return out;
}

namespace {

/// How a row was left, or not entered at all.
enum class RowEnd { kBack, kExit };

RowEnd sample_row(const RowWalk& walk, const std::uint32_t* row, const PageNoise& noise,
                  PageActs acts) {
  if (!(Stream::to_uniform(row[0]) < walk.entry())) return RowEnd::kBack;
  const std::span<const RowOrder> orders = walk.orders();
  const bool second = orders.size() > 1 && Stream::to_uniform(row[2]) < orders[1].p;
  const RowOrder& order = orders[second ? 1 : 0];
  for (std::size_t t = 0; t < walk.size(); ++t) {
    const Visit visit = walk.at(order, t);
    const std::uint32_t* words = noise.cell.data() + 4 * visit.cell;
    const bool click = Stream::to_uniform(words[1]) < visit.attraction;
    const bool satisfied = click && Stream::to_uniform(words[2]) < visit.satisfaction;
    acts.examined[visit.cell] = 1;
    acts.click[visit.cell] = click;
    acts.satisfied[visit.cell] = satisfied;
    const Branches then = walk.after(visit, satisfied ? 2 : click ? 1 : 0);
    const double u = Stream::to_uniform(words[3]);
    if (u < then.go_on) continue;
    return u < then.go_on + then.leave_row ? RowEnd::kBack : RowEnd::kExit;
  }
  return RowEnd::kBack;
}

}  // namespace

void CarouselPage::sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const {
  check(cells);
  for (const std::span<std::uint8_t> act : {acts.examined, acts.click, acts.satisfied})
    std::ranges::fill(act, std::uint8_t{0});
  double left = Stream::to_uniform(noise.page[0]);
  std::size_t type = 0;
  while (type + 1 < types_.size() && (left -= types_[type].share) >= 0) ++type;
  for (std::size_t i = 0; i < cells.n_rows(); ++i) {
    const RowWalk walk(types_[type].config, cells, i);
    const std::uint32_t* row = noise.row.data() + 4 * i;
    if (sample_row(walk, row, noise, acts) == RowEnd::kExit) return;
    if (!(Stream::to_uniform(row[1]) < walk.next_row())) return;
  }
}

ClickModelEntry carousel_page_clicks() {
  return {"carousel_page",
          "vertical scan into carousels: row entry, clicks and satisfaction, continue, leave, exit",
          "this project: one model of which cascades, DBN, TCM and carousel models are cases",
          true,
          describe_carousel_page,
          [](const PluginConfig& plugin) -> std::unique_ptr<ClickModel> {
            return std::make_unique<CarouselPage>(read_carousel_page(plugin));
          }};
}

}  // namespace rehearsal
