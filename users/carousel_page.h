#pragma once

#include <vector>

#include "users/click_model.h"

namespace rehearsal {

/// What follows an examined cell: on to the next column of the row, out of the row and back to the
/// vertical scan, or off the page. Sums to 1.
struct OutcomeSplit {
  double go_on = 0;
  double leave_row = 0;
  double exit = 0;

  Fields fields();
};

/// a_i = logistic(bias + heading relevance_i + visible mean_k logit(alpha_ik) + position i): the
/// mean over the row's first window, i from 0. An infinite bias: 1.
struct RowEntryLogit {
  double bias;
  double heading = 0;
  double visible = 0;
  double position = 0;

  RowEntryLogit();
  Fields fields();
};

/// Scrolling: after row `rows`, rows + step, ... (counted from 1) the next row is reached only with
/// a further `probability`.
struct PageFold {
  std::int64_t rows = 3;
  std::int64_t step = 3;
  double probability = 1;

  Fields fields();
};

/// After no click `continue` shrinks by e^(-row i - column k) (i, k from 0); the rest exits.
struct PageFatigue {
  double row = 0;
  double column = 0;

  Fields fields();
};

/// How one type of user reads a page of carousels. What is left out is not there: no window, no
/// fold, no mirrored swipes, no fatigue.
struct CarouselPageConfig {
  NumberOrList row_entry{{1}, false};
  RowEntryLogit row_entry_logit;
  NumberOrList next_row{{0.9}, false};
  OutcomeSplit no_click{0.80, 0.15, 0.05};
  OutcomeSplit click{0.60, 0.30, 0.10};
  OutcomeSplit satisfied_click{0.10, 0.10, 0.80};
  std::int64_t visible = 0;     // 0: the whole row
  std::int64_t swipe_step = 0;  // 0: as many as are visible
  double swipe = 0.25;
  PageFold fold;
  double mirror = 0;
  PageFatigue fatigue;

  Fields fields();
};

struct CarouselUserType {
  double share = 1;
  CarouselPageConfig config;
};

/// Reads the keys of carousel_page, and `user_types`: each starts from the model's own keys.
/// Returns: at least one type; shares sum to 1.
/// Raises: Error(kInput), naming the key, for probabilities outside [0, 1], splits or shares that
///         do not sum to 1, a swipe step beyond the window.
std::vector<CarouselUserType> read_carousel_page(const PluginConfig& plugin);
std::vector<FieldDescription> describe_carousel_page();

/// How a page view ends; sums to 1.
struct PageEnd {
  double satisfied = 0;    // left the page right after a satisfying click
  double unsatisfied = 0;  // right after a click that did not satisfy
  double tired = 0;        // right after an item without a click
  double scanned = 0;      // in the vertical scan: gave up, or saw the last row

  double abandoned() const { return unsatisfied + tired + scanned; }
};

/// The unified page of carousels (user_models.md B.3): a vertical scan enters rows; inside a row
/// the user goes from cell to cell, clicks or not, is satisfied or not, then goes on, leaves the
/// row, or exits. Windows, folds, mirrored swipes (every window but the first is read from the
/// right; one coin a row), fatigue; "columns" of windows and fatigue are places in the order
/// visited. User types, drawn once a page, are mixtures. All quantities are exact. Every function
/// raises Error(kInput) where the page has more rows than row_entry or next_row.
class CarouselPage final : public ClickModel {
 public:
  explicit CarouselPage(std::vector<CarouselUserType> types);

  void marginals(const PageCells& cells, std::span<double> examination,
                 std::span<double> click) const override;
  /// O(sum of K_i^2). After clicks that cannot be: 0.
  void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                   std::span<double> out) const override;
  std::vector<double> n_clicks(const PageCells& cells) const override;
  /// Words: page 0 the user type; row 0 entry, 1 next row, 2 mirror; cell 1 to 3.
  void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const override;

  /// P(no click on the page), in O(n_cells).
  double no_click(const PageCells& cells) const;
  double expected_examined(const PageCells& cells) const;
  double expected_clicks(const PageCells& cells) const;
  PageEnd end(const PageCells& cells) const;
  /// P(vertical scan reaches each row). Returns: (n_rows).
  std::vector<double> reach(const PageCells& cells) const;
  /// P(examined | click on one cell), of every cell, those after it included: an L, down the first
  /// columns and along the clicked row.
  /// Args: clicked: index of the cell.  out: (n_cells); 0 if that click cannot be.
  void examination_given_click(const PageCells& cells, std::size_t clicked,
                               std::span<double> out) const;

 private:
  void check(const PageCells& cells) const;

  std::vector<CarouselUserType> types_;
};

}  // namespace rehearsal
