#pragma once

// One maker and one description a benchmark. For scenarios/literature/benchmarks.cc only.

#include "scenarios/literature/benchmarks.h"

namespace rehearsal {

std::unique_ptr<Benchmark> make_cascade_dr(const PluginConfig& config);
std::vector<FieldDescription> describe_cascade_dr();
std::unique_ptr<Benchmark> make_obp_slate(const PluginConfig& config);
std::vector<FieldDescription> describe_obp_slate();
std::unique_ptr<Benchmark> make_obp_bandit(const PluginConfig& config);
std::vector<FieldDescription> describe_obp_bandit();
std::unique_ptr<Benchmark> make_mips(const PluginConfig& config);
std::vector<FieldDescription> describe_mips();
std::unique_ptr<Benchmark> make_aips(const PluginConfig& config);
std::vector<FieldDescription> describe_aips();
std::unique_ptr<Benchmark> make_ed_dr(const PluginConfig& config);
std::vector<FieldDescription> describe_ed_dr();
std::unique_ptr<Benchmark> make_offcem(const PluginConfig& config);
std::vector<FieldDescription> describe_offcem();
std::unique_ptr<Benchmark> make_lips(const PluginConfig& config);
std::vector<FieldDescription> describe_lips();
std::unique_ptr<Benchmark> make_search_slates(const PluginConfig& config);
std::vector<FieldDescription> describe_search_slates();
std::unique_ptr<Benchmark> make_deezer_bandits(const PluginConfig& config);
std::vector<FieldDescription> describe_deezer_bandits();
std::unique_ptr<Benchmark> make_interval_coverage(const PluginConfig& config);
std::vector<FieldDescription> describe_interval_coverage();

}  // namespace rehearsal
