#pragma once

#include "users/click_model.h"

namespace rehearsal {

/// Models of a user who reads a list from the top and, after each cell, goes on to the next or
/// stops for good. They share one recursion: with f0 = P(next examined | examined, no click) and
/// f1 = P(next examined | examined, click) of a cell, examination e moves on as
///   marginal:     e <- e ((1 - a) f0 + a f1)
///   conditional:  e <- f1 after a click, else f0 e (1 - a) / (1 - e a).
class SequentialModel : public ClickModel {
 public:
  void marginals(const PageCells& cells, std::span<double> examination,
                 std::span<double> click) const override;
  void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                   std::span<double> out) const override;
  std::vector<double> n_clicks(const PageCells& cells) const override;
  void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const override;

 protected:
  /// What follows a cell.
  struct Step {
    double satisfied;          // P(satisfied | click)
    double after_no_click;     // P(next cell examined | examined, not clicked), f0
    double after_unsatisfied;  // P(next cell examined | clicked, not satisfied)
    double after_satisfied;    // P(next cell examined | clicked and satisfied)

    double after_click() const {  // f1
      return (1 - satisfied) * after_unsatisfied + satisfied * after_satisfied;
    }
  };
  /// Raises: Error(kInput) for a page that the parameters do not fit.
  virtual void check(const PageCells& /*cells*/) const {}
  /// Args: r: any cell of a checked page; nothing follows the last, whatever is said of it.
  virtual Step step(const PageCells& cells, std::size_t r) const = 0;
};

}  // namespace rehearsal
