#pragma once

#include <vector>

#include "sim/batch.h"
#include "sim/core/rng.h"
#include "sim/world/world.h"
#include "users/after_click.h"
#include "users/click_model.h"
#include "users/over_time.h"

namespace rehearsal {

/// What makes a user click an examined item; see fields() for what each is.
struct AttractionConfig {
  double logit = -2;
  double match = 0.8;
  double popularity = 0.4;
  double intent = 0.3;
  double thumbnail_sd = 0.3;
  double freshness = 0;
  double freshness_days = 7;
  std::vector<double> daypart{0, 0, 0, 0};
  std::vector<double> weekday{0, 0, 0, 0, 0, 0, 0};
  double repeat_discount = 0;

  Fields fields();
};

/// One page as its user meets it: cells, and what stands behind each.
struct ReadPage {
  Offsets row_offsets;
  std::vector<double> attraction, satisfaction, heading;
  std::vector<ItemForUser> item;

  PageCells cells() const { return {row_offsets, attraction, satisfaction, {}, heading}; }
};

/// The hidden parameters of a world of type catalogue.
struct CatalogueItems {
  std::size_t n_factors = 0;
  std::size_t n_topics = 0;
  const std::vector<double>& factor;  // (n_items, n_factors)
  const std::vector<double>& quality;
  const std::vector<double>& popularity;
  const std::vector<double>& price;
  const std::vector<double>& topic;
  const std::vector<double>& birth;
  const std::vector<double>& heading;  // (n_modules, n_factors)

  explicit CatalogueItems(const Arrays& hidden);
  /// Names of the parameters that a world must have.
  static const std::vector<std::string>& names();
  /// How well factors v match a taste, standardised: x . v / sqrt(n_factors).
  double match(std::span<const double> taste, const double* v) const;
};

/// Turns pages into cells: attraction from match, popularity, intent, time of day, age of the item,
/// fatigue and repetition; satisfaction from dwell.
class PageReading {
 public:
  PageReading(const AttractionConfig& config, const CatalogueItems& items,
              const AfterClick& after_click, const OverTime& over_time, const Schema& schema,
              const Rng& rng);

  /// Args: requests: with latents and state.  page: filled with rows and cells of round i.
  void read(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
            ReadPage& page) const;

 private:
  double attraction(const RequestBatch& requests, std::size_t i, const double* state,
                    std::uint32_t item, double match) const;

  AttractionConfig config_;
  const CatalogueItems& items_;
  const AfterClick& after_click_;
  const OverTime& over_time_;
  std::size_t daypart_;
  std::size_t weekday_;
  std::vector<double> thumbnail_;  // (n_items)
};

}  // namespace rehearsal
