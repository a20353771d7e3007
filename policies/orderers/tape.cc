#include "policies/orderers/tape.h"

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/products.h"

namespace rehearsal {

namespace {

constexpr float kLayerNormFloor = 1e-5f;

}  // namespace

const float* Tape::transposed(const float* a, std::size_t rows, std::size_t columns) {
  transposed_.resize(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) transposed_[j * rows + i] = a[i * columns + j];
  return transposed_.data();
}

Tape::Node Tape::push(std::size_t rows, std::size_t columns) {
  if (n_ == nodes_.size()) nodes_.emplace_back();
  Entry& entry = nodes_[n_];
  entry.rows = rows;
  entry.columns = columns;
  entry.value.resize(rows * columns);
  if (learns_) entry.gradient.assign(rows * columns, 0.0f);
  entry.back = nullptr;
  return n_++;
}

void Tape::backward(std::vector<float>& gradient) {
  REHEARSAL_CHECK(learns_);
  gradient.assign(parameters_.values().size(), 0.0f);
  parameter_gradient_ = &gradient;
  for (std::size_t node = n_; node-- > 0;)
    if (nodes_[node].back) nodes_[node].back();
}

Tape::Node Tape::input(std::size_t rows, std::size_t columns, std::span<const float> values) {
  REHEARSAL_CHECK(values.size() == rows * columns);
  const Node out = push(rows, columns);
  std::copy(values.begin(), values.end(), nodes_[out].value.begin());
  return out;
}

Tape::Node Tape::zeros(std::size_t rows, std::size_t columns) {
  const Node out = push(rows, columns);
  std::fill(nodes_[out].value.begin(), nodes_[out].value.end(), 0.0f);
  return out;
}

Tape::Node Tape::parameter(std::size_t number) {
  const ParameterBlock& block = parameters_.blocks()[number];
  const Node out = push(block.rows, block.columns);
  std::copy_n(parameters_.values().data() + block.offset, block.rows * block.columns,
              nodes_[out].value.data());
  on_backward(out, [this, out, offset = block.offset] {
    const std::vector<float>& gradient = nodes_[out].gradient;
    for (std::size_t k = 0; k < gradient.size(); ++k)
      (*parameter_gradient_)[offset + k] += gradient[k];
  });
  return out;
}

Tape::Node Tape::multiply(Node a, Node b) {
  const std::size_t m = rows(a), k = columns(a), n = columns(b);
  REHEARSAL_CHECK(rows(b) == k);
  const Node out = push(m, n);
  rehearsal::multiply({nodes_[a].value.data(), k, 1}, nodes_[b].value.data(), m, k, n, false,
                      nodes_[out].value.data());
  on_backward(out, [this, out, a, b, m, k, n] {
    const float* above = nodes_[out].gradient.data();
    rehearsal::multiply({above, n, 1}, transposed(nodes_[b].value.data(), k, n), m, n, k, true,
                        nodes_[a].gradient.data());
    rehearsal::multiply({nodes_[a].value.data(), 1, k}, above, k, m, n, true,
                        nodes_[b].gradient.data());
  });
  return out;
}

Tape::Node Tape::add(Node a, Node b) {
  const std::size_t n = columns(a);
  REHEARSAL_CHECK(columns(b) == n && (rows(b) == rows(a) || rows(b) == 1));
  const std::size_t step = rows(b) == 1 ? 0 : n;
  const Node out = push(rows(a), n);
  float* to = nodes_[out].value.data();
  const float* left = nodes_[a].value.data();
  const float* right = nodes_[b].value.data();
  for (std::size_t i = 0; i < rows(a); ++i)
    for (std::size_t j = 0; j < n; ++j) to[i * n + j] = left[i * n + j] + right[i * step + j];
  on_backward(out, [this, out, a, b, n, step] {
    const float* above = nodes_[out].gradient.data();
    float* of_left = nodes_[a].gradient.data();
    float* of_right = nodes_[b].gradient.data();
    for (std::size_t i = 0; i < rows(out); ++i)
      for (std::size_t j = 0; j < n; ++j) {
        of_left[i * n + j] += above[i * n + j];
        of_right[i * step + j] += above[i * n + j];
      }
  });
  return out;
}

Tape::Node Tape::times(Node a, Node b) {
  REHEARSAL_CHECK(rows(a) == rows(b) && columns(a) == columns(b));
  const Node out = push(rows(a), columns(a));
  const std::size_t n = nodes_[out].value.size();
  for (std::size_t k = 0; k < n; ++k)
    nodes_[out].value[k] = nodes_[a].value[k] * nodes_[b].value[k];
  on_backward(out, [this, out, a, b, n] {
    const float* above = nodes_[out].gradient.data();
    for (std::size_t k = 0; k < n; ++k) {
      nodes_[a].gradient[k] += above[k] * nodes_[b].value[k];
      nodes_[b].gradient[k] += above[k] * nodes_[a].value[k];
    }
  });
  return out;
}

template <class F, class Slope>
Tape::Node Tape::map(Node a, F&& f, Slope&& slope) {
  const Node out = push(rows(a), columns(a));
  const std::size_t n = nodes_[out].value.size();
  for (std::size_t k = 0; k < n; ++k) nodes_[out].value[k] = f(nodes_[a].value[k]);
  on_backward(out, [this, out, a, n, slope] {
    const Entry& from = nodes_[out];
    float* to = nodes_[a].gradient.data();
    for (std::size_t k = 0; k < n; ++k) to[k] += from.gradient[k] * slope(from.value[k]);
  });
  return out;
}

Tape::Node Tape::scale(Node a, float factor) {
  return map(
      a, [factor](float x) { return factor * x; }, [factor](float) { return factor; });
}

Tape::Node Tape::relu(Node a) {
  return map(
      a, [](float x) { return std::max(x, 0.0f); }, [](float y) { return y > 0 ? 1.0f : 0.0f; });
}

Tape::Node Tape::tanh(Node a) {
  return map(
      a, [](float x) { return std::tanh(x); }, [](float y) { return 1 - y * y; });
}

Tape::Node Tape::sigmoid(Node a) {
  return map(
      a, [](float x) { return 1 / (1 + std::exp(-x)); }, [](float y) { return y * (1 - y); });
}

Tape::Node Tape::softmax(Node a, std::vector<std::uint8_t> mask) {
  const std::size_t n = columns(a);
  const Node out = push(rows(a), n);
  REHEARSAL_CHECK(mask.empty() || mask.size() == nodes_[out].value.size());
  for (std::size_t i = 0; i < rows(a); ++i) {
    const float* x = nodes_[a].value.data() + i * n;
    float* y = nodes_[out].value.data() + i * n;
    const std::uint8_t* in = mask.empty() ? nullptr : mask.data() + i * n;
    float most = -INFINITY;
    for (std::size_t j = 0; j < n; ++j)
      if (in == nullptr || in[j] != 0) most = std::max(most, x[j]);
    float sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      y[j] = in == nullptr || in[j] != 0 ? std::exp(x[j] - most) : 0.0f;
      sum += y[j];
    }
    for (std::size_t j = 0; j < n && sum > 0; ++j) y[j] /= sum;
  }
  on_backward(out, [this, out, a, n] {
    for (std::size_t i = 0; i < rows(out); ++i) {
      const float* y = nodes_[out].value.data() + i * n;
      const float* above = nodes_[out].gradient.data() + i * n;
      float* to = nodes_[a].gradient.data() + i * n;
      float mean = 0;
      for (std::size_t j = 0; j < n; ++j) mean += y[j] * above[j];
      for (std::size_t j = 0; j < n; ++j) to[j] += y[j] * (above[j] - mean);
    }
  });
  return out;
}

Tape::Node Tape::layer_norm(Node a, Node gain, Node bias) {
  const std::size_t n = columns(a);
  const Node out = push(rows(a), n);
  std::vector<float> inverse(rows(a));
  std::vector<float> normal(rows(a) * n);
  const float* g = nodes_[gain].value.data();
  const float* b = nodes_[bias].value.data();
  for (std::size_t i = 0; i < rows(a); ++i) {
    const float* x = nodes_[a].value.data() + i * n;
    float mean = 0, square = 0;
    for (std::size_t j = 0; j < n; ++j) mean += x[j] / static_cast<float>(n);
    for (std::size_t j = 0; j < n; ++j)
      square += (x[j] - mean) * (x[j] - mean) / static_cast<float>(n);
    inverse[i] = 1 / std::sqrt(square + kLayerNormFloor);
    for (std::size_t j = 0; j < n; ++j) {
      normal[i * n + j] = (x[j] - mean) * inverse[i];
      nodes_[out].value[i * n + j] = g[j] * normal[i * n + j] + b[j];
    }
  }
  if (!learns_) return out;
  on_backward(
      out, [this, out, a, gain, bias, n, inverse = std::move(inverse), normal = std::move(normal)] {
        std::vector<float> by_normal(n);
        for (std::size_t i = 0; i < rows(out); ++i) {
          const float* above = nodes_[out].gradient.data() + i * n;
          const float* z = normal.data() + i * n;
          float mean = 0, along = 0;
          for (std::size_t j = 0; j < n; ++j) {
            nodes_[gain].gradient[j] += above[j] * z[j];
            nodes_[bias].gradient[j] += above[j];
            by_normal[j] = above[j] * nodes_[gain].value[j];
            mean += by_normal[j] / static_cast<float>(n);
            along += by_normal[j] * z[j] / static_cast<float>(n);
          }
          float* to = nodes_[a].gradient.data() + i * n;
          for (std::size_t j = 0; j < n; ++j)
            to[j] += inverse[i] * (by_normal[j] - mean - z[j] * along);
        }
      });
  return out;
}

}  // namespace rehearsal
