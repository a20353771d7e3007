#include "analysis/diagnostics.h"

#include <cmath>

#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

std::vector<double> power_tail(std::size_t n, double k) {
  std::vector<double> weights;
  for (std::size_t i = 0; i < n; ++i)
    weights.push_back(std::pow((static_cast<double>(i) + 0.5) / static_cast<double>(n), -k));
  return weights;  // descending
}

WeightStats stats_of(const std::vector<double>& weights) {
  WeightStats stats;
  for (const double w : weights) stats.add(w);
  stats.settle();
  return stats;
}

}  // namespace

TEST_CASE("Pareto k of a power tail is the one worked out elsewhere", "[diagnostics]") {
  const std::vector<double> weights = power_tail(1000, 0.6);
  const auto tail = pareto_tail(weights, 1000);
  REQUIRE(tail);
  CHECK(tail->n == 95);
  CHECK(tail->raw_k == Approx(0.592693).margin(1e-6));
  CHECK(tail->k == Approx(0.583865).margin(1e-6));
  CHECK(diagnose(weights, 0.95).ess == Approx(248.5835).margin(1e-4));
  CHECK(*diagnose(weights, 0.95).pareto_k == Approx(tail->k).epsilon(1e-12));
}

TEST_CASE("Pareto k finds the shape of sampled tails", "[diagnostics]") {
  for (const double k : {0.2, 0.5, 0.9}) {
    Stream stream = Rng(5).stream(Draw::kResponse, Turn{});
    std::vector<double> weights;
    for (int i = 0; i < 20000; ++i) weights.push_back(std::pow(stream.uniform(), -k));
    const WeightDiagnostics out = diagnose(weights, 0.95);
    REQUIRE(out.pareto_k);
    // 425 in the tail: standard error (1 + k) / sqrt(425).
    CHECK(*out.pareto_k == Approx(k).margin(4 * (1 + k) / std::sqrt(425.0)));
  }
}

TEST_CASE("weights of a few levels have no tail to fit", "[diagnostics]") {
  std::vector<double> levels;
  for (int i = 0; i < 1000; ++i) levels.push_back(i % 10 == 0 ? 4.0 : i % 3 == 0 ? 2.0 : 0.0);
  CHECK_FALSE(diagnose(levels, 0.95).pareto_k);
  CHECK_FALSE(diagnose(std::vector<double>(1000, 1.0), 0.95).pareto_k);
  CHECK_FALSE(diagnose(power_tail(20, 0.6), 0.95).pareto_k);
  CHECK(weight_warnings(std::vector<WeightStats>{stats_of(std::vector<double>(1000, 1.0))}, 1000)
            .empty());
  CHECK(smoothed_weights(levels) == levels);
}

TEST_CASE("Pareto k does not depend on how rounds were cut into parts", "[diagnostics]") {
  Stream stream = Rng(9).stream(Draw::kResponse, Turn{});
  std::vector<double> weights;
  for (int i = 0; i < 200000; ++i) weights.push_back(std::pow(stream.uniform(), -0.7));
  WeightStats parts;
  for (std::size_t first = 0; first < weights.size(); first += 30000) {
    const std::size_t last = std::min(weights.size(), first + 30000);
    parts.add(stats_of({weights.begin() + static_cast<std::ptrdiff_t>(first),
                        weights.begin() + static_cast<std::ptrdiff_t>(last)}));
  }
  const WeightStats whole = stats_of(weights);
  CHECK(*diagnose(parts, 0.95).pareto_k == *diagnose(whole, 0.95).pareto_k);
  CHECK(parts.largest.size() == WeightStats::kLargest);
  // The tail that is kept is shorter than the usual one of 1,342 and says the same.
  std::sort(weights.begin(), weights.end(), std::greater<>());
  const auto full = pareto_tail(weights, 200000);
  CHECK(full->n == 1342);
  const double deviation = 1.7 * std::sqrt(1 / 1024.0 - 1 / 1342.0);  // of one from the other
  CHECK(*diagnose(whole, 0.95).pareto_k == Approx(full->k).margin(4 * deviation));
}

TEST_CASE("smoothed weights replace the tail, keep their order and never exceed the largest",
          "[diagnostics]") {
  Stream stream = Rng(3).stream(Draw::kResponse, Turn{});
  std::vector<double> weights;
  for (int i = 0; i < 2000; ++i) weights.push_back(std::pow(stream.uniform(), -0.8));
  const std::vector<double> smooth = smoothed_weights(weights);
  const double largest = *std::max_element(weights.begin(), weights.end());
  CHECK(*std::max_element(smooth.begin(), smooth.end()) <= largest);
  int changed = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    changed += smooth[i] != weights[i] ? 1 : 0;
    for (std::size_t j = 0; j < i; j += 97)
      if (weights[i] > weights[j]) CHECK(smooth[i] >= smooth[j] * (1 - 1e-12));
  }
  CHECK(changed <= 135);  // ceil(3 sqrt(2000))
  CHECK(changed > 120);
  // A tail's median is the quantile at 1/2.
  const ParetoTail tail{95, 2.0, 0.5, 0.5, 3.0};
  CHECK(tail.quantile(0.5) == Approx(2 + 3 / 0.5 * (std::pow(2.0, 0.5) - 1)).epsilon(1e-12));
  CHECK(ParetoTail{95, 2.0, 0, 0, 3.0}.quantile(0.5) ==
        Approx(2 + 3 * std::log(2.0)).epsilon(1e-12));
}

TEST_CASE("diagnostics are the sums they name", "[diagnostics]") {
  const std::vector<double> weights{0, 2, 0.5, 0, 1.5, 2};
  const WeightDiagnostics out = diagnose(weights, 0.95);
  CHECK(out.ess == Approx(36 / 10.5).epsilon(1e-12));
  CHECK(out.largest_share == Approx(2.0 / 6).epsilon(1e-12));
  CHECK(out.zero_share == Approx(2.0 / 6).epsilon(1e-12));
  CHECK(out.mean.value == 1);
  // Sample variance 0.9, six rounds.
  CHECK(out.mean.high == Approx(1 + 1.959963984540054 * std::sqrt(0.9 / 6)).epsilon(1e-9));
  CHECK(clipped_mass(weights, std::vector<double>{0, 1, 0.5, 0, 1, 1}) ==
        Approx(2.5 / 6).epsilon(1e-12));
}

TEST_CASE("warnings speak plainly of heavy tails and of few pages that carry half",
          "[diagnostics]") {
  const auto says = [](const std::vector<std::string>& warnings, const std::string& words) {
    for (const std::string& warning : warnings)
      if (warning.find(words) != std::string::npos) return true;
    return false;
  };
  const std::vector<WeightStats> heavy{stats_of(power_tail(5000, 0.9))};
  CHECK(says(weight_warnings(heavy, 5000), "Pareto k 0.8"));
  const std::vector<WeightStats> light{stats_of(power_tail(5000, 0.3))};
  CHECK_FALSE(says(weight_warnings(light, 5000), "Pareto"));
  std::vector<double> few(40000, 0.1);
  few[7] = few[77] = few[777] = 2000;
  const std::vector<WeightStats> carried{stats_of(few)};
  CHECK(says(weight_warnings(carried, 40000),
             "do not trust: 3 of 40,000 pages carry half the weight"));
}

TEST_CASE("an estimate carries the worst slot's diagnostics", "[diagnostics]") {
  const std::vector<WeightStats> slots{stats_of(power_tail(5000, 0.3)), stats_of({0, 0, 3, 1}),
                                       stats_of(power_tail(5000, 0.5))};
  Estimate out;
  set_weight_diagnostics(slots, 5000, out);
  CHECK(out.ess == Approx(1.6));
  CHECK(out.max_weight == Approx(std::pow(10000, 0.5)).epsilon(1e-9));
  CHECK(out.zero_weight_share == 0.5);
  CHECK(*out.pareto_k == *diagnose(slots[2], 0.95).pareto_k);
  CHECK(out.mean_weight.value == Approx(slots[0].mean()));
  CHECK(out.warnings == weight_warnings(slots, 5000));
}
