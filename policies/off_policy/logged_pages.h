#pragma once

#include <string>
#include <vector>

#include "policies/module_examples.h"
#include "sim/core/types.h"
#include "sim/encoder.h"
#include "sim/policy.h"

namespace rehearsal {

/// Logged pages as off-policy learners read them, in memory: about 4 bytes an input, 2 an eligible
/// module and 32 a slot for each page.
struct LoggedPages {
  std::vector<std::uint32_t> user;  // (n_pages)
  RowMatrixF inputs;                // (n_pages, n_inputs) encoded, standardised by scale
  InputScale scale;
  Offsets eligible_offsets{0};          // (n_pages + 1) into eligible
  std::vector<std::uint16_t> eligible;  // modules, as the request lists them
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
  std::span<const std::uint16_t> eligible_of(std::size_t i) const {
    return {eligible.data() + eligible_offsets[i], n_eligible(i)};
  }
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
                              const Encoder& encoder, bool purchases);

}  // namespace rehearsal
