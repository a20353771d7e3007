#include "policies/taught_impressions.h"

#include <fmt/format.h>

#include <limits>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr UserId kMixUser{4};  // addresses of the sample, below Draw::kTraining

[[noreturn]] void refuse_labels(const FitContext& context, const std::string& message) {
  throw Error(ErrorKind::kInput, "train " + context.name + ": " + message);
}

const LabelSource& labels_of(const FitContext& context, const std::string& name) {
  const auto found = context.labels.find(name);
  if (found != context.labels.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [other, source] : context.labels) known.push_back(other);
  refuse_labels(context, unknown_name("labels", name, known) + " (stored labels of a teacher)");
}

Columns needed(const ItemInputs& inputs) {
  return {.candidates = inputs.need_candidates(), .items = true, .propensities = false};
}

/// Ids, lists and raw inputs; labels are for the caller.
ImpressionTable table_of(const LogBatch& batch, const ItemRows& rows, const ItemInputs& inputs) {
  ImpressionTable table;
  table.item = rows.item;
  table.user.reserve(rows.size());
  for (const std::uint32_t request : rows.request)
    table.user.push_back(batch.requests.user[request]);
  table.lists = rows.lists;
  inputs.fill(rows, batch.requests, &batch.responses, table.dense);
  return table;
}

template <class T>
void keep(const std::vector<std::uint8_t>& taken, std::size_t width, std::vector<T>& values) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < taken.size(); ++i)
    for (std::size_t j = 0; taken[i] != 0 && j < width; ++j) values[to++] = values[i * width + j];
  values.resize(to);
}

/// A sample of rows; every list keeps what is left of it.
void sample(double share, Stream stream, std::size_t n_dense, std::size_t n_tasks,
            ImpressionTable& table) {
  std::vector<std::uint8_t> taken(table.size());
  Offsets lists{0};
  std::uint32_t n = 0;
  for (std::size_t l = 0; l + 1 < table.lists.size(); ++l) {
    for (std::size_t i = table.lists[l]; i < table.lists[l + 1]; ++i)
      n += taken[i] = stream.uniform() < share ? 1 : 0;
    if (n > lists.back()) lists.push_back(n);
  }
  keep(taken, 1, table.user);
  keep(taken, 1, table.item);
  keep(taken, n_dense, table.dense);
  keep(taken, n_tasks, table.labels);
  table.lists = std::move(lists);
}

}  // namespace

TaughtImpressions::TaughtImpressions(const FitContext& context, const ItemInputs& inputs,
                                     const std::vector<TaskSpec>& tasks,
                                     const std::vector<std::unique_ptr<Distillation>>& methods)
    : context_(context), inputs_(inputs), tasks_(tasks), methods_(methods) {
  for (const auto& method : methods) {
    columns_.push_back(method->labels().empty()
                           ? std::vector<std::size_t>{}
                           : method->bind(labels_of(context, method->labels())));
    method->place(n_soft_, tasks.size() + heads_.size());
    n_soft_ += columns_.back().size();
    for (HeadShape& head : method->heads()) {
      for (const HeadShape& other : heads_)
        if (other.name == head.name)
          refuse_labels(context,
                        "two methods of distillation have a head '" + head.name + "' each");
      heads_.push_back(std::move(head));
    }
    mixed_in_ += method->mixed_in();
  }
  if (mixed_in_ == 0) return;
  if (context.other_domain.schema == nullptr)
    refuse_labels(context, "examples of another domain are to be mixed in, and none are given");
  other_inputs_ = std::make_unique<const ItemInputs>(inputs.bound_to(*context.other_domain.schema));
}

ImpressionShards TaughtImpressions::shards() const {
  const std::size_t n_own = context_.rounds.n_shards;
  const std::size_t n_other = other_inputs_ ? context_.other_domain.n_shards : 0;
  return {n_own + n_other, inputs_.size(), tasks_.size(), n_soft_,
          [this, n_own](std::size_t shard) {
            return shard < n_own ? read_own(shard) : read_other(shard - n_own);
          }};
}

ImpressionTable TaughtImpressions::read_own(std::size_t shard) const {
  const LogBatch batch = context_.rounds.read(shard, needed(inputs_));
  const ItemRows rows = shown_rows(batch, inputs_.need_candidates());
  ImpressionTable table = table_of(batch, rows, inputs_);
  observe_tasks(tasks_, batch.responses, rows, table.labels);
  read_soft(shard, table);
  return table;
}

void TaughtImpressions::read_soft(std::size_t shard, ImpressionTable& table) const {
  const std::size_t n = table.size();
  table.soft.resize(n * n_soft_);
  std::size_t first = 0;
  for (std::size_t m = 0; m < methods_.size(); ++m) {
    const std::vector<std::size_t>& columns = columns_[m];
    if (columns.empty()) continue;
    const RowMatrixF stored = context_.labels.at(methods_[m]->labels()).read(shard);
    if (stored.rows() != static_cast<Eigen::Index>(n))
      refuse_labels(context_,
                    fmt::format("labels '{}' have {} rows in shard {}, the log shows {} items: "
                                "they are of other rounds",
                                methods_[m]->labels(), stored.rows(), shard, n));
    std::vector<float> own(n * columns.size());
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < columns.size(); ++k)
        own[i * columns.size() + k] =
            stored(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(columns[k]));
    methods_[m]->change_labels(context_.rng, shard, columns.size(), own);
    for (std::size_t i = 0; i < n; ++i)
      std::copy_n(own.data() + i * columns.size(), columns.size(),
                  table.soft.data() + i * n_soft_ + first);
    first += columns.size();
  }
}

ImpressionTable TaughtImpressions::read_other(std::size_t shard) const {
  const LogBatch batch = context_.other_domain.read(shard, needed(*other_inputs_));
  const ItemRows rows = shown_rows(batch, other_inputs_->need_candidates());
  ImpressionTable table = table_of(batch, rows, *other_inputs_);
  table.labels.assign(rows.size() * tasks_.size(), kMissing);
  std::vector<float> of_task;
  for (std::size_t t = 0; t < tasks_.size(); ++t) {
    const bool recorded =
        is_recorded(batch.responses, tasks_[t].label) &&
        (tasks_[t].given.empty() || is_recorded(batch.responses, tasks_[t].given));
    if (!recorded) continue;
    observe_tasks({tasks_[t]}, batch.responses, rows, of_task);
    for (std::size_t i = 0; i < rows.size(); ++i) table.labels[i * tasks_.size() + t] = of_task[i];
  }
  sample(mixed_in_,
         context_.rng.stream(Draw::kTraining, Turn{kMixUser}, static_cast<std::uint32_t>(shard)),
         inputs_.size(), tasks_.size(), table);
  table.soft.assign(table.size() * n_soft_, kMissing);
  return table;
}

}  // namespace rehearsal
