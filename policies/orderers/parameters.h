#pragma once

#include <string>
#include <vector>

#include "policies/multi_task_network.h"
#include "sim/core/arrays.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// What a network on a tape learns: named matrices, one after another.
class Parameters {
 public:
  /// A weight, initial values uniform in (-b, b), b = sqrt(6 / (rows + columns)) (Glorot and
  /// Bengio, AISTATS 2010). Returns: its number, as Tape::parameter() takes it.
  std::size_t weight(const std::string& name, std::size_t rows, std::size_t columns);
  /// A row that starts at `start` and is not decayed.
  std::size_t bias(const std::string& name, std::size_t columns, float start = 0);
  /// A weight that starts at zero.
  std::size_t zeros(const std::string& name, std::size_t rows, std::size_t columns);

  const std::vector<ParameterBlock>& blocks() const { return blocks_; }
  std::vector<float>& values() { return values_; }
  const std::vector<float>& values() const { return values_; }

  /// Initial values (Draw::kTraining), each block at its own address.
  void draw(const Rng& rng);
  Arrays to_arrays() const;
  /// Raises: Error(kInput) for a missing array or one of another shape.
  void set(const Arrays& arrays);

 private:
  std::size_t add(ParameterBlock block);

  std::vector<ParameterBlock> blocks_;
  std::vector<float> values_;
};

}  // namespace rehearsal
