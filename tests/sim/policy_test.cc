#include "sim/policy.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

std::vector<std::uint16_t> page_sizes(const RequestBatch& requests) {
  std::vector<std::uint16_t> sizes(requests.size());
  for (std::size_t i = 0; i < sizes.size(); ++i)
    sizes[i] = static_cast<std::uint16_t>(
        std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i)));
  return sizes;
}

/// 0.6 highest module first, 0.4 uniform.
class MixedPolicy final : public Policy {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> scores(requests.module.begin(), requests.module.end());
    std::vector<std::unique_ptr<SlateDistribution>> parts;
    parts.push_back(make_deterministic(requests.module_offsets, page_sizes(requests), scores));
    parts.push_back(make_uniform(requests.module_offsets, page_sizes(requests)));
    return make_mixture(std::move(parts), {0.6, 0.4});
  }
  bool deterministic() const override { return false; }
};

class UniformRanker final : public Ranker {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> n(requests.module.size());
    for (std::size_t e = 0; e < n.size(); ++e)
      n[e] = static_cast<std::uint16_t>(requests.candidate_offsets[e + 1] -
                                        requests.candidate_offsets[e]);
    return make_uniform(requests.candidate_offsets, n);
  }
  bool deterministic() const override { return false; }
};

/// Two rounds with modules {1, 4, 6} and {2, 4}, room for two; each module retrieved three items.
RequestBatch two_requests(std::uint32_t first_user = 7) {
  RequestBatch requests;
  requests.user = {first_user, first_user + 1};
  requests.session = {1, 2};
  requests.round = {0, 3};
  requests.n_slots = {2, 2};
  requests.module = {1, 4, 6, 2, 4};
  requests.module_offsets = {0, 3, 5};
  for (std::uint32_t e = 0; e < 5; ++e) {
    for (std::uint32_t j = 0; j < 3; ++j) requests.candidate.push_back(100 * (e + 1) + 10 - j);
    requests.candidate_offsets.push_back(3 * (e + 1));
  }
  return requests;
}

/// A page that shows these modules with items as retrieved.
PageBatch page_of(const RequestBatch& requests, const std::vector<std::uint16_t>& first,
                  const std::vector<std::uint16_t>& second) {
  PageBatch pages;
  for (const auto& shown : {first, second}) {
    const std::size_t i = pages.size();
    for (const std::uint16_t module : shown) {
      pages.module.push_back(module);
      for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e)
        if (requests.module[e] == module)
          for (std::size_t c = 3 * e; c < 3 * e + 3; ++c)
            pages.item.push_back(requests.candidate[c]);
      pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
    }
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
  }
  return pages;
}

/// What the Error(kInput) says that scoring these pages raises; "" when it raises none.
std::string refusal(const RequestBatch& requests, const PageBatch& pages) {
  try {
    propensities(MixedPolicy(), requests, pages);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("recommended pages carry the propensities that scoring them gives") {
  MixedPolicy policy;
  const Rng rng(4);
  for (const bool with_ranker : {false, true}) {
    if (with_ranker) policy.set_ranker(std::make_shared<UniformRanker>());
    for (std::uint32_t user = 0; user < 60; user += 2) {
      const RequestBatch requests = two_requests(user);
      Propensities own;
      const PageBatch pages = recommend(policy, requests, rng, &own);
      REQUIRE(pages.n_shown(0) == 2);
      REQUIRE(pages.n_shown(1) == 2);
      REQUIRE(pages.item.size() == 12);
      const Propensities scored = propensities(policy, requests, pages);
      CHECK(own.pscore == scored.pscore);
      CHECK(own.pscore_cascade == scored.pscore_cascade);
      CHECK(own.pscore_item_position == scored.pscore_item_position);
      CHECK(own.pscore_items == scored.pscore_items);
      CHECK(scored.component.empty());
      CHECK(own.component.size() == 2);
    }
  }
}

TEST_CASE("a page's propensity is its modules' joint probability times that of its items") {
  MixedPolicy policy;
  policy.set_ranker(std::make_shared<UniformRanker>());
  const RequestBatch requests = two_requests();
  const Propensities scored = propensities(policy, requests, page_of(requests, {6, 1}, {4, 2}));
  CHECK(scored.pscore_cascade[0] == Approx(0.6 + 0.4 / 3));
  CHECK(scored.pscore_cascade[1] == Approx(0.4 / 6));
  CHECK(scored.pscore_cascade[3] == Approx(0.6 + 0.4 / 2));
  CHECK(scored.pscore_item_position[1] == Approx(0.4 / 3));
  CHECK(scored.pscore_items[2] == Approx(1.0 / 6));
  CHECK(scored.pscore[0] == Approx(0.4 / 6 / 36));
  CHECK(scored.pscore[1] == Approx(0.8 / 36));
}

TEST_CASE("without a ranker only the retrieved order of items has a probability") {
  const MixedPolicy policy;
  const RequestBatch requests = two_requests();
  PageBatch pages = page_of(requests, {6, 4}, {4, 2});
  std::swap(pages.item[3], pages.item[4]);
  const Propensities scored = propensities(policy, requests, pages);
  CHECK(scored.pscore_items == std::vector<double>{1, 0, 1, 1});
  CHECK(scored.pscore[0] == 0);
  CHECK(scored.pscore_cascade[1] == Approx(0.6 + 0.4 / 6));
  pages.item.clear();
  CHECK(propensities(policy, requests, pages).pscore_items == std::vector<double>{1, 1, 1, 1});
}

TEST_CASE("pages have no items where no candidates were retrieved") {
  MixedPolicy policy;
  policy.set_ranker(std::make_shared<UniformRanker>());
  RequestBatch requests = two_requests();
  requests.candidate.clear();
  requests.candidate_offsets = {0};
  Propensities own;
  const PageBatch pages = recommend(policy, requests, Rng(1), &own);
  CHECK(pages.item.empty());
  CHECK(own.pscore_items == std::vector<double>{1, 1, 1, 1});
}

TEST_CASE("pages do not depend on the batch that holds their requests") {
  MixedPolicy policy;
  policy.set_ranker(std::make_shared<UniformRanker>());
  const RequestBatch requests = two_requests();
  const PageBatch both = recommend(policy, requests, Rng(4), nullptr);
  for (const std::uint32_t i : {0u, 1u}) {
    const std::vector<std::uint32_t> rows{i};
    const PageBatch alone = recommend(policy, gather(requests, rows), Rng(4), nullptr);
    const PageBatch expected = gather(both, rows);
    CHECK(alone.module == expected.module);
    CHECK(alone.item == expected.item);
  }
}

TEST_CASE("a request without eligible modules gets an empty page, surely") {
  RequestBatch requests = two_requests();
  requests.module_offsets = {0, 0, 5};
  Propensities own;
  const PageBatch pages = recommend(MixedPolicy(), requests, Rng(1), &own);
  CHECK(pages.n_shown(0) == 0);
  CHECK(own.pscore[0] == 1);
}

TEST_CASE("a page that the policy's requests do not allow is refused by name") {
  const RequestBatch requests = two_requests();
  const std::string ineligible = refusal(requests, page_of(requests, {6, 1}, {4, 1}));
  CHECK(ineligible.find("user 8, session 2, round 3: slot 1 shows module 1") == 0);
  CHECK(ineligible.find("not among the round's eligible modules") != std::string::npos);
  const std::string repeated = refusal(requests, page_of(requests, {6, 6}, {4, 2}));
  CHECK(repeated.find("user 7, session 1, round 0: slot 1 shows module 6, which an earlier") == 0);
  const std::string too_long = refusal(requests, page_of(requests, {6, 1, 4}, {4, 2}));
  CHECK(too_long.find("slot 2 shows module 4, but the page has room for 2") != std::string::npos);
}
