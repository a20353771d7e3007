#include "users/independent_model.h"

#include "sim/core/rng.h"

namespace rehearsal {

double IndependentModel::click_if_examined(const PageCells& cells, std::size_t r,
                                           const Cell& at) const {
  return at.attractive * cells.attraction[r] + at.unattractive * (1 - cells.attraction[r]);
}

void IndependentModel::marginals(const PageCells& cells, std::span<double> examination,
                                 std::span<double> click) const {
  check(cells);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const Cell at = cell(cells, r);
    examination[r] = at.examination;
    click[r] = at.examination * click_if_examined(cells, r, at);
  }
}

void IndependentModel::conditional(const PageCells& cells, std::span<const std::uint8_t> /*clicks*/,
                                   std::span<double> out) const {
  check(cells);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const Cell at = cell(cells, r);
    out[r] = at.examination * click_if_examined(cells, r, at);
  }
}

std::vector<double> IndependentModel::n_clicks(const PageCells& cells) const {
  check(cells);
  std::vector<double> pmf(cells.size() + 1, 0.0);
  pmf[0] = 1;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const Cell at = cell(cells, r);
    const double q = at.examination * click_if_examined(cells, r, at);
    for (std::size_t k = r + 1; k > 0; --k) pmf[k] = pmf[k] * (1 - q) + pmf[k - 1] * q;
    pmf[0] *= 1 - q;
  }
  return pmf;
}

void IndependentModel::sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const {
  check(cells);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const Cell at = cell(cells, r);
    const std::uint32_t* words = noise.cell.data() + 4 * r;
    const bool examined = Stream::to_uniform(words[0]) < at.examination;
    const bool attractive = Stream::to_uniform(words[1]) < cells.attraction[r];
    const double p_click = attractive ? at.attractive : at.unattractive;
    const bool click = examined && Stream::to_uniform(words[3]) < p_click;
    acts.examined[r] = examined;
    acts.click[r] = click;
    acts.satisfied[r] = click && Stream::to_uniform(words[2]) < cells.satisfied(r);
  }
}

}  // namespace rehearsal
