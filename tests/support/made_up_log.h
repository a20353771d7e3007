#pragma once

#include <cmath>
#include <vector>

#include "sim/log/source.h"

namespace rehearsal {

/// Pages in memory for tests: two devices, one number and one category as context, every module
/// eligible for every request unless said otherwise. Clicks come from a logistic model that the
/// test knows.
struct MadeUpLog {
  Schema schema;
  std::vector<LogBatch> shards;

  RoundSource source() const { return source_of(schema, shards); }
};

struct MadeUpOptions {
  std::uint16_t n_modules = 4;
  std::uint16_t n_slots = 3;
  std::uint32_t n_users = 2000;
  std::uint32_t rounds_per_user = 3;
  std::uint32_t users_per_shard = 500;
  bool vary_eligible = false;  // drops module (user % n_modules) for every other user
  double base_logit = -1.0;
};

/// The true logit of a click in a made-up log, at (module, slot) for a context row.
inline double made_up_logit(const MadeUpOptions& options, std::span<const float> context,
                            std::size_t module, std::size_t slot);

namespace made_up {

inline void add_request(const MadeUpOptions& options, std::uint32_t user, std::uint32_t round,
                        Stream& stream, RequestBatch& requests) {
  requests.user.push_back(user);
  requests.session.push_back(0);
  requests.round.push_back(static_cast<std::uint16_t>(round));
  requests.n_slots.push_back(options.n_slots);
  requests.n_features = 3;
  const auto level = [&](int n) { return static_cast<float>(std::floor(stream.uniform() * n)); };
  requests.context.push_back(level(2));
  requests.context.push_back(static_cast<float>(3.4 * (stream.uniform() - 0.5)));
  requests.context.push_back(level(3));
  const bool drops = options.vary_eligible && user % 2 == 0;
  for (std::uint16_t m = 0; m < options.n_modules; ++m)
    if (!drops || m != user / 2 % options.n_modules) requests.module.push_back(m);
  requests.module_offsets.push_back(static_cast<std::uint32_t>(requests.module.size()));
}

/// A uniformly random page with its click and purchase draws.
inline void add_page(const MadeUpOptions& options, Stream& stream, LogBatch& batch) {
  const std::size_t i = batch.size() - 1;
  const std::span<const std::uint16_t> eligible = batch.requests.eligible(i);
  std::vector<std::uint16_t> left(eligible.begin(), eligible.end());
  const std::size_t n = std::min<std::size_t>(options.n_slots, left.size());
  double prefix = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const auto pick = static_cast<std::size_t>(stream.uniform() * static_cast<double>(left.size()));
    const std::uint16_t module = left[pick];
    prefix /= static_cast<double>(left.size());
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(pick));
    const double logit = made_up_logit(options, batch.requests.features(i), module, k);
    const bool click = stream.uniform() < 1 / (1 + std::exp(-logit));
    const bool purchase = stream.uniform() < 0.3 && click;
    batch.pages.module.push_back(module);
    batch.pages.item_offsets.push_back(0);
    batch.propensities.pscore_cascade.push_back(prefix);
    batch.propensities.pscore_item_position.push_back(1 / static_cast<double>(eligible.size()));
    batch.propensities.pscore_items.push_back(1);
    batch.responses.click.push_back(click);
    batch.responses.purchase.push_back(purchase);
    batch.responses.revenue.push_back(purchase ? 10.0f + module : 0.0f);
  }
  batch.propensities.pscore.push_back(prefix);
  batch.propensities.component.push_back(0);
  batch.pages.slot_offsets.push_back(static_cast<std::uint32_t>(batch.pages.module.size()));
}

}  // namespace made_up

inline double made_up_logit(const MadeUpOptions& options, std::span<const float> context,
                            std::size_t module, std::size_t slot) {
  const double m = static_cast<double>(module);
  const double position = -0.4 * static_cast<double>(slot) * (context[0] > 0 ? 1.5 : 1.0);
  return options.base_logit + 0.25 * m + (0.5 - 0.3 * m) * context[1] + 0.2 * context[0] +
         (context[2] > 1 ? 0.3 * (m - 1) : 0.0) + position;
}

/// Uniformly random pages and their clicks; a purchase follows a click with probability 0.3.
inline MadeUpLog make_up_log(const MadeUpOptions& options, std::uint64_t seed) {
  MadeUpLog log;
  log.schema.features = {{"device", {"desktop", "mobile"}, ""},
                         {"taste", {}, ""},
                         {"buyer", {"new", "browser", "buyer"}, ""}};
  for (std::uint16_t m = 0; m < options.n_modules; ++m)
    log.schema.modules.push_back("module_" + std::to_string(m));
  log.schema.n_slots = options.n_slots;
  const Rng rng(seed);
  for (std::uint32_t user = 0; user < options.n_users; ++user) {
    if (user % options.users_per_shard == 0) log.shards.emplace_back();
    for (std::uint32_t round = 0; round < options.rounds_per_user; ++round) {
      Stream stream =
          rng.stream(Draw::kResponse, Turn{UserId{user}, 0, static_cast<std::uint16_t>(round)});
      made_up::add_request(options, user, round, stream, log.shards.back().requests);
      made_up::add_page(options, stream, log.shards.back());
    }
  }
  return log;
}

}  // namespace rehearsal
