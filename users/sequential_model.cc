#include "users/sequential_model.h"

#include "sim/core/rng.h"

namespace rehearsal {

void SequentialModel::marginals(const PageCells& cells, std::span<double> examination,
                                std::span<double> click) const {
  check(cells);
  double examined = 1;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const double a = cells.attraction[r];
    examination[r] = examined;
    click[r] = examined * a;
    const Step next = step(cells, r);
    examined *= (1 - a) * next.after_no_click + a * next.after_click();
  }
}

void SequentialModel::conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                                  std::span<double> out) const {
  check(cells);
  double examined = 1;  // given the clicks so far
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const double a = cells.attraction[r];
    out[r] = examined * a;
    const Step next = step(cells, r);
    if (clicks[r] != 0)
      examined = next.after_click();
    else if (examined < 1)  // who certainly looked still does, even where no click cannot be
      examined *= next.after_no_click * (1 - a) / (1 - examined * a);
    else
      examined = next.after_no_click;
  }
}

std::vector<double> SequentialModel::n_clicks(const PageCells& cells) const {
  check(cells);
  const std::size_t n = cells.size();
  std::vector<double> reading(n + 1, 0.0), stopped(n + 1, 0.0);  // by clicks so far
  reading[0] = 1;
  for (std::size_t r = 0; r < n; ++r) {
    const double a = cells.attraction[r];
    const Step next = step(cells, r);
    const double on_skip = next.after_no_click, on_click = next.after_click();
    for (std::size_t k = r + 1; k-- > 0;) {
      const double skip = reading[k] * (1 - a), click = reading[k] * a;
      stopped[k] += skip * (1 - on_skip);
      stopped[k + 1] += click * (1 - on_click);
      reading[k] = skip * on_skip;
      reading[k + 1] += click * on_click;
    }
  }
  for (std::size_t k = 0; k <= n; ++k) stopped[k] += reading[k];
  return stopped;
}

void SequentialModel::sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const {
  check(cells);
  const std::size_t n = cells.size();
  bool reading = true;
  for (std::size_t r = 0; r < n; ++r) {
    acts.examined[r] = reading;
    acts.click[r] = acts.satisfied[r] = 0;
    if (!reading) continue;
    const std::uint32_t* words = noise.cell.data() + 4 * r;
    const Step next = step(cells, r);
    acts.click[r] = Stream::to_uniform(words[1]) < cells.attraction[r];
    double on = next.after_no_click;
    if (acts.click[r] != 0) {
      acts.satisfied[r] = Stream::to_uniform(words[2]) < next.satisfied;
      on = acts.satisfied[r] != 0 ? next.after_satisfied : next.after_unsatisfied;
    }
    reading = Stream::to_uniform(words[3]) < on;
  }
}

}  // namespace rehearsal
