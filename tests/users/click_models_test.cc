// Known answers of the click models of a list.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/shared_files.h"
#include "tests/users/click_page.h"

using namespace rehearsal;
using namespace rehearsal::testing;
using Numbers = std::vector<double>;

namespace {

const Numbers kAttraction{.5, .3, .2, .4};
const Numbers kSatisfaction{.6, .5, .4, .3};
const std::string kUbm = "{type: ubm, gamma: [[1], [.8, .95], [.6, .7, .9], [.45, .5, .65, .85]]}";

void check_close(const Numbers& seen, const Numbers& expected, double tolerance) {
  REQUIRE(seen.size() == expected.size());
  for (std::size_t r = 0; r < seen.size(); ++r) {
    INFO("rank " << r + 1);
    CHECK(seen[r] == Approx(expected[r]).margin(tolerance).epsilon(0));
  }
}

std::string list_text(const Numbers& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

std::string error_of(const std::string& model, const ClickPage& page) {
  try {
    page.clicks(*click_model(model));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("accepted: " << model);
  return "";
}

/// A model of PyClick's file: its name there and its YAML here.
std::vector<std::pair<std::string, std::string>> pyclick_models(const nlohmann::json& params) {
  const auto list = [&](const char* key) { return list_text(params[key].get<Numbers>()); };
  return {{"PBM", "{type: pbm, examination: " + list("exam_pbm") + "}"},
          {"CM", "{type: cascade}"},
          {"DCM", "{type: dcm, lambda: " + list("cont_dcm") + "}"},
          {"DBN", fmt::format("{{type: dbn, gamma: {}}}", params["gamma_dbn"].get<double>())}};
}

}  // namespace

TEST_CASE("click models give the click and examination probabilities of an enumeration",
          "[click_models]") {
  const ClickPage page(kAttraction, kSatisfaction);
  struct Known {
    std::string model;
    Numbers click, examination;
  };
  const std::vector<Known> all{
      {"{type: pbm, examination: [1, .7, .5, .35]}", {.5, .21, .1, .14}, {1, .7, .5, .35}},
      {"{type: cascade}", {.5, .15, .07, .112}, {1, .5, .35, .28}},
      {"{type: dcm, lambda: [.7, .6, .5]}", {.5, .255, .1496, .26928}, {1, .85, .748, .6732}},
      {"{type: dbn, gamma: .9}", {.5, .189, .09639, .159622}, {1, .63, .48195, .399055}},
      {"{type: ccm, tau: [.9, .6, .2]}", {.5, .195, .10062, .165822}, {1, .65, .5031, .414554}},
      {kUbm, {.5, .2625, .1429, .226233}, {1, .875, .7145, .565583}}};
  for (const Known& known : all) {
    INFO(known.model);
    const auto model = click_model(known.model);
    check_close(page.clicks(*model), known.click, 1e-6);
    check_close(page.examination(*model), known.examination, 1e-6);
  }
  const ClickPage list({.2, .3, .1, .4});
  check_close(list.clicks(*click_model("{type: tcm, quit: .15}")), {.2, .204, .04046, .123808},
              1e-6);
}

TEST_CASE("click models give the conditional probabilities and likelihoods of an enumeration",
          "[click_models]") {
  const ClickPage page(kAttraction, kSatisfaction);
  const std::vector<std::uint8_t> clicks{1, 0, 1, 0};
  const auto dbn = click_model("{type: dbn, gamma: .9}");
  const Numbers q = page.conditional(*dbn, clicks);
  check_close({q[0] / .5, q[1] / .3, q[2] / .2, q[3] / .4}, {1, .36, .25426, .54}, 1e-6);
  const auto likelihood = [&](const std::string& model) {
    return page.log_likelihood(*click_model(model), clicks);
  };
  CHECK(likelihood("{type: dbn, gamma: .9}") == Approx(-4.029618).margin(1e-6));
  CHECK(likelihood("{type: dcm, lambda: [.7, .6, .5, 1]}") == Approx(-3.239079).margin(1e-6));
  CHECK(likelihood("{type: ccm, tau: [.9, .6, .2]}") == Approx(-3.914105).margin(1e-6));
  // gamma_{1,0}, gamma_{2,1}, gamma_{3,1}, gamma_{4,3} by hand.
  CHECK(likelihood(kUbm) ==
        Approx(std::log(.5 * (1 - .95 * .3) * (.7 * .2) * (1 - .85 * .4))).margin(1e-9));
}

TEST_CASE("sdbn is dbn of endless patience, and dbn that always satisfies a cascade",
          "[click_models]") {
  const ClickPage page(kAttraction, kSatisfaction);
  CHECK(page.clicks(*click_model("{type: sdbn}")) ==
        page.clicks(*click_model("{type: dbn, gamma: 1}")));
  const ClickPage satisfied(kAttraction);
  check_close(satisfied.clicks(*click_model("{type: sdbn}")),
              satisfied.clicks(*click_model("{type: cascade}")), 1e-15);
}

TEST_CASE("trust bias clicks by rank on relevant and on irrelevant items", "[click_models]") {
  const ClickPage page({.5, .3, 1, 0});
  const auto model = click_model("{type: trust_bias, eta: .5}");
  const double root = 1 / std::sqrt(3.0);
  check_close(
      page.clicks(*model),
      {.98 * .5 + .65 * .5, (.97 * .3 + .325 * .7) / std::sqrt(2.0), .96 * root, .5 * .65 / 4},
      1e-12);
  const ClickPage deep(Numbers(25, 1.0));
  CHECK(deep.clicks(*click_model("{type: trust_bias, eta: 0}"))[24] == Approx(1 - .21));
  const ClickPage poor(Numbers(25, 0.0));
  CHECK(poor.clicks(*click_model("{type: trust_bias, eta: 0}"))[24] == Approx(.065));
}

TEST_CASE("pbm examines by the page, by its list or by a power of the rank", "[click_models]") {
  const ClickPage page(kAttraction);
  check_close(page.examination(*click_model("{type: pbm, eta: 1}")), {1, .5, 1. / 3, .25}, 1e-15);
  PageCells cells = page.cells();
  const Numbers own{.1, .2, .3, .4};
  cells.examination = own;
  Numbers examination(4), click(4);
  click_model("{type: pbm, examination: [1]}")->marginals(cells, examination, click);
  CHECK(examination == own);
}

TEST_CASE("a click that cannot be leaves conditional probabilities finite", "[click_models]") {
  const ClickPage page({1, .5, 0, .5}, {1, 1, 1, 1});
  for (const char* yaml : {"{type: cascade}", "{type: dbn, gamma: .9}", "{type: ccm}",
                           "{type: dcm, lambda: [.5, .5, .5]}", "{type: tcm}"})
    for (const auto& clicks : {std::vector<std::uint8_t>{0, 0, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}}) {
      INFO(yaml);
      for (const double q : page.conditional(*click_model(yaml), clicks)) CHECK((q >= 0 && q <= 1));
      CHECK(std::isfinite(page.log_likelihood(*click_model(yaml), clicks)));
    }
}

TEST_CASE("parameters that cannot be are refused with their key", "[click_models]") {
  const ClickPage page(kAttraction, kSatisfaction);
  const std::vector<std::pair<std::string, std::string>> all{
      {"{type: pbm, examination: [1, 1.5]}", "model.examination[1]: expected a number [0, 1]"},
      {"{type: pbm, examination: [1, .5]}", "examination: has 2 entries, this page needs 4"},
      {"{type: pbm, examination: [1, .5, .4, .3], eta: 2}", "model.eta: examination is given"},
      {"{type: pbm, eta: .nan}", "model.eta"},
      {"{type: dcm, lambda: [.5, .5]}", "lambda: has 2 entries, this page needs 3"},
      {"{type: dcm, lambda: [.5, -.5, .5]}", "model.lambda[1]"},
      {"{type: dbn, gamma: 1.01}", "model.gamma"},
      {"{type: sdbn, gamma: 1}", "unknown key 'gamma'"},
      {"{type: ubm, gamma: [[1], [.5]]}", "model.gamma: row 2 has 1 entries; expected 2"},
      {"{type: ubm, gamma: [[1], [.5, 2]]}", "model.gamma[1][1]"},
      {"{type: ubm, gamma: [1, .5]}", "model.gamma[0]: expected a list of numbers"},
      {"{type: ubm, gamma: [[1], [.5, .5]]}", "gamma: has 2 entries, this page needs 4"},
      {"{type: ccm, tau: [1, .5]}", "model.tau: expected 3 numbers, found 2"},
      {"{type: tcm, quit: -0.1}", "model.quit"},
      {"{type: trust_bias, eta: one}", "model.eta"},
      {"{type: cascade, quit: 0}", "unknown key 'quit'"}};
  for (const auto& [model, part] : all) {
    INFO(model);
    const std::string message = error_of(model, page);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  }
}

TEST_CASE("an item is attractive by its own words, wherever it stands", "[click_models]") {
  // Word 0 examines wherever that can be, word 3 goes on; with trust bias it is trust.
  const std::vector<std::pair<std::string, double>> all{{"{type: pbm}", .01},
                                                        {"{type: sdbn}", .01},
                                                        {"{type: dbn, gamma: .9}", .01},
                                                        {"{type: dcm, lambda: [.5, .5, .5]}", .01},
                                                        {kUbm, .01},
                                                        {"{type: ccm}", .01},
                                                        {"{type: trust_bias}", .7}};
  const auto word = [](double u) { return static_cast<std::uint32_t>(u * 0x1p32); };
  const Numbers attraction{.5, .3, .2, .4};
  const Numbers luck{.49, .31, .1, .6};
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    Numbers shown;
    std::vector<std::uint32_t> words(8, 0);
    for (const std::size_t item : order) {
      shown.push_back(attraction[item]);
      words.insert(words.end(), {word(.01), word(luck[item]), word(.99), 0});
    }
    ClickPage page(shown, Numbers(4, .5));
    for (const auto& [model, last] : all) {
      INFO(model);
      for (std::size_t r = 0; r < 4; ++r) words[8 + 4 * r + 3] = word(last);
      page.sample(*click_model(model), words);
      for (std::size_t r = 0; r < 4; ++r) {
        CHECK(page.examined[r] == 1);
        CHECK(page.click[r] == (luck[order[r]] < attraction[order[r]]));
        CHECK(page.satisfied[r] == 0);
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("PBM, cascade, DCM and DBN agree with PyClick", "[click_models][golden]") {
  const std::string file = shared_file("golden/simulators/pyclick_click_models.json");
  if (file.empty()) return;
  std::ifstream stream(file);
  const nlohmann::json golden = nlohmann::json::parse(stream);
  const ClickPage page(golden["params"]["attr"].get<Numbers>(),
                       golden["params"]["sat"].get<Numbers>());
  for (const auto& [name, yaml] : pyclick_models(golden["params"])) {
    INFO(name);
    const auto model = click_model(yaml);
    const nlohmann::json& known = golden["models"][name];
    check_close(page.clicks(*model), known["full_click_probs"].get<Numbers>(), 1e-9);
    // Its cascade gives marginals above the first click and 1e-6 below it, not conditionals.
    if (name == "CM") continue;
    for (const nlohmann::json& given : known["conditional"]) {
      const auto clicks = given["clicks"].get<std::vector<std::uint8_t>>();
      const Numbers q = page.conditional(*model, clicks);
      for (std::size_t r = 0; r < q.size(); ++r)
        CHECK((clicks[r] != 0 ? q[r] : 1 - q[r]) ==
              Approx(given["prob_of_observed"][r].get<double>()).margin(1e-9).epsilon(0));
    }
  }
}
