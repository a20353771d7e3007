#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "policies/makers.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

struct StaticOrderConfig {
  std::vector<std::string> order{"curated"};
  Fields fields() {
    return Fields().add_list_or("order", order, {"curated"},
                                "module names, first to last; curated: the site's present order; "
                                "modules not named follow in the schema's order");
  }
};

class StaticOrder final : public Policy {
 public:
  /// Args: scores: (n_modules) the order as descending scores, equal ones in the modules' order.
  explicit StaticOrder(const std::vector<double>& scores) : place_(scores.size()) {
    std::vector<std::uint16_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint16_t a, std::uint16_t b) { return scores[a] > scores[b]; });
    for (std::size_t k = 0; k < order.size(); ++k) place_[order[k]] = static_cast<std::uint16_t>(k);
  }

  /// The eligible modules' places as a set of bits are in order without a comparison.
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> n_positions = page_positions(requests);
    std::vector<std::uint16_t> slates(requests.module.size());
    std::vector<std::uint16_t> choice_at(place_.size());
    std::vector<std::uint64_t> places((place_.size() + 63) / 64);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      std::fill(places.begin(), places.end(), 0);
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      for (std::size_t c = 0; c < eligible.size(); ++c) {
        const std::size_t place = place_[eligible[c]];
        choice_at[place] = static_cast<std::uint16_t>(c);
        places[place / 64] |= std::uint64_t{1} << place % 64;
      }
      std::uint16_t* slate = slates.data() + requests.module_offsets[i];
      std::size_t left = n_positions[i];
      for (std::size_t word = 0; left > 0; ++word)
        for (std::uint64_t rest = places[word]; rest != 0 && left > 0; rest &= rest - 1, --left)
          *slate++ = choice_at[64 * word + static_cast<std::size_t>(std::countr_zero(rest))];
    }
    return make_fixed(requests.module_offsets, std::move(n_positions), std::move(slates));
  }
  bool deterministic() const override { return true; }

 private:
  std::vector<std::uint16_t> place_;  // (n_modules) in the order
};

/// Names to descending scores; modules that are not named all get the lowest.
std::vector<double> scores_of(const std::vector<std::string>& order, const Schema& schema,
                              const PluginConfig& config) {
  const double lowest = -static_cast<double>(order.size()) - 1;
  std::vector<double> scores(schema.n_modules(), lowest);
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::string at = where(config.node["order"], config.source.child("order"));
    double& score = scores[schema.module_index(order[k], at)];
    if (score != lowest) config.refuse("order", "module '" + order[k] + "' stands there twice");
    score = -static_cast<double>(k);
  }
  return scores;
}

}  // namespace

FieldDescriptions describe_static_order() { return describe_fields<StaticOrderConfig>(); }

std::unique_ptr<Policy> make_static_order(const PluginConfig& config,
                                          const PolicyContext& context) {
  const StaticOrderConfig read = config.read<StaticOrderConfig>();
  const bool curated = read.order == std::vector<std::string>{"curated"};
  if (curated && context.schema.curated_order.empty())
    config.refuse("order", "there is no curated order in this schema; list the module names");
  if (read.order.empty()) config.refuse("order", "the list is empty; name at least one module");
  return std::make_unique<StaticOrder>(
      scores_of(curated ? context.schema.curated_order : read.order, context.schema, config));
}

}  // namespace rehearsal
