#pragma once

#include <string>
#include <vector>

#include "policies/orderers/candidates.h"
#include "policies/orderers/tape.h"

// Parts of networks: each adds its parameters once and then builds itself on a tape.
namespace rehearsal {

/// x W + b.
class Dense {
 public:
  Dense(Parameters& parameters, const std::string& name, std::size_t in, std::size_t out);
  Tape::Node on(Tape& tape, Tape::Node x) const;

 private:
  std::size_t weight_;
  std::size_t bias_;
};

/// Gated recurrent unit (Cho et al., EMNLP 2014): r, z = sigmoid(x W + h U + b), c = tanh(x W_c +
/// b_c + r (h U_c + b_u)), h' = z h + (1 - z) c.
class Gru {
 public:
  Gru(Parameters& parameters, const std::string& name, std::size_t in, std::size_t width);
  std::size_t width() const { return width_; }
  /// What the inputs of all steps give, (rows, 3 width): rows of it are the steps' `x`.
  Tape::Node inputs(Tape& tape, Tape::Node x) const { return input_.on(tape, x); }
  /// Args: x: (n, 3 width) of inputs().  h: (n, width).
  ///       active: (n) 0: the row's state stays as it is; empty: all move.
  Tape::Node step(Tape& tape, Tape::Node x, Tape::Node h,
                  const std::vector<std::uint8_t>& active) const;

 private:
  std::size_t width_;
  Dense input_;
  Dense state_;
};

/// What a GRU makes of each page's candidates, read in the present order, worst first.
struct Reading {
  Tape::Node outputs;  // (n_rows, width) at each candidate
  Tape::Node last;     // (n_pages, width)
};
/// Args: e: (n_rows, in).
Reading read_worst_first(Tape& tape, const Gru& gru, Tape::Node e, const CandidateBatch& batch);

/// Multi-head attention of queries over keys, page by page (Vaswani et al., NIPS 2017): softmax(Q
/// K' / sqrt(d) + mask) V of each head, side by side, times W_O.
class Attention {
 public:
  /// Args: heads: divides width.
  Attention(Parameters& parameters, const std::string& name, std::size_t width, std::size_t heads);
  /// Args: queries: (n_pages * p, width).  keys: (n_pages * q, width).
  ///       present: (n_pages * q) of keys; an absent one has no share.
  Tape::Node on(Tape& tape, Tape::Node queries, Tape::Node keys, std::size_t n_pages,
                const std::vector<std::uint8_t>& present) const;

 private:
  std::size_t width_;
  std::size_t heads_;
  Dense query_, key_, value_, out_;
};

/// Layer normalisation with a gain and a bias of its own.
class LayerNorm {
 public:
  LayerNorm(Parameters& parameters, const std::string& name, std::size_t width);
  Tape::Node on(Tape& tape, Tape::Node x) const;

 private:
  std::size_t gain_;
  std::size_t bias_;
};

/// What a candidate is for a request, before anything else on the page is known: ReLU layers on the
/// request's features, then linear maps, plus their biases: one of each module's own, or one for
/// each entry of an item's vector (policies/choices.h), of which the item has the weighted sum.
class CandidateEncoder {
 public:
  /// Args: n_outputs: of the candidates' vectors.
  ///       hidden: widths of the ReLU layers; none: linear.  n_base: numbers of Encoded::base.
  CandidateEncoder(Parameters& parameters, std::size_t n_inputs, std::size_t n_outputs,
                   const std::vector<std::int64_t>& hidden, std::size_t width, std::size_t n_base);

  struct Encoded {
    Tape::Node e;     // (n_rows, width) for the rest of the network
    Tape::Node base;  // (n_rows, n_base) outputs as they are without the rest; 0 at first
  };
  Encoded on(Tape& tape, const CandidateBatch& batch) const;
  std::size_t base_bias() const { return base_bias_; }

 private:
  Tape::Node of_candidates(Tape& tape, Tape::Node x, const CandidateBatch& batch,
                           std::size_t weight, std::size_t bias) const;

  std::size_t n_outputs_;
  std::vector<Dense> trunk_;
  std::size_t weight_, bias_;
  std::size_t base_weight_, base_bias_;
};

}  // namespace rehearsal
