// Operations of the tape that move rows and columns, or take pages one by one.
#include <algorithm>

#include "policies/orderers/tape.h"
#include "sim/core/error.h"
#include "sim/core/products.h"

namespace rehearsal {

namespace {

void add_to(const float* from, std::size_t n, float* to) {
  for (std::size_t k = 0; k < n; ++k) to[k] += from[k];
}

void add_times(float weight, const float* from, std::size_t n, float* to) {
  for (std::size_t k = 0; k < n; ++k) to[k] += weight * from[k];
}

}  // namespace

Tape::Node Tape::gather(Node a, std::vector<std::size_t> rows) {
  const std::size_t n = columns(a);
  const Node out = push(rows.size(), n);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    float* to = nodes_[out].value.data() + i * n;
    if (rows[i] == kNone)
      std::fill_n(to, n, 0.0f);
    else
      std::copy_n(nodes_[a].value.data() + rows[i] * n, n, to);
  }
  on_backward(out, [this, out, a, n, rows = std::move(rows)] {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (rows[i] != kNone)
        add_to(nodes_[out].gradient.data() + i * n, n, nodes_[a].gradient.data() + rows[i] * n);
  });
  return out;
}

Tape::Node Tape::combine(Node a, Terms terms) {
  const std::size_t n = columns(a);
  const Node out = zeros(terms.offsets.size() - 1, n);
  for (std::size_t i = 0; i + 1 < terms.offsets.size(); ++i)
    for (std::size_t t = terms.offsets[i]; t < terms.offsets[i + 1]; ++t)
      add_times(terms.weight[t], nodes_[a].value.data() + terms.row[t] * n, n,
                nodes_[out].value.data() + i * n);
  on_backward(out, [this, out, a, n, terms = std::move(terms)] {
    for (std::size_t i = 0; i + 1 < terms.offsets.size(); ++i)
      for (std::size_t t = terms.offsets[i]; t < terms.offsets[i + 1]; ++t)
        add_times(terms.weight[t], nodes_[out].gradient.data() + i * n, n,
                  nodes_[a].gradient.data() + terms.row[t] * n);
  });
  return out;
}

Tape::Node Tape::stack(const std::vector<Node>& parts) {
  const std::size_t n = columns(parts.at(0));
  std::size_t height = 0;
  for (const Node part : parts) {
    REHEARSAL_CHECK(columns(part) == n);
    height += rows(part);
  }
  const Node out = push(height, n);
  float* to = nodes_[out].value.data();
  for (const Node part : parts)
    to = std::copy(nodes_[part].value.begin(), nodes_[part].value.end(), to);
  on_backward(out, [this, out, parts] {
    const float* from = nodes_[out].gradient.data();
    for (const Node part : parts) {
      std::vector<float>& gradient = nodes_[part].gradient;
      add_to(from, gradient.size(), gradient.data());
      from += gradient.size();
    }
  });
  return out;
}

Tape::Node Tape::beside(const std::vector<Node>& parts) {
  std::size_t width = 0;
  for (const Node part : parts) {
    REHEARSAL_CHECK(rows(part) == rows(parts[0]));
    width += columns(part);
  }
  const Node out = push(rows(parts.at(0)), width);
  std::size_t first = 0;
  for (const Node part : parts) {
    for (std::size_t i = 0; i < rows(part); ++i)
      std::copy_n(nodes_[part].value.data() + i * columns(part), columns(part),
                  nodes_[out].value.data() + i * width + first);
    first += columns(part);
  }
  on_backward(out, [this, out, parts, width] {
    std::size_t at = 0;
    for (const Node part : parts) {
      for (std::size_t i = 0; i < rows(part); ++i)
        add_to(nodes_[out].gradient.data() + i * width + at, columns(part),
               nodes_[part].gradient.data() + i * columns(part));
      at += columns(part);
    }
  });
  return out;
}

Tape::Node Tape::slice(Node a, std::size_t first_column, std::size_t n_columns) {
  const std::size_t width = columns(a);
  REHEARSAL_CHECK(first_column + n_columns <= width);
  const Node out = push(rows(a), n_columns);
  for (std::size_t i = 0; i < rows(a); ++i)
    std::copy_n(nodes_[a].value.data() + i * width + first_column, n_columns,
                nodes_[out].value.data() + i * n_columns);
  on_backward(out, [this, out, a, width, first_column, n_columns] {
    for (std::size_t i = 0; i < rows(out); ++i)
      add_to(nodes_[out].gradient.data() + i * n_columns, n_columns,
             nodes_[a].gradient.data() + i * width + first_column);
  });
  return out;
}

Tape::Node Tape::reshape(Node a, std::size_t rows, std::size_t columns) {
  const Node out = push(rows, columns);
  REHEARSAL_CHECK(nodes_[a].value.size() == rows * columns);
  std::copy(nodes_[a].value.begin(), nodes_[a].value.end(), nodes_[out].value.begin());
  on_backward(out, [this, out, a] {
    add_to(nodes_[out].gradient.data(), nodes_[out].gradient.size(), nodes_[a].gradient.data());
  });
  return out;
}

Tape::Node Tape::sum_runs(Node a, std::vector<std::size_t> run, std::size_t n_runs) {
  const std::size_t n = columns(a);
  REHEARSAL_CHECK(run.size() == rows(a));
  const Node out = zeros(n_runs, n);
  for (std::size_t i = 0; i < run.size(); ++i)
    add_to(nodes_[a].value.data() + i * n, n, nodes_[out].value.data() + run[i] * n);
  on_backward(out, [this, out, a, n, run = std::move(run)] {
    for (std::size_t i = 0; i < run.size(); ++i)
      add_to(nodes_[out].gradient.data() + run[i] * n, n, nodes_[a].gradient.data() + i * n);
  });
  return out;
}

Tape::Node Tape::block_products(Node a, Node b, std::size_t n_blocks) {
  const std::size_t d = columns(a), p = rows(a) / n_blocks, q = rows(b) / n_blocks;
  REHEARSAL_CHECK(columns(b) == d && rows(a) == p * n_blocks && rows(b) == q * n_blocks);
  const Node out = push(rows(a), q);
  for (std::size_t page = 0; page < n_blocks; ++page) {
    const float* right = transposed(nodes_[b].value.data() + page * q * d, q, d);
    rehearsal::multiply({nodes_[a].value.data() + page * p * d, d, 1}, right, p, d, q, false,
                        nodes_[out].value.data() + page * p * q);
  }
  on_backward(out, [this, out, a, b, n_blocks, d, p, q] {
    for (std::size_t page = 0; page < n_blocks; ++page) {
      const float* above = nodes_[out].gradient.data() + page * p * q;
      const float* left = nodes_[a].value.data() + page * p * d;
      const float* right = nodes_[b].value.data() + page * q * d;
      rehearsal::multiply({above, q, 1}, right, p, q, d, true,
                          nodes_[a].gradient.data() + page * p * d);
      rehearsal::multiply({above, 1, q}, left, q, p, d, true,
                          nodes_[b].gradient.data() + page * q * d);
    }
  });
  return out;
}

Tape::Node Tape::block_mix(Node weights, Node values, std::size_t n_blocks) {
  const std::size_t d = columns(values), q = columns(weights), p = rows(weights) / n_blocks;
  REHEARSAL_CHECK(rows(values) == q * n_blocks && rows(weights) == p * n_blocks);
  const Node out = push(rows(weights), d);
  for (std::size_t page = 0; page < n_blocks; ++page)
    rehearsal::multiply({nodes_[weights].value.data() + page * p * q, q, 1},
                        nodes_[values].value.data() + page * q * d, p, q, d, false,
                        nodes_[out].value.data() + page * p * d);
  on_backward(out, [this, out, weights, values, n_blocks, d, p, q] {
    for (std::size_t page = 0; page < n_blocks; ++page) {
      const float* above = nodes_[out].gradient.data() + page * p * d;
      const float* right = transposed(nodes_[values].value.data() + page * q * d, q, d);
      rehearsal::multiply({above, d, 1}, right, p, d, q, true,
                          nodes_[weights].gradient.data() + page * p * q);
      rehearsal::multiply({nodes_[weights].value.data() + page * p * q, 1, q}, above, q, p, d, true,
                          nodes_[values].gradient.data() + page * q * d);
    }
  });
  return out;
}

}  // namespace rehearsal
