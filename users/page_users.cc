#include "users/page_users.h"

#include <yaml-cpp/yaml.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/page_reading.h"

namespace rehearsal {

namespace {

// Items of Draw::kResponse: the page's own, then the rows by module, then the cells by module and
// item.
constexpr std::uint32_t kPageNoise = 0;
constexpr std::uint32_t kRowNoise = 1;

struct PageUsersConfig {
  AttractionConfig attraction;
  AfterClickConfig after_click;
  OverTimeConfig over_time;

  Fields fields() {
    return Fields()
        .group("attraction", attraction.fields(), "what makes a user click an examined item")
        .group("after_click", after_click.fields(), "what follows a click")
        .group("over_time", over_time.fields(), "how users change and come back");
  }
};

const std::vector<std::string>& own_keys() {
  static const std::vector<std::string> keys{"attraction", "after_click", "over_time"};
  return keys;
}

class PageUsers final : public UserModel {
 public:
  PageUsers(std::unique_ptr<ClickModel> clicks, const PageUsersConfig& config, const World& world,
            const Rng& rng)
      : clicks_(std::move(clicks)),
        after_click_(config.after_click),
        items_(world.parameters()),
        over_time_(config.over_time, items_.n_factors, items_.n_topics),
        reading_(config.attraction, items_, after_click_, over_time_, world.schema(), rng),
        n_modules_(static_cast<std::uint32_t>(world.schema().n_modules())),
        n_items_(world.schema().n_items) {}

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  std::size_t n_state() const override { return over_time_.n_state(); }
  void start(std::span<const UserId> users, const Rng&, RowMatrix& state) const override {
    for (std::size_t i = 0; i < users.size(); ++i)
      over_time_.start({state.data() + i * n_state(), n_state()});
  }
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  void respond_page(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                    const Rng& rng, const ReadPage& page, ResponseBatch& responses,
                    TruthBatch& truth) const;
  void record_click(const ClickedItem& clicked, double price, std::size_t slot, std::size_t j,
                    ResponseBatch& responses) const;
  std::uint32_t cell_address(std::uint32_t module, std::uint32_t item) const {
    return kRowNoise + n_modules_ + module * n_items_ + item;
  }
  const float* taste_of(const RequestBatch& requests, std::size_t i) const {
    return requests.latents->request.data() + i * (items_.n_factors + 1);
  }

  std::unique_ptr<ClickModel> clicks_;
  AfterClick after_click_;
  CatalogueItems items_;
  OverTime over_time_;
  PageReading reading_;  // of the three above
  std::uint32_t n_modules_;
  std::uint32_t n_items_;
};

void PageUsers::record_click(const ClickedItem& clicked, double price, std::size_t slot,
                             std::size_t j, ResponseBatch& responses) const {
  responses.item_click[j] = 1;
  responses.click[slot] = static_cast<std::uint8_t>(responses.click[slot] + 1);
  responses.dwell[j] = static_cast<float>(clicked.dwell);
  responses.engagement[j] = clicked.satisfied ? 1 : 0;
  responses.like[j] = clicked.like;
  responses.share[j] = clicked.share;
  responses.hide[j] = clicked.hide;
  responses.cart[j] = clicked.cart;
  if (!clicked.purchase) return;
  responses.item_purchase[j] = 1;
  responses.purchase[slot] = static_cast<std::uint8_t>(responses.purchase[slot] + 1);
  responses.item_revenue[j] = static_cast<float>(price);
  responses.revenue[slot] += static_cast<float>(price);
  responses.delay[j] = static_cast<float>(clicked.delay);
}

void PageUsers::respond_page(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                             const Rng& rng, const ReadPage& page, ResponseBatch& responses,
                             TruthBatch& truth) const {
  const Turn turn = requests.turn(i);
  const std::size_t first_slot = pages.slot_offsets[i];
  const std::size_t first = pages.item_offsets[first_slot];
  const std::size_t n_rows = pages.n_shown(i), n_cells = page.item.size();
  std::vector<std::uint32_t> address{kPageNoise};
  for (std::size_t k = 0; k < n_rows; ++k)
    address.push_back(kRowNoise + pages.module[first_slot + k]);
  for (std::size_t k = 0; k < n_rows; ++k)
    for (std::size_t c = page.row_offsets[k]; c < page.row_offsets[k + 1]; ++c)
      address.push_back(cell_address(pages.module[first_slot + k], pages.item[first + c]));
  const Offsets all{0, static_cast<std::uint32_t>(address.size())};
  std::vector<std::uint32_t> words(4 * address.size());
  rng.fill(Draw::kResponse, {&turn, 1}, 0, all, address, words);
  const std::span<const std::uint32_t> noise(words);
  const PageActs acts{std::span(truth.item_examined).subspan(first, n_cells),
                      std::span(responses.item_click).subspan(first, n_cells),
                      std::span(truth.item_satisfied).subspan(first, n_cells)};
  clicks_->sample(page.cells(),
                  {noise.first(4), noise.subspan(4, 4 * n_rows), noise.subspan(4 + 4 * n_rows)},
                  acts);
  for (std::size_t k = 0; k < n_rows; ++k)
    for (std::size_t c = page.row_offsets[k]; c < page.row_offsets[k + 1]; ++c) {
      truth.examined[first_slot + k] |= acts.examined[c];
      if (acts.click[c] == 0) continue;
      Stream stream = rng.stream(Draw::kAfterClick, turn, address[1 + n_rows + c]);
      const ClickedItem clicked =
          after_click_.sample(page.item[c], noise[4 * (1 + n_rows + c) + 2], stream);
      acts.satisfied[c] = clicked.satisfied;
      record_click(clicked, page.item[c].price, first_slot + k, first + c, responses);
    }
}

void PageUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                        ResponseBatch& responses, TruthBatch* truth) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  const std::size_t n_slots = pages.module.size(), n_items = pages.item.size();
  responses = ResponseBatch{};
  for (auto* column : {&responses.click, &responses.purchase}) column->assign(n_slots, 0);
  responses.revenue.assign(n_slots, 0);
  for (auto* column : {&responses.item_click, &responses.item_purchase, &responses.like,
                       &responses.share, &responses.hide, &responses.cart})
    column->assign(n_items, 0);
  for (auto* column :
       {&responses.item_revenue, &responses.delay, &responses.dwell, &responses.engagement})
    column->assign(n_items, 0);
  TruthBatch own;
  own.examined.assign(n_slots, 0);
  own.item_examined.assign(n_items, 0);
  own.item_satisfied.assign(n_items, 0);
  ReadPage page;
  std::vector<double> examination, click;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    reading_.read(requests, pages, i, page);
    respond_page(requests, pages, i, rng, page, responses, own);
    if (truth == nullptr) continue;
    examination.resize(page.item.size());
    click.resize(page.item.size());
    clicks_->marginals(page.cells(), examination, click);
    own.p_item_examination.insert(own.p_item_examination.end(), examination.begin(),
                                  examination.end());
    own.p_item_click.insert(own.p_item_click.end(), click.begin(), click.end());
  }
  if (truth == nullptr) return;
  own.n_latents = items_.n_factors + 1;
  const RowMatrixF& latents = requests.latents->request;
  own.latents.assign(latents.data(), latents.data() + latents.size());
  *truth = std::move(own);
}

ExpectedBatch PageUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  ExpectedBatch out;
  const std::size_t n_slots = pages.module.size(), n_items = pages.item.size();
  for (auto* column : {&out.click, &out.purchase, &out.revenue}) column->assign(n_slots, 0.0);
  for (auto* column :
       {&out.item_examination, &out.item_click, &out.item_purchase, &out.item_revenue, &out.dwell,
        &out.engagement, &out.like, &out.share, &out.hide, &out.cart})
    column->assign(n_items, 0.0);
  ReadPage page;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    reading_.read(requests, pages, i, page);
    const std::size_t first_slot = pages.slot_offsets[i];
    const std::size_t first = pages.item_offsets[first_slot];
    clicks_->marginals(page.cells(),
                       std::span(out.item_examination).subspan(first, page.item.size()),
                       std::span(out.item_click).subspan(first, page.item.size()));
    for (std::size_t k = 0; k < pages.n_shown(i); ++k)
      for (std::size_t c = page.row_offsets[k]; c < page.row_offsets[k + 1]; ++c) {
        const std::size_t j = first + c;
        const double p = out.item_click[j];
        const ExpectedClick clicked = after_click_.expected(page.item[c]);
        out.item_purchase[j] = p * clicked.purchase;
        out.item_revenue[j] = out.item_purchase[j] * page.item[c].price;
        out.dwell[j] = p * clicked.dwell;
        out.engagement[j] = p * clicked.satisfied;
        out.like[j] = p * clicked.like;
        out.share[j] = p * clicked.share;
        out.hide[j] = p * clicked.hide;
        out.cart[j] = p * clicked.cart;
        out.click[first_slot + k] += p;
        out.purchase[first_slot + k] += out.item_purchase[j];
        out.revenue[first_slot + k] += out.item_revenue[j];
      }
  }
  return out;
}

void PageUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                        const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                        std::span<std::uint16_t> gap) const {
  std::vector<double> consumed;
  std::vector<std::uint32_t> topics;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    consumed.assign(items_.n_factors, 0);
    topics.clear();
    PageImpact impact;
    const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
    const std::size_t last = pages.item_offsets[pages.slot_offsets[i + 1]];
    impact.n_items = static_cast<double>(last - first);
    for (std::size_t j = first; j < last; ++j) {
      if (responses.item_click[j] == 0) continue;
      const std::uint32_t a = pages.item[j];
      topics.push_back(static_cast<std::uint32_t>(items_.topic[a]));
      impact.n_satisfied += static_cast<double>(responses.engagement[j]);
      for (std::size_t f = 0; f < consumed.size(); ++f)
        consumed[f] += items_.factor[a * items_.n_factors + f];
    }
    for (double& value : consumed) value /= std::max<double>(1, static_cast<double>(topics.size()));
    if (!topics.empty()) impact.consumed = consumed;
    impact.clicked_topics = topics;
    Stream stream = rng.stream(Draw::kAdvance, requests.turn(i));
    gap[i] = over_time_.advance({state.data() + i * n_state(), n_state()},
                                {taste_of(requests, i), items_.n_factors}, impact, stream);
  }
}

/// The configuration without some keys; what stays keeps its place in the file.
YAML::Node without(const YAML::Node& node, const std::vector<std::string>& keys, bool keep) {
  YAML::Node rest(YAML::NodeType::Map);
  for (const auto& pair : node) {
    const std::string key = pair.first.Scalar();
    const bool named = std::find(keys.begin(), keys.end(), key) != keys.end();
    if (named == keep || key == "type") rest.force_insert(pair.first, pair.second);
  }
  return rest;
}

void check_world(const PluginConfig& plugin, const World& world) {
  for (const std::string& name : CatalogueItems::names())
    if (!world.parameters().contains(name))
      plugin.refuse("type", "the world has no parameter '" + name +
                                "'; this behaviour needs a world of type catalogue");
  const std::uint64_t last =
      (std::uint64_t{world.schema().n_modules()} + 1) * (std::uint64_t{world.schema().n_items} + 1);
  if (last >= (1u << 24))
    plugin.refuse("type", "rows times items must stay below 16 million: the world is too large");
}

void check_config(const PageUsersConfig& config, const PluginConfig& plugin) {
  if (config.attraction.daypart.size() != 4)
    plugin.refuse("attraction", "daypart: expected 4 numbers, one for each six hours");
  if (config.attraction.weekday.size() != 7)
    plugin.refuse("attraction", "weekday: expected 7 numbers, from Monday on");
}

/// Whether the model can read the largest page of the world.
void try_page(const ClickModel& clicks, const PluginConfig& plugin, const World& world) {
  const Schema& schema = world.schema();
  Offsets offsets{0};
  for (std::size_t k = 0; k < schema.n_slots; ++k)
    offsets.push_back(offsets.back() + schema.n_positions);
  const std::vector<double> half(offsets.back(), 0.5), heading(schema.n_slots, 0.0);
  std::vector<double> examination(half.size()), click(half.size());
  try {
    clicks.marginals({offsets, half, half, {}, heading}, examination, click);
  } catch (const Error& error) {
    plugin.refuse("type", error.what());
  }
}

}  // namespace

YAML::Node click_model_keys(const YAML::Node& users) { return without(users, own_keys(), false); }

std::vector<FieldDescription> describe_page_users(const ClickModelEntry& clicks) {
  std::vector<FieldDescription> fields = clicks.describe();
  for (FieldDescription& field : describe_fields<PageUsersConfig>())
    fields.push_back(std::move(field));
  return fields;
}

std::unique_ptr<UserModel> make_page_users(const ClickModelEntry& clicks,
                                           const PluginConfig& plugin, const World& world,
                                           const Rng& rng) {
  check_world(plugin, world);
  const YAML::Node own = without(plugin.node, own_keys(), true);
  const auto config = PluginConfig{own, plugin.source}.read<PageUsersConfig>();
  check_config(config, plugin);
  std::unique_ptr<ClickModel> model = clicks.make({click_model_keys(plugin.node), plugin.source});
  try_page(*model, plugin, world);
  return std::make_unique<PageUsers>(std::move(model), config, world, rng);
}

}  // namespace rehearsal
