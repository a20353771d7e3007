#include "sim/log/source.h"

#include <set>

#include "tests/catch.h"
#include "tests/sim/log/sample_log.h"
#include "tests/support/temporary_folder.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Rounds of n users, two each, on pages of one module; a click where user + round is odd.
LogBatch users(std::uint32_t n) {
  LogBatch batch;
  for (std::uint32_t u = 0; u < n; ++u)
    for (std::uint16_t r = 0; r < 2; ++r) {
      batch.requests.user.push_back(u);
      batch.requests.session.push_back(0);
      batch.requests.round.push_back(r);
      batch.requests.n_slots.push_back(1);
      batch.requests.module.push_back(0);
      batch.requests.module_offsets.push_back(static_cast<std::uint32_t>(batch.size()));
      batch.pages.module.push_back(0);
      batch.pages.slot_offsets.push_back(static_cast<std::uint32_t>(batch.size()));
      batch.responses.click.push_back(static_cast<std::uint8_t>((u + r) % 2));
    }
  return batch;
}

}  // namespace

TEST_CASE("the two sides of a share hold every round once and no user twice") {
  const Schema schema = sample_schema();
  const std::vector<LogBatch> log{users(400)};
  const Rng rng(3);
  const LogBatch left = users_between(source_of(schema, log), rng, 0, 0.3).read(0, {});
  const LogBatch right = users_between(source_of(schema, log), rng, 0.3, 1).read(0, {});
  CHECK(left.size() + right.size() == 800);
  const std::set<std::uint32_t> a(left.requests.user.begin(), left.requests.user.end());
  const std::set<std::uint32_t> b(right.requests.user.begin(), right.requests.user.end());
  CHECK(a.size() + b.size() == 400);
  // 4 standard errors of a share of 0.3 among 400.
  CHECK(std::abs(static_cast<double>(a.size()) - 120) < 4 * std::sqrt(400 * 0.3 * 0.7));
  for (std::size_t i = 0; i < left.size(); ++i)
    CHECK(left.responses.click[i] == (left.requests.user[i] + left.requests.round[i]) % 2);
}

TEST_CASE("the whole range is the whole log") {
  const Schema schema = sample_schema();
  const std::vector<LogBatch> log{users(7)};
  CHECK(users_between(source_of(schema, log), Rng(1), 0, 1).read(0, {}).requests.user ==
        log[0].requests.user);
}

TEST_CASE("gathered and appended rounds keep the features of their candidates") {
  const LogBatch log = sample_batch(0, 12);
  const std::vector<std::uint32_t> last{11}, first{2, 0};
  RequestBatch found = gather(log.requests, last);
  append(gather(log.requests, first), found);
  const RequestBatch& all = log.requests;
  std::vector<float> expected;
  for (const std::uint32_t i : {11u, 2u, 0u}) {
    const std::size_t begin = all.candidate_offsets[all.module_offsets[i]];
    const std::size_t end = all.candidate_offsets[all.module_offsets[i + 1]];
    expected.insert(expected.end(),
                    all.candidate_context.begin() + static_cast<std::ptrdiff_t>(2 * begin),
                    all.candidate_context.begin() + static_cast<std::ptrdiff_t>(2 * end));
  }
  CHECK(!expected.empty());
  CHECK(found.n_candidate_features == 2);
  CHECK(found.candidate_context == expected);
  CHECK(found.candidate_context.size() == 2 * found.candidate.size());
}
