#include "users/page_reading.h"

#include <algorithm>
#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/scalars.h"
#include "sim/truth.h"

namespace rehearsal {

Fields AttractionConfig::fields() {
  return Fields()
      .add("logit", logit, -50, 50, "click logit of an examined item of mean match")
      .add("match", match, -50, 50, "slope on how well the item matches the user")
      .add("popularity", popularity, -50, 50, "slope on the item's popularity")
      .add("intent", intent, -50, 50, "slope on the session's hidden intent")
      .add("thumbnail_sd", thumbnail_sd, 0, 50,
           "standard deviation of what an item's picture adds, which is not quality")
      .add("freshness", freshness, -50, 50, "added on the day of release, fading")
      .add("freshness_days", freshness_days, 0.01, 1e5, "days in which it fades by a factor e")
      .add("daypart", daypart, -50, 50, "added at night, in the morning, afternoon, evening")
      .add("weekday", weekday, -50, 50, "added on each day from Monday on")
      .add("repeat_discount", repeat_discount, 0, 1,
           "share of its attraction that an item loses where a row above shows it already");
}

CatalogueItems::CatalogueItems(const Arrays& hidden)
    : n_factors(hidden.at("item_factor").shape[1]),
      n_topics(static_cast<std::size_t>(hidden.at("n_topics").values[0])),
      factor(hidden.at("item_factor").values),
      quality(hidden.at("item_quality").values),
      popularity(hidden.at("item_popularity").values),
      price(hidden.at("item_price").values),
      topic(hidden.at("item_topic").values),
      birth(hidden.at("item_birth").values),
      heading(hidden.at("module_heading").values) {}

const std::vector<std::string>& CatalogueItems::names() {
  static const std::vector<std::string> names{"item_factor", "item_quality",  "item_popularity",
                                              "item_price",  "item_topic",    "item_birth",
                                              "n_topics",    "module_heading"};
  return names;
}

double CatalogueItems::match(std::span<const double> taste, const double* v) const {
  double sum = 0;
  for (std::size_t f = 0; f < n_factors; ++f) sum += taste[f] * v[f];
  return sum / std::sqrt(static_cast<double>(n_factors));
}

PageReading::PageReading(const AttractionConfig& config, const CatalogueItems& items,
                         const AfterClick& after_click, const OverTime& over_time,
                         const Schema& schema, const Rng& rng)
    : config_(config),
      items_(items),
      after_click_(after_click),
      over_time_(over_time),
      daypart_(schema.feature_index("daypart")),
      weekday_(schema.feature_index("weekday")) {
  thumbnail_.resize(schema.n_items);
  for (std::uint32_t a = 0; a < schema.n_items; ++a)
    thumbnail_[a] =
        config.thumbnail_sd * normal_from(rng.stream(Draw::kBehaviorModel, {UserId{0}}, a)());
}

double PageReading::attraction(const RequestBatch& requests, std::size_t i, const double* state,
                               std::uint32_t item, double match) const {
  const std::span<const float> context = requests.features(i);
  double logit = config_.logit + config_.match * match +
                 config_.popularity * items_.popularity[item] + thumbnail_[item] +
                 config_.intent * static_cast<double>(requests.latents->request(
                                      static_cast<Eigen::Index>(i),
                                      static_cast<Eigen::Index>(items_.n_factors))) +
                 config_.daypart[static_cast<std::size_t>(context[daypart_])] +
                 config_.weekday[static_cast<std::size_t>(context[weekday_])] +
                 over_time_.fatigue_logit(state);
  if (config_.freshness != 0) {
    const double age = static_cast<double>(requests.day[i]) - items_.birth[item];
    if (items_.birth[item] > 0)
      logit += config_.freshness * std::exp(-age / config_.freshness_days);
  }
  return logistic(logit) *
         over_time_.topic_factor(state, static_cast<std::size_t>(items_.topic[item]));
}

void PageReading::read(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                       ReadPage& page) const {
  const auto row = static_cast<Eigen::Index>(i);
  const double* state = requests.latents->state.data() + i * over_time_.n_state();
  const std::span<const double> drift = over_time_.drift(state);
  std::vector<double> taste(items_.n_factors);
  for (std::size_t f = 0; f < taste.size(); ++f)
    taste[f] = static_cast<double>(requests.latents->request(row, static_cast<Eigen::Index>(f))) +
               drift[f];
  page.row_offsets = {0};
  page.attraction.clear();
  page.satisfaction.clear();
  page.heading.clear();
  page.item.clear();
  const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
  for (std::size_t s = pages.slot_offsets[i]; s < pages.slot_offsets[i + 1]; ++s) {
    const double* heading = items_.heading.data() + pages.module[s] * items_.n_factors;
    page.heading.push_back(items_.match(taste, heading));
    for (std::size_t j = pages.item_offsets[s]; j < pages.item_offsets[s + 1]; ++j) {
      const std::uint32_t a = pages.item[j];
      const double match = items_.match(taste, items_.factor.data() + a * items_.n_factors);
      double alpha = attraction(requests, i, state, a, match);
      const auto* above_end = pages.item.data() + pages.item_offsets[s];
      if (config_.repeat_discount > 0 &&
          std::find(pages.item.data() + first, above_end, a) != above_end)
        alpha *= 1 - config_.repeat_discount;
      page.item.push_back({match, items_.quality[a], items_.price[a]});
      page.attraction.push_back(alpha);
      page.satisfaction.push_back(after_click_.satisfaction(page.item.back()));
    }
    page.row_offsets.push_back(static_cast<std::uint32_t>(page.item.size()));
  }
}

}  // namespace rehearsal
