#include "sim/core/rng.h"

#include <Random123/philox.h>

#include "sim/core/error.h"

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
  REHEARSAL_CHECK(out.size() % 4 == 0 && first_item + out.size() / 4 <= (1u << 24));
  const std::array<std::uint32_t, 3> start = address(purpose, turn, first_item);
  const Philox::key_type key = {{key_[0], key_[1]}};
  for (std::size_t i = 0; i < out.size() / 4; ++i) {
    const Philox::ctr_type counter = {
        {start[0] + static_cast<std::uint32_t>(i), start[1], start[2], 0}};
    const Philox::ctr_type words = Philox()(counter, key);
    for (std::size_t j = 0; j < 4; ++j) out[4 * i + j] = words[j];
  }
}

}  // namespace rehearsal
