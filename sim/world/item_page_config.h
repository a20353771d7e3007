#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/fields.h"
#include "sim/schema.h"

namespace rehearsal {

/// Configuration of the world `item_page`; see fields() for what each is.
struct ItemPageWorldConfig {
  std::int64_t users = 200000;
  std::int64_t items = 50000;
  std::int64_t categories = 100;
  std::int64_t modules = 10;
  std::int64_t slots = 5;
  std::int64_t candidates = 8;
  std::int64_t pool = 48;
  double pool_overlap = 0.15;
  double retrieval_signal = 0.6;
  double sigma_c = 0.15;
  double sigma_p = 0.2;
  double click_logit = -3.3;
  double click_logit_sd = 0.25;
  double purchase_logit = -3.0;
  double purchase_logit_sd = 0.15;
  double taste_correlation = 0.5;
  std::int64_t always_eligible = 4;
  double eligibility_low = 0.4;
  double eligibility_high = 0.9;
  double curated_noise = 0.10;
  double theme_noise = 1;
  double theme_width = 1;
  double mobile_share = 0.6;
  double activity_signal = 0.7;
  double referral_signal = 0.5;
  double price_median = 25;
  double price_log_sd = 0.8;

  Fields fields();
};

/// What ranges cannot say. Raises: Error(kInput).
void check_item_page(const ItemPageWorldConfig& config, const PluginConfig& plugin);
/// The context of a request: 6 categories, then 10 numbers.
std::vector<Feature> item_page_features();
/// The ten modules, most like the page's item first.
std::vector<std::string> item_page_modules();

}  // namespace rehearsal
