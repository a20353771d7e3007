// Orderers that see the page, over the items of a list: what they learn where items above take
// clicks away, what they keep and what they refuse.
#include "policies/orderers/page_evaluator.h"
#include "tests/policies/list_checks.h"

using namespace rehearsal;
namespace list = rehearsal::small_list;

namespace {

constexpr double kAlike = 0.3;  // what an item of the same topic above leaves

const list::Logged& logged() {
  static const list::Logged once(8000, 3, false, kAlike);
  return once;
}

double value_of(const Policy& policy) { return list::value_of(policy, 3, false, kAlike); }

/// Of the best list of every request, by enumeration.
double best_value() {
  const RequestBatch requests = list::requests(4000, Rng(5), 50000);
  double total = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = requests.candidate_offsets[i];
    double best = 0;
    for (const auto& slate : testing::all_slates(requests.candidate_offsets[i + 1] - first, 3)) {
      std::vector<std::size_t> shown;
      for (const std::uint16_t c : slate) shown.push_back(first + c);
      double value = 0;
      for (std::size_t k = 0; k < 3; ++k)
        value += list::click_chance(requests, i, shown, k, kAlike);
      best = std::max(best, value);
    }
    total += best;
  }
  return total / static_cast<double>(requests.size());
}

/// Keys of a training that is soon over.
std::string quick(const std::string& type) {
  return type + ", steps: 20" +
         (type.find("pointer") == std::string::npos
              ? ""
              : ", reinforce_steps: 20, evaluator: {steps: 20}");
}

}  // namespace

TEST_CASE("orderers that know which items stand above find nearly the best lists",
          "[list_orderers]") {
  const double best = best_value();
  const std::string evaluator = "evaluator_generator, purchase_weight: 0, steps: 600";
  const double alone = value_of(*logged().fitted(evaluator + ", sees: alone")) / best;
  CHECK(alone < 0.95);
  for (const std::string& keys :
       {evaluator, evaluator + ", items: both, beam: 4",
        std::string("pointer, purchase_weight: 0, steps: 200, reinforce_steps: 300, "
                    "learning_rate: 0.01, evaluator: {steps: 600}")}) {
    INFO(keys);
    const double share = value_of(*logged().fitted(keys)) / best;
    CHECK(share > alone + 0.01);
    CHECK(share <= 1);
  }
}

TEST_CASE("re-rankers of items learn better lists than random ones", "[list_orderers]") {
  const double random = value_of(*logged().others.at("random"));
  for (const std::string keys :
       {"dlcm", "prm", "prm, initial_position: false, items: both", "setrank",
        "setrank, position: inverse", "pointer, learn: supervised",
        "pointer, learn: log, reinforce_steps: 100"}) {
    INFO(keys);
    CHECK(value_of(*logged().fitted(
              keys + ", purchase_weight: 0, steps: 400, learning_rate: 0.01, weight_decay: 0.3")) >
          1.05 * random);
  }
}

TEST_CASE("orderers of items keep exact propensities, saved and loaded, alone or in a batch",
          "[list_orderers]") {
  const RequestBatch requests = list::requests(12, Rng(9), 70000);
  for (const std::string type : {"dlcm", "prm", "setrank", "pointer", "evaluator_generator"})
    for (const std::string serve : {"best", "sample"}) {
      INFO(type << " " << serve);
      const auto policy = logged().fitted(quick(type) + ", serve: " + serve);
      CHECK(policy->deterministic() == (serve == "best"));
      const list::DrawnLists drawn = list::check_drawn(*policy, requests);
      list::check_exact_and_kept(*policy, logged().schema, requests, drawn, 3);
      for (std::uint32_t i = 0; i < 12; ++i) {
        const RequestBatch one = list::requests(1, Rng(9), 70000 + i);
        const PageBatch page = recommend(*policy, one, Rng(40), nullptr);
        CHECK(page.item == drawn.items(i));
      }
    }
}

TEST_CASE("candidates retrieved in another order get the same scores where it is not an input",
          "[list_orderers]") {
  const RequestBatch requests = list::requests(30, Rng(9), 70000);
  RequestBatch backwards = requests;
  for (std::size_t i = 0; i < requests.size(); ++i)
    std::reverse(backwards.candidate.begin() + requests.candidate_offsets[i],
                 backwards.candidate.begin() + requests.candidate_offsets[i + 1]);
  const PageBatch pages = recommend(*logged().others.at("random"), requests, Rng(6), nullptr);
  for (const std::string type :
       {"setrank", "prm, initial_position: false", "evaluator_generator", "dlcm", "prm"}) {
    INFO(type);
    const auto policy = logged().fitted(quick(type) + ", serve: sample");
    const std::vector<double> forwards = propensities(*policy, requests, pages).pscore;
    const std::vector<double> other = propensities(*policy, backwards, pages).pscore;
    double most = 0;
    for (std::size_t i = 0; i < forwards.size(); ++i)
      most = std::max(most, std::abs(other[i] / forwards[i] - 1));
    if (type == "dlcm" || type == "prm")
      CHECK(most > 1e-3);
    else
      CHECK(most < 1e-3);
  }
}

TEST_CASE("two items go together by the cosine and the distance of their vectors",
          "[list_orderers]") {
  ChoiceVectors vectors;
  vectors.n_outputs = 4;
  for (const std::vector<float>& row :
       {std::vector<float>{3, 0, 4, 0}, {0, 2, 0, 0}, {3, 0, 0, 1}}) {
    for (std::size_t j = 0; j < 4; ++j)
      if (row[j] != 0) vectors.add(j, row[j]);
    vectors.end_row();
  }
  CHECK(vectors.likeness(0, 0)[0] == Approx(1));
  CHECK(vectors.likeness(0, 0)[1] == Approx(1));
  CHECK(vectors.likeness(0, 1)[0] == 0);
  CHECK(vectors.likeness(0, 1)[1] == Approx(std::exp(-29.0 / 2)));
  CHECK(vectors.likeness(0, 2)[0] == Approx(9 / (5 * std::sqrt(10.0))));
  CHECK(vectors.likeness(2, 0)[1] == Approx(std::exp(-17.0 / 2)));
}

TEST_CASE("an orderer of items says what it cannot learn from or keep", "[list_orderers]") {
  std::vector<LogBatch> bare = logged().batches;
  for (LogBatch& batch : bare) batch.responses.item_purchase.clear();
  const auto weighs = logged().made("prm, steps: 5");
  CHECK_THROWS_WITH(weighs->fit({source_of(logged().schema, bare), Rng(2), "orderer"}),
                    Catch::Contains("purchase_weight: 0"));
  const auto clicks = logged().made("prm, steps: 5, purchase_weight: 0");
  CHECK_NOTHROW(clicks->fit({source_of(logged().schema, bare), Rng(2), "orderer"}));
  CHECK_THROWS_WITH(logged().made("setrank, constraints: {pinned: {list: 0}}"),
                    Catch::Contains("whose items are the decision"));
  CHECK_THROWS_WITH(logged().made("dlcm, ranker: {type: uniform}"),
                    Catch::Contains("orders the items itself"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: pointer, items: both}", small::schema()),
                    Catch::Contains("module by module"));
  CHECK_THROWS_WITH(logged().made("pointer")->ranker()->distribution(list::requests(1, Rng(1))),
                    Catch::Contains("learnt nothing yet"));
}
