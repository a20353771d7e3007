#pragma once

#include <map>
#include <string>
#include <vector>

namespace rehearsal {

/// A dense array, row-major. Floats and counts are stored exactly as doubles.
struct Array {
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

/// Named arrays: the trained state of a policy or model.
using Arrays = std::map<std::string, Array>;

}  // namespace rehearsal
