#include "policies/orderers/candidates.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "policies/learning.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kFirstItems = 3;

std::span<const std::uint32_t> placed_items(const RequestBatch& requests, std::size_t i,
                                            std::size_t module) {
  const std::size_t first = requests.candidate_offsets[module];
  const std::size_t n = requests.candidate_offsets[module + 1] - first;
  return {requests.candidate.data() + first, requests.n_placed(i, n)};
}

/// How much of `items` the other module shows too.
void add_overlap(std::span<const std::uint32_t> items, std::span<const std::uint32_t> other,
                 std::vector<float>& out) {
  std::size_t all = 0, first = 0;
  for (std::size_t a = 0; a < items.size(); ++a) {
    if (std::find(other.begin(), other.end(), items[a]) == other.end()) continue;
    ++all;
    first += a < kFirstItems ? 1 : 0;
  }
  const auto share = [](std::size_t part, std::size_t whole) {
    return whole == 0 ? 0.0f : static_cast<float>(part) / static_cast<float>(whole);
  };
  out.push_back(share(all, items.size()));
  out.push_back(share(first, std::min(items.size(), kFirstItems)));
}

InputScale scale_of(const CandidatePages& pages) {
  const std::size_t d = pages.n_inputs;
  const auto n = static_cast<double>(pages.size());
  std::vector<double> mean(d, 0.0), sd(d, 0.0);
  for (std::size_t k = 0; k < pages.inputs.size(); ++k)
    mean[k % d] += static_cast<double>(pages.inputs[k]) / n;
  for (std::size_t k = 0; k < pages.inputs.size(); ++k) {
    const double off = static_cast<double>(pages.inputs[k]) - mean[k % d];
    sd[k % d] += off * off / n;
  }
  for (double& variance : sd) variance = variance > 1e-12 ? std::sqrt(variance) : 0.0;
  return InputScale(std::move(mean), std::move(sd));
}

void add_slots(const LogBatch& batch, std::size_t i, const Encoder& encoder, OrderedPages& pages) {
  const std::span<const std::uint16_t> eligible = batch.requests.eligible(i);
  const std::size_t first = batch.pages.slot_offsets[i];
  for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
    const std::uint16_t module = batch.pages.module[first + k];
    const auto found = std::find(eligible.begin(), eligible.end(), module);
    if (found == eligible.end())
      throw Error(ErrorKind::kInput, "log: user " + std::to_string(batch.requests.user[i]) +
                                         " was shown module " + std::to_string(module) +
                                         ", which was not eligible");
    pages.choice.push_back(static_cast<std::uint16_t>(found - eligible.begin()));
    pages.position.push_back(
        static_cast<std::uint16_t>(encoder.position(batch.requests.features(i), k)));
    pages.click.push_back(batch.responses.click[first + k] > 0 ? 1 : 0);
    const bool purchased =
        !batch.responses.purchase.empty() && batch.responses.purchase[first + k] > 0;
    pages.purchase.push_back(purchased ? 1 : 0);
  }
  pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.choice.size()));
  pages.user.push_back(batch.requests.user[i]);
}

void check_purchases(const LogBatch& batch, const std::string& name) {
  if (batch.responses.purchase.size() != batch.pages.module.size())
    throw Error(ErrorKind::kInput, "train " + name +
                                       ": the log has no purchases of what was shown; "
                                       "purchase_weight: 0 learns from clicks alone");
}

}  // namespace

CandidateReader::CandidateReader(const Schema& schema, const ChoiceConfig& config)
    : choices_(schema, config), has_items_(schema.n_items > 0) {
  const std::vector<std::string>& order =
      schema.curated_order.empty() ? schema.modules : schema.curated_order;
  rank_.assign(schema.n_modules(), static_cast<std::uint16_t>(order.size()));
  for (std::size_t rank = 0; rank < order.size(); ++rank)
    rank_[schema.module_index(order[rank])] = static_cast<std::uint16_t>(rank);
}

std::array<float, kPairInputs> CandidatePages::pair(std::size_t page, std::size_t i,
                                                    std::size_t j) const {
  if (!pairs.empty()) {
    const float* of = pairs.data() + (pair_offsets[page] + i * n(page) + j) * kPairInputs;
    return {of[0], of[1]};
  }
  return rows.vectors->likeness(row(offsets[page] + i), row(offsets[page] + j));
}

void CandidateReader::add(const RequestBatch& requests, CandidatePages& pages) const {
  const bool known = requests.candidate_offsets.size() == requests.module.size() + 1;
  if (has_items_ && !requests.module.empty() && (!known || requests.candidate.empty()))
    throw Error(ErrorKind::kInput,
                "an orderer that sees the page needs the items that each module retrieved "
                "('candidate'), and these requests do not have them");
  const Encoder& encoder = choices_.encoder();
  choices_.read(requests, pages.choices);
  if (choices_.n_own() == 0) pages.rows = choices_.rows(pages.choices, {});
  pages.n_inputs = encoder.n_inputs();
  const std::size_t first_input = pages.inputs.size();
  pages.inputs.resize(first_input + requests.size() * pages.n_inputs);
  for (std::size_t i = 0; i < requests.size(); ++i)
    encoder.encode(requests.features(i),
                   {pages.inputs.data() + first_input + i * pages.n_inputs, pages.n_inputs});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = requests.module_offsets[i], n = requests.n_eligible(i);
    for (const std::uint16_t module : requests.eligible(i))
      pages.rank.push_back(choices_.of_items() ? module : rank_[module]);
    pages.offsets.push_back(static_cast<std::uint32_t>(pages.rank.size()));
    pages.n_slots.push_back(
        static_cast<std::uint16_t>(std::min<std::size_t>(requests.n_slots[i], n)));
    pages.first_position.push_back(
        static_cast<std::uint16_t>(encoder.position(requests.features(i), 0)));
    if (choices_.of_items()) continue;
    for (std::size_t a = first; a < first + n; ++a)
      for (std::size_t b = first; b < first + n; ++b)
        add_overlap(known ? placed_items(requests, i, a) : std::span<const std::uint32_t>{},
                    known ? placed_items(requests, i, b) : std::span<const std::uint32_t>{},
                    pages.pairs);
    pages.pair_offsets.push_back(pages.pairs.size() / kPairInputs);
  }
}

void CandidateReader::apply(const InputScale& scale, const InputScale& own,
                            CandidatePages& pages) const {
  for (std::size_t i = 0; i < pages.size(); ++i)
    scale.apply({pages.inputs.data() + i * pages.n_inputs, pages.n_inputs});
  pages.rows = choices_.rows(pages.choices, own);
}

CandidateBatch batch_of(const CandidatePages& pages, std::span<const std::uint32_t> rows) {
  CandidateBatch batch;
  batch.n_pages = rows.size();
  batch.n_inputs = pages.n_inputs;
  for (const std::uint32_t row : rows) batch.n = std::max(batch.n, pages.n(row));
  batch.vectors = pages.rows.vectors;
  batch.id.assign(batch.n_rows(), 0);
  batch.row.assign(batch.n_rows(), kAbsent);
  batch.rank.assign(batch.n_rows(), 0);
  batch.present.assign(batch.n_rows(), 0);
  batch.inputs.resize(batch.n_pages * batch.n_inputs);
  for (std::size_t p = 0; p < rows.size(); ++p) {
    std::copy_n(pages.inputs.data() + rows[p] * batch.n_inputs, batch.n_inputs,
                batch.inputs.data() + p * batch.n_inputs);
    for (std::size_t c = 0; c < pages.n(rows[p]); ++c) {
      const std::size_t candidate = pages.offsets[rows[p]] + c, at = p * batch.n + c;
      batch.id[at] = pages.choices.id[candidate];
      batch.row[at] = pages.row(candidate);
      batch.rank[at] = pages.rank[candidate];
      batch.present[at] = 1;
    }
  }
  return batch;
}

std::vector<std::size_t> initial_order(const CandidateBatch& batch) {
  std::vector<std::size_t> order(batch.n_rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t page = 0; page < batch.n_pages; ++page) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(page * batch.n);
    const auto last = first + static_cast<std::ptrdiff_t>(batch.n);
    const auto absent = std::stable_partition(
        first, last, [&](std::size_t row) { return batch.present[row] != 0; });
    std::stable_sort(first, absent,
                     [&](std::size_t a, std::size_t b) { return batch.rank[a] < batch.rank[b]; });
    std::fill(absent, last, kAbsent);
  }
  return order;
}

OrderedPages read_ordered_pages(const FitContext& context, const Schema& schema,
                                const CandidateReader& reader, bool purchases) {
  OrderedPages pages;
  Columns columns;
  columns.candidates = true;
  reader.choices().for_each_shard(
      context.rounds, schema, columns, context.name, context.progress, [&](const LogBatch& batch) {
        if (purchases) check_purchases(batch, context.name);
        events_of(batch, false);
        reader.add(batch.requests, pages.candidates);
        for (std::size_t i = 0; i < batch.size(); ++i) add_slots(batch, i, reader.encoder(), pages);
        const std::vector<double>& cascade = batch.propensities.pscore_cascade;
        pages.pscore_cascade.insert(pages.pscore_cascade.end(), cascade.begin(), cascade.end());
      });
  if (pages.size() == 0)
    throw Error(ErrorKind::kInput,
                "train " + context.name + ": the log has no pages to learn from");
  if (pages.pscore_cascade.size() != pages.choice.size()) pages.pscore_cascade.clear();
  pages.scale = scale_of(pages.candidates);
  pages.own = reader.choices().own_scale(pages.candidates.choices);
  reader.apply(pages.scale, pages.own, pages.candidates);
  return pages;
}

}  // namespace rehearsal
