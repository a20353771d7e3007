#pragma once

// Pages as click models see them, and models by their YAML.

#include <yaml-cpp/yaml.h>

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "users/carousel_page.h"
#include "users/click_model.h"

namespace rehearsal::testing {

/// Owns what PageCells looks at.
struct DrawnPage {
  std::vector<std::uint32_t> offsets{0};
  std::vector<double> attraction, satisfaction, examination, heading;

  DrawnPage() = default;
  DrawnPage(const std::vector<std::vector<double>>& rows,
            const std::vector<std::vector<double>>& satisfied = {}) {
    for (const std::vector<double>& row : rows) {
      attraction.insert(attraction.end(), row.begin(), row.end());
      offsets.push_back(static_cast<std::uint32_t>(attraction.size()));
    }
    for (const std::vector<double>& row : satisfied)
      satisfaction.insert(satisfaction.end(), row.begin(), row.end());
  }
  /// Random rows of the given sizes.
  DrawnPage(const std::vector<std::size_t>& sizes, Stream& stream) {
    for (const std::size_t size : sizes) {
      for (std::size_t k = 0; k < size; ++k) {
        attraction.push_back(0.05 + 0.6 * stream.uniform());
        satisfaction.push_back(stream.uniform());
      }
      heading.push_back(2 * stream.uniform() - 1);
      offsets.push_back(static_cast<std::uint32_t>(attraction.size()));
    }
  }

  std::size_t size() const { return attraction.size(); }
  PageCells cells() const { return {offsets, attraction, satisfaction, examination, heading}; }
};

inline std::unique_ptr<ClickModel> click_model(const std::string& type, const std::string& yaml) {
  const YAML::Node node = YAML::Load(yaml);
  return click_models().at(type).make(PluginConfig{node, {"page.yaml", "model"}});
}

inline CarouselPage carousel_page(const std::string& yaml) {
  const YAML::Node node = YAML::Load(yaml);
  return CarouselPage(read_carousel_page(PluginConfig{node, {"page.yaml", "model"}}));
}

/// The message of refused keys, or "accepted".
inline std::string refusal(const std::string& type, const std::string& yaml) {
  try {
    click_model(type, yaml);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "accepted";
}

struct Marginals {
  std::vector<double> examination, click;
};

inline Marginals marginals(const ClickModel& model, const DrawnPage& page) {
  Marginals out{std::vector<double>(page.size()), std::vector<double>(page.size())};
  model.marginals(page.cells(), out.examination, out.click);
  return out;
}

inline void check_near(const std::vector<double>& found, const std::vector<double>& expected,
                       double margin) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t j = 0; j < found.size(); ++j) {
    INFO("entry " << j);
    CHECK(found[j] == Approx(expected[j]).margin(margin).epsilon(0));
  }
}

/// Page views, one after the other, each with its own user's words.
class Sampler {
 public:
  explicit Sampler(const DrawnPage& page, std::uint64_t seed)
      : page_(page),
        rng_(seed),
        examined(page.size()),
        click(page.size()),
        satisfied(page.size()) {}

  void draw(const ClickModel& model) {
    const std::size_t n_rows = page_.offsets.size() - 1;
    std::vector<std::uint32_t> words(4 * (1 + n_rows + page_.size()));
    rng_.fill(Draw::kResponse, Turn{UserId{user_++}, 0, 0}, 0, words);
    const std::span<const std::uint32_t> all(words);
    model.sample(page_.cells(),
                 {all.first(4), all.subspan(4, 4 * n_rows), all.subspan(4 + 4 * n_rows)},
                 {examined, click, satisfied});
  }

 private:
  const DrawnPage& page_;
  Rng rng_;
  std::uint32_t user_ = 0;

 public:
  std::vector<std::uint8_t> examined, click, satisfied;
};

/// P(clicks) by the chain of conditional probabilities.
inline double p_clicks(const ClickModel& model, const DrawnPage& page,
                       const std::vector<std::uint8_t>& clicks) {
  std::vector<double> q(page.size());
  model.conditional(page.cells(), clicks, q);
  double p = 1;
  for (std::size_t j = 0; j < q.size(); ++j) p *= clicks[j] != 0 ? q[j] : 1 - q[j];
  return p;
}

/// Clicks by the bits of a number, the first cell the lowest.
inline std::vector<std::uint8_t> clicks_of(std::size_t pattern, std::size_t n) {
  std::vector<std::uint8_t> clicks(n);
  for (std::size_t j = 0; j < n; ++j) clicks[j] = (pattern >> j) & 1;
  return clicks;
}

}  // namespace rehearsal::testing
