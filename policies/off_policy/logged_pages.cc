#include "policies/off_policy/logged_pages.h"

#include <algorithm>
#include <cmath>

#include "policies/learning.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// Where each shown module stands among the eligible ones.
void add_choices(const LogBatch& batch, std::size_t i, LoggedPages& pages) {
  const std::span<const std::uint16_t> eligible = batch.requests.eligible(i);
  for (const std::uint16_t module : batch.pages.shown(i)) {
    const auto found = std::find(eligible.begin(), eligible.end(), module);
    if (found == eligible.end())
      throw Error(ErrorKind::kInput, "log: user " + std::to_string(batch.requests.user[i]) +
                                         " was shown module " + std::to_string(module) +
                                         ", which was not eligible");
    pages.choice.push_back(static_cast<std::uint16_t>(found - eligible.begin()));
  }
  pages.eligible_offsets.push_back(pages.eligible_offsets.back() +
                                   static_cast<std::uint32_t>(eligible.size()));
}

void add_slots(const LogBatch& batch, std::size_t i, const Encoder& encoder,
               const std::vector<std::uint8_t>& events, LoggedPages& pages) {
  const std::size_t first = batch.pages.slot_offsets[i];
  for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
    const std::size_t slot = first + k;
    pages.position.push_back(
        static_cast<std::uint16_t>(encoder.position(batch.requests.features(i), k)));
    pages.reward.push_back(events[slot]);
    pages.pscore_cascade.push_back(batch.propensities.pscore_cascade[slot]);
    pages.pscore_position.push_back(batch.propensities.pscore_item_position[slot]);
  }
  pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.choice.size()));
}

InputScale scale_of(const RowMatrixF& inputs) {
  const auto n = static_cast<double>(inputs.rows());
  std::vector<double> mean;
  std::vector<double> sd;
  for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
    const Eigen::VectorXd column = inputs.col(j).cast<double>();
    mean.push_back(column.sum() / n);
    const double variance = (column.array() - mean.back()).square().sum() / n;
    sd.push_back(variance > 1e-12 ? std::sqrt(variance) : 0.0);
  }
  return InputScale(std::move(mean), std::move(sd));
}

}  // namespace

void LoggedPages::take_logits(std::size_t i, const double* outputs,
                              std::vector<double>& out) const {
  out.resize(n_eligible(i));
  for (std::size_t c = 0, at = eligible_offsets[i]; c < out.size(); ++c, ++at)
    out[c] = rows.vectors == nullptr ? outputs[eligible[at]]
                                     : rows.vectors->times(rows.of(at, eligible[at]), outputs);
}

void LoggedPages::add_gradient(std::size_t i, std::span<const double> of_logits,
                               double* outputs) const {
  for (std::size_t c = 0, at = eligible_offsets[i]; c < of_logits.size(); ++c, ++at)
    if (rows.vectors == nullptr)
      outputs[eligible[at]] += of_logits[c];
    else
      rows.vectors->add_times(rows.of(at, eligible[at]), of_logits[c], outputs);
}

LoggedPages gather(const LoggedPages& pages, std::span<const std::uint32_t> rows) {
  LoggedPages out;
  out.inputs.resize(static_cast<Eigen::Index>(rows.size()), pages.inputs.cols());
  out.scale = pages.scale;
  out.own = pages.own;
  out.rows.vectors = pages.rows.vectors;
  const auto append = [](auto& to, auto from) { to.insert(to.end(), from.begin(), from.end()); };
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::uint32_t i = rows[r];
    out.user.push_back(pages.user[i]);
    out.inputs.row(static_cast<Eigen::Index>(r)) = pages.inputs.row(static_cast<Eigen::Index>(i));
    append(out.eligible, pages.eligible_of(i));
    if (!pages.rows.row.empty())
      append(out.rows.row,
             std::span(pages.rows.row).subspan(pages.eligible_offsets[i], pages.n_eligible(i)));
    append(out.choice, pages.of(pages.choice, i));
    append(out.position, pages.of(pages.position, i));
    append(out.reward, pages.of(pages.reward, i));
    append(out.pscore_cascade, pages.of(pages.pscore_cascade, i));
    append(out.pscore_position, pages.of(pages.pscore_position, i));
    out.eligible_offsets.push_back(static_cast<std::uint32_t>(out.eligible.size()));
    out.slot_offsets.push_back(static_cast<std::uint32_t>(out.choice.size()));
  }
  return out;
}

LoggedPages read_logged_pages(const FitContext& context, const Schema& schema,
                              const Choices& choices, bool purchases) {
  LoggedPages pages;
  ChoiceColumns columns;
  const Encoder& encoder = choices.encoder();
  std::vector<float> inputs;
  const std::size_t d = encoder.n_inputs();
  choices.for_each_shard(
      context.rounds, schema, Columns{}, context.name, context.progress,
      [&](const LogBatch& batch) {
        const std::size_t n_slots = batch.pages.module.size();
        if (batch.propensities.pscore_cascade.size() != n_slots ||
            batch.propensities.pscore_item_position.size() != n_slots)
          throw Error(ErrorKind::kInput, "train " + context.name +
                                             ": the log has no propensities (pscore_cascade, "
                                             "pscore_item_position), which this learner weighs by");
        const std::vector<std::uint8_t>& events = events_of(batch, purchases);
        choices.read(batch.requests, columns);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          pages.user.push_back(batch.requests.user[i]);
          add_choices(batch, i, pages);
          add_slots(batch, i, encoder, events, pages);
          inputs.resize(inputs.size() + d);
          encoder.encode(batch.requests.features(i), {inputs.data() + inputs.size() - d, d});
        }
      });
  if (pages.size() == 0)
    throw Error(ErrorKind::kInput,
                "train " + context.name + ": the log has no pages to learn from");
  pages.inputs = Eigen::Map<const RowMatrixF>(
      inputs.data(), static_cast<Eigen::Index>(pages.size()), static_cast<Eigen::Index>(d));
  pages.own = choices.own_scale(columns);
  pages.rows = choices.rows(columns, pages.own);
  pages.eligible = std::move(columns.id);
  pages.scale = scale_of(pages.inputs);
  for (Eigen::Index i = 0; i < pages.inputs.rows(); ++i)
    pages.scale.apply({pages.inputs.row(i).data(), d});
  return pages;
}

}  // namespace rehearsal
