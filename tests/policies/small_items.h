#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "policies/multi_task_ranker.h"
#include "policies/policies.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "tests/policies/small_log.h"

// A made-up site of two modules whose items are clicked, listened to and bought by known chances:
// what the tests of rankers of items learn from. A user likes the items of one kind in five.
namespace rehearsal::small {

inline constexpr std::uint32_t kUsers = 40;
inline constexpr std::uint32_t kItems = 30;

/// Args: source: the schema of another site, where visits are seen and plays are not.
inline Schema item_schema(bool source = false) {
  Schema schema;
  schema.features = {{"taste", {}, ""}, {"device", {"desktop", "mobile"}, ""}};
  if (source) schema.features.push_back({"visit", {}, ""});
  schema.modules = {"fresh", "usual"};
  schema.curated_order = {"usual", "fresh"};
  schema.item_features = {"age"};
  if (!source) schema.candidate_features = {"plays"};
  schema.n_slots = 2;
  schema.n_positions = 3;
  schema.n_items = kItems;
  schema.items.resize(kItems, 1);
  for (std::uint32_t v = 0; v < kItems; ++v) schema.items(v, 0) = static_cast<float>(v % 7);
  return schema;
}

inline bool likes(std::uint32_t user, std::uint32_t item) { return user % 5 == item % 5; }

inline double click_logit(std::uint32_t user, std::uint32_t item, float taste) {
  return -1.5 + (likes(user, item) ? 2.0 : 0.0) + 0.5 * static_cast<double>(taste);
}

/// Every module retrieves four items; round i is of user (first + i) % kUsers.
inline RequestBatch item_requests(std::uint32_t n, const Rng& rng, const Schema& schema) {
  RequestBatch batch;
  batch.n_features = schema.n_features();
  batch.n_candidate_features = schema.n_candidate_features();
  for (std::uint32_t user = 0; user < kUsers; ++user)
    for (std::uint32_t r = 0; r < n / kUsers; ++r) {
      Stream stream =
          rng.stream(Draw::kRequest, Turn{UserId{user}, static_cast<std::uint16_t>(r), 0});
      batch.user.push_back(user);
      batch.session.push_back(static_cast<std::uint16_t>(r));
      batch.round.push_back(0);
      batch.n_slots.push_back(2);
      batch.n_positions.push_back(3);
      batch.context.push_back(static_cast<float>(2 * stream.uniform() - 1));
      batch.context.push_back(stream.uniform() < 0.5 ? 0.0f : 1.0f);
      if (batch.n_features == 3) batch.context.push_back(static_cast<float>(stream.uniform()));
      for (std::uint16_t m = 0; m < 2; ++m) {
        batch.module.push_back(m);
        const auto first = static_cast<std::uint32_t>(stream.uniform() * kItems);
        for (std::uint32_t c = 0; c < 4; ++c) {
          batch.candidate.push_back((first + 7 * c) % kItems);
          for (std::size_t f = 0; f < batch.n_candidate_features; ++f)
            batch.candidate_context.push_back(static_cast<float>((user + c) % 3));
        }
        batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
      }
      batch.module_offsets.push_back(static_cast<std::uint32_t>(batch.module.size()));
    }
  return batch;
}

/// What users do with pages of a policy that is uniform over modules and items.
inline LogBatch item_log(std::uint32_t n, const Rng& rng, const Schema& schema) {
  LogBatch batch;
  batch.requests = item_requests(n, rng, schema);
  const auto uniform = policy("{name: random, type: uniform, ranker: {type: uniform}}", schema);
  batch.pages = recommend(*uniform, batch.requests, rng, &batch.propensities);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Stream stream = rng.stream(Draw::kResponse, batch.requests.turn(i));
    for (std::size_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1]; ++s)
      for (std::size_t j = batch.pages.item_offsets[s]; j < batch.pages.item_offsets[s + 1]; ++j) {
        const std::uint32_t user = batch.requests.user[i];
        const std::uint32_t item = batch.pages.item[j];
        const double logit = click_logit(user, item, batch.requests.features(i)[0]);
        const bool click = stream.uniform() < 1 / (1 + std::exp(-logit));
        const bool purchase = stream.uniform() < 0.3 && click;
        batch.responses.item_click.push_back(click);
        batch.responses.item_purchase.push_back(purchase);
        batch.responses.dwell.push_back(
            click ? static_cast<float>((likes(user, item) ? 60 : 20) * (0.5 + stream.uniform()))
                  : 0.0f);
      }
  }
  return batch;
}

/// Batches in memory, as FitContext takes them.
inline std::vector<LogBatch> item_shards(std::size_t n_shards, std::uint32_t n, std::uint64_t seed,
                                         const Schema& schema) {
  std::vector<LogBatch> shards;
  for (std::size_t s = 0; s < n_shards; ++s) shards.push_back(item_log(n, Rng(seed + s), schema));
  return shards;
}

/// Area under the ROC curve, ties counted half.
inline double auc(const RowMatrixF& outputs, const RowMatrixF& labels, Eigen::Index task) {
  double wins = 0, pairs = 0;
  for (Eigen::Index i = 0; i < labels.rows(); ++i)
    for (Eigen::Index j = 0; j < labels.rows(); ++j) {
      if (labels(i, task) <= labels(j, task)) continue;
      pairs += 1;
      wins += outputs(i, task) > outputs(j, task)    ? 1
              : outputs(i, task) == outputs(j, task) ? 0.5
                                                     : 0;
    }
  return wins / pairs;
}

}  // namespace rehearsal::small
