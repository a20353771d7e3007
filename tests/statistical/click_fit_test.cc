// Fits recover the examination that clicks were simulated with.
#include <cmath>

#include "tests/catch.h"
#include "tests/users/simulated_clicks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

TEST_CASE("every click model's examination is recovered from a million impressions", "[.slow]") {
  constexpr std::size_t kSessions = 100000, kRanks = 10, kParts = 40;
  const auto gamma = [] {
    std::string text = "[";
    for (std::size_t r = 1; r <= kRanks; ++r) {
      text += (r > 1 ? ", [" : "[");
      for (std::size_t l = 0; l < r; ++l)
        text += (l > 0 ? ", " : "") +
                std::to_string(r == 1 ? 1 : .9 * std::pow(.92, r) + .02 * static_cast<double>(l));
      text += "]";
    }
    return text + "]";
  }();
  const std::vector<ClickFit> truths{
      {"pbm", {{"examination", "[1, .8, .68, .55, .47, .4, .34, .29, .25, .22]"}}, {}, {}, {}, 0},
      {"trust_bias", {{"eta", ".7"}}, {}, {}, {}, 0},
      {"ubm", {{"gamma", gamma}}, {}, {}, {}, 0},
      {"cascade", {}, {}, {}, {}, 0},
      {"tcm", {{"quit", ".15"}}, {}, {}, {}, 0},
      {"dcm", {{"lambda", "[.85, .8, .75, .7, .65, .6, .55, .5, .45]"}}, {}, {}, {}, 0},
      {"dbn", {{"gamma", ".9"}}, {}, {}, {}, 0},
      {"sdbn", {}, {}, {}, {}, 0},
      {"ccm", {{"tau", "[.95, .7, .3]"}}, {}, {}, {}, 0}};
  for (const ClickFit& truth : truths) {
    const bool satisfies = click_models().at(truth.type).uses_satisfaction;
    const SimulatedClicks made = simulate_clicks(truth, 50, kRanks, kSessions, 5, satisfies);
    const ClickFit fit = fit_clicks(truth.type, made.sessions);
    INFO(fit.yaml() << " after " << fit.iterations << " rounds");
    const std::vector<double> expected = mean_examination(made.truth, made.sessions);
    const std::vector<double> seen = mean_examination(fit, made.sessions);
    // The standard error of a rank: of fits to 40 disjoint parts of the users, over root 40.
    std::vector<double> sum(kRanks, 0.0), square(kRanks, 0.0);
    for (std::size_t p = 0; p < kParts; ++p) {
      const ClickSessions part =
          part_of(made.sessions, p * kSessions / kParts, (p + 1) * kSessions / kParts);
      const std::vector<double> own = mean_examination(fit_clicks(truth.type, part), made.sessions);
      for (std::size_t r = 0; r < kRanks; ++r) {
        sum[r] += own[r] / kParts;
        square[r] += own[r] * own[r] / kParts;
      }
    }
    double total = 0, total_expected = 0;
    for (std::size_t r = 0; r < kRanks; ++r) {
      const double variance = std::max(0.0, square[r] - sum[r] * sum[r]) / (kParts - 1);
      INFO("rank " << r + 1 << ": " << seen[r] << " for " << expected[r]);
      CHECK(std::abs(seen[r] - expected[r]) <= 4 * std::sqrt(variance) + 1e-9);
      total += seen[r];
      total_expected += expected[r];
    }
    CHECK(total == Approx(total_expected).epsilon(.03));
    WARN(truth.type << ": pooled examination off by " << 100 * (total / total_expected - 1)
                    << " %");
  }
}
