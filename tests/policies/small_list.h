#pragma once

#include <algorithm>
#include <cmath>

#include "tests/policies/small_log.h"

// A made-up site of one list: twelve items, of which each request retrieves five and shows three.
// A click depends on the place, on an item's quality, on what its topic is to the user's taste, and
// on what the candidate brings itself. Nothing of it comes from a world of ours.
namespace rehearsal::small_list {

inline constexpr std::uint32_t kItems = 12;
inline constexpr double kExamination[2][3] = {{1, 0.7, 0.5}, {1, 0.6, 0.3}};  // by device, place

/// Args: own: whether candidates bring a number of their own.
inline Schema schema(std::uint16_t n_positions = 3, bool own = false) {
  Schema schema;
  schema.features = {{"device", {"desktop", "mobile"}, ""}, {"taste", {}, ""}};
  schema.modules = {"list"};
  schema.curated_order = {"list"};
  schema.item_features = {"quality", "topic"};
  if (own) schema.candidate_features = {"seen"};
  schema.n_slots = 1;
  schema.n_positions = n_positions;
  schema.n_items = kItems;
  schema.items.resize(kItems, 2);
  for (std::uint32_t v = 0; v < kItems; ++v)
    schema.items.row(v) << static_cast<float>(v % 4), v % 3 == 0 ? -1.0f : 1.0f;
  return schema;
}

/// P(click | examined). Args: own: of the candidate.
inline double click_rate(std::span<const float> context, std::uint32_t item, float own) {
  const double topic = item % 3 == 0 ? -1 : 1;
  return 0.12 + 0.04 * (item % 4) + 0.1 * topic * static_cast<double>(context[1]) +
         0.1 * static_cast<double>(own);
}

/// One round a user, from `first_user` on; some retrieve four candidates only.
inline RequestBatch requests(std::uint32_t n, const Rng& rng, std::uint32_t first_user = 0,
                             std::uint16_t n_positions = 3, bool own = false) {
  RequestBatch batch;
  batch.n_features = 2;
  batch.n_candidate_features = own ? 1 : 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kRequest, Turn{UserId{first_user + i}, 0, 0});
    batch.user.push_back(first_user + i);
    batch.session.push_back(0);
    batch.round.push_back(0);
    batch.n_slots.push_back(1);
    batch.n_positions.push_back(n_positions);
    batch.context.push_back(stream.uniform() < 0.5 ? 0.f : 1.f);
    batch.context.push_back(static_cast<float>(stream.uniform() * 2 - 1));
    batch.module.push_back(0);
    batch.module_offsets.push_back(i + 1);
    const auto first = static_cast<std::uint32_t>(stream.uniform() * kItems);
    const std::uint32_t n_candidates = stream.uniform() < 0.2 ? 4 : 5;
    for (std::uint32_t c = 0; c < n_candidates; ++c) {
      batch.candidate.push_back((first + 5 * c) % kItems);
      if (own) batch.candidate_context.push_back(stream.uniform() < 0.5 ? 0.f : 1.f);
    }
    batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
  }
  return batch;
}

inline std::map<std::string, std::shared_ptr<Policy>> fixed_policies(const Schema& schema) {
  std::map<std::string, std::shared_ptr<Policy>> out{
      {"random",
       small::policy("{name: random, type: ranked_list, ranker: {type: uniform}}", schema)},
      {"worst", small::policy("{name: worst, type: ranked_list, ranker: {type: plackett_luce, "
                              "weights: {quality: -0.5}}}",
                              schema)}};
  out["logging"] =
      small::policy("{name: logging, type: mixture, of: {random: 0.5, worst: 0.5}}", schema, out);
  return out;
}

/// The candidates of round i in the order shown, as rows of the candidates.
inline std::vector<std::size_t> shown_candidates(const RequestBatch& requests,
                                                 const PageBatch& pages, std::size_t i) {
  std::vector<std::size_t> out;
  const auto first = requests.candidate.begin() + requests.candidate_offsets[i];
  const auto last = requests.candidate.begin() + requests.candidate_offsets[i + 1];
  for (std::size_t j = pages.item_offsets[i]; j < pages.item_offsets[i + 1]; ++j)
    out.push_back(static_cast<std::size_t>(std::find(first, last, pages.item[j]) -
                                           requests.candidate.begin()));
  return out;
}

/// P(click) on the item at place k of a list. Args: shown: rows of the candidates.
///       alike: what an item above of the same topic leaves of it; 1: nothing is lost.
inline double click_chance(const RequestBatch& requests, std::size_t i,
                           std::span<const std::size_t> shown, std::size_t k, double alike = 1) {
  const std::span<const float> context = requests.features(i);
  const auto topic = [&](std::size_t c) { return requests.candidate[c] % 3 == 0; };
  const float own = requests.n_candidate_features == 0 ? 0.f : requests.candidate_context[shown[k]];
  double chance = kExamination[static_cast<int>(context[0])][k] *
                  click_rate(context, requests.candidate[shown[k]], own);
  for (std::size_t j = 0; j < k; ++j)
    if (topic(shown[j]) == topic(shown[k])) chance *= alike;
  return chance;
}

/// What users [first_user, first_user + n) do under a policy.
inline LogBatch log(std::uint32_t n, std::uint32_t first_user, const Policy& behavior,
                    const Rng& rng, std::uint16_t n_positions = 3, bool own = false,
                    double alike = 1) {
  LogBatch batch;
  batch.requests = requests(n, rng, first_user, n_positions, own);
  batch.pages = recommend(behavior, batch.requests, rng, &batch.propensities);
  for (std::size_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kResponse, batch.requests.turn(i));
    std::uint8_t clicks = 0, purchases = 0;
    const std::vector<std::size_t> shown = shown_candidates(batch.requests, batch.pages, i);
    for (std::size_t k = 0; k < shown.size(); ++k) {
      const bool click = stream.uniform() < click_chance(batch.requests, i, shown, k, alike);
      const bool purchase = stream.uniform() < 0.3 && click;
      batch.responses.item_click.push_back(click);
      batch.responses.item_purchase.push_back(purchase);
      clicks = static_cast<std::uint8_t>(clicks + click);
      purchases = static_cast<std::uint8_t>(purchases + purchase);
    }
    batch.responses.click.push_back(clicks);
    batch.responses.purchase.push_back(purchases);
  }
  return batch;
}

/// Expected clicks a list of the made-up users, over 4,000 of them: their closed form.
inline double value_of(const Policy& policy, std::uint16_t n_positions = 3, bool own = false,
                       double alike = 1) {
  const RequestBatch requests = small_list::requests(4000, Rng(5), 50000, n_positions, own);
  const PageBatch pages = recommend(policy, requests, Rng(6), nullptr);
  double clicks = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::vector<std::size_t> shown = shown_candidates(requests, pages, i);
    for (std::size_t k = 0; k < shown.size(); ++k)
      clicks += click_chance(requests, i, shown, k, alike);
  }
  return clicks / static_cast<double>(requests.size());
}

/// One log for all learners: 20,000 lists of a policy that prefers the worst.
struct Logged {
  explicit Logged(std::uint32_t n = 10000, std::uint16_t n_positions = 3, bool own = false,
                  double alike = 1)
      : schema(small_list::schema(n_positions, own)),
        others(fixed_policies(schema)),
        batches{small_list::log(n, 0, *others["logging"], Rng(21), n_positions, own, alike),
                small_list::log(n, n, *others["logging"], Rng(21), n_positions, own, alike)} {}

  Schema schema;
  std::map<std::string, std::shared_ptr<Policy>> others;
  std::vector<LogBatch> batches;

  std::shared_ptr<Policy> made(const std::string& keys) const {
    return small::policy("{name: learner, type: " + keys + "}", schema, others);
  }
  std::shared_ptr<Policy> fitted(const std::string& keys) const {
    const auto policy = made(keys);
    policy->fit({source_of(schema, batches), Rng(2), "learner"});
    return policy;
  }
};

inline const Logged& logged() {
  static const Logged once;
  return once;
}

}  // namespace rehearsal::small_list
