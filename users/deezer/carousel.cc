#include "users/deezer/carousel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal::deezer {

double stream_probability(std::span<const double> user, std::span<const double> playlist) {
  REHEARSAL_CHECK(user.size() == playlist.size());
  return logistic(std::inner_product(user.begin(), user.end(), playlist.begin(), 0.0));
}

std::vector<std::uint32_t> optimal_slate(std::span<const double> probability, std::size_t n_cards) {
  REHEARSAL_CHECK(n_cards <= probability.size());
  std::vector<std::uint32_t> order(probability.size());
  std::iota(order.begin(), order.end(), 0u);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n_cards),
                    order.end(), [&](std::uint32_t a, std::uint32_t b) {
                      return probability[a] > probability[b] ||
                             (probability[a] == probability[b] && a < b);
                    });
  order.resize(n_cards);
  return order;
}

double any_stream(std::span<const double> probability) {
  double none = 1;
  for (const double p : probability) none *= 1 - p;
  return 1 - none;
}

double first_stream_law(std::span<const double> probability, std::span<double> first) {
  REHEARSAL_CHECK(probability.size() == first.size());
  double none = 1;
  for (std::size_t k = 0; k < probability.size(); ++k) {
    first[k] = none * probability[k];
    none *= 1 - probability[k];
  }
  return none;
}

std::size_t cards_seen(std::optional<std::size_t> stream, std::size_t n_cards, std::size_t l_init,
                       SeenRule rule, bool cascade) {
  REHEARSAL_CHECK(!stream || *stream < n_cards);
  if (!cascade) return n_cards;
  if (rule == SeenRule::kPublished) return stream ? *stream + 1 : n_cards;
  return std::min(n_cards, stream ? std::max(l_init, *stream + 1) : l_init);
}

}  // namespace rehearsal::deezer
