#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "policies/orderers/layers.h"
#include "policies/orderers/reranker.h"
#include "sim/slate/sequential.h"

namespace rehearsal {

/// Pointer network (Vinyals et al., NIPS 2015; Bello et al., arXiv 1810.02019): a GRU encodes the
/// candidates in the present order, worst first; at every step a decoder's state d_t points
/// at one, u_i = b_i + v' tanh(W1 e_i + W2 d_t), b_i a linear score of its own, p_t = softmax(u)
/// over those not yet placed, and d_{t+1} = GRU(d_t, e_{y_t}). One-step: the first state points at
/// all of them.
class PointerNetwork {
 public:
  /// Args: encoder: with one base output.
  PointerNetwork(Parameters& parameters, CandidateEncoder encoder, const NetworkSize& size,
                 bool recurrent);

  struct Encoded {
    std::size_t n_pages = 0;
    std::size_t n = 0;      // candidates a page
    Tape::Node base = 0;    // (n_pages * n, 1) b
    Tape::Node keys = 0;    // (n_pages * n, width) W1 e
    Tape::Node inputs = 0;  // (n_pages * n, 3 width) what the decoder's GRU takes of e
    Tape::Node state = 0;   // (n_pages, width) d_0
  };
  Encoded encode(Tape& tape, const CandidateBatch& batch) const;
  /// u of every candidate, (n_pages * n, 1).
  Tape::Node logits(Tape& tape, const Encoded& encoded, Tape::Node state) const;
  /// The next state. Args: rows: (n_pages) of the candidate placed; Tape::kNone: nothing was.
  Tape::Node advance(Tape& tape, const Encoded& encoded, Tape::Node state,
                     std::vector<std::size_t> rows) const;

  /// What may come next on each page, for drawing and decoding.
  /// Args: parameters: of this network; they outlive what is returned, as does the network.
  std::shared_ptr<const NextChoice> next_choice(const Parameters& parameters,
                                                const CandidatePages& pages) const;

 private:
  bool recurrent_;
  CandidateEncoder encoder_;
  std::size_t width_;
  Gru reader_;
  Gru decoder_;
  std::size_t w1_;
  Dense w2_;
  std::size_t v_;
};

/// A walk through a batch of pages, step by step, on a tape.
struct PointerWalk {
  std::vector<Tape::Node> logits;                // by step, (n_pages * n, 1)
  std::vector<std::vector<double>> probability;  // by step, (n_pages * n), 0: may not come next
  std::vector<std::vector<std::size_t>> chosen;  // by step, (n_pages) row, Tape::kNone: none
};

/// Which candidate page p places at step t. Args: probability: (n) of the page's candidates.
/// Returns: its index; Tape::kNone: the page is full.
using Choose = std::function<std::size_t(std::size_t t, std::size_t page,
                                         std::span<const double> probability)>;
PointerWalk walk(const PointerNetwork& network, Tape& tape, const CandidateBatch& batch,
                 std::size_t n_steps, const Choose& choose);
/// Adds sum_t slope(t, page) d log p_t(chosen) to the gradients of the walk's logits.
void add_slopes(const PointerWalk& walk, const std::vector<std::vector<double>>& slopes,
                std::size_t n, Tape& tape);

}  // namespace rehearsal
