#include "sim/core/rng.h"

#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("bulk filling gives the words that streams give") {
  const Rng rng(7);
  const Turn turn{UserId{123}, 4, 5};
  std::vector<std::uint32_t> bulk(4 * 10);
  rng.fill(Draw::kResponse, turn, 3, bulk);
  for (std::uint32_t item = 0; item < 10; ++item) {
    Stream stream = rng.stream(Draw::kResponse, turn, 3 + item);
    for (std::size_t word = 0; word < 4; ++word) CHECK(bulk[4 * item + word] == stream());
  }
}
