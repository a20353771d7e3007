#include "policies/module_counts.h"

#include "policies/learning.h"

namespace rehearsal {

ModuleCounter::ModuleCounter(const Schema& schema, Segments segments, bool purchases,
                             bool examination)
    : schema_(schema),
      encoder_(schema),
      segments_(std::move(segments)),
      estimator_(schema),
      purchases_(purchases),
      examination_(examination),
      n_modules_(schema.n_modules()),
      impressions_(RowMatrix::Zero(static_cast<Eigen::Index>(encoder_.n_positions()),
                                   static_cast<Eigen::Index>(segments_.size() * n_modules_))),
      events_(RowMatrix::Zero(static_cast<Eigen::Index>(segments_.size()),
                              static_cast<Eigen::Index>(n_modules_))) {}

void ModuleCounter::add(const LogBatch& batch) {
  const std::vector<std::uint8_t>& events = events_of(batch, purchases_);
  if (examination_) estimator_.add(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::span<const float> context = batch.requests.features(i);
    const std::size_t first_cell = segments_.index(context) * n_modules_;
    const std::size_t top = encoder_.position(context, 0);
    const std::size_t first = batch.pages.slot_offsets[i];
    for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
      const std::size_t cell = first_cell + batch.pages.module[first + k];
      impressions_.data()[(top + k) * segments_.size() * n_modules_ + cell] += 1;
      events_.data()[cell] += events[first + k];
    }
  }
}

ModuleCounts ModuleCounter::counts() const {
  ModuleCounts counts;
  counts.events = events_;
  counts.theta = examination_ ? estimator_.theta() : std::vector<double>(encoder_.n_positions(), 1);
  counts.examined = RowMatrix::Zero(events_.rows(), events_.cols());
  for (std::size_t position = 0; position < counts.theta.size(); ++position)
    for (Eigen::Index cell = 0; cell < events_.size(); ++cell)
      counts.examined.data()[cell] +=
          counts.theta[position] * impressions_(static_cast<Eigen::Index>(position), cell);
  return counts;
}

ModuleCounts count_modules(const FitContext& context, ModuleCounter counter) {
  Columns columns;
  columns.propensities = counter.needs_propensities();
  for_each_shard(context.rounds, counter.schema(), columns, context.name, context.progress,
                 [&](const LogBatch& batch) { counter.add(batch); });
  return counter.counts();
}

}  // namespace rehearsal
