#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <tuple>

#include "sim/core/error.h"
#include "sim/engine/live.h"
#include "sim/engine/parallel.h"
#include "tests/catch.h"
#include "tests/engine_fixture.h"
#include "tests/item_page_fixture.h"

using namespace rehearsal;

namespace {

/// Everything that play() handed to its sink, joined.
struct Joined {
  Played played;
  TruthBatch truth;
  std::size_t n_batches = 0;

  std::string bytes() const {
    return bytes_of(played.requests) + bytes_of(played.pages) + bytes_of(played.propensities) +
           bytes_of(played.responses) + bytes_of(truth);
  }
};

Joined play_all(const ItemPage& page, const UserModel& users, const Policy& policy,
                std::uint64_t n_rounds, std::size_t batch_rounds, std::uint32_t first = 0,
                std::uint32_t n_users = 500, std::uint16_t session = 0) {
  Joined all;
  play(*page.world, users, policy, Rng(9), first, n_users, {n_rounds, 500}, session, batch_rounds,
       true, [&](Played& played, TruthBatch& truth) {
         append(played.requests, all.played.requests);
         append(played.pages, all.played.pages);
         append(played.propensities, all.played.propensities);
         append(played.responses, all.played.responses);
         append(truth, all.truth);
         ++all.n_batches;
       });
  return all;
}

const FixedOrder kForward({10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
const FixedOrder kBackward({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});

/// Users whose hidden mood counts their rounds and purchases nothing: for the engine alone.
class CountingUsers : public UserModel {
 public:
  explicit CountingUsers(const UserModel& base) : base_(base) {}
  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override {
    base_.respond(requests, pages, rng, responses, truth);
    // The mood is lent to the model beside the requests' own latents.
    for (std::size_t i = 0; i < requests.size(); ++i)
      responses.revenue[pages.slot_offsets[i]] =
          static_cast<float>(requests.latents->state(static_cast<Eigen::Index>(i), 1));
  }
  ExpectedBatch expected(const RequestBatch&, const PageBatch&) const override { return {}; }
  std::size_t n_state() const override { return 2; }
  void start(std::span<const UserId> users, const Rng&, RowMatrix& state) const override {
    for (std::size_t i = 0; i < users.size(); ++i)
      state.row(static_cast<Eigen::Index>(i)) << users[i].value, 100;
  }
  void advance(const RequestBatch& requests, const PageBatch&, const ResponseBatch&, const Rng&,
               RowMatrix& state, std::span<std::uint16_t> gap) const override {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto row = static_cast<Eigen::Index>(i);
      REQUIRE(state(row, 0) == requests.user[i]);
      state(row, 1) += 1;
      gap[i] = requests.round[i] == 1;
    }
  }

 private:
  const UserModel& base_;
};

}  // namespace

TEST_CASE("what is played does not depend on the batch size or on who plays beside") {
  const ItemPage page;
  const RandomOrder policy;
  const Joined whole = play_all(page, *page.users, policy, 1700, 1024);
  CHECK(whole.played.requests.size() == 1700);
  for (const std::size_t batch : {std::size_t{1}, std::size_t{7}, std::size_t{64}})
    CHECK(play_all(page, *page.users, policy, 1700, batch).bytes() == whole.bytes());
  // Users 100 to 119 alone: their rounds are those of the whole.
  const Joined few = play_all(page, *page.users, policy, 1700, 16, 100, 20);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < 1700; ++i)
    if (whole.played.requests.user[i] >= 100 && whole.played.requests.user[i] < 120)
      rows.push_back(i);
  CHECK(few.played.requests.size() == rows.size());
  CHECK(bytes_of(gather(whole.played.requests, rows)) == bytes_of(few.played.requests));
  CHECK(bytes_of(gather(whole.played.responses, whole.played.pages, rows)) ==
        bytes_of(few.played.responses));
  CHECK(bytes_of(gather(whole.truth, whole.played.pages, rows)) == bytes_of(few.truth));
}

TEST_CASE("every user takes the rounds of the budget, session after session") {
  const ItemPage page;
  const Joined all = play_all(page, *page.users, kForward, 1703, 100);
  std::map<std::uint32_t, std::vector<std::tuple<int, int, int>>> rounds;
  for (std::size_t i = 0; i < all.played.requests.size(); ++i) {
    const Turn turn = all.played.requests.turn(i);
    rounds[turn.user.value].push_back({turn.session, turn.round, all.truth.leave[i]});
  }
  std::size_t left = 0;
  CHECK(rounds.size() == 500);
  for (const auto& [user, turns] : rounds) {
    CHECK(turns.size() == (user < 203 ? 4 : 3));
    CHECK(std::get<0>(turns[0]) == 0);
    CHECK(std::get<1>(turns[0]) == 0);
    for (std::size_t t = 1; t < turns.size(); ++t) {
      const auto [session, round, leave] = turns[t - 1];
      CHECK(std::get<0>(turns[t]) == session + leave);
      CHECK(std::get<1>(turns[t]) == (leave ? 0 : round + 1));
      left += static_cast<std::size_t>(leave);
    }
  }
  CHECK(left > 360);
  CHECK(left < 600);
}

TEST_CASE("the same user under two policies gets the same requests, sessions and luck") {
  const ItemPage page;
  const Joined a = play_all(page, *page.users, kForward, 1500, 64);
  const Joined b = play_all(page, *page.users, kBackward, 1500, 100);
  CHECK(bytes_of(a.played.requests) == bytes_of(b.played.requests));
  CHECK(a.truth.leave == b.truth.leave);
  CHECK(a.truth.latents == b.truth.latents);
  CHECK(a.played.pages.module != b.played.pages.module);
  // A module at the same slot of both pages meets the same noise, so the same response; one that
  // is clicked at a lower slot is clicked at a higher one too.
  std::size_t same_slot = 0;
  std::size_t moved_clicks = 0;
  for (std::size_t i = 0; i < 1500; ++i)
    for (std::size_t k = 0; k < a.played.pages.n_shown(i); ++k)
      for (std::size_t l = 0; l < b.played.pages.n_shown(i); ++l) {
        if (a.played.pages.shown(i)[k] != b.played.pages.shown(i)[l]) continue;
        const std::size_t at_a = a.played.pages.slot_offsets[i] + k;
        const std::size_t at_b = b.played.pages.slot_offsets[i] + l;
        if (k == l) {
          ++same_slot;
          REQUIRE(a.played.responses.click[at_a] == b.played.responses.click[at_b]);
          REQUIRE(a.played.responses.revenue[at_a] == b.played.responses.revenue[at_b]);
          for (std::size_t j = 0; j < 8; ++j)
            REQUIRE(a.played.responses.impression[a.played.pages.item_offsets[at_a] + j] ==
                    b.played.responses.impression[b.played.pages.item_offsets[at_b] + j]);
        } else if (k < l && b.played.responses.click[at_b] != 0) {
          ++moved_clicks;
          REQUIRE(a.played.responses.click[at_a] != 0);
        }
      }
  CHECK(same_slot > 100);
  CHECK(moved_clicks > 5);
}

TEST_CASE("a user's hidden state goes from round to round, whatever the batches") {
  const ItemPage page;
  const CountingUsers counting(*page.users);
  const Joined whole = play_all(page, counting, kForward, 2600, 512);
  CHECK(play_all(page, counting, kForward, 2600, 33).bytes() == whole.bytes());
  std::map<std::uint32_t, float> next;
  for (std::size_t i = 0; i < 2600; ++i) {
    const std::uint32_t user = whole.played.requests.user[i];
    const float mood = whole.played.responses.revenue[whole.played.pages.slot_offsets[i]];
    REQUIRE(mood == 100 + next[user]);
    next[user] += 1;
    REQUIRE(whole.played.requests.session[i] == (static_cast<int>(next[user]) - 1) / 2);
  }
}

TEST_CASE("more sessions than an address holds is refused") {
  const ItemPage page("{users: 1, items: 2000, categories: 8}", "{leave: 1}");
  const auto run = [&](std::uint64_t n_rounds, std::uint16_t session) {
    play(*page.world, *page.users, kForward, Rng(1), 0, 1, {n_rounds, 1}, session, 8, false,
         [](Played&, TruthBatch&) {});
  };
  CHECK_NOTHROW(run(2, kLiveSession - 2));
  CHECK_THROWS_AS(run(3, kLiveSession - 2), Error);
  CHECK_THROWS_AS(run(3, 0xfffe), Error);
}

TEST_CASE("an interrupt stops the loop with its own error") {
  const ItemPage page;
  request_interrupt();
  try {
    play_all(page, *page.users, kForward, 100, 8);
    FAIL("played on");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInterrupted);
  }
  clear_interrupt();
  CHECK_NOTHROW(play_all(page, *page.users, kForward, 100, 8));
}

TEST_CASE("a parallel loop calls every index once and passes an exception on") {
  for (const int threads : {0, 1, 2, 3}) {
    std::vector<std::atomic<int>> calls(1000);
    parallel_for(1000, threads, [&](std::size_t i) { ++calls[i]; });
    CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
    CHECK_THROWS_AS(parallel_for(100, threads,
                                 [](std::size_t i) {
                                   if (i == 42) throw Error(ErrorKind::kRuntime, "42");
                                 }),
                    Error);
  }
}

TEST_CASE("the live experiment sums each user's rounds, the same for any threads and batches") {
  const ItemPage page;
  const std::vector<const Policy*> policies{&kForward, &kBackward};
  LiveOptions options;
  options.n_rounds = 1300;
  options.metrics = {"ctr", "ptr", "revenue", "clicks", "purchases"};
  options.batch_rounds = 64;
  options.threads = 1;
  std::vector<std::uint32_t> rounds;
  const auto one = run_live(*page.world, *page.users, policies, Rng(9), options, &rounds);
  REQUIRE(one.size() == 2);
  CHECK(rounds.size() == 500);
  CHECK(rounds[299] == 3);
  CHECK(rounds[300] == 2);
  const Joined played = play_all(page, *page.users, kForward, 1300, 10, 0, 500, kLiveSession);
  RowMatrix sampled = RowMatrix::Zero(500, 3);
  RowMatrix exact = RowMatrix::Zero(500, 2);
  for (std::size_t i = 0; i < 1300; ++i)
    for (std::size_t k = played.played.pages.slot_offsets[i];
         k < played.played.pages.slot_offsets[i + 1]; ++k) {
      const std::uint32_t user = played.played.requests.user[i];
      sampled(user, 0) += played.played.responses.click[k];
      sampled(user, 1) += played.played.responses.purchase[k];
      sampled(user, 2) += played.played.responses.revenue[k];
      exact(user, 0) += played.truth.p_click[k];
      exact(user, 1) += played.truth.p_purchase[k];
    }
  CHECK(one[0].sampled.leftCols(3) == sampled);
  CHECK((one[0].exact.leftCols(2) - exact).cwiseAbs().maxCoeff() < 1e-6);
  CHECK(one[0].exact.col(0) == one[0].exact.col(3));
  CHECK(one[0].exact.col(1) == one[0].exact.col(4));
  CHECK(one[0].exact != one[1].exact);
  for (const int threads : {2, 3}) {
    options.threads = threads;
    options.batch_rounds = 17;
    const auto same = run_live(*page.world, *page.users, policies, Rng(9), options, nullptr);
    for (std::size_t p = 0; p < 2; ++p) {
      CHECK(same[p].exact == one[p].exact);
      CHECK(same[p].sampled == one[p].sampled);
    }
  }
}

TEST_CASE("the live experiment refuses an unknown metric and says which are known") {
  const ItemPage page;
  LiveOptions options;
  options.n_rounds = 10;
  options.metrics = {"clikcs"};
  CHECK_THROWS_WITH(run_live(*page.world, *page.users, {&kForward}, Rng(1), options, nullptr),
                    Catch::Matchers::Contains("did you mean 'clicks'"));
  const CountingUsers counting(*page.users);
  options.metrics = {"ctr"};
  const auto outcome = run_live(*page.world, counting, {&kForward}, Rng(1), options, nullptr);
  CHECK(outcome[0].exact.size() == 0);
  CHECK(outcome[0].sampled.rows() == 500);
}
