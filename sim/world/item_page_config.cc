#include "sim/world/item_page_config.h"

namespace rehearsal {

Fields ItemPageWorldConfig::fields() {
  return Fields()
      .add("users", users, 1, 1'000'000'000, "users of the site")
      .add("items", items, 1, 16'000'000, "items of the catalogue")
      .add("categories", categories, 1, 1'000'000, "leaf categories, equally large")
      .add("modules", modules, 1, 10, "carousels: the first so many of the named ten")
      .add("slots", slots, 1, 10, "modules a page has room for")
      .add("candidates", candidates, 1, 63, "items retrieved for each eligible module")
      .add("pool", pool, 2, 64, "items of the seed's category that a module retrieves from")
      .add("pool_overlap", pool_overlap, 0, 1, "share of a pool that the next module has too")
      .add("retrieval_signal", retrieval_signal, 0, 1,
           "correlation of the retrieval order's score with item quality")
      .add("sigma_c", sigma_c, 0, 5, "spread of click logits between requests")
      .add("sigma_p", sigma_p, 0, 5, "spread of purchase logits between requests")
      .add("click_logit", click_logit, -20, 20, "mean of the modules' click logits b_m")
      .add("click_logit_sd", click_logit_sd, 0, 5, "standard deviation of b_m")
      .add("purchase_logit", purchase_logit, -20, 20, "mean of the purchase logits c_m")
      .add("purchase_logit_sd", purchase_logit_sd, 0, 5, "standard deviation of c_m")
      .add("taste_correlation", taste_correlation, -1, 1, "correlation of w_m and u_m")
      .add("always_eligible", always_eligible, 0, 10, "modules whose recall never is empty")
      .add("eligibility_low", eligibility_low, 0, 1, "least eligibility of the other modules")
      .add("eligibility_high", eligibility_high, 0, 1, "largest eligibility of the others")
      .add("curated_noise", curated_noise, 0, 10,
           "standard deviation of the curator's error about log marginal CTR")
      .add("theme_noise", theme_noise, 0, 100,
           "standard deviation of a module's theme about its place among the named ten")
      .add("theme_width", theme_width, 1e-3, 100,
           "of the Gaussian of two themes' distance that is their modules' similarity")
      .add("mobile_share", mobile_share, 0, 1, "share of users on a mobile device")
      .add("activity_signal", activity_signal, -1, 1,
           "correlation of recent_activity with the session's latent intent")
      .add("referral_signal", referral_signal, 0, 1,
           "probability that the referral follows from taste_2; else it is uniform")
      .add("price_median", price_median, 1e-6, 1e9, "median item price, currency units")
      .add("price_log_sd", price_log_sd, 0, 5, "standard deviation of log price");
}

void check_item_page(const ItemPageWorldConfig& config, const PluginConfig& plugin) {
  const auto text = [](std::int64_t value) { return std::to_string(value); };
  if (config.slots > config.modules)
    plugin.refuse("slots", text(config.slots) + " is more than modules, " + text(config.modules));
  if (config.always_eligible > config.modules)
    plugin.refuse("always_eligible",
                  text(config.always_eligible) + " is more than modules, " + text(config.modules));
  if (config.candidates >= config.pool)
    plugin.refuse("candidates", text(config.candidates) + " must be less than pool, " +
                                    text(config.pool) + " (the seed item is never retrieved)");
  if (config.items / config.categories < config.pool)
    plugin.refuse("pool", text(config.pool) +
                              " is more than a category holds: items / categories = " +
                              text(config.items / config.categories));
  if (config.eligibility_low > config.eligibility_high)
    plugin.refuse("eligibility_low", "must not be above eligibility_high");
}

std::vector<Feature> item_page_features() {
  std::vector<Feature> out{
      {"device", {"desktop", "mobile"}, "the user's device"},
      {"referral", {"search", "email", "social", "direct"}, "how the session came to the page"},
      {"buyer_type", {"new", "browser", "buyer", "collector"}, "quartile of taste_0"},
      {"price_band", {"low", "middle", "high"}, "tercile of taste_1"},
      {"seed_condition", {"new", "used", "refurbished"}, "condition of the page's item"},
      {"seed_format", {"fixed_price", "auction"}, "selling format of the page's item"}};
  for (int i = 0; i < 4; ++i)
    out.push_back({"taste_" + std::to_string(i), {}, "standardised trait of the user"});
  out.push_back({"seed_price", {}, "log price of the page's item, standardised"});
  out.push_back({"seed_watchers", {}, "watchers of the page's item, standardised"});
  out.push_back({"recent_activity", {}, "noisy view of the session's intent, standardised"});
  out.push_back({"seed_seller_score", {}, "the seller's score, standardised"});
  out.push_back({"hour_sin", {}, "sine of the hour of day"});
  out.push_back({"hour_cos", {}, "cosine of the hour of day"});
  return out;
}

std::vector<std::string> item_page_modules() {
  return {"similar",           "similar_sponsored", "also_viewed",
          "bought_together",   "more_from_seller",  "recently_viewed",
          "for_you",           "best_sellers",      "same_product_cheaper",
          "explore_categories"};
}

}  // namespace rehearsal
