#pragma once

#include <string>
#include <vector>

#include "policies/choices.h"
#include "sim/core/types.h"
#include "sim/encoder.h"
#include "sim/policy.h"

namespace rehearsal {

/// Logged pages as off-policy learners read them, in memory: about 4 bytes an input and a choice
/// and 32 a slot for each page. Where a list is decided its items are the "modules" and its places
/// the "slots".
struct LoggedPages {
  std::vector<std::uint32_t> user;  // (n_pages)
  RowMatrixF inputs;                // (n_pages, n_inputs) encoded, standardised by scale
  InputScale scale;
  Offsets eligible_offsets{0};          // (n_pages + 1) into eligible
  std::vector<std::uint32_t> eligible;  // ids of the choices, as the request lists them
  ChoiceRows rows;                      // their vectors; null: each picks the output of its id
  InputScale own;                       // of what candidates bring themselves
  Offsets slot_offsets{0};              // (n_pages + 1) into the columns below
  std::vector<std::uint16_t> choice;    // index of the shown module among the page's eligible
  std::vector<std::uint16_t> position;  // Encoder::position
  std::vector<double> reward;           // (n_slots) what the learner wants more of
  std::vector<double> pscore_cascade;   // (n_slots) behaviour policy: modules of slots 0 ... k
  std::vector<double> pscore_position;  // (n_slots) behaviour policy: this module at this slot

  std::size_t size() const { return slot_offsets.size() - 1; }
  std::size_t n_eligible(std::size_t i) const {
    return eligible_offsets[i + 1] - eligible_offsets[i];
  }
  std::size_t n_shown(std::size_t i) const { return slot_offsets[i + 1] - slot_offsets[i]; }
  std::span<const std::uint32_t> eligible_of(std::size_t i) const {
    return {eligible.data() + eligible_offsets[i], n_eligible(i)};
  }
  /// Logits of page i's choices. Args: outputs: of a model for the page.  out: (n_eligible) set.
  void take_logits(std::size_t i, const double* outputs, std::vector<double>& out) const;
  /// The reverse: adds what a gradient of those logits says of the outputs.
  void add_gradient(std::size_t i, std::span<const double> of_logits, double* outputs) const;
  /// A column's values on page i.
  template <class T>
  std::span<const T> of(const std::vector<T>& column, std::size_t i) const {
    return {column.data() + slot_offsets[i], n_shown(i)};
  }
};

/// Pages `rows`, in that order.
LoggedPages gather(const LoggedPages& pages, std::span<const std::uint32_t> rows);

/// Reads a whole log. Args: purchases: rewards are purchases, else clicks.
/// Raises: Error(kInput) for a log of another schema, without the reward or without propensities.
LoggedPages read_logged_pages(const FitContext& context, const Schema& schema,
                              const Choices& choices, bool purchases);

}  // namespace rehearsal
