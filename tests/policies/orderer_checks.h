#pragma once

#include <cmath>
#include <functional>
#include <numeric>

#include "policies/orderers/candidates.h"
#include "policies/orderers/train.h"
#include "tests/catch.h"
#include "tests/policies/page_effects_site.h"

// What tests of networks over a page share: finite differences, and pages of the made-up site.
namespace rehearsal::testing {

inline std::vector<float> numbers(std::size_t n, double phase = 0) {
  std::vector<float> out(n);
  for (std::size_t k = 0; k < n; ++k)
    out[k] = static_cast<float>(std::sin(1.7 * static_cast<double>(k) + phase));
  return out;
}

/// The gradient that a tape gives, and central differences of the loss, at every parameter.
inline void check_differences(Parameters& parameters, const std::function<double(Tape&)>& loss,
                              double margin = 2e-3) {
  std::vector<float> gradient;
  {
    Tape tape(parameters, true);
    loss(tape);
    tape.backward(gradient);
  }
  const auto at = [&](std::size_t k, float x) {
    const float before = parameters.values()[k];
    parameters.values()[k] = x;
    Tape tape(parameters, true);
    const double value = loss(tape);
    parameters.values()[k] = before;
    return value;
  };
  constexpr float kStep = 4e-3f;
  double largest = 0;
  for (const ParameterBlock& block : parameters.blocks())
    for (std::size_t k = block.offset; k < block.offset + block.rows * block.columns; ++k) {
      INFO(block.name << " " << k - block.offset);
      const float x = parameters.values()[k];
      const double slope = (at(k, x + kStep) - at(k, x - kStep)) / (2 * kStep);
      CHECK(static_cast<double>(gradient[k]) == Approx(slope).margin(margin).epsilon(margin));
      largest = std::max(largest, std::abs(slope));
    }
  CHECK(largest > 10 * margin);
}

inline void draw(Parameters& parameters) {
  parameters.draw(Rng(3));
  for (float& value : parameters.values()) value += 0.05f;  // no bias at a kink
}

inline const Schema& orderer_site() {
  static const Schema schema = effects::schema();
  return schema;
}

/// Logged pages of the made-up site, read as orderers read them.
inline OrderedPages logged_pages(std::uint32_t n) {
  const std::vector<LogBatch> batches{effects::log(n, orderer_site(), Rng(8))};
  return read_ordered_pages({source_of(orderer_site(), batches), Rng(1), "test"}, orderer_site(),
                            CandidateReader(orderer_site()));
}

inline OrdererTraining narrow() {
  OrdererTraining training;
  training.width = 4;
  return training;
}

inline std::vector<std::uint32_t> first_rows(std::size_t n) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

}  // namespace rehearsal::testing
