// Walks the table of click models: its closed forms agree with each other and with its sampler.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/math/distributions/chi_squared.hpp>
#include <functional>
#include <map>

#include "tests/catch.h"
#include "tests/users/click_page.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::size_t kDraws = 20;
constexpr std::size_t kSamples = 4000;
constexpr std::size_t kCells = 5;  // in rows of 3 and 2

using Numbers = std::vector<double>;

Numbers uniforms(Stream& stream, std::size_t n, double low = 0, double high = 1) {
  Numbers all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(low + (high - low) * stream.uniform());
  return all;
}

std::string list_text(const Numbers& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

std::string triangle_text(Stream& stream) {
  std::vector<std::string> rows;
  for (std::size_t r = 1; r <= kCells; ++r) rows.push_back(list_text(uniforms(stream, r)));
  return fmt::format("[{}]", fmt::join(rows, ", "));
}

std::string split_text(Stream& s) {
  const double a = s.uniform(), b = s.uniform(), c = s.uniform() / 2;
  const double go = a / (a + b + c), leave = b / (a + b + c);
  return fmt::format("{{continue: {}, leave_row: {}, exit: {}}}", go, leave, 1 - go - leave);
}

/// Windows, mirrored swipes, a fold, fatigue and splits of a carousel page.
std::string carousel_text(Stream& s) {
  const std::size_t visible = 1 + s() % 2;
  std::string text = fmt::format("row_entry: {}, next_row: {}, visible: {}, swipe_step: 1",
                                 list_text(uniforms(s, 2)), s.uniform(), visible);
  text += fmt::format(", swipe: {}, mirror: {}", s.uniform(), s.uniform());
  text += fmt::format(", fold: {{rows: 1, probability: {}}}", s.uniform());
  text += fmt::format(", fatigue: {{row: {}, column: {}}}", s.uniform(), s.uniform());
  for (const char* key : {"no_click", "click", "satisfied_click"})
    text += fmt::format(", {}: {}", key, split_text(s));
  return text;
}

std::string grid_text(Stream& s) {
  return fmt::format("kind: table, examination: [{}, {}]", list_text(uniforms(s, 3)),
                     list_text(uniforms(s, 2)));
}

/// Random valid parameters of every model, by name: a new model adds its own.
const std::map<std::string, std::function<std::string(Stream&)>>& parameters() {
  static const std::map<std::string, std::function<std::string(Stream&)>> all{
      {"pbm", [](Stream& s) { return "examination: " + list_text(uniforms(s, kCells)); }},
      {"cascade", [](Stream&) { return std::string(); }},
      {"dcm", [](Stream& s) { return "lambda: " + list_text(uniforms(s, kCells - 1)); }},
      {"dbn", [](Stream& s) { return fmt::format("gamma: {}", s.uniform()); }},
      {"sdbn", [](Stream&) { return std::string(); }},
      {"ubm", [](Stream& s) { return "gamma: " + triangle_text(s); }},
      {"ccm", [](Stream& s) { return "tau: " + list_text(uniforms(s, 3)); }},
      {"tcm", [](Stream& s) { return fmt::format("quit: {}", s.uniform()); }},
      {"trust_bias", [](Stream& s) { return fmt::format("eta: {}", 2 * s.uniform()); }},
      {"carousel_page", carousel_text},
      {"carousel_click", [](Stream& s) { return fmt::format("quit: {}", s.uniform()); }},
      {"grid_pbm", grid_text},
  };
  return all;
}

/// The n-th random model of an entry and a random page for it.
struct Drawn {
  std::string yaml;
  std::unique_ptr<ClickModel> model;
  ClickPage page{Numbers(kCells, 0)};
};

Drawn draw(const ClickModelEntry& entry, std::size_t n) {
  const auto found = parameters().find(entry.name);
  if (found == parameters().end())
    FAIL("the test has no random parameters for click model '" << entry.name << "'");
  Stream stream = Rng(7).stream(Draw::kBehaviorModel, Turn{UserId{static_cast<std::uint32_t>(n)}});
  Drawn drawn;
  drawn.yaml = "{type: " + entry.name;
  const std::string more = found->second(stream);
  drawn.yaml += (more.empty() ? "" : ", " + more) + "}";
  drawn.model = click_model(drawn.yaml);
  drawn.page =
      ClickPage(uniforms(stream, kCells, .05, .95), uniforms(stream, kCells), {0, 3, kCells});
  return drawn;
}

std::vector<std::uint8_t> bits(std::size_t mask) {
  std::vector<std::uint8_t> clicks(kCells);
  for (std::size_t r = 0; r < kCells; ++r) clicks[r] = (mask >> r & 1) != 0;
  return clicks;
}

/// P(click vector), by products of conditional probabilities.
Numbers enumerate(const Drawn& drawn) {
  Numbers joint;
  for (std::size_t mask = 0; mask < (std::size_t{1} << kCells); ++mask) {
    const std::vector<std::uint8_t> clicks = bits(mask);
    double p = 1;
    const Numbers q = drawn.page.conditional(*drawn.model, clicks);
    for (std::size_t r = 0; r < kCells; ++r) {
      CHECK((q[r] >= 0 && q[r] <= 1));
      p *= clicks[r] != 0 ? q[r] : 1 - q[r];
    }
    joint.push_back(p);
  }
  return joint;
}

/// Pearson's test; outcomes expected fewer than 5 times stand together.
double p_value(const Numbers& expected, const Numbers& seen) {
  double statistic = 0, rare_expected = 0, rare_seen = 0, cells = 0;
  const auto add = [&](double e, double s) {
    statistic += (s - e) * (s - e) / e;
    ++cells;
  };
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] >= 5) {
      add(expected[i], seen[i]);
    } else {
      rare_expected += expected[i];
      rare_seen += seen[i];
    }
  }
  if (rare_expected >= 5) add(rare_expected, rare_seen);
  const double most = rare_expected > 0 ? 30 : 0;  // of a Poisson of mean 5, with p < 1e-13
  if (rare_expected < 5 && rare_seen > most) return 0;
  if (cells < 2) return 1;
  return cdf(complement(boost::math::chi_squared(cells - 1), statistic));
}

template <class Body>
void for_every_draw(Body&& body) {
  for (const ClickModelEntry& entry : click_models().entries())
    for (std::size_t n = 0; n < kDraws; ++n) {
      const Drawn drawn = draw(entry, n);
      INFO(drawn.yaml);
      body(entry, drawn);
    }
}

}  // namespace

TEST_CASE("conformance: a click model's marginals and counts are sums over all click vectors",
          "[conformance][click_models]") {
  for_every_draw([](const ClickModelEntry&, const Drawn& drawn) {
    const Numbers joint = enumerate(drawn);
    Numbers click(kCells, 0), counts(kCells + 1, 0);
    double sum = 0;
    for (std::size_t mask = 0; mask < joint.size(); ++mask) {
      const std::vector<std::uint8_t> clicks = bits(mask);
      sum += joint[mask];
      std::size_t n = 0;
      for (std::size_t r = 0; r < kCells; ++r) {
        click[r] += clicks[r] * joint[mask];
        n += clicks[r];
      }
      counts[n] += joint[mask];
    }
    CHECK(sum == Approx(1).epsilon(1e-12));
    const Numbers marginal = drawn.page.clicks(*drawn.model);
    const Numbers examination = drawn.page.examination(*drawn.model);
    const Numbers pmf = drawn.model->n_clicks(drawn.page.cells());
    REQUIRE(pmf.size() == kCells + 1);
    for (std::size_t r = 0; r < kCells; ++r) {
      CHECK(marginal[r] == Approx(click[r]).margin(1e-12));
      CHECK(marginal[r] <= examination[r] + 1e-12);
      CHECK(examination[r] <= 1 + 1e-12);
    }
    for (std::size_t k = 0; k <= kCells; ++k) CHECK(pmf[k] == Approx(counts[k]).margin(1e-12));
  });
}

TEST_CASE("conformance: a click model's sampler has the frequencies of its closed forms",
          "[conformance][click_models]") {
  std::uint32_t user = 0;
  for_every_draw([&](const ClickModelEntry& entry, const Drawn& drawn) {
    ClickPage page = drawn.page;
    const Numbers joint = enumerate(drawn);
    Numbers seen(joint.size(), 0), examined(kCells, 0);
    std::vector<std::uint32_t> words(page.n_words());
    ++user;
    for (std::uint16_t round = 0; round < kSamples; ++round) {
      Rng(11).fill(Draw::kResponse, Turn{UserId{user}, 0, round}, 0, words);
      page.sample(*drawn.model, words);
      std::size_t mask = 0;
      for (std::size_t r = 0; r < kCells; ++r) {
        REQUIRE(page.satisfied[r] <= page.click[r]);
        REQUIRE(page.click[r] <= page.examined[r]);
        mask |= std::size_t{page.click[r]} << r;
        examined[r] += page.examined[r];
      }
      ++seen[mask];
    }
    Numbers expected;
    for (const double p : joint) expected.push_back(kSamples * p);
    CHECK(p_value(expected, seen) > 1e-4);
    const Numbers examination = page.examination(*drawn.model);
    for (std::size_t r = 0; r < kCells; ++r) {
      INFO(entry.name << ", cell " << r);
      const double e = kSamples * examination[r];
      CHECK(p_value({e, kSamples - e}, {examined[r], kSamples - examined[r]}) > 1e-4);
    }
  });
}

TEST_CASE("conformance: a click model's entry says what it is, and its defaults are written",
          "[conformance][click_models]") {
  for (const ClickModelEntry& entry : click_models().entries()) {
    INFO(entry.name);
    for (const FieldDescription& field : entry.describe()) CHECK(!field.help.empty());
    CHECK(parameters().contains(entry.name));
  }
}
