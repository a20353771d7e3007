#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "scenarios/distillation/distillation.h"
#include "scenarios/run.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/policy.h"
#include "sim/user_model.h"
#include "sim/world/world.h"

namespace rehearsal {

/// A domain's objects. Its users and items are the same as in the others; its luck is its own.
struct Domain {
  const DomainSpec* spec = nullptr;
  Rng rng{0};       // of the log
  Rng live_rng{0};  // of the live experiment and the arms
  std::unique_ptr<World> world;
  std::unique_ptr<UserModel> users;
  std::unique_ptr<World> live_world;
  std::unique_ptr<UserModel> live_users;
  std::shared_ptr<Policy> uniform;
};

/// Raises: Error(kInput) for what a plug-in refuses, and for worlds of different users or items.
std::vector<Domain> build_domains(const DistillationScenario& scenario);

/// The policy of a mapping in a domain, on any thread.
std::shared_ptr<Policy> ranker_of(const PluginSpec& spec, const std::string& name,
                                  const Domain& domain);
/// The same with the line of what it refuses in the message; on one thread.
std::shared_ptr<Policy> checked_ranker(const PluginSpec& spec, const std::string& name,
                                       const Domain& domain);

/// Writes the log of uniform pages. Args: folder: absent or empty.
LogInfo simulate_domain(const Domain& domain, const std::filesystem::path& folder,
                        const RunOptions& options);

/// Uniform pages of visits after the log, which nothing learns from: runs of the log's length with
/// luck of their own until there are `n_pages`, so that users have played as much as in the log.
std::vector<LogBatch> test_rounds(const Domain& domain, std::uint64_t n_pages,
                                  const RunOptions& options);

}  // namespace rehearsal
