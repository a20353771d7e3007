#include "sim/world/list_world.h"

#include <yaml-cpp/yaml.h>

#include <map>
#include <set>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

ListWorld small_world(std::int64_t items, std::int64_t candidates, std::int64_t positions = 1) {
  Schema schema;
  schema.item_features = {"id"};
  schema.items.resize(items, 1);
  for (Eigen::Index i = 0; i < items; ++i) schema.items(i, 0) = static_cast<float>(i);
  return ListWorld({100000, items, candidates, positions}, std::move(schema), {});
}

std::vector<Turn> later_turns(std::uint32_t n) {
  std::vector<Turn> turns;
  for (std::uint32_t u = 0; u < n; ++u) turns.push_back({UserId{u}, 3, 7});
  return turns;
}

/// Shows what describe() may do.
class DescribedWorld final : public ListWorld {
 public:
  using ListWorld::ListWorld;

 private:
  void describe(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const override {
    for (std::size_t i = 0; i < turns.size(); ++i)
      out.context[i] =
          static_cast<float>(rng.stream(Draw::kRequest, turns[i], kDescribeItem).uniform());
  }
};

std::string list_message(const std::string& yaml) {
  const YAML::Node node = YAML::Load(yaml);
  const PluginConfig plugin{node, {"world.yaml", "world"}};
  try {
    ListSizes sizes;
    sizes.add_to(Fields()).read(node, plugin.source);
    sizes.check(plugin);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("every ordered choice of candidates is equally likely") {
  const ListWorld world = small_world(5, 3);
  RequestBatch requests;
  world.requests(later_turns(60000), Rng(1), requests);
  std::map<std::vector<std::uint32_t>, double> seen;
  for (std::size_t i = 0; i < requests.size(); ++i)
    seen[{requests.candidate.begin() + static_cast<std::ptrdiff_t>(3 * i),
          requests.candidate.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)}] += 1;
  REQUIRE(seen.size() == 60);
  double chi_square = 0;
  for (const auto& [choice, n] : seen) {
    CHECK(std::set(choice.begin(), choice.end()).size() == 3);
    chi_square += (n - 1000) * (n - 1000) / 1000;
  }
  CHECK(chi_square < 59 + 4 * std::sqrt(2.0 * 59));
}

TEST_CASE("a list of as many candidates as items retrieves the catalogue in its order") {
  const ListWorld world = small_world(4, 4);
  RequestBatch requests;
  world.requests(later_turns(3), Rng(1), requests);
  CHECK(requests.candidate == std::vector<std::uint32_t>{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});
  CHECK(requests.module_offsets == Offsets{0, 1, 2, 3});
  CHECK(requests.n_slots == std::vector<std::uint16_t>{1, 1, 1});
  CHECK(requests.n_positions == std::vector<std::uint16_t>{1, 1, 1});
  CHECK(requests.candidate_offsets == Offsets{0, 4, 8, 12});
  CHECK(world.schema().modules == std::vector<std::string>{"list"});
  CHECK(world.schema().n_items == 4);
}

TEST_CASE("what a request retrieves depends on its turn alone, not on the batch around it") {
  const ListWorld world = small_world(1000, 10);
  const std::vector<Turn> turns = later_turns(200);
  RequestBatch together, alone;
  world.requests(turns, Rng(5), together);
  for (const std::size_t i : {0, 63, 64, 199}) {
    world.requests(std::span(turns).subspan(i, 1), Rng(5), alone);
    CHECK(std::equal(alone.candidate.begin(), alone.candidate.end(),
                     together.candidate.begin() + static_cast<std::ptrdiff_t>(10 * i)));
    CHECK(alone.user[0] == together.user[i]);
  }
  world.requests(turns, Rng(6), alone);
  CHECK(alone.candidate != together.candidate);
}

TEST_CASE("a list world fills the context that it knows and leaves the rest at zero") {
  Schema schema;
  schema.features = {{"luck", {}, "drawn by the world"}};
  schema.items.resize(3, 0);
  const DescribedWorld world({10, 3, 2, 1}, schema, {});
  RequestBatch requests;
  world.requests(later_turns(2), Rng(1), requests);
  CHECK(requests.context[0] > 0);
  CHECK(requests.context[0] != requests.context[1]);
  const ListWorld plain({10, 3, 2, 1}, schema, {});
  plain.requests(later_turns(2), Rng(1), requests);
  CHECK(requests.context == std::vector<float>{0, 0});
}

TEST_CASE("sizes of a list that cannot be are refused with their key") {
  using Catch::Matchers::Contains;
  CHECK(list_message("{}").empty());
  CHECK_THAT(list_message("{items: 5}"), Contains("candidates") && Contains("more than items, 5"));
  CHECK_THAT(list_message("{positions: 11}"), Contains("positions") && Contains("candidates, 10"));
  CHECK_THAT(list_message("{users: 0}"), Contains("users"));
}
