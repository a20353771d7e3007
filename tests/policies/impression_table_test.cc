#include "policies/impression_table.h"

#include <set>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

/// Five shards of 20 rows in lists of four; a row's user says which it is.
ImpressionTable shard_of(std::size_t shard) {
  ImpressionTable table;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto id = static_cast<std::uint32_t>(20 * shard) + i;
    table.user.push_back(id);
    table.item.push_back(id % 7);
    table.dense.push_back(static_cast<float>(id));
    table.dense.push_back(i == 0 ? kMissing : 2.0f);
    table.labels.push_back(static_cast<float>(id) + 0.5f);
    table.soft.push_back(-static_cast<float>(id));
    if (i % 4 == 3) table.lists.push_back(i + 1);
  }
  return table;
}

ImpressionShards shards(std::size_t* n_reads = nullptr) {
  return {5, 2, 1, 1, [n_reads](std::size_t shard) {
            if (n_reads != nullptr) ++*n_reads;
            return shard_of(shard);
          }};
}

/// Users in the order of one pass; checks that a row's columns stay together.
std::vector<std::uint32_t> dealt(ImpressionStream& stream, int epoch) {
  std::vector<std::uint32_t> users;
  ImpressionTable batch;
  stream.start(epoch);
  while (stream.next(batch)) {
    REQUIRE(batch.labels.size() == batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto id = static_cast<float>(batch.user[i]);
      CHECK(batch.item[i] == batch.user[i] % 7);
      CHECK(batch.labels[i] == id + 0.5f);
      CHECK(batch.soft[i] == -id);
      // Mean 49.5 and deviation of 0 ... 99; the second never varies and is centred, NaN or not.
      CHECK(batch.dense[2 * i] == Approx((id - 49.5) / std::sqrt(9999.0 / 12)).margin(1e-5));
      CHECK(batch.dense[2 * i + 1] == 0);
      users.push_back(batch.user[i]);
    }
  }
  return users;
}

}  // namespace

TEST_CASE("a pass deals every impression once, in an order of its epoch's own", "[impressions]") {
  for (const std::size_t pool_rows : {1000, 45}) {
    std::size_t n_reads = 0;
    ImpressionStream stream(shards(&n_reads), {16, false, pool_rows}, Rng(3), "test");
    CHECK(stream.n_rows() == 100);
    CHECK(stream.n_users() == 100);
    const std::vector<std::uint32_t> first = dealt(stream, 0);
    CHECK(first.size() == 100);
    CHECK(std::set<std::uint32_t>(first.begin(), first.end()).size() == 100);
    const std::vector<std::uint32_t> second = dealt(stream, 1);
    CHECK(first != second);
    // What fits is read once, what does not once a pass more.
    CHECK(n_reads == (pool_rows == 1000 ? 5 : 15));
    ImpressionStream again(shards(), {16, false, pool_rows}, Rng(3), "test");
    CHECK(dealt(again, 1) == second);
    ImpressionStream other(shards(), {16, false, pool_rows}, Rng(4), "test");
    CHECK(dealt(other, 1) != second);
  }
}

TEST_CASE("batches of lists hold whole ones", "[impressions]") {
  ImpressionStream stream(shards(), {10, true, 45}, Rng(3), "test");
  ImpressionTable batch;
  std::size_t n = 0;
  stream.start(0);
  while (stream.next(batch)) {
    CHECK(batch.size() == (n + 12 <= 100 ? 12 : 4));
    REQUIRE(batch.lists.back() == batch.size());
    for (std::size_t l = 0; l + 1 < batch.lists.size(); ++l) {
      const std::uint32_t first = batch.user[batch.lists[l]];
      CHECK(first % 4 == 0);
      for (std::uint32_t k = 0; k < 4; ++k) CHECK(batch.user[batch.lists[l] + k] == first + k);
    }
    n += batch.size();
  }
  CHECK(n == 100);
}

TEST_CASE("a log that shows nothing cannot be dealt", "[impressions]") {
  CHECK_THROWS_WITH(ImpressionStream({2, 1, 1, 0, [](std::size_t) { return ImpressionTable{}; }},
                                     {}, Rng(1), "train net"),
                    Catch::Contains("train net") && Catch::Contains("no items"));
}
