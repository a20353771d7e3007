#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "users/independent_model.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct GridPbmConfig {
  std::string kind = "power_law";
  std::vector<std::vector<double>> examination;
  NumberOrList row{{1}, false};
  NumberOrList column{{1}, false};
  double row_power = 0.5;
  double column_power = 1;
  double row_decay = 0.2;
  double column_decay = 0.1;
  double mirrored_decay = 0.1;
  std::int64_t visible = 5;
  double swipe = 0.25;

  Fields fields() {
    return Fields()
        .choice("kind", kind, {"table", "factorized", "power_law", "golden_triangle", "row_page"},
                "how examination falls with row i and column k (both from 1)")
        .add("examination", examination, 0, 1, "table: a list a row; empty: the page says it")
        .add("row", row, 0, 1, "factorized: row times column")
        .add("column", column, 0, 1, "factorized: row times column")
        .add("row_power", row_power, 0, 100, "power_law: i^-row_power k^-column_power")
        .add("column_power", column_power, 0, 100, "power_law: i^-row_power k^-column_power")
        .add("row_decay", row_decay, 0, 1000, "row_page: e^(-row_decay (i - 1))")
        .add("column_decay", column_decay, 0, 1000,
             "row_page: e^(-column_decay (k - 1)) in the first window")
        .add("mirrored_decay", mirrored_decay, 0, 1000,
             "row_page: decay from the right in the windows swiped to")
        .add("visible", visible, 1, 1'000'000, "row_page: items of a window")
        .add("swipe", swipe, 0, 1, "row_page: factor of each swipe");
  }
};

/// Kinds and the keys that only they have.
const std::vector<std::pair<std::string, std::vector<std::string>>>& keys_of_kinds() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> all{
      {"table", {"examination"}},
      {"factorized", {"row", "column"}},
      {"power_law", {"row_power", "column_power"}},
      {"row_page", {"row_decay", "column_decay", "mirrored_decay", "visible", "swipe"}}};
  return all;
}

/// The position-based model of a page (user_models.md B.2.5): cells are examined independently.
class GridPbm : public IndependentModel {
 public:
  explicit GridPbm(GridPbmConfig config) : config_(std::move(config)) {}

 protected:
  void check(const PageCells& cells) const override {
    if (config_.kind == "table" && (!config_.examination.empty() || cells.examination.empty()))
      require_entries("examination", config_.examination.size(), cells.n_rows());
    if (!config_.row.covers(cells.n_rows()))
      require_entries("row", config_.row.values.size(), cells.n_rows());
    for (std::size_t i = 0; i < cells.n_rows(); ++i) {
      const std::size_t n = cells.row_offsets[i + 1] - cells.row_offsets[i];
      if (!config_.column.covers(n)) require_entries("column", config_.column.values.size(), n);
      if (!config_.examination.empty())
        require_entries("examination[" + std::to_string(i) + "]", config_.examination[i].size(), n);
    }
  }

  Cell cell(const PageCells& cells, std::size_t r) const override {
    const auto after = std::ranges::upper_bound(cells.row_offsets, r);
    const auto i = static_cast<std::size_t>(after - cells.row_offsets.begin()) - 1;
    const std::size_t k = r - cells.row_offsets[i];
    const auto row = static_cast<double>(i + 1);
    const auto column = static_cast<double>(k + 1);
    if (config_.kind == "table")
      return {config_.examination.empty() ? cells.examination[r] : config_.examination[i][k]};
    if (config_.kind == "factorized") return {config_.row.at(i) * config_.column.at(k)};
    if (config_.kind == "golden_triangle") return {1 / std::log2(row + column)};
    if (config_.kind == "row_page") return {row_page(row, k)};
    return {std::pow(row, -config_.row_power) * std::pow(column, -config_.column_power)};
  }

 private:
  double row_page(double row, std::size_t k) const {
    const auto window = static_cast<std::size_t>(config_.visible);
    const auto swipes = static_cast<double>(k / window);
    const std::size_t place = k % window;
    const double along = k < window
                             ? config_.column_decay * static_cast<double>(place)
                             : config_.mirrored_decay * static_cast<double>(window - 1 - place);
    return std::exp(-config_.row_decay * (row - 1) - along) * std::pow(config_.swipe, swipes);
  }

  GridPbmConfig config_;
};

/// A key of another kind, unless it says what it says by itself, would be read and not used.
void check_keys(GridPbmConfig& config, const PluginConfig& plugin) {
  GridPbmConfig untouched;
  const YAML::Node given = config.fields().resolved();
  const YAML::Node defaults = untouched.fields().resolved();
  for (const auto& [kind, keys] : keys_of_kinds())
    for (const std::string& key : keys)
      if (kind != config.kind && YAML::Dump(given[key]) != YAML::Dump(defaults[key]))
        plugin.refuse(key, "belongs to kind '" + kind + "', the kind is '" + config.kind + "'");
}

std::unique_ptr<ClickModel> make_grid_pbm(const PluginConfig& plugin) {
  auto config = plugin.read<GridPbmConfig>();
  check_keys(config, plugin);
  return std::make_unique<GridPbm>(std::move(config));
}

}  // namespace

ClickModelEntry grid_pbm_clicks() {
  return {
      "grid_pbm",
      "position-based in two dimensions: table, product, power law, golden triangle, row page",
      "the examination hypothesis on a grid; row pages after arXiv 2608.21877, parametrized here",
      false,
      describe_fields<GridPbmConfig>,
      make_grid_pbm};
}

}  // namespace rehearsal
