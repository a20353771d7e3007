#include "policies/learning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/core/error.h"
#include "sim/core/progress.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::kInput, message); }

void check_categories(const RequestBatch& requests, const Schema& schema) {
  for (std::size_t f = 0; f < schema.n_features(); ++f) {
    const Feature& feature = schema.features[f];
    if (!feature.categorical()) continue;
    const auto n_levels = static_cast<float>(feature.levels.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const float value = requests.context[i * requests.n_features + f];
      if (!(value >= 0 && value < n_levels && value == std::floor(value)))
        refuse(fmt::format("log: feature '{}' of user {} is {}; allowed: 0 ... {}", feature.name,
                           requests.user[i], value, feature.levels.size() - 1));
    }
  }
}

}  // namespace

void check_same_schema(const Schema& log, const Schema& policy) {
  if (log.modules != policy.modules)
    refuse(fmt::format("the log's modules ({}) are not the policy's ({})",
                       fmt::join(log.modules, ", "), fmt::join(policy.modules, ", ")));
  if (log.n_slots != policy.n_slots)
    refuse(
        fmt::format("the log's pages have {} slots, the policy's {}", log.n_slots, policy.n_slots));
  bool same = log.n_features() == policy.n_features();
  for (std::size_t f = 0; same && f < log.n_features(); ++f)
    same = log.features[f].name == policy.features[f].name &&
           log.features[f].levels == policy.features[f].levels;
  if (!same) refuse("the features of the log's requests are not the policy's");
}

void check_examples(const LogBatch& batch, const Schema& schema) {
  const std::size_t n_slots = batch.pages.module.size();
  if (batch.pages.size() != batch.requests.size())
    refuse(fmt::format("log: {} pages for {} requests", batch.pages.size(), batch.size()));
  if (batch.requests.n_features != schema.n_features())
    refuse(fmt::format("log: {} features a request; the schema has {}", batch.requests.n_features,
                       schema.n_features()));
  check_categories(batch.requests, schema);
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (batch.pages.n_shown(i) > schema.n_slots)
      refuse(fmt::format("log: a page of {} modules; the schema has {} slots",
                         batch.pages.n_shown(i), schema.n_slots));
  for (const std::uint16_t module : batch.pages.module)
    if (module >= schema.n_modules())
      refuse(fmt::format("log: module {} shown; the schema has {}", module, schema.n_modules()));
  if (batch.responses.click.size() != n_slots) refuse("log: clicks on modules are not recorded");
}

void for_each_shard(const RoundSource& rounds, const Schema& schema, const Columns& columns,
                    const std::string& name, ProgressSink* progress,
                    const std::function<void(const LogBatch&)>& body) {
  check_same_schema(*rounds.schema, schema);
  for (std::size_t s = 0; s < rounds.n_shards; ++s) {
    check_interrupt();
    const LogBatch batch = rounds.read(s, columns);
    check_examples(batch, schema);
    body(batch);
    if (progress)
      progress->update("train " + name,
                       static_cast<double>(s + 1) / static_cast<double>(rounds.n_shards), "");
  }
}

const std::vector<std::uint8_t>& events_of(const LogBatch& batch, bool purchases) {
  const std::vector<std::uint8_t>& events =
      purchases ? batch.responses.purchase : batch.responses.click;
  if (events.size() != batch.pages.module.size())
    refuse(std::string("log: ") + (purchases ? "purchases" : "clicks") +
           " of modules are not recorded");
  return events;
}

const Array& state_array(const Arrays& state, const std::string& name,
                         const std::vector<std::size_t>& shape) {
  const auto found = state.find(name);
  if (found == state.end()) refuse("saved state: the array '" + name + "' is missing");
  const Array& array = found->second;
  if (array.shape != shape)
    refuse(fmt::format("saved state: the array '{}' has shape ({}); this schema needs ({})", name,
                       fmt::join(array.shape, ", "), fmt::join(shape, ", ")));
  for (const double value : array.values)
    if (!std::isfinite(value))
      refuse(fmt::format("saved state: the array '{}' holds {}", name, value));
  return array;
}

Array to_array(const RowMatrix& matrix) {
  return {{static_cast<std::size_t>(matrix.rows()), static_cast<std::size_t>(matrix.cols())},
          {matrix.data(), matrix.data() + matrix.size()}};
}

Array to_array(const std::vector<double>& values) { return {{values.size()}, values}; }

RowMatrix to_matrix(const Array& array) {
  return Eigen::Map<const RowMatrix>(array.values.data(),
                                     static_cast<Eigen::Index>(array.shape.at(0)),
                                     static_cast<Eigen::Index>(array.shape.at(1)));
}

void refuse_untrained(const std::string& type) {
  refuse("this " + type + " policy has learnt nothing yet: fit it to a log or load its state");
}

}  // namespace rehearsal
