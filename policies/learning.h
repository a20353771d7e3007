#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/log/source.h"
#include "sim/policy.h"

// What every policy that learns from a log needs.
namespace rehearsal {

/// Raises: Error(kInput) unless the batch holds what learning reads: contexts of the schema's width
/// with known categories, known modules in the schema's slots, clicks and purchases.
void check_examples(const LogBatch& batch, const Schema& schema);

/// Raises: Error(kInput) unless the log is of the policy's schema (modules, slots, features).
void check_same_schema(const Schema& log, const Schema& policy);

/// Calls body(batch) for every shard, in order, checked; reports progress as "train NAME".
/// Args: schema: the policy's.  progress: may be null.
/// Raises: Error(kInput) for a log of another schema, and as check_examples.
void for_each_shard(const RoundSource& rounds, const Schema& schema, const Columns& columns,
                    const std::string& name, ProgressSink* progress,
                    const std::function<void(const LogBatch&)>& body);

/// What a learner maximises: clicks or purchases of a module. Returns: (n_slots) of the batch.
const std::vector<std::uint8_t>& events_of(const LogBatch& batch, bool purchases);

/// An array of a saved state. Raises: Error(kInput) when it is missing, of another shape or holds
/// what is not finite, naming it.
const Array& state_array(const Arrays& state, const std::string& name,
                         const std::vector<std::size_t>& shape);
Array to_array(const RowMatrix& matrix);
Array to_array(const std::vector<double>& values);
RowMatrix to_matrix(const Array& array);

/// Raises: Error(kInput) saying that `type` has learnt nothing yet.
[[noreturn]] void refuse_untrained(const std::string& type);

}  // namespace rehearsal
