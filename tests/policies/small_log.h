#pragma once

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <string>
#include <vector>

#include "policies/policies.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/schema.h"

// A made-up site of four modules and three slots whose click rates are known: what the tests of
// policies learn from. Nothing of it comes from a world of ours.
namespace rehearsal::small {

inline constexpr double kRate[4] = {0.15, 0.16, 0.20, 0.25};  // P(click | examined), by module
inline constexpr double kExamination[2][3] = {{1, 0.7, 0.5}, {1, 0.6, 0.3}};  // by device, slot
inline constexpr double kPurchase[4] = {0.5, 0.2, 0.1, 0.3};  // P(purchase | click), by module
inline constexpr double kTaste[4] = {0.3, -0.3, 0, 0};        // change of the rate with taste
inline constexpr double kCollector = 2;  // times the rate of alpha where the buyer is a collector

/// P(click | examined) of a module for a request's context.
inline double click_rate(std::span<const float> context, std::size_t module) {
  const double factor = module == 0 && context[1] == 2 ? kCollector : 1;
  return kRate[module] * factor * (1 + kTaste[module] * static_cast<double>(context[2]));
}

inline Schema schema(std::uint16_t n_slots = 3) {
  Schema schema;
  schema.features = {{"device", {"desktop", "mobile"}, ""},
                     {"buyer", {"new", "regular", "collector"}, ""},
                     {"taste", {}, ""}};
  schema.modules = {"alpha", "beta", "gamma", "delta"};
  schema.curated_order = {"gamma", "alpha", "delta", "beta"};
  schema.item_features = {"price", "sold"};
  schema.n_slots = n_slots;
  schema.n_items = 6;
  schema.items.resize(6, 2);
  schema.items << 5, 1, 4, 6, 3, 2, 2, 5, 1, 3, 0, 4;
  return schema;
}

/// Modules alpha and beta are always eligible, gamma and delta with probability 0.7 each; every
/// module retrieves three of the six items. One round a user.
inline RequestBatch requests(std::uint32_t n, const Rng& rng, std::uint32_t first_user = 0,
                             std::uint16_t n_slots = 3) {
  RequestBatch batch;
  batch.n_features = 3;
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kRequest, Turn{UserId{first_user + i}, 0, 0});
    batch.user.push_back(first_user + i);
    batch.session.push_back(0);
    batch.round.push_back(0);
    batch.n_slots.push_back(n_slots);
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

/// A policy from its YAML mapping.
inline std::shared_ptr<Policy> policy(
    const std::string& yaml, const Schema& schema,
    const std::map<std::string, std::shared_ptr<Policy>>& others = {}) {
  return make_policy(YAML::Load(yaml), {}, {schema, Rng(1), nullptr, others});
}

/// 0.7 of the pages in the curated order, the rest uniform: its log confounds places and modules.
inline std::shared_ptr<Policy> behavior(const Schema& schema, double p_uniform = 0.3) {
  const std::map<std::string, std::shared_ptr<Policy>> parts{
      {"curated", policy("{name: curated, type: static_order}", schema)},
      {"random", policy("{name: random, type: uniform}", schema)}};
  return policy("{name: logging, type: mixture, of: {curated: " + std::to_string(1 - p_uniform) +
                    ", random: " + std::to_string(p_uniform) + "}}",
                schema, parts);
}

/// What users [first_user, first_user + n) do under a policy.
inline LogBatch log(std::uint32_t n, std::uint32_t first_user, const Policy& behavior,
                    const Rng& rng, std::uint16_t n_slots = 3) {
  LogBatch batch;
  batch.requests = requests(n, rng, first_user, n_slots);
  batch.pages = recommend(behavior, batch.requests, rng, &batch.propensities);
  for (std::size_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kResponse, batch.requests.turn(i));
    const std::span<const float> context = batch.requests.features(i);
    for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
      const std::uint16_t m = batch.pages.shown(i)[k];
      const double examined = kExamination[static_cast<int>(context[0])][k];
      const bool click = stream.uniform() < examined * click_rate(context, m);
      const bool purchase = stream.uniform() < kPurchase[m] && click;
      batch.responses.click.push_back(click);
      batch.responses.purchase.push_back(purchase);
      batch.responses.revenue.push_back(purchase ? 10.f : 0.f);
    }
  }
  return batch;
}

/// Writes a log of n_shards shards of n_users users each under a policy.
inline void write_log(const std::filesystem::path& folder, const Schema& schema,
                      const Policy& behavior, std::size_t n_shards, std::uint32_t n_users,
                      const Rng& rng) {
  LogWriter writer(folder, schema, LogInfo{});
  for (std::size_t s = 0; s < n_shards; ++s) {
    const auto first = static_cast<std::uint32_t>(s) * n_users;
    writer.write_shard(s, first, n_users, log(n_users, first, behavior, rng, schema.n_slots),
                       nullptr);
  }
  writer.finish();
}

}  // namespace rehearsal::small
