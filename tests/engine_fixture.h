#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine/simulate.h"
#include "sim/slate.h"
#include "sim/truth.h"

namespace rehearsal {

inline std::vector<std::uint16_t> room(const RequestBatch& requests) {
  std::vector<std::uint16_t> n_positions;
  for (std::size_t i = 0; i < requests.size(); ++i)
    n_positions.push_back(static_cast<std::uint16_t>(
        std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i))));
  return n_positions;
}

/// Shows eligible modules in a given order, for tests.
class FixedOrder : public Policy {
 public:
  explicit FixedOrder(std::vector<double> score) : score_(std::move(score)) {}
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> scores;
    for (const std::uint16_t module : requests.module) scores.push_back(score_[module]);
    return make_deterministic(requests.module_offsets, room(requests), std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  std::vector<double> score_;  // (n_modules)
};

/// Shows eligible modules in a uniformly random order, for tests.
class RandomOrder : public Policy {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return make_uniform(requests.module_offsets, room(requests));
  }
  bool deterministic() const override { return false; }
};

/// The bytes of every column of a batch with its names, for equality.
template <class Batch>
std::string bytes_of(const Batch& batch) {
  std::string bytes;
  Batch::visit(batch, [&](const char* name, Level, std::size_t, const auto& column, auto&&) {
    bytes += std::string(name) + ":" + std::to_string(column.size()) + ":";
    if (!column.empty())
      bytes.append(reinterpret_cast<const char*>(column.data()), column.size() * sizeof(column[0]));
  });
  return bytes;
}

}  // namespace rehearsal
