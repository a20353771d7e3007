#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "users/click_model.h"

namespace rehearsal::testing {

/// Makes a click model from its YAML, such as "{type: dbn, gamma: 0.9}".
inline std::unique_ptr<ClickModel> click_model(const std::string& yaml) {
  const YAML::Node node = YAML::Load(yaml);
  return click_models().at(node["type"].Scalar()).make({node, {"model.yaml", "model"}});
}

/// A page of cells with room for what a model says of it.
struct ClickPage {
  std::vector<std::uint32_t> row_offsets;
  std::vector<double> attraction;
  std::vector<double> satisfaction;
  std::vector<std::uint8_t> examined, click, satisfied;

  explicit ClickPage(std::vector<double> attraction_of, std::vector<double> satisfaction_of = {},
                     std::vector<std::uint32_t> offsets = {})
      : row_offsets(std::move(offsets)),
        attraction(std::move(attraction_of)),
        satisfaction(std::move(satisfaction_of)),
        examined(attraction.size()),
        click(attraction.size()),
        satisfied(attraction.size()) {
    if (row_offsets.empty()) row_offsets = {0, static_cast<std::uint32_t>(attraction.size())};
  }
  std::size_t size() const { return attraction.size(); }
  PageCells cells() const { return {row_offsets, attraction, satisfaction}; }

  std::vector<double> clicks(const ClickModel& model) const { return marginals(model)[1]; }
  std::vector<double> examination(const ClickModel& model) const { return marginals(model)[0]; }
  std::vector<double> conditional(const ClickModel& model,
                                  const std::vector<std::uint8_t>& clicked) const {
    std::vector<double> out(size());
    model.conditional(cells(), clicked, out);
    return out;
  }
  double log_likelihood(const ClickModel& model, const std::vector<std::uint8_t>& clicked) const {
    return rehearsal::log_likelihood(conditional(model, clicked), clicked);
  }
  /// Draws with the noise of one address. Words: of the page, then rows, then cells.
  void sample(const ClickModel& model, const std::vector<std::uint32_t>& words) {
    const std::span<const std::uint32_t> all(words);
    const std::size_t rows = row_offsets.size() - 1;
    const PageNoise noise{all.first(4), all.subspan(4, 4 * rows), all.subspan(4 + 4 * rows)};
    model.sample(cells(), noise, {examined, click, satisfied});
  }
  std::size_t n_words() const { return 4 * (row_offsets.size() + size()); }

 private:
  std::array<std::vector<double>, 2> marginals(const ClickModel& model) const {
    std::array<std::vector<double>, 2> out{std::vector<double>(size()),
                                           std::vector<double>(size())};
    model.marginals(cells(), out[0], out[1]);
    return out;
  }
};

}  // namespace rehearsal::testing
