#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/log/array_file.h"

namespace rehearsal {

/// A group's arrays, checked as they are asked for. Every call below raises Error(kInput) naming
/// file, group, dataset, index and what is allowed; spans borrow from the group.
class CaseInputs {
 public:
  using Shape = std::vector<std::size_t>;

  explicit CaseInputs(const ArrayGroup& group);

  bool has(const std::string& dataset) const { return group_.inputs.count(dataset) > 0; }
  bool has_all(const std::vector<std::string>& datasets) const;
  /// Raises: when the dataset is absent, naming those that are there.
  const Array& at(const std::string& dataset) const;
  /// Rows of a dataset of this many dimensions; at least one.
  std::size_t rows(const std::string& dataset, std::size_t n_dimensions) const;

  /// The file's index of a round of this group: blocks begin anywhere.
  std::size_t round(std::size_t index) const { return index + first_round_; }

  /// Finite numbers.
  std::span<const double> numbers(const std::string& dataset, const Shape& shape) const;
  /// Numbers of at least 0.
  std::span<const double> weights(const std::string& dataset, const Shape& shape) const;
  /// Propensities of what was done, in (0, 1].
  std::span<const double> propensities(const std::string& dataset, const Shape& shape) const;
  /// Densities of what was done, above 0.
  std::span<const double> densities(const std::string& dataset, const Shape& shape) const;
  /// Probabilities in [0, 1].
  std::span<const double> probabilities(const std::string& dataset, const Shape& shape) const;
  /// Whole numbers in [0, n_values).
  std::vector<std::uint32_t> indices(const std::string& dataset, const Shape& shape,
                                     std::size_t n_values) const;

  /// Raises: Error(kInput) at one value of a dataset.
  [[noreturn]] void refuse(const std::string& dataset, const std::string& message) const;
  [[noreturn]] void refuse(const std::string& dataset, const Shape& shape, std::size_t index,
                           const std::string& expected) const;

 private:
  /// Args: allowed: whether a finite number is.
  template <class Allowed>
  std::span<const double> checked(const std::string& dataset, const Shape& shape, Allowed&& allowed,
                                  const std::string& expected) const;

  const ArrayGroup& group_;
  std::size_t first_round_ = 0;
};

}  // namespace rehearsal
