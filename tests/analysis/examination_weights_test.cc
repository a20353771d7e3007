#include <cmath>
#include <functional>

#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/enumerated_slates.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::size_t kItems = 4, kPositions = 3;
const std::vector<double> kRelevance{.8, .5, .3, .6};

/// P(position k is looked at | slate).
using Examination = std::function<double(const Slate&, std::size_t k)>;

Examination by_position(double power) {
  return
      [power](const Slate&, std::size_t k) { return std::pow(static_cast<double>(k + 1), -power); };
}

/// Attractive items above keep users from looking further.
double by_ranking(const Slate& slate, std::size_t k) {
  double above = 0;
  for (std::size_t j = 0; j < k; ++j) above += kRelevance[slate[j]];
  return std::exp(-above) / static_cast<double>(k + 1);
}

/// Expectations of one estimator under a model of examination, nothing sampled.
struct Models {
  std::vector<double> shown, evaluation, relevance, baseline;

  Models(const EnumeratedSlates& space, const Examination& e, const std::vector<double>& r) {
    std::vector<double> mass(kItems * kPositions), looked(kItems * kPositions), liked(kPositions);
    for (const auto& [slate, p] : space.pi())
      for (std::size_t k = 0; k < kPositions; ++k) {
        mass[k * kItems + slate[k]] += p;
        looked[k * kItems + slate[k]] += p * e(slate, k);
        liked[k] += p * e(slate, k) * r[slate[k]];
      }
    for (const auto& [slate, p] : space.mu())
      for (std::size_t k = 0; k < kPositions; ++k) {
        const std::size_t at = k * kItems + slate[k];
        shown.push_back(e(slate, k));
        evaluation.push_back(looked[at] / mass[at]);
        relevance.push_back(r[slate[k]]);
        baseline.push_back(liked[k]);
      }
  }
};

double expectation(const EnumeratedSlates& space, const std::string& name, const Examination& truth,
                   const Examination& model, const std::vector<double>& relevance) {
  const Models models(space, model, relevance);
  const std::vector<double> clicks = space.rewards([&](const Slate& slate) {
    std::vector<double> p;
    for (std::size_t k = 0; k < kPositions; ++k)
      p.push_back(truth(slate, k) * kRelevance[slate[k]]);
    return p;
  });
  SlateColumns columns = space.columns(clicks);
  columns.examination = {models.shown, models.evaluation, models.relevance, models.baseline};
  std::vector<double> terms(space.mu().size());
  slate_estimators().at(name).terms(columns, kPositions, terms);
  return space.expectation(terms);
}

double value(const EnumeratedSlates& space, const Examination& e) {
  double sum = 0;
  for (const auto& [slate, p] : space.pi())
    for (std::size_t k = 0; k < kPositions; ++k) sum += p * e(slate, k) * kRelevance[slate[k]];
  return sum;
}

EnumeratedSlates instance() {
  return EnumeratedSlates(plackett_luce_table({1, 2, 3, 1.5}, kPositions),
                          plackett_luce_table({4, 1, .5, 2}, kPositions), kItems);
}

}  // namespace

TEST_CASE("examination weights are unbiased under each model of examination that they know") {
  const EnumeratedSlates space = instance();
  const std::vector<double> wrong{.1, .9, .7, .2};
  // E1, the two halves of E2, and E3, where the ranking moves what is looked at
  for (const Examination& e :
       {by_position(1), by_position(.5), by_position(2), Examination(by_ranking)}) {
    const double truth = value(space, e);
    CHECK(expectation(space, "le_iips", e, e, wrong) == Approx(truth).epsilon(1e-12));
    CHECK(expectation(space, "ed_dr", e, e, kRelevance) == Approx(truth).epsilon(1e-12));
    CHECK(expectation(space, "ed_dr", e, e, wrong) == Approx(truth).epsilon(1e-12));
  }
}

TEST_CASE("a wrong examination does no harm while neither the true nor the wrong one sees ranks") {
  const EnumeratedSlates space = instance();
  const std::vector<double> wrong{.1, .9, .7, .2};
  const double truth = value(space, by_position(1));
  for (const char* name : {"le_iips", "ed_dr"}) {
    CHECK(expectation(space, name, by_position(1), by_position(2), wrong) ==
          Approx(truth).epsilon(1e-12));
    // Off once users are moved by what stands above.
    const double off = expectation(space, name, by_ranking, by_position(1), wrong);
    CHECK(std::abs(off / value(space, by_ranking) - 1) > .01);
  }
}
