#include "sim/core/rng.h"

#include <Random123/philox.h>

#include "sim/core/error.h"
#include "sim/core/philox.h"

namespace rehearsal {

namespace {

// Mixed into the key: changed when addresses change their meaning, so that nobody leans on old
// bytes.
constexpr std::uint32_t kRngEpoch = 0x52454831;

using Philox = r123::Philox4x32_R<10>;

std::array<std::uint32_t, 3> address(Draw purpose, const Turn& turn, std::uint32_t item) {
  return {static_cast<std::uint32_t>(purpose) << 24 | item, turn.user.value,
          static_cast<std::uint32_t>(turn.session) << 16 | turn.round};
}

/// Gathers addresses and gives their words in bulk.
class Bulk {
 public:
  Bulk(const PhiloxKey& key, std::uint32_t* out) : key_(key), out_(out) {}

  void add(const std::array<std::uint32_t, 3>& start, std::uint32_t item) {
    counters_[0][n_ready_] = start[0] + item;
    counters_[1][n_ready_] = start[1];
    counters_[2][n_ready_] = start[2];
    if (++n_ready_ == kChunk) flush();
  }

  void flush() {
    philox_bulk(key_, {counters_[0], counters_[1], counters_[2]}, n_ready_, out_);
    out_ += 4 * n_ready_;
    n_ready_ = 0;
  }

 private:
  static constexpr std::size_t kChunk = 64;

  PhiloxKey key_;
  std::uint32_t* out_;
  std::uint32_t counters_[3][kChunk];
  std::size_t n_ready_ = 0;
};

}  // namespace

void Stream::refill() {
  const Philox::ctr_type counter = {{address_[0], address_[1], address_[2], block_++}};
  const Philox::key_type key = {{key_[0], key_[1]}};
  const Philox::ctr_type out = Philox()(counter, key);
  words_ = {out[0], out[1], out[2], out[3]};
  next_word_ = 0;
}

Rng::Rng(std::uint64_t seed)
    : seed_(seed),
      key_{static_cast<std::uint32_t>(seed) ^ kRngEpoch, static_cast<std::uint32_t>(seed >> 32)} {}

Stream Rng::stream(Draw purpose, const Turn& turn, std::uint32_t item) const {
  REHEARSAL_CHECK(item < (1u << 24));
  return Stream(key_, address(purpose, turn, item));
}

void Rng::fill(Draw purpose, const Turn& turn, std::uint32_t first_item,
               std::span<std::uint32_t> out) const {
  REHEARSAL_CHECK(out.size() % 4 == 0);
  fill(purpose, {&turn, 1}, first_item, static_cast<std::uint32_t>(out.size() / 4), out);
}

void Rng::fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
               std::uint32_t n_items, std::span<std::uint32_t> out) const {
  REHEARSAL_CHECK(out.size() == 4 * turns.size() * n_items && first_item + n_items <= (1u << 24));
  Bulk bulk(key_, out.data());
  for (const Turn& turn : turns) {
    const std::array<std::uint32_t, 3> start = address(purpose, turn, first_item);
    for (std::uint32_t item = 0; item < n_items; ++item) bulk.add(start, item);
  }
  bulk.flush();
}

template <class Id>
void Rng::fill_ids(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
                   std::span<const std::uint32_t> offsets, std::span<const Id> ids,
                   std::span<std::uint32_t> out) const {
  REHEARSAL_CHECK(offsets.size() == turns.size() + 1 && ids.size() >= offsets.back());
  REHEARSAL_CHECK(out.size() == 4 * std::size_t{offsets.back() - offsets.front()});
  REHEARSAL_CHECK(first_item + 0xffff < (1u << 24));
  Bulk bulk(key_, out.data());
  for (std::size_t t = 0; t < turns.size(); ++t) {
    const std::array<std::uint32_t, 3> start = address(purpose, turns[t], first_item);
    for (std::uint32_t j = offsets[t]; j < offsets[t + 1]; ++j) bulk.add(start, ids[j]);
  }
  bulk.flush();
}

void Rng::fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
               std::span<const std::uint32_t> offsets, std::span<const std::uint16_t> ids,
               std::span<std::uint32_t> out) const {
  fill_ids(purpose, turns, first_item, offsets, ids, out);
}

void Rng::fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
               std::span<const std::uint32_t> offsets, std::span<const std::uint32_t> ids,
               std::span<std::uint32_t> out) const {
  fill_ids(purpose, turns, first_item, offsets, ids, out);
}

}  // namespace rehearsal
