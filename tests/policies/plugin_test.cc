#include "policies/plugin.h"

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

const std::string kLibrary = REHEARSAL_TEST_PLUGIN;

std::shared_ptr<Policy> plugin_policy(const Schema& schema, const std::string& options) {
  return small::policy(
      "{name: mine, type: plugin, library: " + kLibrary + ", options: " + options + "}", schema);
}

std::string why_not_made(const std::string& fields) {
  const Schema schema = small::schema();
  try {
    small::policy("{name: mine, type: plugin" + fields + "}", schema);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

std::string why_stopped(const std::string& options) {
  const Schema schema = small::schema();
  const auto policy = plugin_policy(schema, options);
  const RequestBatch requests = small::requests(20, Rng(3));
  try {
    recommend(*policy, requests, Rng(1), nullptr);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRuntime);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a plug-in that scores modules shows the best first", "[plugin]") {
  const Schema schema = small::schema();
  const auto policy = plugin_policy(schema, "''");
  const RequestBatch requests = small::requests(30, Rng(3));
  Propensities propensities;
  const PageBatch pages = recommend(*policy, requests, Rng(1), &propensities);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::uint16_t> best(requests.eligible(i).rbegin(), requests.eligible(i).rend());
    best.resize(pages.n_shown(i));
    CHECK(std::vector<std::uint16_t>(pages.shown(i).begin(), pages.shown(i).end()) == best);
    CHECK(propensities.pscore[i] == 1);
  }
}

TEST_CASE("a plug-in's own probabilities are the propensities and the frequencies", "[plugin]") {
  const Schema schema = small::schema();
  const auto policy = plugin_policy(schema, "mixed");
  CHECK_FALSE(policy->deterministic());
  const RequestBatch requests = small::requests(2000, Rng(3));
  Propensities own;
  const PageBatch pages = recommend(*policy, requests, Rng(1), &own);
  const Propensities again = propensities(*policy, requests, pages);
  CHECK(own.pscore == again.pscore);
  CHECK(own.pscore_item_position == again.pscore_item_position);
  std::size_t n_usual = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool usual = pages.shown(i)[0] == requests.eligible(i).back();
    CHECK(own.pscore[i] == (usual ? 0.25 : 0.75));
    n_usual += usual ? 1 : 0;
  }
  CHECK(std::abs(static_cast<double>(n_usual) - 500) < 4 * std::sqrt(2000 * 0.25 * 0.75));
}

TEST_CASE("a plug-in that misbehaves is stopped with the request that caused it", "[plugin]") {
  using Catch::Contains;
  const std::string who = "user 7, session 0, round 0: ";
  CHECK_THAT(why_stopped("throw"), Contains(kLibrary) && Contains(who + "no idea"));
  CHECK_THAT(why_stopped("throw int"), Contains(who + "an exception that is no std::exception"));
  CHECK_THAT(why_stopped("twice"), Contains(who + "a page with module") && Contains("twice"));
  CHECK_THAT(why_stopped("ineligible"), Contains(who + "a page with module 999, which is not"));
  CHECK_THAT(why_stopped("short"), Contains(who + "a page of"));
  CHECK_THAT(why_stopped("sum"), Contains(who + "1 pages whose probabilities sum to 0.9"));
  CHECK_THAT(why_stopped("negative"), Contains(who + "a page of probability -1"));
  CHECK_THAT(why_stopped("none"), Contains(who + "0 pages whose probabilities sum to 0"));
  CHECK_THAT(why_stopped("two"), Contains(who + "2 pages, though it says"));
  CHECK_THAT(why_stopped("nan"), Contains("user 0, session 0, round 0: the score of module 0"));
  CHECK(why_stopped("'well behaved'").empty());
}

TEST_CASE("a library that is no plug-in of this interface is refused by its place", "[plugin]") {
  using Catch::Contains;
  REQUIRE(why_not_made(", library: " + kLibrary).empty());
  CHECK_THAT(why_not_made(""), Contains("library") && Contains("is missing"));
  CHECK_THAT(why_not_made(", library: /no/such.so"), Contains("/no/such.so"));
  CHECK_THAT(why_not_made(", library: " REHEARSAL_OLD_PLUGIN),
             Contains("was built for interface 999, this program has 1"));
  CHECK_THAT(why_not_made(", library: " REHEARSAL_LIBRARY), Contains("is no plug-in"));
  CHECK_THAT(why_not_made(", library: " + kLibrary + ", options: refuse"),
             Contains("does not like this site"));
}

TEST_CASE("a saved plug-in is loaded again by its path", "[plugin]") {
  const TemporaryFolder folder;
  const Schema schema = small::schema();
  const auto policy = plugin_policy(schema, "mixed");
  save_policy(*policy, policy->config(), folder.path("saved"));
  save_policy_schema(schema, folder.path("saved"));
  const ServedPolicy served = load_served_policy(folder.path("saved"));
  const RequestBatch requests = small::requests(30, Rng(3));
  Propensities before, after;
  const PageBatch pages = recommend(*policy, requests, Rng(1), &before);
  CHECK(recommend(*served.policy, requests, Rng(1), &after).module == pages.module);
  CHECK(before.pscore == after.pscore);
}
