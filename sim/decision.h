#pragma once

#include <memory>

#include "sim/log/log.h"
#include "sim/policy.h"
#include "sim/schema.h"

namespace rehearsal {

/// What is decided of a page, and judged: the order of its modules or, in a world of one module,
/// the order of that module's items (a ranked list).
enum class Decision : std::uint8_t { kModules, kItems };

/// kItems where there is one module that shows fewer or no more items than a fixed number.
Decision decision_of(const Schema& schema);
/// Most places that a decision fills.
std::size_t n_places(const Schema& schema, Decision decision);
/// Choices that have a name of their own: modules. Candidates of a list have none.
std::size_t n_named_choices(const Schema& schema, Decision decision);

/// A policy's distribution over the decisions of a batch of requests.
std::unique_ptr<SlateDistribution> decide(const Policy& policy, Decision decision,
                                          const RequestBatch& requests);

/// The same of whole pages; items as retrieved where the policy has no ranker.
PageDistribution decide_pages(const Policy& policy, const RequestBatch& requests);

/// Requests of one module with items in the place of modules: every candidate is a choice, known by
/// its place in the retrieved list, and has itself as its only candidate; there are as many slots
/// as the module shows items. Latents are not carried.
/// Raises: Error(kInput) for a request that has not one module, or has no candidates.
RequestBatch items_as_choices(const RequestBatch& requests);
/// The same of a log's rounds: the items shown are the slots.
/// Raises: Error(kInput) also for an item that was not retrieved.
LogBatch items_as_choices(const LogBatch& batch);

}  // namespace rehearsal
