#pragma once

#include <cstddef>
#include <span>

namespace rehearsal {

/// How a user browses one carousel: left to right; after an item without a click goes on with
/// probability `go_on`, at a window's last item times `swipe`; a click ends the row.
/// The unified page model with one row and (c, rho, x) = (go_on, 1 - go_on, 0) without a click.
struct RowBrowsing {
  double go_on = 0.85;
  double swipe = 0.25;
  std::size_t window = 5;  // items visible at a time; a swipe shows the next so many

  /// At least P(a swipe | row entered, no click), whatever the items: who stays clicks nothing.
  double most_swipes() const;
};

/// Args: attraction: (n_items) P(click | examined), in the order shown.  click: (n_items) filled
///       with P(the click is on this item | row entered).
/// Returns: P(a click in the row | row entered).
double row_clicks(const RowBrowsing& browsing, std::span<const double> attraction,
                  std::span<double> click);

/// Windows that a user who entered the row and clicked nothing has seen, by inversion.
/// Args: u: uniform in (0, 1).
/// Returns: n >= 1, where P(n > w) = P(window w is swiped to | entered, no click).
std::size_t windows_without_click(const RowBrowsing& browsing, std::span<const double> attraction,
                                  double u);

}  // namespace rehearsal
