#include <array>
#include <cmath>
#include <cstring>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/carousel_row.h"
#include "users/item_page_config.h"
#include "users/item_page_slots.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

constexpr std::size_t kLatents = 8;
constexpr std::size_t kMostSlots = 64;
constexpr std::size_t kMostItems = 64;  // in a row
constexpr std::size_t kChunk = 64;      // rounds whose numbers are drawn together
constexpr std::size_t kAhead = 4;       // rows whose items are on their way

/// Of a click and of a purchase.
typedef double Both __attribute__((vector_size(16), aligned(8), may_alias));

const Both& both(const std::array<double, 2>& values) {
  return *reinterpret_cast<const Both*>(values.data());
}

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
  /// Click probabilities of the items of slot `at` of the batch, given that it is examined.
  std::span<const double> attraction(const PageBatch& pages, std::size_t i, std::size_t at,
                                     Row& row) const;
  std::size_t device(const RequestBatch& requests, std::size_t i) const {
    return requests.context[i * requests.n_features + device_] > 0.5f ? 1 : 0;
  }
  /// Returns: the end of `visits`, to which the page's have been added.
  RowVisit* respond_page(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                         const std::uint32_t* words, const SlotColumns& out,
                         RowVisit* visits) const;
  void respond_row(const PageBatch& pages, const RowVisit& visit, ResponseBatch& responses) const;
  void fetch_row(const PageBatch& pages, std::size_t at) const {
    for (std::size_t j = pages.item_offsets[at]; j < pages.item_offsets[at + 1]; ++j)
      __builtin_prefetch(&item_attraction_[pages.item[j]]);
  }

  ItemPageUsersConfig config_;
  std::size_t device_ = 0;                      // index of the feature
  std::array<std::vector<double>, 2> theta_;    // by device, (n_slots)
  std::array<RowBrowsing, 2> browsing_;         // by device
  std::vector<std::array<double, 2>> bias_;     // (n_modules) click, purchase
  std::vector<std::array<double, 2>> weights_;  // (n_modules * kLatents) click, purchase
  std::vector<double> item_attraction_;         // (n_items)
  std::vector<float> price_;                    // (n_items)
  std::array<std::uint64_t, 2> swipe_words_{};  // by device: how many words may mean a swipe
  bool row_effects_ = false;
  std::vector<double> kept_;  // (n_modules, n_modules) attraction of the first below the second
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
  if (config.substitutes > 0)
    for (const double similarity : hidden.at("module_similarity").values)
      kept_.push_back(1 - config.substitutes * similarity);
  for (const double quality : hidden.at("item_quality").values)
    item_attraction_.push_back(logistic(config.item_logit + config.item_quality * quality));
  for (const double price : hidden.at("item_price").values)
    price_.push_back(static_cast<float>(price));
  browsing_[0] = {config.go_on, config.swipe, static_cast<std::size_t>(config.window_desktop)};
  browsing_[1] = {config.go_on, config.swipe, static_cast<std::size_t>(config.window_mobile)};
  swipe_words_ = {words_below(browsing_[0].most_swipes()), words_below(browsing_[1].most_swipes())};
}

void ItemPageUsers::page_truth(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                               Page& page) const {
  std::array<double, kLatents> x;
  std::copy_n(requests.latents->request.data() + i * kLatents, kLatents, x.begin());
  const std::size_t on = device(requests, i);
  const std::size_t first = pages.slot_offsets[i];
  const std::size_t n = pages.n_shown(i);
  REHEARSAL_CHECK(n <= theta_[on].size());
  // All logits before the first exponential, a call that would take x from the registers.
  Both logits[kMostSlots];
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t m = pages.module[first + k];
    Both logit = both(bias_[m]);
    for (std::size_t d = 0; d < kLatents; ++d) logit += both(weights_[m * kLatents + d]) * x[d];
    logits[k] = logit;
  }
  double reach = 1;
  for (std::size_t k = 0; k < n; ++k) {
    double click = logits[k][0];
    double factor = 1;
    if (row_effects_) row_effects(pages, i, k, on, click, factor);
    if (!kept_.empty())
      for (std::size_t j = 0; j < k; ++j)
        factor *= kept_[pages.module[first + k] * bias_.size() + pages.module[first + j]];
    const Both chance = 1 / (1 + Both{std::exp(-click), std::exp(-logits[k][1])});
    SlotTruth& slot = page[k];
    slot.examination = theta_[on][k];
    slot.reach = reach;
    slot.alpha = factor * chance[0];
    slot.kappa = chance[1];
    reach *= 1 - config_.cascade_stop * slot.examination * slot.alpha * slot.kappa;
  }
}

std::span<const double> ItemPageUsers::attraction(const PageBatch& pages, std::size_t i,
                                                  std::size_t at, Row& row) const {
  const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
  const std::size_t begin = pages.item_offsets[at];
  const std::size_t end = pages.item_offsets[at + 1];
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
  const std::span<const double> shown = attraction(pages, i, pages.slot_offsets[i] + slot, row);
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
  responses.click.resize(n_slots);
  responses.purchase.assign(n_slots, 0);
  responses.revenue.assign(n_slots, 0);
  responses.impression.resize(pages.item.size());
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
  std::vector<RowVisit> visits;
  const SlotColumns out(responses, truth);
  for (std::size_t first = 0; first < requests.size(); first += kChunk) {
    const std::size_t n = std::min(kChunk, requests.size() - first);
    for (std::size_t i = 0; i < n; ++i) turns[i] = requests.turn(first + i);
    const std::span offsets(pages.slot_offsets.data() + first, n + 1);
    const std::size_t n_shown = offsets[n] - offsets[0];
    words.resize(4 * n_shown);
    rng.fill(Draw::kResponse, std::span(turns).first(n), 1, offsets, pages.module, words);
    visits.resize(n_shown + 1);
    RowVisit* end = visits.data();
    for (std::size_t i = 0; i < n; ++i)
      end = respond_page(requests, pages, first + i, words.data() + 4 * (offsets[i] - offsets[0]),
                         out, end);
    for (const RowVisit* visit = visits.data(); visit < end; ++visit) {
      if (visit + kAhead < end) fetch_row(pages, visit[kAhead].at);
      respond_row(pages, *visit, responses);
    }
  }
}

/// Modules; of the rows the first windows. Args: words: (n_shown, 4) of a module: examination and
/// click, purchase, item, swipes.
RowVisit* ItemPageUsers::respond_page(const RequestBatch& requests, const PageBatch& pages,
                                      std::size_t i, const std::uint32_t* words,
                                      const SlotColumns& columns, RowVisit* visits) const {
  Page page;
  page_truth(requests, pages, i, page);
  const SlotColumns out = columns;
  const std::size_t on = device(requests, i);
  const std::size_t window = browsing_[on].window;
  const std::uint64_t swipe_words = swipe_words_[on];
  const double cascade_stop = config_.cascade_stop;
  const std::size_t first_slot = pages.slot_offsets[i];
  const std::size_t n_shown = pages.n_shown(i);
  const std::uint32_t* items = pages.item_offsets.data() + first_slot;
  bool reading = true;
  for (std::size_t k = 0; k < n_shown; ++k, words += 4) {
    const std::size_t at = first_slot + k;
    const SlotTruth& slot = page[k];
    const double look = Stream::to_uniform(words[0]);
    const double buy = Stream::to_uniform(words[1]);
    // No branch: what happens is chance.
    const bool examined = reading & (look < slot.examination);
    const bool click = reading & (look < slot.examination * slot.alpha);
    const bool purchase = click & (buy < slot.kappa);
    const bool swipes = examined & (words[3] < swipe_words);
    const std::size_t n_items = items[k + 1] - items[k];
    out.click[at] = click;
    fill_seen(out.impression + items[k], n_items, window);
    *visits = {static_cast<std::uint32_t>(at), words, static_cast<std::uint32_t>(i),
               static_cast<std::uint8_t>(on), purchase};
    visits += click | (swipes & (n_items > window));
    reading &= !(purchase & (buy < slot.kappa * cascade_stop));
    if (out.examined == nullptr) continue;
    const double p = slot.reach * slot.examination;
    out.examined[at] = examined;
    out.p_examination[at] = static_cast<float>(p);
    out.p_click[at] = static_cast<float>(p * slot.alpha);
    out.p_purchase[at] = static_cast<float>(p * slot.alpha * slot.kappa);
  }
  return visits;
}

/// What happens inside a row: the clicked item, or else windows swiped to.
void ItemPageUsers::respond_row(const PageBatch& pages, const RowVisit& visit,
                                ResponseBatch& responses) const {
  const std::size_t at = visit.at;
  const std::size_t first = pages.item_offsets[at];
  const std::size_t n_items = pages.item_offsets[at + 1] - first;
  const RowBrowsing& browsing = browsing_[visit.device];
  Row row, clicks;
  const std::span<const double> shown = attraction(pages, visit.round, at, row);
  std::size_t windows = 1;
  if (responses.click[at] != 0) {
    double left = Stream::to_uniform(visit.words[2]) * row_clicks(browsing, shown, clicks);
    std::size_t j = 0;
    while (j + 1 < n_items && (left -= clicks[j]) >= 0) ++j;
    responses.item_click[first + j] = 1;
    responses.purchase[at] = responses.item_purchase[first + j] = visit.purchase;
    responses.revenue[at] = visit.purchase ? price_[pages.item[first + j]] : 0;
    windows = j / browsing.window + 1;
  } else {
    windows = windows_without_click(browsing, shown, Stream::to_uniform(visit.words[3]));
  }
  fill_seen(responses.impression.data() + first, n_items, windows * browsing.window);
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
      const std::span<const double> shown = attraction(pages, i, at, row);
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
  if (config.substitutes > 0 && !world.parameters().contains("module_similarity"))
    plugin.refuse("substitutes", "the world's modules have no parameter 'module_similarity'");
  const std::size_t n_slots = world.schema().n_slots;
  for (const auto& [name, list] : {std::pair{"desktop", config.desktop}, {"mobile", config.mobile}})
    if (list.size() < n_slots || list.size() > kMostSlots)
      plugin.refuse(name, "has " + std::to_string(list.size()) +
                              " entries; the world's pages have " + std::to_string(n_slots) +
                              " slots (at most 64)");
}

std::unique_ptr<UserModel> make_item_page_users(const PluginConfig& plugin, const World& world,
                                                const Rng&) {
  const auto config = plugin.read<ItemPageUsersConfig>();
  check(config, plugin, world);
  return std::make_unique<ItemPageUsers>(config, world);
}

}  // namespace

UserModelEntry item_page_users() {
  return {"item_page",
          "position-based clicks on modules, purchase after click, browsing inside each row",
          "reconstruction after Lo et al., RecSys 2021 (arXiv 2108.05891)",
          describe_fields<ItemPageUsersConfig>, make_item_page_users};
}

}  // namespace rehearsal
