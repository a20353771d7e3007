// Re-rankers that weigh value against likeness: their gains, orders, and what they are made of.
#include "policies/diversity.h"

#include <Eigen/LU>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using testing::Slate;

namespace {

/// Five choices, alike as points on a line are near.
struct OnALine final : DiverseChoices {
  std::vector<double> value{1, 0.9, 0.4, 0.7, 0};
  std::vector<double> place{0, 0.2, 1.5, 2, 0.6};

  std::span<const double> relevance(std::size_t) const override { return value; }
  double similarity(std::size_t, std::size_t a, std::size_t b) const override {
    return std::exp(-(place[a] - place[b]) * (place[a] - place[b]));
  }
};

RowMatrix gains(const NextChoice& next, const Slate& prefix) {
  RowMatrix out(1, 5);
  next.logits(0, {1, prefix.size(), prefix}, out);
  return out;
}

double determinant(const OnALine& choices, const Slate& chosen) {
  Eigen::MatrixXd s(chosen.size(), chosen.size());
  for (std::size_t a = 0; a < chosen.size(); ++a)
    for (std::size_t b = 0; b < chosen.size(); ++b)
      s(static_cast<Eigen::Index>(a), static_cast<Eigen::Index>(b)) =
          choices.similarity(0, chosen[a], chosen[b]);
  return chosen.empty() ? 1 : s.determinant();
}

/// A site, its log and policies that have learnt from it. Alpha and gamma retrieve the same items,
/// and so do beta and delta; no item is of both kinds.
struct LearntValues {
  Schema schema = small::schema();
  TemporaryFolder folder;
  std::map<std::string, std::shared_ptr<Policy>> others;
  std::unique_ptr<LogReader> log;

  LearntValues() {
    small::write_log(folder.path("log"), schema, *small::behavior(schema), 1, 4000, Rng(31));
    log = std::make_unique<LogReader>(folder.path("log"));
    others["rates"] = policy("{name: rates, type: popularity}");
    others["curated"] = policy("{name: curated, type: static_order}");
  }
  std::shared_ptr<Policy> policy(const std::string& yaml) {
    const auto made = small::policy(yaml, schema, others);
    made->fit({source_of(*log), Rng(9), "x"});
    return made;
  }
};

std::size_t first_full_request(const RequestBatch& requests) {
  std::size_t i = 0;
  while (requests.n_eligible(i) < 4) ++i;
  return i;
}

Slate slate_of(const Policy& policy, const RequestBatch& requests, std::size_t i) {
  const PageBatch pages = recommend(policy, requests, Rng(3), nullptr);
  return {pages.shown(i).begin(), pages.shown(i).end()};
}

}  // namespace

TEST_CASE("maximal marginal relevance takes off the largest likeness to a choice above") {
  const auto choices = std::make_shared<OnALine>();
  const auto next = make_mmr(choices, 0.6);
  const RowMatrix first = gains(*next, {});
  for (std::size_t c = 0; c < 5; ++c)
    CHECK(first(0, static_cast<Eigen::Index>(c)) == Approx(0.6 * choices->value[c]));
  const RowMatrix third = gains(*next, {0, 3});
  CHECK(third(0, 1) == Approx(0.6 * 0.9 - 0.4 * std::exp(-0.04)));
  CHECK(third(0, 2) == Approx(0.6 * 0.4 - 0.4 * std::exp(-0.25)));
}

TEST_CASE("a determinantal gain is the growth of the chosen ones' log determinant") {
  const auto choices = std::make_shared<OnALine>();
  const auto next = make_dpp(choices, 0.7);
  for (std::size_t k = 0; k < 5; ++k)
    for (const Slate& chosen : testing::all_slates(5, k)) {
      const RowMatrix gain = gains(*next, chosen);
      for (std::uint16_t c = 0; c < 5; ++c) {
        if (std::find(chosen.begin(), chosen.end(), c) != chosen.end()) continue;
        Slate longer = chosen;
        longer.push_back(c);
        const double growth =
            std::log(determinant(*choices, longer) / determinant(*choices, chosen));
        CHECK(gain(0, c) == Approx(0.7 * choices->value[c] + 0.3 * growth).margin(1e-9));
      }
    }
}

TEST_CASE("a choice that is the double of one above comes last, and no gain is infinite") {
  struct Doubles final : DiverseChoices {
    std::vector<double> value{1, 1, 0.1};
    std::span<const double> relevance(std::size_t) const override { return value; }
    double similarity(std::size_t, std::size_t a, std::size_t b) const override {
      return a == b || a + b == 1 ? 1 : 0;
    }
  };
  for (const auto make : {make_mmr, make_dpp}) {
    const auto slates = make_beam({0, 3}, {3}, *make(std::make_shared<Doubles>(), 0.5), 1);
    CHECK(testing::probability(*slates, 0, {0, 2, 1}) == 1);
  }
}

TEST_CASE("relevance runs from 0 for the least value to 1 for the largest") {
  std::vector<double> values{3, -1, 1};
  to_relevance(values);
  CHECK(values == std::vector<double>{1, 0, 0.5});
  std::vector<double> alike{2, 2};
  to_relevance(alike);
  CHECK(alike == std::vector<double>{1, 1});
}

TEST_CASE("re-rankers take their values from another policy and likeness from the log") {
  LearntValues learnt;
  const RequestBatch requests = small::requests(40, Rng(1));
  const std::size_t i = first_full_request(requests);
  const Slate by_value = slate_of(*learnt.others["rates"], requests, i);
  const auto kind = [](std::uint16_t module) { return module % 2; };
  for (const std::string type : {"mmr", "dpp"}) {
    INFO(type);
    const auto plain = learnt.policy("{name: x, type: " + type + ", of: rates, trade_off: 1}");
    CHECK(slate_of(*plain, requests, i) == by_value);
    const RowMatrix likeness =
        Eigen::Map<const RowMatrix>(plain->state().at("similarity").values.data(), 4, 4);
    for (std::uint16_t a = 0; a < 4; ++a)
      for (std::uint16_t b = 0; b < 4; ++b)
        CHECK(likeness(a, b) == Approx(kind(a) == kind(b) ? 1 : 0).margin(1e-12));
    const auto diverse = learnt.policy("{name: x, type: " + type + ", of: rates, trade_off: 0.2}");
    const Slate page = slate_of(*diverse, requests, i);
    CHECK(page[0] == by_value[0]);
    CHECK(kind(page[1]) != kind(page[0]));
  }
}

TEST_CASE("drawn re-rankings have exact probabilities, with and without constraints") {
  LearntValues learnt;
  const RequestBatch requests = small::requests(40, Rng(1));
  const std::size_t i = first_full_request(requests);
  for (const std::string type : {"mmr", "dpp"}) {
    const std::string keys = "{name: x, type: " + type + ", of: rates, temperature: 0.4";
    const auto drawn = learnt.policy(keys + "}");
    CHECK_FALSE(drawn->deterministic());
    testing::check_against_enumeration(*drawn->distribution(requests), i, 1e-12);
    testing::check_frequencies(*drawn->distribution(requests), i, 20000, 5);
    const auto pinned = learnt.policy(keys + ", constraints: {pinned: {beta: 1}}}");
    testing::check_against_enumeration(*pinned->distribution(requests), i, 1e-12);
    CHECK(slate_of(*pinned, requests, i)[1] == 1);
  }
}

TEST_CASE("a saved re-ranker brings the policy whose values it takes") {
  LearntValues learnt;
  const auto made = learnt.policy("{name: x, type: mmr, of: rates, trade_off: 0.4}");
  save_policy(*made, made->config(), learnt.folder.path("saved"));
  const auto loaded = load_policy(learnt.folder.path("saved"), learnt.schema);
  const RequestBatch requests = small::requests(60, Rng(1));
  CHECK(recommend(*loaded, requests, Rng(3), nullptr).module ==
        recommend(*made, requests, Rng(3), nullptr).module);
}

TEST_CASE("re-rankers refuse what has no value of each module") {
  LearntValues learnt;
  const auto refused = [&](const std::string& of) {
    return small::policy("{name: x, type: dpp, of: " + of + "}", learnt.schema, learnt.others);
  };
  CHECK_THROWS_WITH(refused("curated"), Catch::Contains("no value of each module"));
  CHECK_THROWS_WITH(refused("ratse"), Catch::Contains("rates"));
  CHECK_THROWS_WITH(refused("''"), Catch::Contains("unknown policy"));
}

TEST_CASE("items are re-ranked by their features' likeness") {
  const Schema schema = small::schema();
  RequestBatch requests = small::requests(1, Rng(1));
  // Sold and price of items 0, 2, 4: (1, 5), (2, 3), (4, 1); alpha retrieves them.
  const auto order = [&](const std::string& ranker) {
    const auto policy = small::policy(
        "{name: x, type: static_order, order: [alpha], ranker: " + ranker + "}", schema);
    const PageBatch pages = recommend(*policy, requests, Rng(3), nullptr);
    return std::vector<std::uint32_t>(pages.item.begin(), pages.item.begin() + 3);
  };
  for (const std::string type : {"mmr", "dpp"}) {
    const std::string start = "{type: " + type + ", feature: price, similar: [price]";
    CHECK(order(start + ", trade_off: 1}") == std::vector<std::uint32_t>{0, 2, 4});
    // Far apart in price: the middle one comes last.
    CHECK(order(start + ", trade_off: 0.1, width: 3}") == std::vector<std::uint32_t>{0, 4, 2});
  }
  CHECK_THROWS_WITH(order("{type: mmr, feature: prize}"), Catch::Contains("price"));
  const auto drawn =
      small::policy("{name: x, type: ranked_list, ranker: {type: dpp, temperature: 0.5}}", schema);
  const auto lists = drawn->ranker()->distribution(requests);
  testing::check_against_enumeration(*lists, 0, 1e-12);
}
