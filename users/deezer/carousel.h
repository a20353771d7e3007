#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rehearsal::deezer {

/// P(user u streams playlist i | seen) = logistic(x_u . theta_i) (Bendada, Salha and Bontempelli,
/// RecSys 2020). Args: user, playlist: (n_dimensions), a constant 1 in the user's last place.
double stream_probability(std::span<const double> user, std::span<const double> playlist);

/// The cards of highest probability, best first; of equals the lower index.
/// Args: n_cards: at most probability.size().
std::vector<std::uint32_t> optimal_slate(std::span<const double> probability, std::size_t n_cards);

/// P(a stream from the slate) = 1 - prod(1 - p_k): the carousel's expected reward.
double any_stream(std::span<const double> probability);

/// The law of the first success among independent draws, card by card: all that the simulator
/// keeps of them. How many cards are visible at first plays no part in it.
/// Args: first: (n_cards), filled with p_k prod_{j < k} (1 - p_j).
/// Returns: P(no stream).
double first_stream_law(std::span<const double> probability, std::span<double> first);

/// Which cards a session without (or with) a stream counts as seen.
enum class SeenRule {
  kPublished,  // up to the stream; all of them without one (the code's test for "no stream" is
               // never true)
  kPaper,      // max(l_init, stream) cards; the l_init visible ones without a stream
};

/// How many cards, from the first on, a session's arm update counts as displayed.
/// Args: stream: 0-based card that was streamed, none without.  l_init: cards visible at first.
///       cascade: false: every card counts.
std::size_t cards_seen(std::optional<std::size_t> stream, std::size_t n_cards, std::size_t l_init,
                       SeenRule rule, bool cascade = true);

}  // namespace rehearsal::deezer
