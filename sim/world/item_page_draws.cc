#include <algorithm>
#include <numbers>
#include <numeric>

#include "sim/core/quadrature.h"
#include "sim/world/item_page_world.h"

namespace rehearsal {

namespace {

// Sessions of Draw::kWorld (user 0): what the numbers are for. Items own their id.
constexpr std::uint16_t kModuleDraws = 1;
constexpr std::uint16_t kItemDraws = 2;  // + 1 for the second block
constexpr std::uint16_t kThemeDraws = 4;
constexpr std::uint16_t kRetrievalDraws = 16;  // + module

void standardise(std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double sd = squares > 0 ? std::sqrt(squares / n) : 1;
  for (double& value : values) value = (value - mean) / sd;
}

}  // namespace

ItemPageWorld::ItemPageWorld(const ItemPageWorldConfig& config, const Rng& rng)
    : config_(config),
      n_modules_(static_cast<std::size_t>(config.modules)),
      n_items_(static_cast<std::uint32_t>(config.items)),
      retrieval_{static_cast<std::size_t>(config.pool),
                 static_cast<std::size_t>(config.candidates)},
      activity_noise_(std::sqrt(1 - config.activity_signal * config.activity_signal)) {
  schema_.features = item_page_features();
  schema_.modules = item_page_modules();
  schema_.modules.resize(n_modules_);
  schema_.n_slots = static_cast<std::uint16_t>(config.slots);
  schema_.n_items = n_items_;
  draw_modules(rng);
  draw_items(rng);
  draw_pools(rng);
  draw_users(rng);
  for (std::size_t hour = 0; hour < 24; ++hour) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(hour) / 24;
    hours_[hour] = {static_cast<float>(std::sin(angle)), static_cast<float>(std::cos(angle))};
  }
}

void ItemPageWorld::draw_modules(const Rng& rng) {
  std::vector<double> click_bias, purchase_bias, click_weights, purchase_weights, noise, lot;
  const double correlation = config_.taste_correlation;
  const double scale = 1 / std::sqrt(static_cast<double>(kItemPageLatents));
  for (std::size_t m = 0; m < n_modules_; ++m) {
    Stream draws =
        rng.stream(Draw::kWorld, {UserId{0}, kModuleDraws, 0}, static_cast<std::uint32_t>(m) + 1);
    click_bias.push_back(config_.click_logit + config_.click_logit_sd * normal_from(draws()));
    purchase_bias.push_back(config_.purchase_logit +
                            config_.purchase_logit_sd * normal_from(draws()));
    for (std::size_t d = 0; d < kItemPageLatents; ++d) {
      const double w = normal_from(draws());
      const double u =
          correlation * w + std::sqrt(1 - correlation * correlation) * normal_from(draws());
      click_weights.push_back(config_.sigma_c * scale * w);
      purchase_weights.push_back(config_.sigma_p * scale * u);
    }
    noise.push_back(config_.curated_noise * normal_from(draws()));
    eligibility_.push_back(config_.eligibility_low +
                           (config_.eligibility_high - config_.eligibility_low) * draws.uniform());
    lot.push_back(draws.uniform());
  }
  // Which modules never come back empty is drawn by lot.
  std::vector<std::size_t> order(n_modules_);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lot[a] < lot[b]; });
  for (std::size_t i = 0; i < static_cast<std::size_t>(config_.always_eligible); ++i)
    eligibility_[order[i]] = 1;
  set_curated_order(click_bias, click_weights, noise);
  parameters_["click_bias"] = {{n_modules_}, click_bias};
  parameters_["click_weights"] = {{n_modules_, kItemPageLatents}, click_weights};
  parameters_["purchase_bias"] = {{n_modules_}, purchase_bias};
  parameters_["purchase_weights"] = {{n_modules_, kItemPageLatents}, purchase_weights};
  for (const double p : eligibility_) eligible_words_.push_back(words_below(p));
  parameters_["eligibility"] = {{n_modules_}, eligibility_};
  draw_themes(rng);
}

/// How far modules can stand in for each other: most for those that retrieve from nearby pools.
void ItemPageWorld::draw_themes(const Rng& rng) {
  std::vector<double> theme, similarity;
  for (std::size_t m = 0; m < n_modules_; ++m) {
    Stream draws =
        rng.stream(Draw::kWorld, {UserId{0}, kThemeDraws, 0}, static_cast<std::uint32_t>(m) + 1);
    theme.push_back(static_cast<double>(m) + config_.theme_noise * normal_from(draws()));
  }
  for (const double a : theme)
    for (const double b : theme) {
      const double distance = (a - b) / config_.theme_width;
      similarity.push_back(std::exp(-distance * distance / 2));
    }
  parameters_["module_similarity"] = {{n_modules_, n_modules_}, similarity};
}

void ItemPageWorld::set_curated_order(const std::vector<double>& bias,
                                      const std::vector<double>& weights,
                                      const std::vector<double>& noise) {
  std::vector<double> marginal_ctr, score;
  for (std::size_t m = 0; m < n_modules_; ++m) {
    double squares = 0;
    for (std::size_t d = 0; d < kItemPageLatents; ++d)
      squares += weights[m * kItemPageLatents + d] * weights[m * kItemPageLatents + d];
    marginal_ctr.push_back(mean_logistic(bias[m], std::sqrt(squares)));
    score.push_back(std::log(marginal_ctr[m]) + noise[m]);
  }
  std::vector<std::size_t> order(n_modules_);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  for (const std::size_t m : order) schema_.curated_order.push_back(schema_.modules[m]);
  parameters_["marginal_ctr"] = {{n_modules_}, marginal_ctr};
}

void ItemPageWorld::draw_items(const Rng& rng) {
  std::vector<double> price, watchers, seller_score;
  std::vector<std::uint32_t> words(4 * std::size_t{n_items_});
  std::vector<std::uint32_t> more(words.size());
  rng.fill(Draw::kWorld, {UserId{0}, kItemDraws, 0}, 0, words);
  rng.fill(Draw::kWorld, {UserId{0}, kItemDraws + 1, 0}, 0, more);
  for (std::size_t i = 0; i < n_items_; ++i) {
    price.push_back(normal_from(words[4 * i]));
    watchers.push_back(normal_from(words[4 * i + 1]));
    seller_score.push_back(normal_from(words[4 * i + 3]));
    // Good items are watched more: quality is hidden, watchers are not.
    quality_.push_back(0.6 * watchers[i] + 0.8 * normal_from(words[4 * i + 2]));
  }
  standardise(price);
  standardise(watchers);
  standardise(seller_score);
  schema_.item_features = {"price", "watchers", "seller_score", "condition", "format", "category"};
  schema_.items.resize(n_items_, static_cast<Eigen::Index>(schema_.item_features.size()));
  std::vector<double> amount;
  std::uint32_t category = 0;
  for (std::size_t i = 0; i < n_items_; ++i) {
    while (i >= category_start(category + 1)) ++category;
    const double u = Stream::to_uniform(more[4 * i]);
    SeedItem item;
    item.price = static_cast<float>(price[i]);
    item.watchers = static_cast<float>(watchers[i]);
    item.seller_score = static_cast<float>(seller_score[i]);
    item.condition = u < 0.5 ? 0 : u < 0.85 ? 1 : 2;
    item.format = Stream::to_uniform(more[4 * i + 1]) < 0.25 ? 1 : 0;
    item.category = category;
    item.place.fill(kNowhere);
    seeds_.push_back(item);
    schema_.items.row(static_cast<Eigen::Index>(i)) << item.price, item.watchers, item.seller_score,
        static_cast<float>(item.condition), static_cast<float>(item.format),
        static_cast<float>(category);
    amount.push_back(config_.price_median * std::exp(config_.price_log_sd * price[i]));
  }
  parameters_["item_quality"] = {{n_items_}, quality_};
  parameters_["item_price"] = {{n_items_}, amount};
}

void ItemPageWorld::draw_pools(const Rng& rng) {
  const auto n_categories = static_cast<std::size_t>(config_.categories);
  const auto pool_size = static_cast<std::uint32_t>(config_.pool);
  const double signal = config_.retrieval_signal;
  std::vector<std::pair<double, std::uint32_t>> pool(pool_size);
  pools_.reserve(n_categories * n_modules_ * pool_size);
  for (std::size_t c = 0; c < n_categories; ++c) {
    const std::uint32_t first = category_start(c);
    const std::uint32_t n = category_start(c + 1) - first;
    for (std::size_t m = 0; m < n_modules_; ++m) {
      const Turn turn{UserId{0}, static_cast<std::uint16_t>(kRetrievalDraws + m), 0};
      for (std::uint32_t k = 0; k < pool_size; ++k) {
        const std::uint32_t item = first + (pool_start(m) + k) % n;
        const double noise = normal_from(rng.stream(Draw::kWorld, turn, item)());
        pool[k] = {-(signal * quality_[item] + std::sqrt(1 - signal * signal) * noise), item};
      }
      std::sort(pool.begin(), pool.end());
      for (std::uint32_t k = 0; k < pool_size; ++k) {
        pools_.push_back(pool[k].second);
        seeds_[pool[k].second].place[m] = static_cast<std::uint8_t>(k);
      }
    }
  }
}

void ItemPageWorld::draw_users(const Rng& rng) {
  users_.resize(static_cast<std::size_t>(config_.users));
  for (std::size_t u = 0; u < users_.size(); ++u) {
    User& user = users_[u];
    std::array<std::uint32_t, 8> words;
    rng.fill(Draw::kPopulation, {UserId{static_cast<std::uint32_t>(u)}, 0, 0}, 0, words);
    for (std::size_t d = 0; d < 4; ++d) user.taste[d] = static_cast<float>(normal_from(words[d]));
    user.buyer_type = static_cast<std::uint8_t>(index_below(words[0], 4));
    user.price_band = static_cast<std::uint8_t>(index_below(words[1], 3));
    user.referral = static_cast<std::uint8_t>(index_below(words[2], 4));
    user.device = Stream::to_uniform(words[4]) < config_.mobile_share ? 1 : 0;
  }
}

}  // namespace rehearsal
