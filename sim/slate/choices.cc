#include "sim/slate/choices.h"

#include <vector>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

std::uint64_t bits53(std::uint32_t high, std::uint32_t low) {
  return (static_cast<std::uint64_t>(high) << 32 | low) >> 11;
}

// Up to this many neighbouring addresses are filled in bulk, the unneeded ones among them too.
constexpr std::size_t kBulk = 64;

}  // namespace

void choice_bits(const Rng& rng, const SlateAddress& address, std::span<std::uint64_t> out) {
  const std::span<const std::uint16_t> ids = address.choice_ids;
  REHEARSAL_CHECK(ids.size() == out.size());
  if (ids.empty()) return;
  const auto [low, high] = std::minmax_element(ids.begin(), ids.end());
  const std::size_t range = static_cast<std::size_t>(*high - *low) + 1;
  const std::uint32_t base = address.item_base + 1;
  if (range <= kBulk && range <= 4 * ids.size()) {
    std::array<std::uint32_t, 4 * kBulk> words;
    rng.fill(address.purpose, address.turn, base + *low, {words.data(), 4 * range});
    for (std::size_t c = 0; c < ids.size(); ++c) {
      const std::size_t at = 4 * static_cast<std::size_t>(ids[c] - *low);
      out[c] = bits53(words[at], words[at + 1]);
    }
    return;
  }
  if (ids.size() > kBulk) {
    std::vector<std::uint32_t> words(4 * ids.size());
    const std::array<std::uint32_t, 2> all{0, static_cast<std::uint32_t>(ids.size())};
    rng.fill(address.purpose, {&address.turn, 1}, base, all, ids, words);
    for (std::size_t c = 0; c < ids.size(); ++c) out[c] = bits53(words[4 * c], words[4 * c + 1]);
    return;
  }
  for (std::size_t c = 0; c < ids.size(); ++c) {
    Stream stream = rng.stream(address.purpose, address.turn, base + ids[c]);
    const std::uint32_t first = stream();
    out[c] = bits53(first, stream());
  }
}

double address_uniform(const Rng& rng, Draw purpose, const Turn& turn, std::uint32_t item) {
  Stream stream = rng.stream(purpose, turn, item);
  const std::uint32_t first = stream();
  return (static_cast<double>(bits53(first, stream())) + 0.5) * 0x1p-53;
}

std::size_t count_slates(std::size_t n_choices, std::size_t n_positions, std::size_t limit) {
  std::size_t count = 1;
  for (std::size_t k = 0; k < n_positions; ++k) {
    count *= n_choices - k;
    if (count > limit) return limit + 1;
  }
  return count;
}

}  // namespace rehearsal
