#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/schema.h"

namespace rehearsal {

/// Turns the context of requests into inputs of linear and neural models: numbers as they are,
/// categories one-hot with their first level dropped, in the schema's order; no intercept. Also
/// numbers the places whose examination differs: (device, slot), or the slot alone where the
/// schema has no categorical feature `device`.
class Encoder {
 public:
  explicit Encoder(const Schema& schema) : Encoder(schema, schema.n_slots) {}
  /// Args: n_slots: most places that a decision fills, where those are not the slots of a page.
  Encoder(const Schema& schema, std::size_t n_slots);

  std::size_t n_inputs() const { return names_.size(); }
  /// Names of the inputs, such as "taste_0" or "buyer_type=browser".
  const std::vector<std::string>& names() const { return names_; }

  /// Args: context: (n_features) of one request.  out: (n_inputs).
  /// Raises: Error(kInput) for a category that the schema does not have.
  void encode(std::span<const float> context, std::span<float> out) const;
  /// Args: out: resized to (n_rounds, n_inputs).
  void encode(const RequestBatch& requests, RowMatrixF& out) const;

  std::size_t n_slots() const { return n_slots_; }
  /// Levels of `device`, or 1.
  std::size_t n_devices() const { return n_devices_; }
  std::size_t n_positions() const { return n_devices_ * n_slots_; }
  /// Args: context: (n_features) of one request.  Returns: device * n_slots + slot.
  std::size_t position(std::span<const float> context, std::size_t slot) const {
    const std::size_t device =
        n_devices_ == 1 ? 0 : static_cast<std::size_t>(context[device_feature_]);
    return device * n_slots_ + slot;
  }

 private:
  struct Column {
    std::string name;
    std::size_t n_levels = 0;  // 0: a number
  };
  std::vector<Column> columns_;  // (n_features)
  std::vector<std::string> names_;
  std::size_t n_slots_ = 1;
  std::size_t n_devices_ = 1;
  std::size_t device_feature_ = 0;
};

}  // namespace rehearsal
