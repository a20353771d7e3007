#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "policies/orderers/candidates.h"
#include "policies/orderers/parameters.h"

namespace rehearsal {

/// Reverse-mode differentiation over small matrices of floats: each operation computes its value at
/// once and, where the tape learns, notes how gradients flow back. One definition of a network
/// serves training and serving. A page's values do not depend on the pages beside it: products take
/// their terms in a fixed order (sim/core/products.h), masked terms are exact zeros.
/// Matrices of a batch of pages hold their candidates page by page, the same number each.
class Tape {
 public:
  using Node = std::size_t;
  static constexpr std::size_t kNone = kAbsent;

  /// Args: parameters: outlives the tape.  learns: whether backward() will be called.
  Tape(const Parameters& parameters, bool learns) : parameters_(parameters), learns_(learns) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Forgets all nodes; their memory is used again.
  void clear() { n_ = 0; }

  std::size_t rows(Node a) const { return nodes_[a].rows; }
  std::size_t columns(Node a) const { return nodes_[a].columns; }
  std::span<const float> value(Node a) const { return nodes_[a].value; }
  /// Zeros until set or added to; then backward().
  std::span<float> gradient(Node a) { return nodes_[a].gradient; }
  /// Args: gradient: overwritten, as long as the parameters.
  void backward(std::vector<float>& gradient);

  Node input(std::size_t rows, std::size_t columns, std::span<const float> values);
  Node zeros(std::size_t rows, std::size_t columns);
  Node parameter(std::size_t number);

  Node multiply(Node a, Node b);
  /// a + b, element by element. Args: b: of a's shape, or one row that is added to each.
  Node add(Node a, Node b);
  /// a b, element by element, of one shape.
  Node times(Node a, Node b);
  Node scale(Node a, float factor);
  Node relu(Node a);
  Node tanh(Node a);
  Node sigmoid(Node a);
  /// Of each row. Args: mask: (a's elements) 0: its share is 0; empty: nothing is masked. A row
  /// that is masked throughout is 0.
  Node softmax(Node a, std::vector<std::uint8_t> mask);
  /// (x - mean) / sd of each row, times gain, plus bias (Ba et al., arXiv 1607.06450).
  Node layer_norm(Node a, Node gain, Node bias);

  /// Rows of a, in that order. Args: rows: kNone: a row of zeros.
  Node gather(Node a, std::vector<std::size_t> rows);
  /// Sums of weighted rows of a: row i of the result is that of terms offsets[i] ... offsets[i +
  /// 1].
  struct Terms {
    std::vector<std::size_t> offsets{0};
    std::vector<std::size_t> row;  // of a
    std::vector<float> weight;
  };
  Node combine(Node a, Terms terms);
  /// Matrices of equal widths, one below the other; of equal heights, side by side.
  Node stack(const std::vector<Node>& parts);
  Node beside(const std::vector<Node>& parts);
  Node slice(Node a, std::size_t first_column, std::size_t n_columns);
  /// The same elements in rows of another length.
  Node reshape(Node a, std::size_t rows, std::size_t columns);
  /// Sums of runs of rows. Args: run: (rows of a) which sum a row belongs to.
  Node sum_runs(Node a, std::vector<std::size_t> run, std::size_t n_runs);

  /// Page by page, a_p b_p': (n_blocks * p, d) and (n_blocks * q, d) to (n_blocks * p, q).
  Node block_products(Node a, Node b, std::size_t n_blocks);
  /// Page by page, weights_p values_p: (n_blocks * p, q) and (n_blocks * q, d) to
  /// (n_blocks * p, d).
  Node block_mix(Node weights, Node values, std::size_t n_blocks);

 private:
  struct Entry {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<float> value;
    std::vector<float> gradient;
    std::function<void()> back;
  };

  Node push(std::size_t rows, std::size_t columns);
  /// The transpose of (rows, columns), until the next one.
  const float* transposed(const float* a, std::size_t rows, std::size_t columns);
  template <class F>
  void on_backward(Node out, F&& back) {
    if (learns_) nodes_[out].back = std::forward<F>(back);
  }
  /// f(x), with slope(y) its derivative at the value y.
  template <class F, class Slope>
  Node map(Node a, F&& f, Slope&& slope);

  const Parameters& parameters_;
  bool learns_;
  std::deque<Entry> nodes_;
  std::size_t n_ = 0;
  std::vector<float>* parameter_gradient_ = nullptr;
  std::vector<float> transposed_;
};

}  // namespace rehearsal
