#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/core/fields.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// The cells (items at their places) of one page, row by row, as a click model sees them. A ranked
/// list is a page of one row. Models of a list read a page of several rows as one long list.
struct PageCells {
  std::span<const std::uint32_t> row_offsets;  // (n_rows + 1), from 0
  std::span<const double> attraction;          // (n_cells) P(click | examined), in [0, 1]
  std::span<const double> satisfaction;        // (n_cells) P(satisfied | click); empty: 1
  std::span<const double> examination{};       // (n_cells) where the page itself says it (pbm)
  std::span<const double> heading{};           // (n_rows) relevance of each heading; empty: 0

  std::size_t n_rows() const { return row_offsets.size() - 1; }
  std::size_t size() const { return attraction.size(); }
  double satisfied(std::size_t r) const { return satisfaction.empty() ? 1 : satisfaction[r]; }
};

/// Random words of one page: four of the page, of each row (addressed by its module) and of each
/// cell (addressed by its item), so that noise goes with what is shown, not with its place. The
/// words of a cell decide: 0 examination, 1 attraction, 2 satisfaction, 3 what follows.
struct PageNoise {
  std::span<const std::uint32_t> page;  // (4)
  std::span<const std::uint32_t> row;   // (n_rows, 4)
  std::span<const std::uint32_t> cell;  // (n_cells, 4)
};

/// What a user did on a page, 0 or 1 a cell.
struct PageActs {
  std::span<std::uint8_t> examined;   // (n_cells)
  std::span<std::uint8_t> click;      // (n_cells)
  std::span<std::uint8_t> satisfied;  // (n_cells) only where clicked
};

/// How users examine and click the cells of a page, given what attracts and satisfies them: a
/// sampler and the exact quantities that it must agree with.
/// Raises, from any member: Error(kInput) for a list of parameters that the page does not fit,
/// naming its key (require_entries).
class ClickModel {
 public:
  virtual ~ClickModel() = default;

  /// Unconditional probabilities. Args: examination, click: (n_cells), filled.
  virtual void marginals(const PageCells& cells, std::span<double> examination,
                         std::span<double> click) const = 0;
  /// P(click at r | clicks at the cells before r, row by row). Args: clicks, out: (n_cells).
  virtual void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                           std::span<double> out) const = 0;
  /// P(k clicks on the page), k = 0 ... n_cells.
  virtual std::vector<double> n_clicks(const PageCells& cells) const = 0;
  /// Draws a page view. Examination is a sampled yes or no, never a running probability.
  virtual void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const = 0;
};

/// log P(clicks): sum of c log q + (1 - c) log(1 - q) over the conditional click probabilities q,
/// each kept inside [1e-9, 1 - 1e-9].
double log_likelihood(std::span<const double> conditional, std::span<const std::uint8_t> clicks);

/// Raises: Error(kInput) when `key` has fewer than the `needed` entries of a page.
void require_entries(const std::string& key, std::size_t entries, std::size_t needed);

/// A line of users/click_models.cc.
struct ClickModelEntry {
  std::string name;
  std::string summary;
  std::string source;
  bool uses_satisfaction = false;
  std::vector<FieldDescription> (*describe)() = nullptr;
  /// Raises: Error(kInput) for parameters that cannot be, with the key's name.
  std::unique_ptr<ClickModel> (*make)(const PluginConfig&) = nullptr;
};

/// Every click model, one line each.
const Registry<ClickModelEntry>& click_models();

}  // namespace rehearsal
