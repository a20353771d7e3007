#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/truth.h"
#include "sim/world/item_page_config.h"
#include "sim/world/makers.h"

namespace rehearsal {

namespace {

constexpr std::size_t kLatents = 8;  // x: taste 0..3, seed price, seed watchers, intent 6 and 7
constexpr std::size_t kFeatures = 16;
// Sessions of Draw::kWorld (user 0): what the numbers are for. Items own their id.
constexpr std::uint16_t kModuleDraws = 1;
constexpr std::uint16_t kItemDraws = 2;        // + 1 for the second block
constexpr std::uint16_t kRetrievalDraws = 16;  // + module

// Items of Draw::kRequest.
constexpr std::uint32_t kRequestItem = 0;     // then the modules' eligibility, four a block
constexpr std::uint32_t kSessionItem = 8;     // at round 0 of the session
constexpr std::uint32_t kRetrievalItem = 16;  // + module * blocks

std::uint32_t index_below(std::uint32_t word, std::uint64_t n) {
  return static_cast<std::uint32_t>(word * n >> 32);
}

double normal(std::uint32_t word) { return normal_quantile(Stream::to_uniform(word)); }

void standardise(std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double sd = squares > 0 ? std::sqrt(squares / n) : 1;
  for (double& value : values) value = (value - mean) / sd;
}

/// E sigmoid(mean + sd z), z standard normal, by the trapezoid rule.
double mean_logistic(double mean, double sd) {
  double sum = 0;
  double weights = 0;
  for (int i = -200; i <= 200; ++i) {
    const double z = 0.04 * i;
    const double weight = std::exp(-0.5 * z * z);
    sum += weight / (1 + std::exp(-(mean + sd * z)));
    weights += weight;
  }
  return sum / weights;
}

/// What the catalogue knows of an item that stands on a page.
struct SeedItem {
  float price = 0;
  float watchers = 0;
  float seller_score = 0;
  std::uint8_t condition = 0;
  std::uint8_t format = 0;
};

struct User {
  std::array<float, 4> taste{};
  std::uint8_t device = 0;
  std::uint8_t buyer_type = 0;
  std::uint8_t price_band = 0;
  std::uint8_t referral = 0;
};

/// Users, items and modules of an item page (specified in scenarios/item_page.yaml): ten carousels
/// below an item's details. Everything is fixed by the world's seed but the requests.
class ItemPageWorld : public World {
 public:
  ItemPageWorld(const ItemPageWorldConfig& config, const Rng& rng)
      : config_(config),
        n_modules_(static_cast<std::size_t>(config.modules)),
        n_items_(static_cast<std::uint32_t>(config.items)),
        n_candidates_(static_cast<std::size_t>(config.candidates)) {
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

  const Schema& schema() const override { return schema_; }
  std::uint32_t n_users() const override { return static_cast<std::uint32_t>(users_.size()); }
  const Arrays& parameters() const override { return parameters_; }

  void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const override {
    const std::size_t n = turns.size();
    out.n_features = kFeatures;
    out.user.resize(n);
    out.session.resize(n);
    out.round.resize(n);
    out.n_slots.assign(n, schema_.n_slots);
    out.context.resize(n * kFeatures);
    out.module.resize(n * n_modules_);
    out.module_offsets.resize(n + 1);
    out.candidate.resize(n * n_modules_ * n_candidates_);
    out.module_offsets[0] = 0;
    auto latents = std::make_shared<Latents>();
    latents->request.resize(static_cast<Eigen::Index>(n), kLatents);
    std::uint32_t n_eligible = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Turn& turn = turns[i];
      REHEARSAL_CHECK(turn.user.value < users_.size());
      out.user[i] = turn.user.value;
      out.session[i] = turn.session;
      out.round[i] = turn.round;
      n_eligible += request(turn, rng, out.context.data() + i * kFeatures,
                            latents->request.data() + i * kLatents, out.module.data() + n_eligible,
                            out.candidate.data() + n_eligible * n_candidates_);
      out.module_offsets[i + 1] = n_eligible;
    }
    out.module.resize(n_eligible);
    out.candidate.resize(n_eligible * n_candidates_);
    out.candidate_offsets.resize(n_eligible + 1);
    for (std::uint32_t m = 0; m <= n_eligible; ++m)
      out.candidate_offsets[m] = m * static_cast<std::uint32_t>(n_candidates_);
    out.latents = std::move(latents);
  }

 private:
  /// One request. Returns: the number of its eligible modules.
  std::uint32_t request(const Turn& turn, const Rng& rng, float* context, float* x,
                        std::uint16_t* module, std::uint32_t* candidate) const {
    std::array<std::uint32_t, 4> session;
    std::array<std::uint32_t, 4 * 4> words;
    rng.fill(Draw::kRequest, {turn.user, turn.session, 0}, kSessionItem, session);
    rng.fill(Draw::kRequest, turn, kRequestItem,
             std::span(words).first(4 + 4 * ((n_modules_ + 3) / 4)));
    const User& user = users_[turn.user.value];
    const std::uint32_t seed = index_below(words[0], n_items_);
    const SeedItem& item = seeds_[seed];
    const double intent = normal(session[0]);
    const double signal = config_.activity_signal;
    const std::array<float, 2>& hour = hours_[index_below(words[3], 24)];
    const bool own_referral = Stream::to_uniform(session[1]) < config_.referral_signal;

    std::copy(user.taste.begin(), user.taste.end(), x);
    x[4] = item.price;
    x[5] = item.watchers;
    x[6] = static_cast<float>(intent);
    x[7] = static_cast<float>(normal(words[1]));
    context[0] = user.device;
    context[1] = own_referral ? user.referral : static_cast<float>(index_below(session[2], 4));
    context[2] = user.buyer_type;
    context[3] = user.price_band;
    context[4] = item.condition;
    context[5] = item.format;
    std::copy(x, x + 6, context + 6);
    context[12] =
        static_cast<float>(signal * intent + std::sqrt(1 - signal * signal) * normal(words[2]));
    context[13] = item.seller_score;
    context[14] = hour[0];
    context[15] = hour[1];

    std::uint32_t n_eligible = 0;
    for (std::size_t m = 0; m < n_modules_; ++m) {
      if (!(Stream::to_uniform(words[4 + m]) < eligibility_[m])) continue;
      retrieve(turn, rng, m, seed, candidate + n_eligible * n_candidates_);
      module[n_eligible++] = static_cast<std::uint16_t>(m);
    }
    return n_eligible;
  }

  /// A uniformly drawn subset of the module's pool (Floyd's algorithm, Bentley and Floyd, CACM 30,
  /// 1987) in the order of the module's retrieval score. The seed item is left out.
  void retrieve(const Turn& turn, const Rng& rng, std::size_t m, std::uint32_t seed,
                std::uint32_t* out) const {
    std::array<std::uint32_t, 64> words;
    const std::size_t n_blocks = (n_candidates_ + 3) / 4;
    rng.fill(Draw::kRequest, turn, kRetrievalItem + static_cast<std::uint32_t>(m * n_blocks),
             std::span(words).first(4 * n_blocks));
    const std::size_t category = category_of_[seed];
    const auto pool_size = static_cast<std::uint32_t>(config_.pool);
    const std::uint32_t* pool = pools_.data() + (category * n_modules_ + m) * pool_size;
    const std::uint32_t place = place_in_pool(seed, category, m, pool, pool_size);
    const std::uint32_t n = place < pool_size ? pool_size - 1 : pool_size;
    std::uint64_t chosen = 0;
    for (std::size_t k = 0; k < n_candidates_; ++k) {
      const std::uint32_t last = n - static_cast<std::uint32_t>(n_candidates_ - k);
      const std::uint32_t drawn = index_below(words[k], last + 1);
      chosen |= std::uint64_t{1} << (chosen >> drawn & 1 ? last : drawn);
    }
    for (; chosen != 0; chosen &= chosen - 1) {
      const auto bit = static_cast<std::uint32_t>(std::countr_zero(chosen));
      *out++ = pool[bit + (bit >= place ? 1 : 0)];
    }
  }

  /// Where the seed item stands in a module's pool; pool_size where it does not.
  std::uint32_t place_in_pool(std::uint32_t seed, std::size_t category, std::size_t m,
                              const std::uint32_t* pool, std::uint32_t pool_size) const {
    const std::uint32_t first = category_start(category);
    const std::uint32_t n = category_start(category + 1) - first;
    if ((seed - first + n - pool_start(m) % n) % n >= pool_size) return pool_size;
    return static_cast<std::uint32_t>(std::find(pool, pool + pool_size, seed) - pool);
  }

  std::uint32_t category_start(std::size_t category) const {
    return static_cast<std::uint32_t>(category * n_items_ /
                                      static_cast<std::size_t>(config_.categories));
  }
  std::uint32_t pool_start(std::size_t m) const {
    const double stride = static_cast<double>(config_.pool) * (1 - config_.pool_overlap);
    return static_cast<std::uint32_t>(std::lround(stride) * static_cast<long>(m));
  }

  void draw_modules(const Rng& rng);
  void draw_items(const Rng& rng);
  void draw_pools(const Rng& rng);
  void draw_users(const Rng& rng);
  void set_curated_order(const std::vector<double>& bias, const std::vector<double>& weights,
                         const std::vector<double>& noise);

  ItemPageWorldConfig config_;
  std::size_t n_modules_;
  std::uint32_t n_items_;
  std::size_t n_candidates_;
  Schema schema_;
  Arrays parameters_;
  std::vector<double> eligibility_;         // (n_modules)
  std::vector<double> quality_;             // (n_items), hidden
  std::vector<SeedItem> seeds_;             // (n_items)
  std::vector<std::uint32_t> category_of_;  // (n_items)
  std::vector<std::uint32_t> pools_;        // (n_categories, n_modules, pool)
  std::vector<User> users_;                 // (n_users)
  std::array<std::array<float, 2>, 24> hours_{};
};

void ItemPageWorld::draw_modules(const Rng& rng) {
  std::vector<double> click_bias, purchase_bias, click_weights, purchase_weights, noise, lot;
  const double correlation = config_.taste_correlation;
  const double scale = 1 / std::sqrt(static_cast<double>(kLatents));
  for (std::size_t m = 0; m < n_modules_; ++m) {
    Stream draws =
        rng.stream(Draw::kWorld, {UserId{0}, kModuleDraws, 0}, static_cast<std::uint32_t>(m) + 1);
    click_bias.push_back(config_.click_logit + config_.click_logit_sd * normal(draws()));
    purchase_bias.push_back(config_.purchase_logit + config_.purchase_logit_sd * normal(draws()));
    for (std::size_t d = 0; d < kLatents; ++d) {
      const double w = normal(draws());
      const double u = correlation * w + std::sqrt(1 - correlation * correlation) * normal(draws());
      click_weights.push_back(config_.sigma_c * scale * w);
      purchase_weights.push_back(config_.sigma_p * scale * u);
    }
    noise.push_back(config_.curated_noise * normal(draws()));
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
  parameters_["click_weights"] = {{n_modules_, kLatents}, click_weights};
  parameters_["purchase_bias"] = {{n_modules_}, purchase_bias};
  parameters_["purchase_weights"] = {{n_modules_, kLatents}, purchase_weights};
  parameters_["eligibility"] = {{n_modules_}, eligibility_};
}

void ItemPageWorld::set_curated_order(const std::vector<double>& bias,
                                      const std::vector<double>& weights,
                                      const std::vector<double>& noise) {
  std::vector<double> marginal_ctr, score;
  for (std::size_t m = 0; m < n_modules_; ++m) {
    double squares = 0;
    for (std::size_t d = 0; d < kLatents; ++d)
      squares += weights[m * kLatents + d] * weights[m * kLatents + d];
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
    price.push_back(normal(words[4 * i]));
    watchers.push_back(normal(words[4 * i + 1]));
    seller_score.push_back(normal(words[4 * i + 3]));
    // Good items are watched more: quality is hidden, watchers are not.
    quality_.push_back(0.6 * watchers[i] + 0.8 * normal(words[4 * i + 2]));
  }
  standardise(price);
  standardise(watchers);
  standardise(seller_score);
  schema_.item_features = {"price", "watchers", "seller_score", "condition", "format", "category"};
  schema_.items.resize(n_items_, static_cast<Eigen::Index>(schema_.item_features.size()));
  std::vector<double> amount;
  category_of_.resize(n_items_);
  for (std::size_t c = 0; c < static_cast<std::size_t>(config_.categories); ++c)
    for (std::uint32_t i = category_start(c); i < category_start(c + 1); ++i)
      category_of_[i] = static_cast<std::uint32_t>(c);
  for (std::size_t i = 0; i < n_items_; ++i) {
    const double u = Stream::to_uniform(more[4 * i]);
    const SeedItem item{static_cast<float>(price[i]), static_cast<float>(watchers[i]),
                        static_cast<float>(seller_score[i]),
                        static_cast<std::uint8_t>(u < 0.5    ? 0
                                                  : u < 0.85 ? 1
                                                             : 2),
                        static_cast<std::uint8_t>(Stream::to_uniform(more[4 * i + 1]) < 0.25)};
    seeds_.push_back(item);
    schema_.items.row(static_cast<Eigen::Index>(i)) << item.price, item.watchers, item.seller_score,
        static_cast<float>(item.condition), static_cast<float>(item.format),
        static_cast<float>(category_of_[i]);
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
        const double noise = normal(rng.stream(Draw::kWorld, turn, item)());
        pool[k] = {-(signal * quality_[item] + std::sqrt(1 - signal * signal) * noise), item};
      }
      std::sort(pool.begin(), pool.end());
      for (const auto& [score, item] : pool) pools_.push_back(item);
    }
  }
}

void ItemPageWorld::draw_users(const Rng& rng) {
  users_.resize(static_cast<std::size_t>(config_.users));
  for (std::size_t u = 0; u < users_.size(); ++u) {
    User& user = users_[u];
    std::array<std::uint32_t, 8> words;
    rng.fill(Draw::kPopulation, {UserId{static_cast<std::uint32_t>(u)}, 0, 0}, 0, words);
    for (std::size_t d = 0; d < 4; ++d) user.taste[d] = static_cast<float>(normal(words[d]));
    user.buyer_type = static_cast<std::uint8_t>(index_below(words[0], 4));
    user.price_band = static_cast<std::uint8_t>(index_below(words[1], 3));
    user.referral = static_cast<std::uint8_t>(index_below(words[2], 4));
    user.device = Stream::to_uniform(words[4]) < config_.mobile_share ? 1 : 0;
  }
}

std::unique_ptr<World> make(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<ItemPageWorldConfig>();
  check_item_page(config, plugin);
  return std::make_unique<ItemPageWorld>(config, rng);
}

}  // namespace

WorldEntry item_page_world() {
  return {"item_page",
          "carousels below an item's details; eligible modules and their items change by request",
          "reconstruction after Lo et al., RecSys 2021 (arXiv 2108.05891)",
          describe_fields<ItemPageWorldConfig>, make};
}

}  // namespace rehearsal
