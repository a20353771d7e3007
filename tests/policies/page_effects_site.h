#pragma once

#include <algorithm>
#include <vector>

#include "policies/policies.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/schema.h"
#include "tests/policies/small_log.h"

// A made-up site of five modules and three slots whose clicks depend on what stands above: two
// modules are substitutes, and two retrieve the same items on half of the requests. Its best pages
// follow by enumeration.
namespace rehearsal::effects {

inline constexpr double kRate[5] = {0.32, 0.30, 0.24, 0.22, 0.12};
inline constexpr double kExamination[3] = {1, 0.8, 0.6};
inline constexpr double kSubstitute = 0.2;  // left of beta's and alpha's rate below the other
inline constexpr double kRepeated = 0.3;    // left of a module's rate below its own items
inline constexpr double kPurchase = 0.2;    // P(purchase | click)
inline constexpr double kTaste[5] = {0.2, -0.2, 0, 0.3, 0};

inline Schema schema() {
  Schema schema;
  schema.features = {{"taste", {}, ""}};
  schema.modules = {"alpha", "beta", "gamma", "delta", "epsilon"};
  schema.curated_order = {"alpha", "beta", "gamma", "delta", "epsilon"};
  schema.n_slots = 3;
  schema.n_items = 20;
  return schema;
}

/// All five modules are eligible, epsilon with probability 0.7; four items each.
inline RequestBatch requests(std::uint32_t n, const Rng& rng, std::uint32_t first_user = 0) {
  RequestBatch batch;
  batch.n_features = 1;
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kRequest, Turn{UserId{first_user + i}, 0, 0});
    batch.user.push_back(first_user + i);
    batch.session.push_back(0);
    batch.round.push_back(0);
    batch.n_slots.push_back(3);
    batch.context.push_back(static_cast<float>(stream.uniform() * 3.4 - 1.7));
    const bool same = stream.uniform() < 0.5;  // delta retrieves gamma's items
    const bool epsilon = stream.uniform() < 0.7;
    for (std::uint16_t m = 0; m < (epsilon ? 5 : 4); ++m) {
      batch.module.push_back(m);
      for (std::uint32_t item = 0; item < 4; ++item)
        batch.candidate.push_back(4u * (m == 3 && same ? 2u : m) + item);
      batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
    }
    batch.module_offsets.push_back(static_cast<std::uint32_t>(batch.module.size()));
  }
  return batch;
}

/// P(click) of slot k of a page of request i.
inline double click_rate(const RequestBatch& requests, std::size_t i,
                         std::span<const std::uint16_t> page, std::size_t k) {
  const std::uint16_t m = page[k];
  double rate =
      kExamination[k] * kRate[m] * (1 + kTaste[m] * static_cast<double>(requests.features(i)[0]));
  const std::size_t first = requests.module_offsets[i];
  const bool same = requests.candidate[requests.candidate_offsets[first + 2]] ==
                    requests.candidate[requests.candidate_offsets[first + 3]];
  for (std::size_t j = 0; j < k; ++j) {
    if (m + page[j] == 1) rate *= kSubstitute;
    if (m + page[j] == 5 && m >= 2 && page[j] >= 2 && same) rate *= kRepeated;
  }
  return rate;
}

inline double value_of(const RequestBatch& requests, std::size_t i,
                       std::span<const std::uint16_t> page) {
  double clicks = 0;
  for (std::size_t k = 0; k < page.size(); ++k) clicks += click_rate(requests, i, page, k);
  return clicks;
}

inline double value_of(const Policy& policy, const RequestBatch& requests) {
  const PageBatch pages = recommend(policy, requests, Rng(6), nullptr);
  double clicks = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) clicks += value_of(requests, i, pages.shown(i));
  return clicks / static_cast<double>(requests.size());
}

/// The most clicks a page that any policy could have.
inline double best_value(const RequestBatch& requests) {
  double total = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double best = 0;
    const std::span<const std::uint16_t> all = requests.eligible(i);
    for (const std::uint16_t a : all)
      for (const std::uint16_t b : all)
        for (const std::uint16_t c : all) {
          const std::vector<std::uint16_t> page{a, b, c};
          if (a != b && b != c && a != c) best = std::max(best, value_of(requests, i, page));
        }
    total += best;
  }
  return total / static_cast<double>(requests.size());
}

/// What users do under random pages.
inline LogBatch log(std::uint32_t n, const Schema& schema, const Rng& rng) {
  LogBatch batch;
  batch.requests = requests(n, rng);
  const auto random = small::policy("{name: random, type: uniform}", schema);
  batch.pages = recommend(*random, batch.requests, rng, &batch.propensities);
  for (std::size_t i = 0; i < n; ++i) {
    Stream stream = rng.stream(Draw::kResponse, batch.requests.turn(i));
    for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
      const double rate = click_rate(batch.requests, i, batch.pages.shown(i), k);
      const bool click = stream.uniform() < rate;
      batch.responses.click.push_back(click);
      batch.responses.purchase.push_back(stream.uniform() < kPurchase && click);
    }
  }
  return batch;
}

}  // namespace rehearsal::effects
