// TorchScript modules as policies: made here, in C++, as torch.jit.save would write them.
#include <torch/csrc/jit/api/module.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/conformance/walked_policies.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using Catch::Contains;

namespace {

/// Its inputs are device=mobile, buyer=regular, buyer=collector, taste.
const std::string kScores =
    "torch.cat([x[:, 3:4], -x[:, 3:4], 0.25 + 0.0 * x[:, 0:1], x[:, 0:1]], 1)";

/// Args: body: of forward(self, x).  names: attributes.
void write_module(const std::string& file, const std::string& body,
                  const std::map<std::string, std::vector<std::string>>& names = {}) {
  torch::jit::Module module("Mine");
  for (const auto& [name, values] : names)
    module.register_attribute(name, c10::ListType::ofStrings(), c10::List<std::string>(values));
  module.define("def forward(self, x):\n" + body);
  module.save(file);
}

struct Files {
  TemporaryFolder folder;
  Schema schema = small::schema();

  std::string write(const std::string& body,
                    const std::map<std::string, std::vector<std::string>>& names = {}) const {
    write_module(folder.path("model.pt"), body, names);
    return folder.path("model.pt");
  }
  std::shared_ptr<Policy> policy(
      const std::string& body, const std::string& more = "",
      const std::map<std::string, std::vector<std::string>>& names = {}) const {
    return small::policy("{name: mine, type: torchscript, file: " + write(body, names) + more + "}",
                         schema);
  }
  std::string why_not_made(
      const std::string& body,
      const std::map<std::string, std::vector<std::string>>& names = {}) const {
    try {
      policy(body, "", names);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      CHECK_THAT(error.what(), Contains("model.pt"));
      return error.what();
    }
    return "";
  }
  std::string why_stopped(const std::string& body) const {
    const auto made = policy(body);
    try {
      recommend(*made, small::requests(200, Rng(3)), Rng(1), nullptr);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kRuntime);
      CHECK_THAT(error.what(), Contains("model.pt"));
      return error.what();
    }
    return "";
  }
};

std::vector<double> scores_by_hand(const RequestBatch& requests) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::span<const float> x = requests.features(i);
    const std::vector<float> all{x[2], -x[2], 0.25f, x[0]};
    for (const std::uint16_t module : requests.eligible(i)) scores.push_back(all[module]);
  }
  return scores;
}

std::vector<std::uint16_t> three(const RequestBatch& requests) {
  std::vector<std::uint16_t> n;
  for (std::size_t i = 0; i < requests.size(); ++i)
    n.push_back(static_cast<std::uint16_t>(std::min<std::size_t>(3, requests.n_eligible(i))));
  return n;
}

/// The first request whose taste is above `least`, as messages name it.
std::string first_above(double least) {
  const RequestBatch requests = small::requests(200, Rng(3));
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests.features(i)[2] > least)
      return "user " + std::to_string(requests.user[i]) + ", session 0, round 0: ";
  return "none";
}

}  // namespace

// What this program walks of the table of policies (tests/conformance).
bool testing::walks(const std::string& type) { return type == "torchscript"; }

std::string testing::needed_fields(const std::string&) {
  static const TemporaryFolder folder;
  static const std::string file = [] {
    write_module(folder.path("walked.pt"), "  return " + kScores + "\n");
    return folder.path("walked.pt");
  }();
  return "temperature: 0.5, file: " + file;
}

TEST_CASE("a TorchScript module's scores order the modules", "[torchscript]") {
  const Files files;
  const RequestBatch requests = small::requests(60, Rng(3));
  const auto by_hand =
      make_deterministic(requests.module_offsets, three(requests), scores_by_hand(requests));
  const auto policy = files.policy("  return " + kScores + "\n");
  CHECK(policy->deterministic());
  const auto slates = policy->distribution(requests);
  // Its own order of inputs and of modules, where it names them.
  const auto named = files.policy(
      "  return torch.cat([x[:, 1:2], x[:, 0:1], 0.25 + 0.0 * x[:, 0:1], -x[:, 0:1]], 1)\n", "",
      {{"inputs", {"taste", "device=mobile"}}, {"outputs", {"delta", "alpha", "gamma", "beta"}}});
  const auto of_named = named->distribution(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::uint16_t> expected(slates->n_positions(i));
    std::vector<std::uint16_t> slate = expected;
    by_hand->sample(i, Rng(1), {}, expected);
    slates->sample(i, Rng(1), {}, slate);
    CHECK(slate == expected);
    of_named->sample(i, Rng(1), {}, slate);
    CHECK(slate == expected);
  }
}

TEST_CASE("with a temperature a TorchScript module's pages are drawn, with exact propensities",
          "[torchscript]") {
  const Files files;
  const RequestBatch requests = small::requests(60, Rng(3));
  std::vector<double> scores = scores_by_hand(requests);
  for (double& score : scores) score /= 0.5;
  const auto by_hand = make_plackett_luce(requests.module_offsets, three(requests), scores);
  const auto policy = files.policy("  return " + kScores + "\n", ", temperature: 0.5");
  CHECK_FALSE(policy->deterministic());
  Propensities together;
  const PageBatch pages = recommend(*policy, requests, Rng(1), &together);
  for (std::uint32_t i = 0; i < requests.size(); ++i) {
    std::vector<std::uint16_t> choices;
    for (const std::uint16_t module : pages.shown(i))
      choices.push_back(static_cast<std::uint16_t>(
          std::find(requests.eligible(i).begin(), requests.eligible(i).end(), module) -
          requests.eligible(i).begin()));
    std::vector<double> p(choices.size());
    by_hand->prefix_probabilities(i, choices, p);
    CHECK(together.pscore[i] == Approx(p.back()).epsilon(1e-9));
    // No page depends on the batch that holds its request.
    Propensities alone;
    const RequestBatch one = gather(requests, std::span(&i, 1));
    CHECK(recommend(*policy, one, Rng(1), &alone).module ==
          std::vector<std::uint16_t>(pages.shown(i).begin(), pages.shown(i).end()));
    CHECK(alone.pscore[0] == together.pscore[i]);
  }
}

TEST_CASE("a TorchScript module that scores items orders them inside every module",
          "[torchscript]") {
  const Files files;
  const RequestBatch requests = small::requests(40, Rng(3));
  const std::string body = "  n = torch.cumsum(torch.ones([1, 6]), 1)\n  return (" + kScores +
                           ", n * torch.sign(x[:, 3:4]))\n";
  const auto policy = files.policy(body);
  CHECK(policy->deterministic());
  Propensities own;
  const PageBatch pages = recommend(*policy, requests, Rng(1), &own);
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
      std::vector<std::uint32_t> items(pages.item.begin() + pages.item_offsets[slot],
                                       pages.item.begin() + pages.item_offsets[slot + 1]);
      if (requests.features(i)[2] > 0) std::reverse(items.begin(), items.end());
      CHECK(std::is_sorted(items.begin(), items.end()));
    }
  for (const double p : own.pscore_items) CHECK(p == 1);
  // A ranker that is named decides instead.
  const auto ranked = files.policy(body, ", ranker: {type: retrieval}");
  CHECK(recommend(*ranked, requests, Rng(1), nullptr).item != pages.item);
  const auto drawn = files.policy(body, ", item_temperature: 1");
  CHECK(drawn->deterministic());  // of the modules
  CHECK_FALSE(drawn->ranker()->deterministic());
  Propensities of_drawn;
  recommend(*drawn, requests, Rng(1), &of_drawn);
  for (const double p : of_drawn.pscore) CHECK((p > 0 && p < 1));
}

TEST_CASE("a file that is no scorer of this site is refused before anything runs",
          "[torchscript]") {
  const Files files;
  const std::string columns = "columns device=mobile, buyer=regular, buyer=collector, taste";
  CHECK_THAT(
      files.why_not_made("  return x[:, 0:3]\n"),
      Contains("gave (n, 3) scores of modules; expected (n, 4): alpha, beta, gamma, delta") &&
          Contains(columns));
  CHECK_THAT(files.why_not_made("  return x.double()\n"),
             Contains("forward gave Double (1, 4) of scores, where Float (1, n) is expected"));
  CHECK_THAT(files.why_not_made("  return x[0]\n"), Contains("forward gave Float (4)"));
  CHECK_THAT(files.why_not_made("  return torch.matmul(x, torch.zeros(7, 4))\n"),
             Contains("forward of Float (1, 4) failed") && Contains(columns));
  CHECK_THAT(files.why_not_made("  return 3.0\n"), Contains("where a tensor is expected"));
  CHECK_THAT(files.why_not_made("  return (x, x, x)\n"), Contains("a tuple of 3"));
  CHECK_THAT(files.why_not_made("  return (x, x)\n"),
             Contains("gave (n, 4) scores of items; expected (n, 6), the catalogue"));
  CHECK_THAT(files.why_not_made("  return torch.rand(1, 4)\n"), Contains("asked twice"));
  CHECK_THAT(files.why_not_made("  return x\n", {{"inputs", {"tast"}}}),
             Contains("'inputs'") && Contains("did you mean 'taste'"));
  CHECK_THAT(files.why_not_made("  return x\n", {{"outputs", {"alpha", "beta"}}}),
             Contains("'outputs' leaves out some of alpha, beta, gamma, delta"));
  CHECK_THAT(files.why_not_made("  return x\n", {{"outputs", {"alpha", "alpha"}}}),
             Contains("names 'alpha' twice"));
  const auto refused = [&](const std::string& fields) {
    try {
      small::policy("{name: x, type: torchscript" + fields + "}", files.schema);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refused(""), Contains("file") && Contains("is missing"));
  CHECK_THAT(refused(", file: /no/such.pt"), Contains("/no/such.pt"));
  CHECK_THAT(refused(", file: " + files.folder.write("text.pt", "no archive")),
             Contains("is no TorchScript module"));
}

TEST_CASE("a TorchScript module that misbehaves is stopped with the request that caused it",
          "[torchscript]") {
  const Files files;
  CHECK_THAT(files.why_stopped("  return x + torch.sqrt(1.0 - x[:, 3:4])\n"),
             Contains(first_above(1.0) + "the score of the module 'alpha' is") && Contains("nan"));
  CHECK_THAT(files.why_stopped("  assert bool(x[0, 3] <= 1.5), \"no idea\"\n  return x\n"),
             Contains(first_above(1.5)) && Contains("no idea"));
  CHECK_THAT(files.why_stopped("  n = 4 if bool(x[0, 3] <= 1.2) else 3\n  return x[:, 0:n]\n"),
             Contains(first_above(1.2) + "forward gave (n, 3) scores of modules"));
  CHECK(files.why_stopped("  return x\n").empty());
}

TEST_CASE("a TorchScript policy is saved and served, one bad request answered with its error",
          "[torchscript]") {
  const Files files;
  const auto policy = files.policy("  return torch.sqrt(2.0 - x[:, 3:4]) * " + kScores + "\n");
  save_policy(*policy, policy->config(), files.folder.path("saved"));
  save_policy_schema(files.schema, files.folder.path("saved"));
  const auto line = [](const std::string& id, double taste) {
    return R"({"id": ")" + id + R"(", "context": {"device": "desktop", "buyer": "new", "taste": )" +
           std::to_string(taste) + R"(}, "modules": [{"module": "alpha", "items": [1]}, )" +
           R"({"module": "beta", "items": [2]}]})" + "\n";
  };
  const std::string requests =
      files.folder.write("requests.jsonl", line("a", 1) + line("b", 3) + line("c", -1));
  CallOptions options;
  options.input = requests;
  const Called served = call_program({"rank", "--policy", files.folder.path("saved")}, options);
  CHECK(served.status == 3);
  std::vector<nlohmann::json> answers;
  std::istringstream lines(served.out);
  for (std::string text; std::getline(lines, text);) answers.push_back(nlohmann::json::parse(text));
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]["page"][0]["module"] == "alpha");
  CHECK_THAT(answers[1]["error"].get<std::string>(), Contains("the score of the module 'alpha'"));
  CHECK(answers[2]["page"][0]["module"] == "beta");
}
