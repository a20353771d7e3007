#pragma once

#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/schema.h"

// A made-up site of four modules and three slots whose click rates are known: what the tests of
// policies learn from. Nothing of it comes from a world of ours.
namespace rehearsal::small {

inline constexpr double kRate[4] = {0.10, 0.16, 0.12, 0.30};  // P(click | examined), by module
inline constexpr double kExamination[2][3] = {{1, 0.7, 0.5}, {1, 0.6, 0.3}};  // by device, slot

inline Schema schema() {
  Schema schema;
  schema.features = {{"device", {"desktop", "mobile"}, ""},
                     {"buyer", {"new", "regular", "collector"}, ""},
                     {"taste", {}, ""}};
  schema.modules = {"alpha", "beta", "gamma", "delta"};
  schema.curated_order = {"gamma", "alpha", "delta", "beta"};
  schema.item_features = {"price", "sold"};
  schema.n_slots = 3;
  schema.n_items = 6;
  schema.items.resize(6, 2);
  schema.items << 5, 1, 4, 6, 3, 2, 2, 5, 1, 3, 0, 4;
  return schema;
}

/// Modules alpha and beta are always eligible, gamma and delta with probability 0.7 each; every
/// module retrieves three of the six items. One round a user.
inline RequestBatch requests(std::uint32_t n, const Rng& rng, std::uint32_t first_user = 0) {
  RequestBatch batch;
  batch.n_features = 3;
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kRequest, Turn{UserId{first_user + i}, 0, 0});
    batch.user.push_back(first_user + i);
    batch.session.push_back(0);
    batch.round.push_back(0);
    batch.n_slots.push_back(3);
    batch.context.push_back(stream.uniform() < 0.5f ? 0.f : 1.f);
    batch.context.push_back(static_cast<float>(static_cast<int>(stream.uniform() * 3)));
    batch.context.push_back(static_cast<float>(stream.uniform() * 3.4 - 1.7));
    for (std::uint16_t m = 0; m < 4; ++m) {
      if (stream.uniform() > 0.7 && m >= 2) continue;
      batch.module.push_back(m);
      for (std::uint32_t item = 0; item < 3; ++item) batch.candidate.push_back((m + 2 * item) % 6);
      batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
    }
    batch.module_offsets.push_back(static_cast<std::uint32_t>(batch.module.size()));
  }
  return batch;
}

}  // namespace rehearsal::small
