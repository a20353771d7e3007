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
  constexpr std::size_t kChunk = 64;
  std::uint32_t counters[3][kChunk];
  std::size_t n_ready = 0;
  std::uint32_t* to = out.data();
  const auto flush = [&] {
    philox_bulk(key_, {counters[0], counters[1], counters[2]}, n_ready, to);
    to += 4 * n_ready;
    n_ready = 0;
  };
  for (const Turn& turn : turns) {
    const std::array<std::uint32_t, 3> start = address(purpose, turn, first_item);
    for (std::uint32_t item = 0; item < n_items; ++item) {
      counters[0][n_ready] = start[0] + item;
      counters[1][n_ready] = start[1];
      counters[2][n_ready] = start[2];
      if (++n_ready == kChunk) flush();
    }
  }
  flush();
}

}  // namespace rehearsal
