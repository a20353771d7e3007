#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "sim/core/draws.h"
#include "sim/world/item_page_config.h"
#include "sim/world/retrieval.h"
#include "sim/world/world.h"

namespace rehearsal {

/// The hidden x of a request: taste 0..3, the seed item's price and watchers, the session's and the
/// request's intent. The first six are observed.
inline constexpr std::size_t kItemPageLatents = 8;

/// Users, items and modules of an item page (specified in scenarios/item_page.yaml): ten carousels
/// below an item's details. Everything is fixed by the world's seed but the requests.
class ItemPageWorld final : public World {
 public:
  /// Args: config: checked.  rng: of the world's own seed.
  ItemPageWorld(const ItemPageWorldConfig& config, const Rng& rng);

  const Schema& schema() const override { return schema_; }
  std::uint32_t n_users() const override { return static_cast<std::uint32_t>(users_.size()); }
  const Arrays& parameters() const override { return parameters_; }

  void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const override;

 private:
  /// What the catalogue knows of an item that stands on a page.
  struct alignas(32) SeedItem {
    float price = 0;
    float watchers = 0;
    float seller_score = 0;
    std::uint16_t condition = 0;
    std::uint16_t format = 0;
    std::uint32_t category = 0;
    std::array<std::uint8_t, 10> place;  // by module: in its pool, kNowhere where it is not
  };

  struct User {
    std::array<float, 4> taste{};
    std::uint8_t device = 0;
    std::uint8_t buyer_type = 0;
    std::uint8_t price_band = 0;
    std::uint8_t referral = 0;
  };

  /// Words drawn for a chunk of requests.
  struct Words {
    std::vector<std::uint32_t> session;         // (n_rounds, 4)
    std::vector<std::uint32_t> request;         // (n_rounds, 1 + eligibility blocks, 4)
    std::vector<std::array<double, 3>> normal;  // (n_rounds) intents, noise of the activity
    std::vector<std::uint32_t> retrieval;       // (retrieval blocks, n_eligible, 4)
    std::vector<std::uint8_t> seed_place;       // (n_eligible)
    std::vector<const std::uint32_t*> pool;     // (n_eligible)
    std::vector<std::uint64_t> chosen;  // (n_eligible) bit k: the pool's item k is retrieved
  };

  void draw(std::span<const Turn> turns, const Rng& rng, Words& words) const;
  void fill_features(const User& user, const std::uint32_t* session, const std::uint32_t* request,
                     const std::array<double, 3>& normal, float* context, float* x) const;
  std::uint32_t fill_eligible(const std::uint32_t* words, std::uint16_t* module) const;
  void retrieve_chunk(std::span<const Turn> turns, std::size_t first, const Rng& rng, Words& words,
                      RequestBatch& out) const;
  const SeedItem& seed_item(const Words& words, std::size_t i) const {
    return seeds_[index_below(words.request[4 * request_blocks() * i], n_items_)];
  }
  std::size_t request_blocks() const { return 1 + (n_modules_ + 3) / 4; }

  std::uint32_t category_start(std::size_t category) const {
    return static_cast<std::uint32_t>(category * n_items_ /
                                      static_cast<std::size_t>(config_.categories));
  }
  std::uint32_t pool_start(std::size_t m) const {
    const double stride = static_cast<double>(config_.pool) * (1 - config_.pool_overlap);
    return static_cast<std::uint32_t>(std::lround(stride) * static_cast<long>(m));
  }

  void draw_modules(const Rng& rng);
  void draw_themes(const Rng& rng);
  void draw_items(const Rng& rng);
  void draw_pools(const Rng& rng);
  void draw_users(const Rng& rng);
  void set_curated_order(const std::vector<double>& bias, const std::vector<double>& weights,
                         const std::vector<double>& noise);

  ItemPageWorldConfig config_;
  std::size_t n_modules_;
  std::uint32_t n_items_;
  Retrieval retrieval_;
  double activity_noise_;
  Schema schema_;
  Arrays parameters_;
  std::vector<double> eligibility_;            // (n_modules)
  std::vector<std::uint64_t> eligible_words_;  // (n_modules) how many of the 2^32 words mean it
  std::vector<double> quality_;                // (n_items), hidden
  std::vector<SeedItem> seeds_;                // (n_items)
  std::vector<std::uint32_t> pools_;           // (n_categories, n_modules, pool)
  std::vector<User> users_;                    // (n_users)
  std::array<std::array<float, 2>, 24> hours_{};
};

}  // namespace rehearsal
