#include "sim/world/list_world.h"

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"
#include "sim/world/chooser.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunk = 64;  // requests whose numbers are drawn together

}  // namespace

Fields ListSizes::add_to(Fields fields) {
  return fields.add("users", users, 1, 1'000'000'000, "users of the site")
      .add("items", items, 1, 16'000'000, "items of the catalogue")
      .add("candidates", candidates, 1, 4095,
           "items that a request retrieves, drawn anew each time")
      .add("positions", positions, 1, 4095, "items that the list shows");
}

void ListSizes::check(const PluginConfig& plugin) const {
  if (candidates > items)
    plugin.refuse("candidates",
                  std::to_string(candidates) + " is more than items, " + std::to_string(items));
  if (positions > candidates)
    plugin.refuse("positions", std::to_string(positions) + " is more than candidates, " +
                                   std::to_string(candidates));
}

ListWorld::ListWorld(const ListSizes& sizes, Schema schema, Arrays parameters)
    : sizes_(sizes), schema_(std::move(schema)), parameters_(std::move(parameters)) {
  schema_.modules = {"list"};
  schema_.curated_order = schema_.modules;
  schema_.n_slots = 1;
  schema_.n_positions = static_cast<std::uint16_t>(sizes.positions);
  schema_.n_items = static_cast<std::uint32_t>(sizes.items);
  REHEARSAL_CHECK(schema_.items.rows() == sizes.items);
}

void ListWorld::requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  const std::size_t n = turns.size();
  out.n_features = schema_.n_features();
  out.user.resize(n);
  out.session.resize(n);
  out.round.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    REHEARSAL_CHECK(turns[i].user.value < n_users());
    out.user[i] = turns[i].user.value;
    out.session[i] = turns[i].session;
    out.round[i] = turns[i].round;
  }
  out.n_slots.assign(n, 1);
  out.n_positions.assign(n, static_cast<std::uint16_t>(sizes_.positions));
  out.context.assign(n * out.n_features, 0);
  out.module.assign(n, 0);
  out.module_offsets.resize(n + 1);
  std::iota(out.module_offsets.begin(), out.module_offsets.end(), 0u);
  out.latents.reset();
  retrieve(turns, rng, out);
  describe(turns, rng, out);
}

void ListWorld::retrieve(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  const auto n_candidates = static_cast<std::size_t>(sizes_.candidates);
  out.candidate.resize(turns.size() * n_candidates);
  out.candidate_offsets.resize(turns.size() + 1);
  for (std::size_t i = 0; i <= turns.size(); ++i)
    out.candidate_offsets[i] = static_cast<std::uint32_t>(i * n_candidates);
  if (sizes_.candidates == sizes_.items) {
    for (std::size_t at = 0; at < out.candidate.size(); ++at)
      out.candidate[at] = static_cast<std::uint32_t>(at % n_candidates);
    return;
  }
  Chooser chooser(schema_.n_items);
  const std::size_t n_blocks = (n_candidates + 3) / 4;
  std::vector<std::uint32_t> words(4 * n_blocks * kChunk);
  for (std::size_t first = 0; first < turns.size(); first += kChunk) {
    const std::span<const Turn> chunk =
        turns.subspan(first, std::min(kChunk, turns.size() - first));
    rng.fill(Draw::kRequest, chunk, 0, static_cast<std::uint32_t>(n_blocks),
             std::span(words).first(4 * n_blocks * chunk.size()));
    for (std::size_t i = 0; i < chunk.size(); ++i)
      chooser.choose(schema_.n_items, words.data() + 4 * n_blocks * i,
                     std::span(out.candidate).subspan((first + i) * n_candidates, n_candidates));
  }
}

}  // namespace rehearsal
