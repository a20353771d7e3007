#pragma once

// Small batches with every column filled, for tests of the log.

#include <stdlib.h>

#include <filesystem>

#include "sim/log/log.h"
#include "sim/truth.h"

namespace rehearsal::testing {

inline Schema sample_schema() {
  Schema schema;
  schema.features = {{"device", {"desktop", "mobile"}, "what it is seen on"},
                     {"taste_0", {}, "a standardised number"},
                     {"größe", {"klein", "groß"}, ""}};
  schema.modules = {"similar", "for_you", "best_sellers"};
  schema.curated_order = {"for_you", "similar", "best_sellers"};
  schema.item_features = {"price", "quality"};
  schema.items.resize(7, 2);
  for (int i = 0; i < 7; ++i)
    schema.items.row(i) << static_cast<float>(i), 1.0F / static_cast<float>(1 + i);
  schema.candidate_features = {"times_played", "days_since"};
  schema.n_slots = 2;
  schema.n_items = 7;
  return schema;
}

inline LogInfo sample_info() {
  LogInfo info;
  info.name = "sample";
  info.seed = 42;
  info.version = "0.1.0";
  info.scenario = "name: sample\nseed: 42\n";
  info.behavior_policy = "logging";
  info.behavior_components = {"curated", "random"};
  return info;
}

/// Rounds of users [first, first + n): round i has 1 + i % 3 eligible modules with (i + m) % 3
/// candidates each, and shows at most two of them.
inline LogBatch sample_batch(std::uint32_t first, std::uint32_t n, TruthBatch* truth = nullptr) {
  LogBatch b;
  b.requests.n_features = 3;
  b.requests.n_candidate_features = 2;
  if (truth != nullptr) truth->n_latents = 2;
  for (std::uint32_t i = first; i < first + n; ++i) {
    b.requests.user.push_back(i);
    b.requests.session.push_back(static_cast<std::uint16_t>(i % 5));
    b.requests.round.push_back(static_cast<std::uint16_t>(i % 7));
    b.requests.n_slots.push_back(2);
    const float x = static_cast<float>(i);
    b.requests.context.insert(b.requests.context.end(), {float(i % 2), 0.25F * x, float(i % 2)});
    const std::uint32_t n_modules = 1 + i % 3;
    for (std::uint32_t m = 0; m < n_modules; ++m) {
      b.requests.module.push_back(static_cast<std::uint16_t>(m));
      for (std::uint32_t c = 0; c < (i + m) % 3; ++c) {
        b.requests.candidate.push_back((i + c) % 7);
        b.requests.candidate_context.insert(b.requests.candidate_context.end(),
                                            {0.5F * x, static_cast<float>(c)});
      }
      b.requests.candidate_offsets.push_back(
          static_cast<std::uint32_t>(b.requests.candidate.size()));
    }
    b.requests.module_offsets.push_back(static_cast<std::uint32_t>(b.requests.module.size()));
    b.propensities.pscore.push_back(1.0 / (2 + i));
    b.propensities.component.push_back(static_cast<std::uint8_t>(i % 2));
    for (std::uint32_t k = 0; k < std::min(n_modules, 2U); ++k) {
      const std::uint32_t slot = static_cast<std::uint32_t>(b.pages.module.size());
      b.pages.module.push_back(static_cast<std::uint16_t>(n_modules - 1 - k));
      b.propensities.pscore_cascade.push_back(1.0 / (1 + slot));
      b.propensities.pscore_item_position.push_back(1.0 / (3 + slot));
      b.propensities.pscore_items.push_back(1.0 / (4 + slot));
      b.responses.click.push_back(slot % 3 == 0);
      b.responses.purchase.push_back(slot % 6 == 0);
      b.responses.revenue.push_back(0.5F * static_cast<float>(slot));
      for (std::uint32_t c = 0; c < (i + n_modules - 1 - k) % 3; ++c) {
        b.pages.item.push_back((i + c) % 7);
        b.responses.impression.push_back(c < 1);
        b.responses.item_click.push_back(slot % 3 == 0 && c == 0);
        b.responses.item_purchase.push_back(slot % 6 == 0 && c == 0);
      }
      b.pages.item_offsets.push_back(static_cast<std::uint32_t>(b.pages.item.size()));
      if (truth == nullptr) continue;
      truth->examined.push_back(slot % 2);
      truth->p_examination.push_back(1.0F / static_cast<float>(1 + slot));
      truth->p_click.push_back(1.0F / static_cast<float>(2 + slot));
      truth->p_purchase.push_back(1.0F / static_cast<float>(3 + slot));
    }
    b.pages.slot_offsets.push_back(static_cast<std::uint32_t>(b.pages.module.size()));
    if (truth == nullptr) continue;
    truth->latents.insert(truth->latents.end(), {x, -x});
    truth->leave.push_back(i % 4 == 0);
  }
  return b;
}

/// A log of two shards of 40 and 60 rounds.
inline LogInfo write_sample_log(const std::filesystem::path& folder, LogOptions options = {}) {
  LogWriter writer(folder, sample_schema(), sample_info(), options);
  for (const std::size_t shard : {std::size_t{1}, std::size_t{0}}) {
    TruthBatch truth;
    const std::uint32_t first = shard == 0 ? 0 : 40;
    const std::uint32_t n = shard == 0 ? 40 : 60;
    const LogBatch batch = sample_batch(first, n, &truth);
    writer.write_shard(shard, first, n, batch, &truth);
  }
  return writer.finish();
}

}  // namespace rehearsal::testing
