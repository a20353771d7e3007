#include <algorithm>
#include <cmath>

#include "policies/makers.h"
#include "policies/online/counting.h"
#include "policies/online/indices.h"

namespace rehearsal {

namespace {

/// An arm that was never shown comes before all that were.
constexpr double kUnseen = 1e9;

struct UcbConfig : CountingConfig {
  std::string time = "segment";

  Fields add_to(Fields fields) {
    return CountingConfig::add_to(fields.choice(
        "time", time, {"segment", "all"},
        "displays that the clock counts: those of the segment's bandit, or of all segments"));
  }
};

struct Ucb1Config : UcbConfig {
  double factor = 2;
  Fields fields() {
    return add_to(Fields().add("factor", factor, 0, 1000,
                               "of log(time) / displays below the root; 1.5 in CascadeUCB1"));
  }
};

struct KlUcbConfig : UcbConfig {
  double log_log = 0;
  Fields fields() {
    return add_to(Fields().add("log_log", log_log, 0, 1000,
                               "of log(log(time)) beside log(time); 3 in CascadeKL-UCB"));
  }
};

class Ucb1 final : public IndexBandit {
 public:
  Ucb1(const Ucb1Config& config, const PluginConfig& plugin, const Schema& schema)
      : IndexBandit(config, plugin, schema), config_(config) {
    freeze();
  }

 private:
  double index(const Counts& counts) const override {
    if (counts.displays == 0) return kUnseen;
    const double time = config_.time == "all" ? counts.of_all : counts.of_segment;
    return ucb1_index(counts.mean(), counts.displays, std::max(1.0, time), config_.factor);
  }
  Ucb1Config config_;
};

/// An arm that was never shown has index 1, as one that may always succeed.
class KlUcb final : public IndexBandit {
 public:
  KlUcb(const KlUcbConfig& config, const PluginConfig& plugin, const Schema& schema)
      : IndexBandit(config, plugin, schema), config_(config) {
    freeze();
  }

 private:
  double index(const Counts& counts) const override {
    if (counts.displays == 0) return 1;
    const double time = config_.time == "all" ? counts.of_all : counts.of_segment;
    return kl_ucb_index(counts.mean(), counts.displays, std::max(1.0, time), config_.log_log);
  }
  KlUcbConfig config_;
};

/// kl(p, q) of Bernoulli laws, both kept inside (0, 1).
double divergence(double p, double q) {
  constexpr double kEdge = 1e-15;
  p = std::clamp(p, kEdge, 1 - kEdge);
  q = std::clamp(q, kEdge, 1 - kEdge);
  return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
}

}  // namespace

double ucb1_index(double mean, double displays, double time, double factor) {
  return mean + std::sqrt(factor * std::log(time) / displays);
}

double kl_ucb_index(double mean, double displays, double time, double log_log) {
  constexpr double kPrecision = 1e-6;
  constexpr int kMostSteps = 50;
  const double late = log_log > 0 && time > std::exp(1) ? log_log * std::log(std::log(time)) : 0;
  const double threshold = (std::log(time) + late) / displays;
  double low = mean;
  double high = 1;
  for (int step = 0; step < kMostSteps && high - low > kPrecision; ++step) {
    const double middle = (low + high) * 0.5;
    (divergence(mean, middle) > threshold ? high : low) = middle;
  }
  return (low + high) * 0.5;
}

FieldDescriptions describe_ucb1() { return describe_fields<Ucb1Config>(); }
FieldDescriptions describe_kl_ucb() { return describe_fields<KlUcbConfig>(); }

PolicyPtr make_ucb1(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<Ucb1>(config.read<Ucb1Config>(), config, context.schema);
}

PolicyPtr make_kl_ucb(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<KlUcb>(config.read<KlUcbConfig>(), config, context.schema);
}

}  // namespace rehearsal
