#include "scenarios/arrays/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr double kRounding = 1e-9;  // a sum of probabilities that is 1 may come out a bit above it

std::string shape_text(const CaseInputs::Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

/// "[3, 1, 0]" of a flat index. Args: first_row: the file's row that row 0 is.
std::string index_text(const CaseInputs::Shape& shape, std::size_t flat, std::size_t first_row) {
  std::vector<std::size_t> at(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    at[d] = flat % shape[d];
    flat /= shape[d];
  }
  if (!at.empty()) at[0] += first_row;
  return fmt::format("[{}]", fmt::join(at, ", "));
}

}  // namespace

CaseInputs::CaseInputs(const ArrayGroup& group) : group_(group) {
  // Flat inputs have several rows a round.
  for (const auto& [name, first] : group.first_row)
    first_round_ = name == group.first_row.begin()->first ? first : std::min(first_round_, first);
}

bool CaseInputs::has_all(const std::vector<std::string>& datasets) const {
  return std::all_of(datasets.begin(), datasets.end(),
                     [this](const std::string& dataset) { return has(dataset); });
}

const Array& CaseInputs::at(const std::string& dataset) const {
  const auto found = group_.inputs.find(dataset);
  if (found != group_.inputs.end()) return found->second;
  std::vector<std::string> there;
  for (const auto& [name, array] : group_.inputs) there.push_back(name);
  refuse(dataset, fmt::format("no such dataset; there are: {}", fmt::join(there, ", ")));
}

std::size_t CaseInputs::rows(const std::string& dataset, std::size_t n_dimensions) const {
  const Shape& shape = at(dataset).shape;
  if (shape.size() != n_dimensions)
    refuse(dataset, fmt::format("has shape {}, expected {} dimension{}", shape_text(shape),
                                n_dimensions, n_dimensions == 1 ? "" : "s"));
  if (at(dataset).values.empty())
    refuse(dataset, fmt::format("has shape {}: it is empty", shape_text(shape)));
  return shape[0];
}

void CaseInputs::refuse(const std::string& dataset, const std::string& message) const {
  throw Error(ErrorKind::kInput, group_.where(dataset) + ": " + message);
}

void CaseInputs::refuse(const std::string& dataset, const Shape& shape, std::size_t index,
                        const std::string& expected) const {
  const auto first = group_.first_row.find(dataset);
  const std::size_t row = first == group_.first_row.end() ? 0 : first->second;
  refuse(dataset, fmt::format("value {} is {}, expected {}", index_text(shape, index, row),
                              at(dataset).values[index], expected));
}

template <class Allowed>
std::span<const double> CaseInputs::checked(const std::string& dataset, const Shape& shape,
                                            Allowed&& allowed, const std::string& expected) const {
  const Array& array = at(dataset);
  if (array.shape != shape)
    refuse(dataset,
           fmt::format("has shape {}, expected {}", shape_text(array.shape), shape_text(shape)));
  for (std::size_t i = 0; i < array.values.size(); ++i)
    if (!std::isfinite(array.values[i]) || !allowed(array.values[i]))
      refuse(dataset, shape, i, expected);
  return array.values;
}

std::span<const double> CaseInputs::numbers(const std::string& dataset, const Shape& shape) const {
  return checked(
      dataset, shape, [](double) { return true; }, "a finite number");
}

std::span<const double> CaseInputs::weights(const std::string& dataset, const Shape& shape) const {
  return checked(
      dataset, shape, [](double v) { return v >= 0; }, "a weight of at least 0");
}

std::span<const double> CaseInputs::propensities(const std::string& dataset,
                                                 const Shape& shape) const {
  return checked(
      dataset, shape, [](double v) { return v > 0 && v <= 1 + kRounding; },
      "a propensity in (0, 1]");
}

std::span<const double> CaseInputs::densities(const std::string& dataset,
                                              const Shape& shape) const {
  return checked(
      dataset, shape, [](double v) { return v > 0; }, "a density above 0");
}

std::span<const double> CaseInputs::probabilities(const std::string& dataset,
                                                  const Shape& shape) const {
  return checked(
      dataset, shape, [](double v) { return v >= 0 && v <= 1 + kRounding; },
      "a probability in [0, 1]");
}

std::vector<std::uint32_t> CaseInputs::indices(const std::string& dataset, const Shape& shape,
                                               std::size_t n_values) const {
  const double limit = static_cast<double>(n_values);
  const std::span<const double> values = checked(
      dataset, shape, [limit](double v) { return v >= 0 && v < limit && v == std::floor(v); },
      fmt::format("a whole number from 0 to {}", n_values - 1));
  return {values.begin(), values.end()};
}

}  // namespace rehearsal
