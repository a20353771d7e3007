#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>

#include "sim/core/types.h"

namespace rehearsal {

/// What a random number is for: the first part of its address. Append only.
enum class Draw : std::uint8_t {
  kWorld = 1,      // parameters of a world (modules, items); user 0
  kPopulation,     // a user's fixed traits; session and round 0
  kRequest,        // a request's features, eligibility, retrieval
  kPolicy,         // which page is shown (block 0: the mixture's coin)
  kRanker,         // item orders inside modules
  kResponse,       // what the user does
  kAdvance,        // leaving and returning between rounds
  kAssignment,     // a user's arm in an A/B test; validation and cross-fitting folds
  kBootstrap,      // resampling weights
  kTraining,       // initial weights, batch order, dropout
  kBehaviorModel,  // parameters of a user model
  kAfterClick,     // what a user does with an item that was clicked
};

/// A Philox4x32-10 stream (Salmon et al., SC 2011; Random123) at one address, usable as the engine
/// of any boost::random distribution. It gives the 32-bit words of blocks 0, 1, 2, ... in order.
class Stream {
 public:
  using result_type = std::uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  Stream(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 3> address)
      : key_(key), address_(address) {}

  result_type operator()() {
    if (next_word_ == 4) refill();
    return words_[next_word_++];
  }

  /// Uniform in (0, 1): (word + 1/2) / 2^32. One word.
  double uniform() { return to_uniform((*this)()); }

  static double to_uniform(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }

 private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 3> address_;  // purpose | item, user, session | round
  std::uint32_t block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  int next_word_ = 4;
};

/// The source of every random number: a seed, immutable and shared. A number is a function of
/// (seed, purpose, user, session, round, item or slot, block) and of nothing else.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  std::uint64_t seed() const { return seed_; }

  /// The stream at an address. Args: item < 2^24 (an item, module or slot that owns its numbers).
  Stream stream(Draw purpose, const Turn& turn, std::uint32_t item = 0) const;

  /// In bulk: the first four words (block 0) of items first_item, first_item + 1, ... of one turn,
  /// equal to what stream(purpose, turn, item) gives first.
  /// Args: out: size a multiple of 4, four words an item.
  void fill(Draw purpose, const Turn& turn, std::uint32_t first_item,
            std::span<std::uint32_t> out) const;

  /// The same for many turns: words of items first_item ... first_item + n_items - 1 of each.
  /// Args: out: (turns.size(), n_items, 4).
  void fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
            std::uint32_t n_items, std::span<std::uint32_t> out) const;

  /// The same for items of each turn's own: words of first_item + ids[j] for the j of turn t,
  /// offsets[t] <= j < offsets[t + 1]. Every first_item + id is below 2^24.
  /// Args: offsets: (turns.size() + 1), into ids.  out: (offsets.back() - offsets[0], 4).
  void fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
            std::span<const std::uint32_t> offsets, std::span<const std::uint16_t> ids,
            std::span<std::uint32_t> out) const;
  void fill(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
            std::span<const std::uint32_t> offsets, std::span<const std::uint32_t> ids,
            std::span<std::uint32_t> out) const;

 private:
  template <class Id>
  void fill_ids(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
                std::span<const std::uint32_t> offsets, std::span<const Id> ids,
                std::span<std::uint32_t> out) const;

  std::uint64_t seed_;
  std::array<std::uint32_t, 2> key_;
};

/// 2^32 P(X <= k) for X ~ Poisson(1), rounded; from k = 12 on it is 2^32.
inline constexpr std::array<std::uint32_t, 12> kPoissonOne = {
    1580030169, 3160060337, 3950075422, 4213413783, 4279248374, 4292415292,
    4294609778, 4294923276, 4294962463, 4294966817, 4294967253, 4294967292};

/// Poisson(1) by inversion on 32 bits, exact to 2^-32 a value (a 13 or more would have probability
/// 6e-11): the weights of a one-pass bootstrap. Returns: 0 ... 12.
inline std::uint8_t poisson_one(std::uint32_t word) {
  std::uint8_t value = 0;
  for (const std::uint32_t threshold : kPoissonOne)
    value = static_cast<std::uint8_t>(value + (word >= threshold ? 1 : 0));
  return value;
}

}  // namespace rehearsal
