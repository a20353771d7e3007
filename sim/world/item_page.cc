#include <algorithm>

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

constexpr std::size_t kPagesTogether = 64;  // requests made together, so that numbers come in bulk
constexpr std::size_t kAhead = 12;          // requests whose seed item is on its way

std::unique_ptr<World> make_item_page(const PluginConfig& plugin, const Rng& rng) {
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
  auto latents = std::make_shared<Latents>();
  latents->request.resize(static_cast<Eigen::Index>(n), kItemPageLatents);
  Words words;
  for (std::size_t first = 0; first < n; first += kPagesTogether) {
    const std::span<const Turn> chunk = turns.subspan(first, std::min(kPagesTogether, n - first));
    draw(chunk, rng, words);
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const std::size_t at = first + i;
      REHEARSAL_CHECK(chunk[i].user.value < users_.size());
      out.user[at] = chunk[i].user.value;
      out.session[at] = chunk[i].session;
      out.round[at] = chunk[i].round;
      const std::uint32_t* own = words.request.data() + 4 * request_blocks() * i;
      // The catalogue is larger than the caches; asked for all at once it does not come.
      if (i + kAhead < chunk.size()) __builtin_prefetch(&seed_item(words, i + kAhead));
      fill_features(users_[chunk[i].user.value], words.session.data() + 4 * i, own, words.normal[i],
                    out.context.data() + at * kFeatures,
                    latents->request.data() + at * kItemPageLatents);
      const std::uint32_t begin = out.module_offsets[at];
      out.module_offsets[at + 1] = begin + fill_eligible(own + 4, out.module.data() + begin);
    }
    retrieve_chunk(chunk, first, rng, words, out);
  }
  const std::uint32_t n_eligible = out.module_offsets[n];
  out.module.resize(n_eligible);
  out.candidate.resize(n_eligible * retrieval_.n_candidates);
  out.candidate_offsets.resize(n_eligible + 1);
  for (std::uint32_t m = 0; m <= n_eligible; ++m)
    out.candidate_offsets[m] = m * static_cast<std::uint32_t>(retrieval_.n_candidates);
  out.latents = std::move(latents);
}

/// All but retrieval, for which eligibility must be known first.
void ItemPageWorld::draw(std::span<const Turn> turns, const Rng& rng, Words& words) const {
  std::array<Turn, kPagesTogether> sessions;
  for (std::size_t i = 0; i < turns.size(); ++i) sessions[i] = {turns[i].user, turns[i].session, 0};
  words.session.resize(4 * turns.size());
  words.request.resize(4 * turns.size() * request_blocks());
  rng.fill(Draw::kRequest, std::span(sessions).first(turns.size()), kSessionItem, 1, words.session);
  rng.fill(Draw::kRequest, turns, kRequestItem, static_cast<std::uint32_t>(request_blocks()),
           words.request);
  for (std::size_t i = 0; i < std::min(kAhead, turns.size()); ++i)
    __builtin_prefetch(&seed_item(words, i));
  words.normal.resize(turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::uint32_t* own = words.request.data() + 4 * request_blocks() * i;
    words.normal[i] = {Stream::to_uniform(words.session[4 * i]), Stream::to_uniform(own[1]),
                       Stream::to_uniform(own[2])};
  }
  normal_quantiles({words.normal.front().data(), 3 * turns.size()});
}

void ItemPageWorld::fill_features(const User& user, const std::uint32_t* session,
                                  const std::uint32_t* request, const std::array<double, 3>& normal,
                                  float* context, float* x) const {
  const SeedItem& item = seeds_[index_below(request[0], n_items_)];
  const double signal = config_.activity_signal;
  const std::array<float, 2>& hour = hours_[index_below(request[3], 24)];
  const bool own_referral = Stream::to_uniform(session[1]) < config_.referral_signal;
  std::copy(user.taste.begin(), user.taste.end(), x);
  x[4] = item.price;
  x[5] = item.watchers;
  x[6] = static_cast<float>(normal[0]);
  x[7] = static_cast<float>(normal[1]);
  context[0] = user.device;
  context[1] = own_referral ? user.referral : static_cast<float>(index_below(session[2], 4));
  context[2] = user.buyer_type;
  context[3] = user.price_band;
  context[4] = item.condition;
  context[5] = item.format;
  std::copy(x, x + 6, context + 6);
  context[12] = static_cast<float>(signal * normal[0] + activity_noise_ * normal[2]);
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
    n_eligible += words[m] < eligible_words_[m] ? 1 : 0;
  }
  return n_eligible;
}

void ItemPageWorld::retrieve_chunk(std::span<const Turn> turns, std::size_t first, const Rng& rng,
                                   Words& words, RequestBatch& out) const {
  const std::span<const std::uint32_t> offsets(out.module_offsets.data() + first, turns.size() + 1);
  const std::size_t n = offsets.back() - offsets.front();
  const std::size_t n_blocks = (retrieval_.n_candidates + 3) / 4;
  words.retrieval.resize(4 * n_blocks * n);
  for (std::size_t block = 0; block < n_blocks; ++block)
    rng.fill(Draw::kRequest, turns, kRetrievalItem + 16 * static_cast<std::uint32_t>(block),
             offsets, out.module, std::span(words.retrieval).subspan(4 * block * n, 4 * n));
  words.seed_place.resize(n);
  words.pool.resize(n);
  // Plain pointers: a byte stored through a vector makes the compiler read all others anew.
  std::uint8_t* place = words.seed_place.data();
  const std::uint32_t** pool = words.pool.data();
  const std::uint16_t* module = out.module.data();
  const std::size_t pool_size = retrieval_.pool_size;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const SeedItem& seed = seed_item(words, i);
    const std::uint32_t* first_pool = pools_.data() + seed.category * n_modules_ * pool_size;
    const std::uint32_t end = offsets[i + 1];
    for (std::uint32_t e = offsets[i]; e < end; ++e) {
      *place++ = seed.place[module[e]];
      *pool++ = first_pool + module[e] * pool_size;
    }
  }
  words.chosen.resize(n);
  choose_candidates(retrieval_, words.seed_place, words.retrieval, words.chosen);
  const std::size_t n_before = offsets.front() * retrieval_.n_candidates;
  const std::size_t n_items = n * retrieval_.n_candidates;
  // Only ever longer, until all chunks are there: what a batch before left is not cleared.
  if (out.candidate.size() < n_before + n_items) out.candidate.resize(n_before + n_items);
  take_candidates(retrieval_, words.chosen, words.pool,
                  std::span(out.candidate).subspan(n_before, n_items));
}

WorldEntry item_page_world() {
  return {"item_page",
          "carousels below an item's details; eligible modules and their items change by request",
          "reconstruction after Lo et al., RecSys 2021 (arXiv 2108.05891)",
          describe_fields<ItemPageWorldConfig>, make_item_page};
}

}  // namespace rehearsal
