#include <algorithm>
#include <bit>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/item_page_world.h"
#include "sim/world/makers.h"

namespace rehearsal {

namespace {

constexpr std::size_t kFeatures = 16;

// Items of Draw::kRequest.
constexpr std::uint32_t kRequestItem = 0;     // then the modules' eligibility, four a block
constexpr std::uint32_t kSessionItem = 8;     // at round 0 of the session
constexpr std::uint32_t kRetrievalItem = 16;  // + module + 16 block

constexpr std::size_t kChunk = 64;  // requests made together, so that numbers come in bulk

std::unique_ptr<World> make(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<ItemPageWorldConfig>();
  check_item_page(config, plugin);
  return std::make_unique<ItemPageWorld>(config, rng);
}

}  // namespace

void ItemPageWorld::requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  const std::size_t n = turns.size();
  out.n_features = kFeatures;
  out.user.resize(n);
  out.session.resize(n);
  out.round.resize(n);
  out.n_slots.assign(n, schema_.n_slots);
  out.context.resize(n * kFeatures);
  out.module.resize(n * n_modules_);
  out.module_offsets.assign(n + 1, 0);
  out.candidate.resize(n * n_modules_ * n_candidates_);
  auto latents = std::make_shared<Latents>();
  latents->request.resize(static_cast<Eigen::Index>(n), kItemPageLatents);
  Words words;
  for (std::size_t first = 0; first < n; first += kChunk) {
    const std::span<const Turn> chunk = turns.subspan(first, std::min(kChunk, n - first));
    draw(chunk, rng, words);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const std::size_t at = first + i;
      REHEARSAL_CHECK(chunk[i].user.value < users_.size());
      out.user[at] = chunk[i].user.value;
      out.session[at] = chunk[i].session;
      out.round[at] = chunk[i].round;
      const std::uint32_t* own = words.request.data() + 4 * request_blocks() * i;
      fill_features(users_[chunk[i].user.value], words.session.data() + 4 * i, own,
                    out.context.data() + at * kFeatures,
                    latents->request.data() + at * kItemPageLatents);
      const std::uint32_t begin = out.module_offsets[at];
      out.module_offsets[at + 1] = begin + fill_eligible(own + 4, out.module.data() + begin);
    }
    retrieve_chunk(chunk, first, rng, words, out);
  }
  const std::uint32_t n_eligible = out.module_offsets[n];
  out.module.resize(n_eligible);
  out.candidate.resize(n_eligible * n_candidates_);
  out.candidate_offsets.resize(n_eligible + 1);
  for (std::uint32_t m = 0; m <= n_eligible; ++m)
    out.candidate_offsets[m] = m * static_cast<std::uint32_t>(n_candidates_);
  out.latents = std::move(latents);
}

/// All but retrieval, for which eligibility must be known first.
void ItemPageWorld::draw(std::span<const Turn> turns, const Rng& rng, Words& words) const {
  std::array<Turn, kChunk> sessions;
  for (std::size_t i = 0; i < turns.size(); ++i) sessions[i] = {turns[i].user, turns[i].session, 0};
  words.session.resize(4 * turns.size());
  words.request.resize(4 * turns.size() * request_blocks());
  rng.fill(Draw::kRequest, std::span(sessions).first(turns.size()), kSessionItem, 1, words.session);
  rng.fill(Draw::kRequest, turns, kRequestItem, static_cast<std::uint32_t>(request_blocks()),
           words.request);
  // The catalogue and the population are larger than the caches.
  for (std::size_t i = 0; i < turns.size(); ++i) {
    __builtin_prefetch(&seeds_[index_below(words.request[4 * request_blocks() * i], n_items_)]);
    __builtin_prefetch(&users_[turns[i].user.value]);
  }
}

void ItemPageWorld::fill_features(const User& user, const std::uint32_t* session,
                                  const std::uint32_t* request, float* context, float* x) const {
  const SeedItem& item = seeds_[index_below(request[0], n_items_)];
  const double intent = normal_from(session[0]);
  const double signal = config_.activity_signal;
  const std::array<float, 2>& hour = hours_[index_below(request[3], 24)];
  const bool own_referral = Stream::to_uniform(session[1]) < config_.referral_signal;
  std::copy(user.taste.begin(), user.taste.end(), x);
  x[4] = item.price;
  x[5] = item.watchers;
  x[6] = static_cast<float>(intent);
  x[7] = static_cast<float>(normal_from(request[1]));
  context[0] = user.device;
  context[1] = own_referral ? user.referral : static_cast<float>(index_below(session[2], 4));
  context[2] = user.buyer_type;
  context[3] = user.price_band;
  context[4] = item.condition;
  context[5] = item.format;
  std::copy(x, x + 6, context + 6);
  context[12] = static_cast<float>(signal * intent + activity_noise_ * normal_from(request[2]));
  context[13] = item.seller_score;
  context[14] = hour[0];
  context[15] = hour[1];
}

/// Returns: how many modules came back with items.
std::uint32_t ItemPageWorld::fill_eligible(const std::uint32_t* words,
                                           std::uint16_t* module) const {
  std::uint32_t n_eligible = 0;
  for (std::size_t m = 0; m < n_modules_; ++m) {
    module[n_eligible] = static_cast<std::uint16_t>(m);
    n_eligible += Stream::to_uniform(words[m]) < eligibility_[m] ? 1 : 0;
  }
  return n_eligible;
}

void ItemPageWorld::retrieve_chunk(std::span<const Turn> turns, std::size_t first, const Rng& rng,
                                   Words& words, RequestBatch& out) const {
  const std::span<const std::uint32_t> offsets(out.module_offsets.data() + first, turns.size() + 1);
  const std::size_t n_blocks = (n_candidates_ + 3) / 4;
  const std::size_t stride = 4 * std::size_t{offsets.back() - offsets.front()};
  words.retrieval.resize(n_blocks * stride);
  for (std::size_t block = 0; block < n_blocks; ++block)
    rng.fill(Draw::kRequest, turns, kRetrievalItem + 16 * static_cast<std::uint32_t>(block),
             offsets, out.module, std::span(words.retrieval).subspan(block * stride, stride));
  // In two short loops, so that the processor works on several modules at a time.
  words.chosen.resize(offsets.back() - offsets.front());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const SeedItem& seed = seeds_[index_below(words.request[4 * request_blocks() * i], n_items_)];
    for (std::uint32_t e = offsets[i]; e < offsets[i + 1]; ++e)
      words.chosen[e - offsets[0]] =
          choose(seed.place[out.module[e]], words.retrieval.data() + 4 * (e - offsets[0]), stride);
  }
  std::uint32_t* to = out.candidate.data() + offsets[0] * n_candidates_;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const SeedItem& seed = seeds_[index_below(words.request[4 * request_blocks() * i], n_items_)];
    const std::uint32_t* pools = pools_.data() + seed.category * n_modules_ * pool_size_;
    for (std::uint32_t e = offsets[i]; e < offsets[i + 1]; ++e) {
      const std::uint32_t* pool = pools + out.module[e] * pool_size_;
      std::uint64_t chosen = words.chosen[e - offsets[0]];
      for (std::size_t k = 0; k < n_candidates_; ++k, chosen &= chosen - 1)
        *to++ = pool[std::countr_zero(chosen)];
    }
  }
}

/// A uniformly drawn subset of a pool without the seed item (Floyd's algorithm, Bentley and Floyd,
/// CACM 30, 1987). Pools are in the order of retrieval scores.
std::uint64_t ItemPageWorld::choose(std::uint8_t seed_place, const std::uint32_t* words,
                                    std::size_t block_stride) const {
  const bool inside = seed_place != kNowhere;
  std::uint64_t last = pool_size_ - (inside ? 1 : 0) - n_candidates_;
  std::uint64_t chosen = 0;
  for (std::size_t k = 0; k < n_candidates_; k += 4, words += block_stride)
    for (std::size_t j = 0; j < std::min<std::size_t>(4, n_candidates_ - k); ++j, ++last) {
      const std::uint64_t bit = std::uint64_t{1} << index_below(words[j], last + 1);
      chosen |= (chosen & bit) != 0 ? std::uint64_t{1} << last : bit;
    }
  // What stands behind the seed moves one place on.
  const std::uint64_t before = inside ? (std::uint64_t{1} << seed_place) - 1 : ~std::uint64_t{0};
  return (chosen & before) | (chosen & ~before) << 1;
}

WorldEntry item_page_world() {
  return {"item_page",
          "carousels below an item's details; eligible modules and their items change by request",
          "reconstruction after Lo et al., RecSys 2021 (arXiv 2108.05891)",
          describe_fields<ItemPageWorldConfig>, make};
}

}  // namespace rehearsal
