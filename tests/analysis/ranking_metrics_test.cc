#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

struct RankedPages {
  Schema schema;
  std::vector<LogBatch> shards{1};
};

/// Three modules, all shown, in the given order, with clicks by slot.
void add_page(RankedPages& pages, std::vector<std::uint16_t> order, std::vector<std::uint8_t> click,
              std::uint8_t component) {
  LogBatch& batch = pages.shards[0];
  batch.requests.user.push_back(static_cast<std::uint32_t>(batch.size()));
  batch.requests.session.push_back(0);
  batch.requests.round.push_back(0);
  batch.requests.n_slots.push_back(3);
  for (std::uint16_t m = 0; m < 3; ++m) batch.requests.module.push_back(m);
  batch.requests.module_offsets.push_back(static_cast<std::uint32_t>(batch.requests.module.size()));
  for (std::size_t k = 0; k < 3; ++k) {
    batch.pages.module.push_back(order[k]);
    batch.pages.item_offsets.push_back(0);
    batch.responses.click.push_back(click[k]);
    batch.responses.purchase.push_back(0);
  }
  batch.pages.slot_offsets.push_back(static_cast<std::uint32_t>(batch.pages.module.size()));
  batch.propensities.component.push_back(component);
}

RankedPages two_pages() {
  RankedPages pages;
  pages.schema.modules = {"a", "b", "c"};
  pages.schema.n_slots = 3;
  add_page(pages, {2, 0, 1}, {1, 0, 0}, 0);  // c clicked
  add_page(pages, {1, 2, 0}, {1, 0, 1}, 1);  // b and a clicked
  return pages;
}

}  // namespace

TEST_CASE("ranking metrics of a fixed order equal those worked by hand") {
  const RankedPages pages = two_pages();
  const FunctionPolicy policy = tabular_policy({{{0, 1, 2}, 1.0}});  // a, b, c
  LogInfo info;
  info.behavior_components = {"first", "second"};
  const RoundSource source = source_of(pages.schema, pages.shards);
  const auto all = ranking_metrics(source, info, policy, "");
  // Page 1: c stands last of three: 0 of 2 pairs, DCG 1/2 of 1, reciprocal rank 1/3.
  // Page 2: a and b stand first: 2 of 2 pairs, NDCG 1, reciprocal rank 1.
  CHECK(all.at("auc_click") == Approx(0.5));
  CHECK(all.at("ndcg") == Approx((0.5 + 1) / 2));
  CHECK(all.at("mrr") == Approx((1.0 / 3 + 1) / 2));
  CHECK(all.count("auc_purchase") == 0);
  const auto second = ranking_metrics(source, info, policy, "second");
  CHECK(second.at("auc_click") == 1);
  CHECK_THROWS_AS(ranking_metrics(source, info, policy, "third"), Error);
}

TEST_CASE("a policy that prefers nothing ranks like chance") {
  const RankedPages pages = two_pages();
  const FunctionPolicy policy = tabular_policy(plackett_luce_table({1, 1, 1}, 3));
  const auto all = ranking_metrics(source_of(pages.schema, pages.shards), {}, policy, "");
  CHECK(all.at("auc_click") == Approx(0.5));
}
