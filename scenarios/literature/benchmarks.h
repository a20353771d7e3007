#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/fields.h"
#include "sim/core/registry.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// What one seed of a benchmark gave: estimates beside the value that they estimate.
struct Trial {
  struct Scored {
    std::string estimator;
    double estimate = 0;
    double truth = 0;
  };
  std::vector<Scored> scored;  // the same estimators at every seed, in the same order

  void add(const std::string& estimator, double estimate, double truth) {
    scored.push_back({estimator, estimate, truth});
  }
};

/// A published experiment: draws an environment and a log, estimates, and knows the truth.
class Benchmark {
 public:
  virtual ~Benchmark() = default;
  /// Args: rng: where every number comes from. Called from any thread.
  virtual Trial run(const Rng& rng) const = 0;
};

/// A line of scenarios/literature/benchmarks.cc.
struct BenchmarkEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> (*describe)() = nullptr;
  std::unique_ptr<Benchmark> (*make)(const PluginConfig& config) = nullptr;
};

/// Every benchmark of the literature, one line each.
const Registry<BenchmarkEntry>& benchmarks();

}  // namespace rehearsal
