#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "scenarios/literature/benchmarks.h"

namespace rehearsal {

/// One trial of a benchmark of the literature. Args: keys: "rounds: 500, beta: 1".
inline Trial trial_of(const std::string& type, const std::string& keys, std::uint64_t seed) {
  const YAML::Node node = YAML::Load("{" + keys + "}");
  return benchmarks().at(type).make(PluginConfig{node, Source{"test", ""}})->run(Rng(seed));
}

}  // namespace rehearsal
