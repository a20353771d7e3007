#include "policies/orderers/parameters.h"

#include <cmath>

#include "policies/learning.h"

namespace rehearsal {

std::size_t Parameters::add(ParameterBlock block) {
  block.offset = values_.size();
  values_.resize(values_.size() + block.rows * block.columns, block.start);
  blocks_.push_back(std::move(block));
  return blocks_.size() - 1;
}

std::size_t Parameters::weight(const std::string& name, std::size_t rows, std::size_t columns) {
  const double bound = std::sqrt(6 / static_cast<double>(rows + columns));
  return add({.name = name, .rows = rows, .columns = columns, .bound = bound});
}

std::size_t Parameters::bias(const std::string& name, std::size_t columns, float start) {
  return add({.name = name, .rows = 1, .columns = columns, .weight = false, .start = start});
}

std::size_t Parameters::zeros(const std::string& name, std::size_t rows, std::size_t columns) {
  return add({.name = name, .rows = rows, .columns = columns});
}

void Parameters::draw(const Rng& rng) {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const ParameterBlock& block = blocks_[b];
    Stream stream = rng.stream(Draw::kTraining, Turn{UserId{0}}, static_cast<std::uint32_t>(b));
    for (std::size_t k = 0; k < block.rows * block.columns; ++k)
      values_[block.offset + k] = block.bound > 0
                                      ? static_cast<float>(block.bound * (2 * stream.uniform() - 1))
                                      : block.start;
  }
}

Arrays Parameters::to_arrays() const {
  Arrays arrays;
  for (const ParameterBlock& block : blocks_) {
    const auto first = values_.begin() + static_cast<std::ptrdiff_t>(block.offset);
    arrays[block.name] = {{block.rows, block.columns},
                          {first, first + static_cast<std::ptrdiff_t>(block.rows * block.columns)}};
  }
  return arrays;
}

void Parameters::set(const Arrays& arrays) {
  for (const ParameterBlock& block : blocks_) {
    const Array& array = state_array(arrays, block.name, {block.rows, block.columns});
    for (std::size_t k = 0; k < array.values.size(); ++k)
      values_[block.offset + k] = static_cast<float>(array.values[k]);
  }
}

}  // namespace rehearsal
