#pragma once

#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/registry.h"

namespace rehearsal {

struct ExpectedBatch;

/// What is summed over a page: clicks, purchases, seconds. Slots have it where behaviour records it
/// for modules; items where it records it for them, and then a slot's value is the sum of its
/// items'.
struct Metric {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<std::uint8_t> ResponseBatch::*slot_count = nullptr;
  std::vector<float> ResponseBatch::*slot_amount = nullptr;
  std::vector<std::uint8_t> ResponseBatch::*item_count = nullptr;
  std::vector<float> ResponseBatch::*item_amount = nullptr;
  std::vector<double> ExpectedBatch::*slot_expected = nullptr;
  std::vector<double> ExpectedBatch::*item_expected = nullptr;

  /// Recorded for items only.
  bool of_items() const { return slot_count == nullptr && slot_amount == nullptr; }
};

/// Every metric, one line each.
const Registry<Metric>& metrics();

/// What a metric counts at every slot. Args: out: (n_slots).
/// Raises: Error(kInput) when the behaviour has no such response, or a value is not finite.
void slot_rewards(const Metric& metric, const ResponseBatch& responses, const PageBatch& pages,
                  std::vector<double>& out);
/// The same at every item. Args: out: (n_items).
void item_rewards(const Metric& metric, const ResponseBatch& responses, const PageBatch& pages,
                  std::vector<double>& out);
/// Exact expectation at every slot. Args: out: (n_slots), untouched without a closed form.
/// Returns: whether there is one.
bool slot_expectations(const Metric& metric, const ExpectedBatch& expected, const PageBatch& pages,
                       std::vector<double>& out);

}  // namespace rehearsal
