#include "users/carousel_row.h"

#include <cmath>

namespace rehearsal {

namespace {

/// P(the item after `k` is examined | item k is, and not clicked).
double onward(const RowBrowsing& browsing, std::size_t k) {
  return (k + 1) % browsing.window == 0 ? browsing.go_on * browsing.swipe : browsing.go_on;
}

}  // namespace

double RowBrowsing::most_swipes() const {
  return std::pow(go_on, static_cast<double>(window)) * swipe;
}

double row_clicks(const RowBrowsing& browsing, std::span<const double> attraction,
                  std::span<double> click) {
  double examined = 1;
  double sum = 0;
  for (std::size_t k = 0; k < attraction.size(); ++k) {
    click[k] = examined * attraction[k];
    sum += click[k];
    examined *= (1 - attraction[k]) * onward(browsing, k);
  }
  return sum;
}

std::size_t windows_without_click(const RowBrowsing& browsing, std::span<const double> attraction,
                                  double u) {
  double no_click = 1;  // in the whole row
  for (std::size_t k = attraction.size(); k-- > 0;) {
    const double next = k + 1 < attraction.size() ? onward(browsing, k) : 0;
    no_click = (1 - attraction[k]) * (1 - next + next * no_click);
  }
  double examined = 1;  // and nothing clicked so far
  std::size_t windows = 1;
  for (std::size_t first = 0; first + browsing.window < attraction.size(); ++windows) {
    for (const std::size_t end = first + browsing.window; first < end; ++first)
      examined *= (1 - attraction[first]) * onward(browsing, first);
    double rest = 1;
    for (std::size_t k = attraction.size(); k-- > first;) {
      const double next = k + 1 < attraction.size() ? onward(browsing, k) : 0;
      rest = (1 - attraction[k]) * (1 - next + next * rest);
    }
    if (u >= examined * rest / no_click) break;
  }
  return windows;
}

}  // namespace rehearsal
