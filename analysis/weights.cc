#include "analysis/weights.h"

#include <fmt/format.h>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

std::size_t n_slots_of(const LogBatch& batch, std::size_t i) { return batch.pages.n_shown(i); }

std::string describe(const LogBatch& batch, std::size_t i) {
  return fmt::format("user {}, session {}, round {}", batch.requests.user[i],
                     batch.requests.session[i], batch.requests.round[i]);
}

/// Places of the shown modules among the eligible ones, and the cells of each round.
void locate(const LogBatch& batch, LoggedRounds& out) {
  out.choice.resize(batch.pages.module.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::span<const std::uint16_t> eligible = batch.requests.eligible(i);
    const std::uint32_t first = batch.pages.slot_offsets[i];
    for (std::size_t k = 0; k < n_slots_of(batch, i); ++k) {
      const std::uint16_t module = batch.pages.module[first + k];
      const auto found = std::lower_bound(eligible.begin(), eligible.end(), module);
      if (found == eligible.end() || *found != module)
        throw Error(ErrorKind::kInput, fmt::format("log: {}: module {} is shown but not eligible",
                                                   describe(batch, i), module));
      out.choice[first + k] = static_cast<std::uint16_t>(found - eligible.begin());
    }
    out.cell_offsets.push_back(out.cell_offsets.back() +
                               static_cast<std::uint32_t>(n_slots_of(batch, i) * eligible.size()));
  }
}

void check_column(const std::vector<double>& column, std::size_t size, const char* name) {
  if (column.size() != size)
    throw Error(ErrorKind::kInput,
                fmt::format("log: the column '{}' is missing; these estimators need it", name));
  for (const double p : column)
    if (!(p > 0 && p <= 1 + 1e-9))
      throw Error(ErrorKind::kInput,
                  fmt::format("log: {} is {}; a logged propensity lies in (0, 1]", name, p));
}

void check_propensities(const LogBatch& batch, const WeightNeeds& needs) {
  const Propensities& logged = batch.propensities;
  const std::size_t n_slots = batch.pages.module.size();
  if (needs.page) check_column(logged.pscore, batch.size(), "pscore");
  if (needs.cascade) check_column(logged.pscore_cascade, n_slots, "pscore_cascade");
  if (needs.item_position)
    check_column(logged.pscore_item_position, n_slots, "pscore_item_position");
  if (needs.cells) {
    check_column(logged.pscore_cascade, n_slots, "pscore_cascade");
    check_column(logged.pscore_item_position, n_slots, "pscore_item_position");
  }
  if (needs.items) check_column(logged.pscore_items, n_slots, "pscore_items");
  const bool weighed =
      needs.page || needs.cascade || needs.item_position || needs.pseudo_inverse || needs.cells;
  if (!weighed || needs.items) return;
  for (const double p : logged.pscore_items)
    if (p < 1)
      throw Error(ErrorKind::kInput,
                  "log: its item orders are random (pscore_items below 1); weights need the "
                  "behavior policy, to know its ranker");
}

Eigen::Map<RowMatrix> grid(std::vector<double>& cells, const LoggedRounds& logged,
                           const SlateDistribution& slates, std::size_t i) {
  return {cells.data() + logged.cell_offsets[i],
          static_cast<Eigen::Index>(n_slots_of(*logged.batch, i)),
          static_cast<Eigen::Index>(slates.n_choices(i))};
}

void check_fits(const LogBatch& batch, const SlateDistribution& slates) {
  REHEARSAL_CHECK(slates.size() == batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (slates.n_positions(i) != n_slots_of(batch, i) ||
        slates.n_choices(i) != batch.requests.n_eligible(i))
      throw Error(ErrorKind::kInput,
                  fmt::format("log: {} shows {} modules where a page has room for {}",
                              describe(batch, i), n_slots_of(batch, i), slates.n_positions(i)));
}

/// Gamma^+ 1_s: the sum of the shown cells' columns.
void add_gamma_inverse(const SlateDistribution& behavior, std::size_t i, PseudoInverseCache& cache,
                       LoggedRounds& out) {
  const std::shared_ptr<const RowMatrix> inverse = cache.get(behavior, i);
  if (inverse == nullptr)
    throw Error(ErrorKind::kInput,
                "pi: this behavior policy has no exact pair marginals; leave out pi and snpi");
  const std::uint32_t first = out.batch->pages.slot_offsets[i];
  double* cells = out.gamma_inverse.data() + out.cell_offsets[i];
  const std::size_t n_choices = behavior.n_choices(i);
  const auto n_cells = static_cast<std::size_t>(inverse->rows());
  for (std::size_t k = 0; k < behavior.n_positions(i); ++k) {
    // Gamma^+ is symmetric: its rows are its columns.
    const double* row = inverse->data() + (k * n_choices + out.choice[first + k]) * n_cells;
    for (std::size_t c = 0; c < n_cells; ++c) cells[c] += row[c];
  }
}

/// Item orders: ratio of the policy's and the logged probability, a slot each.
std::vector<double> item_ratios(const LogBatch& batch, const Propensities& own) {
  std::vector<double> ratio(own.pscore_items.size());
  for (std::size_t s = 0; s < ratio.size(); ++s)
    ratio[s] = own.pscore_items[s] / batch.propensities.pscore_items[s];
  return ratio;
}

void resize(const LoggedRounds& logged, const WeightNeeds& needs, PolicyWeights& out) {
  const std::size_t n = logged.batch->size();
  const std::size_t n_slots = logged.choice.size();
  out.page.resize(needs.page ? n : 0);
  out.cascade.resize(needs.cascade ? n_slots : 0);
  out.item_position.resize(needs.item_position ? n_slots : 0);
  out.pseudo_inverse.resize(needs.pseudo_inverse ? n : 0);
  out.marginals.resize(needs.marginals() ? logged.cell_offsets.back() : 0);
}

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) sum += a[j] * b[j];
  return sum;
}

/// Multiplies by what the item orders add: the whole page's, the prefix's, the slot's.
void apply_item_ratios(const LoggedRounds& logged, const std::vector<double>& ratio,
                       const WeightNeeds& needs, PolicyWeights& out) {
  for (std::size_t i = 0; i < logged.batch->size(); ++i) {
    double prefix = 1;
    for (std::uint32_t s = logged.batch->pages.slot_offsets[i];
         s < logged.batch->pages.slot_offsets[i + 1]; ++s) {
      prefix *= ratio[s];
      if (needs.cascade) out.cascade[s] *= prefix;
      if (needs.item_position) out.item_position[s] *= ratio[s];
    }
    if (needs.pseudo_inverse) out.pseudo_inverse[i] *= prefix;
    // pscore holds the item orders already: only the policy's own are missing.
    if (needs.page) {
      for (std::uint32_t s = logged.batch->pages.slot_offsets[i];
           s < logged.batch->pages.slot_offsets[i + 1]; ++s)
        out.page[i] *= ratio[s] * logged.batch->propensities.pscore_items[s];
    }
  }
}

/// The choices that round i showed.
std::span<const std::uint16_t> shown_choices(const LoggedRounds& logged, std::size_t i) {
  return {logged.choice.data() + logged.batch->pages.slot_offsets[i], n_slots_of(*logged.batch, i)};
}

void item_position_weights(const LoggedRounds& logged, const SlateDistribution& slates,
                           std::size_t i, std::span<double> p, PolicyWeights& out) {
  const std::span<const std::uint16_t> shown = shown_choices(logged, i);
  if (out.marginals.empty()) {
    slates.position_probabilities(i, shown, p);
  } else {
    const double* cells = out.marginals.data() + logged.cell_offsets[i];
    for (std::size_t k = 0; k < shown.size(); ++k) p[k] = cells[k * slates.n_choices(i) + shown[k]];
  }
  const std::uint32_t first = logged.batch->pages.slot_offsets[i];
  for (std::size_t k = 0; k < shown.size(); ++k)
    out.item_position[first + k] =
        p[k] / logged.batch->propensities.pscore_item_position[first + k];
}

void prefix_weights(const LoggedRounds& logged, const SlateDistribution& slates, std::size_t i,
                    std::span<double> p, PolicyWeights& out) {
  slates.prefix_probabilities(i, shown_choices(logged, i), p);
  const Propensities& mu = logged.batch->propensities;
  const std::uint32_t first = logged.batch->pages.slot_offsets[i];
  if (!out.page.empty()) out.page[i] = (p.empty() ? 1.0 : p.back()) / mu.pscore[i];
  if (out.cascade.empty()) return;
  for (std::size_t k = 0; k < p.size(); ++k)
    out.cascade[first + k] = p[k] / mu.pscore_cascade[first + k];
}

}  // namespace

LoggedRounds logged_rounds(const LogBatch& batch, const SlateDistribution* behavior,
                           const WeightNeeds& needs, PseudoInverseCache& cache) {
  LoggedRounds out;
  out.batch = &batch;
  locate(batch, out);
  check_propensities(batch, needs);
  if (!needs.pseudo_inverse && !needs.support) return out;
  REHEARSAL_CHECK(behavior != nullptr);
  check_fits(batch, *behavior);
  if (needs.pseudo_inverse) {
    out.gamma_inverse.assign(out.cell_offsets.back(), 0.0);
    for (std::size_t i = 0; i < batch.size(); ++i) add_gamma_inverse(*behavior, i, cache, out);
  }
  if (needs.support) {
    std::vector<double> marginals(out.cell_offsets.back());
    for (std::size_t i = 0; i < batch.size(); ++i)
      behavior->marginals(i, grid(marginals, out, *behavior, i));
    out.unsupported.resize(marginals.size());
    for (std::size_t c = 0; c < marginals.size(); ++c) out.unsupported[c] = marginals[c] <= 0;
  }
  return out;
}

void slate_weights(const LoggedRounds& logged, const SlateDistribution& slates,
                   const WeightNeeds& needs, PolicyWeights& out) {
  const LogBatch& batch = *logged.batch;
  check_fits(batch, slates);
  resize(logged, needs, out);
  std::vector<double> scratch;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    scratch.resize(n_slots_of(batch, i));
    if (needs.marginals()) slates.marginals(i, grid(out.marginals, logged, slates, i));
    if (needs.item_position) item_position_weights(logged, slates, i, scratch, out);
    if (needs.page || needs.cascade) prefix_weights(logged, slates, i, scratch, out);
    if (needs.pseudo_inverse) {
      const std::size_t cell = logged.cell_offsets[i];
      out.pseudo_inverse[i] = dot(out.marginals.data() + cell, logged.gamma_inverse.data() + cell,
                                  logged.cell_offsets[i + 1] - cell);
    }
  }
}

void policy_weights(const LoggedRounds& logged, const Policy& policy, const WeightNeeds& needs,
                    PolicyWeights& out) {
  slate_weights(logged, *policy.distribution(logged.batch->requests), needs, out);
  if (!needs.items && !needs.cells) return;
  out.own = propensities(policy, logged.batch->requests, logged.batch->pages);
  if (needs.items) apply_item_ratios(logged, item_ratios(*logged.batch, out.own), needs, out);
}

Propensities module_propensities(const LoggedRounds& logged, const SlateDistribution& slates) {
  const LogBatch& batch = *logged.batch;
  check_fits(batch, slates);
  Propensities out;
  out.pscore.resize(batch.size());
  out.pscore_cascade.resize(logged.choice.size());
  out.pscore_item_position.resize(logged.choice.size());
  out.pscore_items.assign(logged.choice.size(), 1.0);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::uint32_t first = batch.pages.slot_offsets[i];
    const std::size_t n = n_slots_of(batch, i);
    const std::span<const std::uint16_t> shown = shown_choices(logged, i);
    const std::span<double> prefix(out.pscore_cascade.data() + first, n);
    slates.prefix_probabilities(i, shown, prefix);
    slates.position_probabilities(i, shown, {out.pscore_item_position.data() + first, n});
    out.pscore[i] = n == 0 ? 1.0 : prefix[n - 1];
  }
  return out;
}

void direct_term(const LoggedRounds& logged, const PolicyWeights& weights,
                 std::span<const double> q_hat, std::vector<double>& out) {
  out.resize(logged.batch->size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t cell = logged.cell_offsets[i];
    out[i] = dot(weights.marginals.data() + cell, q_hat.data() + cell,
                 logged.cell_offsets[i + 1] - cell);
  }
}

void shown_q_hat(const LoggedRounds& logged, std::span<const double> q_hat,
                 std::vector<double>& out) {
  out.resize(logged.choice.size());
  for (std::size_t i = 0; i < logged.batch->size(); ++i) {
    const std::size_t n_choices = logged.batch->requests.n_eligible(i);
    const std::uint32_t first = logged.batch->pages.slot_offsets[i];
    for (std::size_t k = 0; k < n_slots_of(*logged.batch, i); ++k)
      out[first + k] = q_hat[logged.cell_offsets[i] + k * n_choices + logged.choice[first + k]];
  }
}

}  // namespace rehearsal
