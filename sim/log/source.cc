#include "sim/log/source.h"

namespace rehearsal {

namespace {

// Item of Draw::kAssignment that says which part of a log a user belongs to.
constexpr std::uint32_t kPartItem = 16;

}  // namespace

RoundSource rounds_where(RoundSource source,
                         std::function<bool(const LogBatch& batch, std::size_t i)> counts) {
  const auto all = std::move(source.read);
  source.read = [all, counts = std::move(counts)](std::size_t shard, const Columns& columns) {
    LogBatch batch = all(shard, columns);
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (counts(batch, i)) rows.push_back(static_cast<std::uint32_t>(i));
    if (rows.size() == batch.size()) return batch;
    LogBatch part;
    part.requests = gather(batch.requests, rows);
    part.propensities = gather(batch.propensities, batch.pages, rows);
    part.responses = gather(batch.responses, batch.pages, rows);
    part.pages = gather(batch.pages, rows);
    return part;
  };
  return source;
}

RoundSource users_between(RoundSource source, const Rng& rng, double low, double high) {
  return rounds_where(std::move(source), [rng, low, high](const LogBatch& batch, std::size_t i) {
    const UserId user{batch.requests.user[i]};
    const double u = rng.stream(Draw::kAssignment, Turn{user, 0, 0}, kPartItem).uniform();
    return u >= low && u < high;
  });
}

}  // namespace rehearsal
