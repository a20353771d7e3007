#include <array>
#include <cmath>
#include <cstring>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/carousel_row.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

constexpr std::size_t kLatents = 8;
constexpr std::size_t kMostSlots = 64;
constexpr std::size_t kMostItems = 64;  // in a row
constexpr std::size_t kChunk = 64;      // rounds whose numbers are drawn together

struct ItemPageUsersConfig {
  std::vector<double> desktop{1, .70, .52, .40, .31};
  std::vector<double> mobile{1, .62, .42, .30, .21};
  double leave = 0.4;
  double go_on = 0.85;
  double swipe = 0.25;
  std::int64_t window_desktop = 5;
  std::int64_t window_mobile = 3;
  double item_logit = -2.5;
  double item_quality = 0.5;
  double cascade_stop = 0;
  double repeat_discount = 0;
  double item_order_effect = 0;

  Fields fields() {
    return Fields()
        .add("desktop", desktop, 0, 1, "probability that each slot is examined, on a desktop")
        .add("mobile", mobile, 0, 1, "probability that each slot is examined, on a mobile device")
        .add("leave", leave, 0, 1, "probability that the session ends after a page")
        .add("go_on", go_on, 0, 1, "probability of going on to the next item of a row")
        .add("swipe", swipe, 0, 1, "probability of swiping at the end of a row's window")
        .add("window_desktop", window_desktop, 1, 64, "items of a row visible at first, desktop")
        .add("window_mobile", window_mobile, 1, 64, "items of a row visible at first, mobile")
        .add("item_logit", item_logit, -20, 20, "click logit of an examined item of mean quality")
        .add("item_quality", item_quality, -10, 10, "its slope on the item's hidden quality")
        .add("cascade_stop", cascade_stop, 0, 1,
             "probability that a user who has purchased reads no further")
        .add("repeat_discount", repeat_discount, 0, 1,
             "share of its attraction that an item loses where a slot above shows it already")
        .add("item_order_effect", item_order_effect, 0, 10,
             "slope of a module's click logit on the log of its row's click probability, relative "
             "to a row of items of mean quality");
  }
};

double logistic(double z) { return 1 / (1 + std::exp(-z)); }

/// What holds for one slot of a page, exactly.
struct SlotTruth {
  double examination;  // given that reading gets here
  double reach;        // that no purchase above stopped it
  double alpha;        // P(click | examined)
  double kappa;        // P(purchase | click)
};

/// Modules are clicked by position and attraction: P(click on module m at slot k) =
/// theta_k(device) alpha(x, m), P(purchase | click) = kappa(x, m), both logistic in the hidden x.
/// Inside the clicked module the item follows from browsing the row.
class ItemPageUsers : public UserModel {
 public:
  ItemPageUsers(const ItemPageUsersConfig& config, const World& world);

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  using Page = std::array<SlotTruth, kMostSlots>;
  using Row = std::array<double, kMostItems>;

  /// Of the page that request i was shown.
  void page_truth(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                  Page& page) const;
  /// What the order of a row's items and repetitions change.
  void row_effects(const PageBatch& pages, std::size_t i, std::size_t slot, std::size_t device,
                   double& click_logit, double& factor) const;
  /// Click probabilities of the items of a slot, given that it is examined.
  std::span<const double> attraction(const PageBatch& pages, std::size_t i, std::size_t slot,
                                     Row& row) const;
  std::size_t device(const RequestBatch& requests, std::size_t i) const {
    return requests.context[i * requests.n_features + device_] > 0.5f ? 1 : 0;
  }
  void respond_page(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                    const std::uint32_t* words, ResponseBatch& responses, TruthBatch* truth) const;
  void respond_slot(const PageBatch& pages, std::size_t i, std::size_t slot, std::size_t device,
                    bool examined, bool purchase, const std::uint32_t* words,
                    ResponseBatch& responses) const;

  ItemPageUsersConfig config_;
  std::size_t device_ = 0;                      // index of the feature
  std::array<std::vector<double>, 2> theta_;    // by device, (n_slots)
  std::array<RowBrowsing, 2> browsing_;         // by device
  std::vector<std::array<double, 2>> bias_;     // (n_modules) click, purchase
  std::vector<std::array<double, 2>> weights_;  // (n_modules * kLatents) click, purchase
  std::vector<double> item_attraction_;         // (n_items)
  std::vector<float> price_;                    // (n_items)
  std::array<double, 2> most_swipes_{};         // by device
  bool row_effects_ = false;
};

ItemPageUsers::ItemPageUsers(const ItemPageUsersConfig& config, const World& world)
    : config_(config),
      device_(world.schema().feature_index("device")),
      theta_{config.desktop, config.mobile},
      row_effects_(config.repeat_discount > 0 || config.item_order_effect > 0) {
  const Arrays& hidden = world.parameters();
  const std::vector<double>& click_bias = hidden.at("click_bias").values;
  for (std::size_t m = 0; m < click_bias.size(); ++m)
    bias_.push_back({click_bias[m], hidden.at("purchase_bias").values[m]});
  for (std::size_t j = 0; j < click_bias.size() * kLatents; ++j)
    weights_.push_back(
        {hidden.at("click_weights").values[j], hidden.at("purchase_weights").values[j]});
  for (const double quality : hidden.at("item_quality").values)
    item_attraction_.push_back(logistic(config.item_logit + config.item_quality * quality));
  for (const double price : hidden.at("item_price").values)
    price_.push_back(static_cast<float>(price));
  browsing_[0] = {config.go_on, config.swipe, static_cast<std::size_t>(config.window_desktop)};
  browsing_[1] = {config.go_on, config.swipe, static_cast<std::size_t>(config.window_mobile)};
  most_swipes_ = {browsing_[0].most_swipes(), browsing_[1].most_swipes()};
}

void ItemPageUsers::page_truth(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                               Page& page) const {
  const float* x = requests.latents->request.data() + i * kLatents;
  const std::size_t on = device(requests, i);
  const std::size_t first = pages.slot_offsets[i];
  const std::size_t n = pages.n_shown(i);
  REHEARSAL_CHECK(n <= theta_[on].size());
  double reach = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t m = pages.module[first + k];
    double click = bias_[m][0];
    double purchase = bias_[m][1];
    for (std::size_t d = 0; d < kLatents; ++d) {
      click += weights_[m * kLatents + d][0] * x[d];
      purchase += weights_[m * kLatents + d][1] * x[d];
    }
    double factor = 1;
    if (row_effects_) row_effects(pages, i, k, on, click, factor);
    SlotTruth& slot = page[k];
    slot.examination = theta_[on][k];
    slot.reach = reach;
    slot.alpha = factor * logistic(click);
    slot.kappa = logistic(purchase);
    reach *= 1 - config_.cascade_stop * slot.examination * slot.alpha * slot.kappa;
  }
}

std::span<const double> ItemPageUsers::attraction(const PageBatch& pages, std::size_t i,
                                                  std::size_t slot, Row& row) const {
  const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
  const std::size_t begin = pages.item_offsets[pages.slot_offsets[i] + slot];
  const std::size_t end = pages.item_offsets[pages.slot_offsets[i] + slot + 1];
  REHEARSAL_CHECK(end - begin <= kMostItems);
  for (std::size_t j = begin; j < end; ++j) {
    row[j - begin] = item_attraction_[pages.item[j]];
    if (config_.repeat_discount == 0) continue;
    for (std::size_t above = first; above < begin; ++above)
      if (pages.item[above] == pages.item[j]) {
        row[j - begin] *= 1 - config_.repeat_discount;
        break;
      }
  }
  return std::span(row).first(end - begin);
}

void ItemPageUsers::row_effects(const PageBatch& pages, std::size_t i, std::size_t slot,
                                std::size_t device, double& click_logit, double& factor) const {
  Row row, plain, click;
  const std::span<const double> shown = attraction(pages, i, slot, row);
  const std::size_t begin = pages.item_offsets[pages.slot_offsets[i] + slot];
  for (std::size_t j = 0; j < shown.size(); ++j) plain[j] = item_attraction_[pages.item[begin + j]];
  const double undiscounted =
      row_clicks(browsing_[device], std::span(plain).first(shown.size()), click);
  factor = row_clicks(browsing_[device], shown, click) / undiscounted;
  if (config_.item_order_effect == 0) return;
  std::fill_n(plain.begin(), shown.size(), logistic(config_.item_logit));
  const double neutral = row_clicks(browsing_[device], std::span(plain).first(shown.size()), click);
  click_logit += config_.item_order_effect * std::log(undiscounted / neutral);
}

void ItemPageUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                            ResponseBatch& responses, TruthBatch* truth) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  const std::size_t n_slots = pages.module.size();
  REHEARSAL_CHECK(pages.item_offsets.size() == n_slots + 1);
  responses.click.assign(n_slots, 0);
  responses.purchase.assign(n_slots, 0);
  responses.revenue.assign(n_slots, 0);
  responses.impression.assign(pages.item.size(), 0);
  responses.item_click.assign(pages.item.size(), 0);
  responses.item_purchase.assign(pages.item.size(), 0);
  if (truth != nullptr) {
    truth->n_latents = kLatents;
    const float* x = requests.latents->request.data();
    truth->latents.assign(x, x + requests.size() * kLatents);
    truth->examined.resize(n_slots);
    truth->p_examination.resize(n_slots);
    truth->p_click.resize(n_slots);
    truth->p_purchase.resize(n_slots);
  }
  std::array<Turn, kChunk> turns;
  std::vector<std::uint32_t> words;
  for (std::size_t first = 0; first < requests.size(); first += kChunk) {
    const std::size_t n = std::min(kChunk, requests.size() - first);
    for (std::size_t i = 0; i < n; ++i) turns[i] = requests.turn(first + i);
    const std::span offsets(pages.slot_offsets.data() + first, n + 1);
    words.resize(4 * std::size_t{offsets[n] - offsets[0]});
    rng.fill(Draw::kResponse, std::span(turns).first(n), 1, offsets, pages.module, words);
    for (std::size_t i = 0; i < n; ++i)
      respond_page(requests, pages, first + i, words.data() + 4 * (offsets[i] - offsets[0]),
                   responses, truth);
  }
}

/// Args: words: (n_shown, 4) of a module: examination and click, purchase, item, swipes.
void ItemPageUsers::respond_page(const RequestBatch& requests, const PageBatch& pages,
                                 std::size_t i, const std::uint32_t* words,
                                 ResponseBatch& responses, TruthBatch* truth) const {
  Page page;
  page_truth(requests, pages, i, page);
  const std::size_t on = device(requests, i);
  bool reading = true;
  for (std::size_t k = 0; k < pages.n_shown(i); ++k, words += 4) {
    const std::size_t at = pages.slot_offsets[i] + k;
    const SlotTruth& slot = page[k];
    const double look = Stream::to_uniform(words[0]);
    const double buy = Stream::to_uniform(words[1]);
    const bool examined = reading && look < slot.examination;
    const bool click = reading && look < slot.examination * slot.alpha;
    const bool purchase = click && buy < slot.kappa;
    responses.click[at] = click;
    respond_slot(pages, i, k, on, examined, purchase, words, responses);
    if (truth != nullptr) {
      const double p = slot.reach * slot.examination;
      truth->examined[at] = examined;
      truth->p_examination[at] = static_cast<float>(p);
      truth->p_click[at] = static_cast<float>(p * slot.alpha);
      truth->p_purchase[at] = static_cast<float>(p * slot.alpha * slot.kappa);
    }
    if (purchase && buy < slot.kappa * config_.cascade_stop) reading = false;
  }
}

/// What happens inside the row: windows seen, the clicked item.
void ItemPageUsers::respond_slot(const PageBatch& pages, std::size_t i, std::size_t slot,
                                 std::size_t device, bool examined, bool purchase,
                                 const std::uint32_t* words, ResponseBatch& responses) const {
  const std::size_t at = pages.slot_offsets[i] + slot;
  const std::size_t first = pages.item_offsets[at];
  const std::size_t n_items = pages.item_offsets[at + 1] - first;
  const RowBrowsing& browsing = browsing_[device];
  Row row, clicks;
  std::size_t windows = 1;
  if (responses.click[at] != 0) {
    const std::span<const double> shown = attraction(pages, i, slot, row);
    double left = Stream::to_uniform(words[2]) * row_clicks(browsing, shown, clicks);
    std::size_t j = 0;
    while (j + 1 < n_items && (left -= clicks[j]) >= 0) ++j;
    responses.item_click[first + j] = 1;
    responses.purchase[at] = responses.item_purchase[first + j] = purchase;
    responses.revenue[at] = purchase ? price_[pages.item[first + j]] : 0;
    windows = j / browsing.window + 1;
  } else if (examined) {
    const double u = Stream::to_uniform(words[3]);
    if (u < most_swipes_[device] && n_items > browsing.window)
      windows = windows_without_click(browsing, attraction(pages, i, slot, row), u);
  }
  const std::size_t seen = std::min(n_items, windows * browsing.window);
  std::fill_n(responses.impression.begin() + static_cast<std::ptrdiff_t>(first), seen,
              std::uint8_t{1});
}

ExpectedBatch ItemPageUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  const std::size_t n_slots = pages.module.size();
  REHEARSAL_CHECK(pages.item_offsets.size() == n_slots + 1);
  ExpectedBatch out;
  out.examination.resize(n_slots);
  out.click.resize(n_slots);
  out.purchase.resize(n_slots);
  out.revenue.resize(n_slots);
  Page page;
  Row row, clicks;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    page_truth(requests, pages, i, page);
    const RowBrowsing& browsing = browsing_[device(requests, i)];
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::size_t at = pages.slot_offsets[i] + k;
      const std::uint32_t* items = pages.item.data() + pages.item_offsets[at];
      out.examination[at] = page[k].reach * page[k].examination;
      out.click[at] = out.examination[at] * page[k].alpha;
      out.purchase[at] = out.click[at] * page[k].kappa;
      const std::span<const double> shown = attraction(pages, i, k, row);
      const double sum = row_clicks(browsing, shown, clicks);
      double price = 0;
      for (std::size_t j = 0; j < shown.size(); ++j) price += clicks[j] * price_[items[j]];
      out.revenue[at] = sum > 0 ? out.purchase[at] * price / sum : 0;
    }
  }
  return out;
}

void ItemPageUsers::advance(const RequestBatch& requests, const PageBatch& /*pages*/,
                            const ResponseBatch& /*responses*/, const Rng& rng,
                            RowMatrix& /*state*/, std::span<std::uint16_t> gap) const {
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < requests.size(); ++i) turns.push_back(requests.turn(i));
  std::vector<std::uint32_t> words(4 * turns.size());
  rng.fill(Draw::kAdvance, turns, 0, 1, words);
  for (std::size_t i = 0; i < turns.size(); ++i)
    gap[i] = Stream::to_uniform(words[4 * i]) < config_.leave;
}

void check(const ItemPageUsersConfig& config, const PluginConfig& plugin, const World& world) {
  for (const char* name : {"click_bias", "click_weights", "purchase_bias", "purchase_weights",
                           "item_quality", "item_price"})
    if (!world.parameters().contains(name))
      plugin.refuse("type", std::string("the world has no parameter '") + name +
                                "'; item_page needs a world of type item_page");
  const std::size_t n_slots = world.schema().n_slots;
  for (const auto& [name, list] : {std::pair{"desktop", config.desktop}, {"mobile", config.mobile}})
    if (list.size() < n_slots || list.size() > kMostSlots)
      plugin.refuse(name, "has " + std::to_string(list.size()) +
                              " entries; the world's pages have " + std::to_string(n_slots) +
                              " slots (at most 64)");
}

std::unique_ptr<UserModel> make(const PluginConfig& plugin, const World& world, const Rng&) {
  const auto config = plugin.read<ItemPageUsersConfig>();
  check(config, plugin, world);
  return std::make_unique<ItemPageUsers>(config, world);
}

}  // namespace

UserModelEntry item_page_users() {
  return {"item_page",
          "position-based clicks on modules, purchase after click, browsing inside each row",
          "reconstruction after Lo et al., RecSys 2021 (arXiv 2108.05891)",
          describe_fields<ItemPageUsersConfig>, make};
}

}  // namespace rehearsal
