#pragma once

#include <functional>
#include <vector>

#include "sim/core/rng.h"
#include "sim/log/log.h"

namespace rehearsal {

/// Rounds in shards, wherever they come from: a log on disk, or batches in memory. A user's rounds
/// are together in one shard. `read` may be called from any thread.
struct RoundSource {
  const Schema* schema = nullptr;
  std::size_t n_shards = 0;
  std::function<LogBatch(std::size_t shard, const Columns& columns)> read;
};

/// The log, which must outlive the source.
inline RoundSource source_of(const LogReader& log) {
  return {&log.schema(), log.n_shards(),
          [&log](std::size_t shard, const Columns& columns) { return log.read(shard, columns); }};
}

/// Batches in memory, one a shard; they and the schema must outlive the source.
inline RoundSource source_of(const Schema& schema, const std::vector<LogBatch>& batches) {
  return {&schema, batches.size(),
          [&batches](std::size_t shard, const Columns&) { return batches[shard]; }};
}

/// The rounds that `counts` (batch, place) keeps. Memory and order are those of `source`.
RoundSource rounds_where(RoundSource source,
                         std::function<bool(const LogBatch& batch, std::size_t i)> counts);

/// The rounds of a random share of the users: those whose own number, uniform in [0, 1) and
/// addressed by Draw::kAssignment, lies in [low, high). What learns from [0, s) is judged without
/// bias on [s, 1). Memory and order are those of `source`.
RoundSource users_between(RoundSource source, const Rng& rng, double low, double high);

}  // namespace rehearsal
