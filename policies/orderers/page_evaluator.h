#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/orderers/layers.h"
#include "policies/orderers/train.h"

namespace rehearsal {

/// What a page evaluator says of one request: enough to value any page of its candidates.
struct PageEffects {
  std::size_t n = 0;             // candidates
  std::vector<double> click;     // (n) logit of a click, alone on the page at no place
  std::vector<double> purchase;  // (n) logit of a purchase given a click
  std::vector<double> position;  // (slots of a page) added to the logit of a click
  std::vector<double> above;     // (n, n, 2) what j above adds to i's logits: at (i, j)
  std::vector<double> below;     // (n, n, 2) what j below adds; empty: nothing

  /// Value of slot k of a page: P(click) (1 + purchase_weight P(purchase | click)).
  double slot_value(std::span<const std::uint16_t> page, std::size_t k,
                    double purchase_weight) const;
  /// Sum over its slots: expected clicks plus purchase_weight times expected purchases.
  double value(std::span<const std::uint16_t> page, double purchase_weight) const;
};

/// Keys of an evaluator.
struct EvaluatorConfig {
  OrdererTraining training;
  std::string sees = "above";
  std::int64_t pair_width = 8;

  Fields fields();
};

/// Predicts the clicks and purchases of every slot of a whole page, given the modules around it (an
/// evaluator as in GRN, Feng et al., arXiv 2104.00860, and PIER, Shi et al., KDD 2023). A slot's
/// click and purchase logits are its candidate's own (CandidateEncoder, linear), a logit of the
/// place (click alone), and a sum over the others shown of what each adds: a table by the two
/// modules (items have none), plus a small network of both and of how they go together (a relation
/// network, Santoro et al., NIPS 2017). Being a sum over pairs it values any page from numbers that
/// are computed once a request.
class PageEvaluator {
 public:
  PageEvaluator(const EvaluatorConfig& config, const CandidateReader& reader);

  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

  /// ESMM's loss (Ma et al., SIGIR 2018) of every slot: BCE(click, pCTR) + BCE(purchase, pCTR
  /// pCVR). Returns: mean loss a page, by epoch.
  std::vector<double> fit(const OrderedPages& pages, const FitContext& context);
  /// The loss of these pages; sets the gradients of the outputs.
  double loss(Tape& tape, const OrderedPages& pages, std::span<const std::uint32_t> rows) const;
  /// Args: rows: pages.  Returns: one a row.
  std::vector<PageEffects> effects(const CandidatePages& pages,
                                   std::span<const std::uint32_t> rows) const;

 private:
  /// Ordered pairs of candidates of a batch: what stands at `other` adds to `own`.
  struct Pairs {
    std::vector<std::size_t> own;  // row of the batch
    std::vector<std::size_t> other;
    std::vector<float> inputs;      // (n, kPairInputs)
    std::vector<std::size_t> cell;  // of the table
    /// Args: n_cells: modules with cells in the table; 0: there is none.
    void add(const CandidatePages& pages, std::uint32_t page, const CandidateBatch& batch,
             std::size_t at, std::size_t i, std::size_t j, bool below, std::size_t n_cells);
  };
  struct Outputs {
    Tape::Node own;    // (n_rows, 2)
    Tape::Node pairs;  // (n_pairs, 2)
  };
  Outputs outputs(Tape& tape, const CandidateBatch& batch, Pairs pairs) const;

  OrdererTraining training_;
  bool sees_above_;
  bool sees_below_;
  std::size_t n_cells_;  // modules with effects of their own on each other
  std::pair<std::size_t, std::size_t> level_;
  std::size_t n_positions_;  // of all devices
  std::size_t n_slots_;      // of a page
  Parameters parameters_;
  CandidateEncoder encoder_;
  std::size_t position_;
  std::size_t table_;
  std::size_t overlap_;
  Dense pair_own_;
  std::size_t pair_other_;
  std::size_t pair_overlap_;
  std::size_t pair_out_;
};

}  // namespace rehearsal
