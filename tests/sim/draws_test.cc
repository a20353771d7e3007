#include "sim/core/draws.h"

#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("the words below a probability are those whose uniform number is below it", "[draws]") {
  CHECK(words_below(0) == 0);
  CHECK(words_below(1) == std::uint64_t{1} << 32);
  for (const double p : {1e-300, 0x1p-33, 0x1.0000000000001p-33, 0x1p-32, 0.1, 0.25, 0x1.8p-32, 0.4,
                         0.5, 2.0 / 3, 0.85, 1 - 0x1p-33, 1 - 0x1p-34}) {
    const std::uint64_t n = words_below(p);
    INFO("p " << p << ", words " << n);
    if (n > 0) CHECK(Stream::to_uniform(static_cast<std::uint32_t>(n - 1)) < p);
    if (n >> 32 == 0) CHECK(Stream::to_uniform(static_cast<std::uint32_t>(n)) >= p);
  }
}
