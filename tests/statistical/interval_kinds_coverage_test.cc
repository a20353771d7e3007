// How often each interval that `estimate.interval` may name holds the truth, over 2,000 logs of
// 1,000 users with one round each, and confidence sequences at all of ever later rounds at once:
// the benchmark that scenarios/studies/interval_coverage.yaml prints.

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <map>

#include "analysis/interval_kinds.h"
#include "scenarios/literature/benchmarks.h"
#include "sim/engine/parallel.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kLogs = 2000;

/// Means over the logs, by name.
std::map<std::string, double> means() {
  const YAML::Node keys = YAML::Load("{}");
  const auto benchmark =
      benchmarks().at("interval_coverage").make(PluginConfig{keys, Source{"test", ""}});
  std::vector<Trial> trials(kLogs);
  parallel_for(kLogs, 0, [&](std::size_t i) { trials[i] = benchmark->run(Rng(1 + i)); });
  std::map<std::string, double> mean;
  for (const Trial& trial : trials)
    for (const Trial::Scored& each : trial.scored) mean[each.estimator] += each.estimate / kLogs;
  return mean;
}

/// Of a share of 2,000 logs.
double standard_error(double p) { return std::sqrt(p * (1 - p) / kLogs); }

}  // namespace

TEST_CASE("every interval kind holds the truth as often as it says, in 2,000 logs of 1,000 users",
          "[.slow]") {
  const std::map<std::string, double> mean = means();
  std::string table =
      fmt::format("{:<24} {:>9} {:>9} {:>14}\n", "interval", "covers", "width", "ever excludes");
  for (const IntervalEntry& kind : interval_kinds().entries()) {
    const double share = mean.at(kind.name);
    table += fmt::format("{:<24} {:>7.2f} % {:>9.4f}", kind.name, 100 * share,
                         mean.at(kind.name + "_width"));
    INFO(kind.name << " " << share);
    const bool limit = kind.reads <= IntervalReads::kUnits && kind.time == IntervalTime::kEnd;
    // Four standard errors below what is said; limits are reached from below.
    CHECK(share >= (limit ? 0.92 : 0.95 - 4 * standard_error(0.95)));
    if (limit) CHECK(share <= 0.97);
    if (kind.time != IntervalTime::kEnd) {
      const double ever = mean.at(kind.name + "_ever");
      table += fmt::format(" {:>12.2f} %", 100 * ever);
      CHECK(ever <= 0.05 + 2 * standard_error(0.05));
      CHECK(ever >= 1 - share - 1e-9);  // the end is one of the times
    }
    table += "\n";
  }
  WARN(table);
}
