#pragma once

#include "users/click_model.h"

namespace rehearsal {

/// Models in which cells are examined independently of each other and of all clicks: the
/// examination hypothesis, with or without trust bias.
class IndependentModel : public ClickModel {
 public:
  void marginals(const PageCells& cells, std::span<double> examination,
                 std::span<double> click) const override;
  void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                   std::span<double> out) const override;
  std::vector<double> n_clicks(const PageCells& cells) const override;
  void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const override;

 protected:
  struct Cell {
    double examination;       // P(examined)
    double attractive = 1;    // P(click | examined, attractive)
    double unattractive = 0;  // P(click | examined, not attractive)
  };
  /// Raises: Error(kInput) for a page that the parameters do not fit.
  virtual void check(const PageCells& cells) const = 0;
  /// Args: r: a cell of a checked page.
  virtual Cell cell(const PageCells& cells, std::size_t r) const = 0;

 private:
  double click_if_examined(const PageCells& cells, std::size_t r, const Cell& at) const;
};

}  // namespace rehearsal
