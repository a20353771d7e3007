#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/chooser.h"
#include "sim/world/makers.h"

namespace rehearsal {

namespace {

// Sessions of Draw::kWorld (user 0): what the numbers are for. Items and topics own their id.
constexpr std::uint16_t kTopicDraws = 1;
constexpr std::uint16_t kCatalogueDraws = 2;
// Items of Draw::kRequest: the session's and the request's own numbers, then the modules'.
constexpr std::uint32_t kCatalogueSession = 0;
constexpr std::uint32_t kCatalogueRequest = 1;
constexpr std::uint32_t kCatalogueRetrieval = 16;

struct CatalogueConfig {
  std::int64_t users = 20000;
  std::int64_t items = 2000;
  std::int64_t modules = 6;
  std::int64_t slots = 4;
  std::int64_t candidates = 10;
  std::int64_t positions = 10;
  std::int64_t topics = 12;
  std::int64_t factors = 6;
  double topic_strength = 0.7;
  double overlap = 0.2;
  double taste_seen = 0.8;
  double quality_seen = 0.6;
  double mobile_share = 0.6;
  double price_median = 20;
  double price_log_sd = 0.8;
  double new_share = 0.2;
  std::int64_t days = 60;

  Fields fields() {
    return Fields()
        .add("users", users, 1, 1'000'000'000, "users of the site")
        .add("items", items, 1, 1'000'000, "items of the catalogue")
        .add("modules", modules, 1, 255, "rows that a page may show; 1: a ranked list")
        .add("slots", slots, 1, 64, "rows that a page has room for")
        .add("candidates", candidates, 1, 4095, "items that each row retrieves for a request")
        .add("positions", positions, 1, 4095, "items that a row shows")
        .add("topics", topics, 1, 1000, "topics of the items, equally frequent")
        .add("factors", factors, 1, 64, "width of tastes and of items' factors")
        .add("topic_strength", topic_strength, 0, 1,
             "share of an item's factors' variance that is its topic's")
        .add("overlap", overlap, 0, 1, "share of a row's items that the next row may retrieve too")
        .add("taste_seen", taste_seen, 0, 1, "correlation of the observed taste with the true one")
        .add("quality_seen", quality_seen, 0, 1,
             "correlation of an item's observed quality with the true one")
        .add("mobile_share", mobile_share, 0, 1, "share of users on a mobile device")
        .add("price_median", price_median, 0.01, 1e6, "median price, currency units")
        .add("price_log_sd", price_log_sd, 0, 5, "standard deviation of the price's logarithm")
        .add("new_share", new_share, 0, 1, "share of the items that are released on day 1 or later")
        .add("days", days, 1, 65000, "days over which new items are released");
  }
};

/// A site of rows that share one catalogue, for any click model: tastes and items meet in a few
/// factors; rows retrieve from pools of neighbouring topics that overlap; new items come out.
class CatalogueWorld final : public World {
 public:
  CatalogueWorld(const CatalogueConfig& config, const Rng& rng);

  const Schema& schema() const override { return schema_; }
  std::uint32_t n_users() const override { return static_cast<std::uint32_t>(config_.users); }
  const Arrays& parameters() const override { return parameters_; }
  void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const override;

 private:
  void draw_items(const Rng& rng);
  void draw_pools();
  void describe(const Turn& turn, const Rng& rng, float* context, float* latents) const;
  void retrieve(const Turn& turn, const Rng& rng, Chooser& chooser, RequestBatch& out) const;

  CatalogueConfig config_;
  std::size_t n_modules_;
  std::size_t n_factors_;
  Rng world_;
  Schema schema_;
  Arrays parameters_;
  std::vector<double> birth_;                      // (n_items) day of release, 0: before the log
  std::vector<std::vector<std::uint32_t>> pools_;  // [module] items by day of release
};

CatalogueWorld::CatalogueWorld(const CatalogueConfig& config, const Rng& rng)
    : config_(config),
      n_modules_(static_cast<std::size_t>(config.modules)),
      n_factors_(static_cast<std::size_t>(config.factors)),
      world_(rng) {
  schema_.features = {
      {"device", {"desktop", "mobile"}, "what the user holds"},
      {"daypart", {"night", "morning", "afternoon", "evening"}, "six hours of the day"},
      {"weekday", {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "day of the week"}};
  for (std::size_t f = 0; f < n_factors_; ++f)
    schema_.features.push_back({"taste_" + std::to_string(f), {}, "the user's taste, as observed"});
  for (std::size_t m = 0; m < n_modules_; ++m)
    schema_.modules.push_back("row_" + std::to_string(m));
  schema_.curated_order = schema_.modules;
  schema_.n_slots = static_cast<std::uint16_t>(std::min(config.slots, config.modules));
  schema_.n_positions = static_cast<std::uint16_t>(config.positions);
  schema_.n_items = static_cast<std::uint32_t>(config.items);
  draw_items(rng);
  draw_pools();
}

void CatalogueWorld::draw_items(const Rng& rng) {
  const std::size_t n = schema_.n_items;
  const auto n_topics = static_cast<std::size_t>(config_.topics);
  std::vector<double> centre(n_topics * n_factors_), factor(n * n_factors_), quality(n),
      popularity(n), price(n), topic(n);
  for (std::size_t t = 0; t < n_topics; ++t) {
    Stream stream = rng.stream(Draw::kWorld, {UserId{0}, kTopicDraws}, static_cast<uint32_t>(t));
    for (std::size_t f = 0; f < n_factors_; ++f) centre[t * n_factors_ + f] = normal_from(stream());
  }
  schema_.item_features = {"quality", "popularity", "price", "birth"};
  for (std::size_t f = 0; f < n_factors_; ++f)
    schema_.item_features.push_back("factor_" + std::to_string(f));
  schema_.items.resize(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(4 + n_factors_));
  birth_.resize(n);
  const double seen = config_.quality_seen, unseen = std::sqrt(1 - seen * seen);
  const double own = std::sqrt(1 - config_.topic_strength);
  for (std::size_t a = 0; a < n; ++a) {
    Stream stream =
        rng.stream(Draw::kWorld, {UserId{0}, kCatalogueDraws}, static_cast<uint32_t>(a));
    const std::size_t t = a * n_topics / n;
    topic[a] = static_cast<double>(t);
    quality[a] = normal_from(stream());
    const double shown_quality = seen * quality[a] + unseen * normal_from(stream());
    popularity[a] = normal_from(stream());
    price[a] = config_.price_median * std::exp(config_.price_log_sd * normal_from(stream()));
    const double u = stream.uniform();
    const double when = stream.uniform();
    birth_[a] =
        u < config_.new_share ? 1 + std::floor(when * static_cast<double>(config_.days)) : 0.0;
    float* row = schema_.items.data() + a * (4 + n_factors_);
    row[0] = static_cast<float>(shown_quality);
    row[1] = static_cast<float>(popularity[a]);
    row[2] = static_cast<float>(price[a]);
    row[3] = static_cast<float>(birth_[a]);
    for (std::size_t f = 0; f < n_factors_; ++f) {
      factor[a * n_factors_ + f] = std::sqrt(config_.topic_strength) * centre[t * n_factors_ + f] +
                                   own * normal_from(stream());
      row[4 + f] = static_cast<float>(factor[a * n_factors_ + f]);
    }
  }
  parameters_ = {{"item_factor", {{n, n_factors_}, std::move(factor)}},
                 {"item_quality", {{n}, std::move(quality)}},
                 {"item_popularity", {{n}, std::move(popularity)}},
                 {"item_price", {{n}, std::move(price)}},
                 {"item_topic", {{n}, std::move(topic)}},
                 {"item_birth", {{n}, birth_}},
                 {"n_topics", {{1}, {static_cast<double>(n_topics)}}}};
}

void CatalogueWorld::draw_pools() {
  // Neighbouring ranges of ids, hence of topics, that reach into the next row's.
  const double stride = static_cast<double>(schema_.n_items) / static_cast<double>(n_modules_);
  const std::vector<double>& factor = parameters_.at("item_factor").values;
  std::vector<double> heading(n_modules_ * n_factors_);
  for (std::size_t m = 0; m < n_modules_; ++m) {
    const auto first = static_cast<std::uint32_t>(stride * static_cast<double>(m));
    const double last = stride * (static_cast<double>(m) + 1 + config_.overlap);
    const auto end = std::min(static_cast<std::uint32_t>(last), schema_.n_items);
    std::vector<std::uint32_t> pool(end - first);
    std::iota(pool.begin(), pool.end(), first);
    for (const std::uint32_t a : pool)
      for (std::size_t f = 0; f < n_factors_; ++f)
        heading[m * n_factors_ + f] +=
            factor[a * n_factors_ + f] / static_cast<double>(pool.size());
    std::stable_sort(pool.begin(), pool.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return birth_[a] < birth_[b]; });
    const auto n_old =
        std::count_if(pool.begin(), pool.end(), [&](std::uint32_t a) { return birth_[a] == 0; });
    if (n_old < config_.candidates)
      throw Error(ErrorKind::kInput, "world.items: " + std::to_string(config_.items) +
                                         " items leave row " + std::to_string(m) + " with " +
                                         std::to_string(n_old) +
                                         " on day 0, fewer than its candidates, " +
                                         std::to_string(config_.candidates));
    pools_.push_back(std::move(pool));
  }
  parameters_["module_heading"] = {{n_modules_, n_factors_}, std::move(heading)};
}

void CatalogueWorld::describe(const Turn& turn, const Rng& rng, float* context,
                              float* latents) const {
  Stream user = world_.stream(Draw::kPopulation, {turn.user});
  context[0] = user.uniform() < config_.mobile_share ? 1 : 0;
  const double seen = config_.taste_seen, unseen = std::sqrt(1 - seen * seen);
  for (std::size_t f = 0; f < n_factors_; ++f) {
    const double taste = normal_from(user());
    latents[f] = static_cast<float>(taste);
    context[3 + f] = static_cast<float>(seen * taste + unseen * normal_from(user()));
  }
  Stream session = rng.stream(Draw::kRequest, {turn.user, turn.session}, kCatalogueSession);
  latents[n_factors_] = static_cast<float>(normal_from(session()));  // the session's intent
  Stream request = rng.stream(Draw::kRequest, turn, kCatalogueRequest);
  context[1] = static_cast<float>(index_below(request(), 4));
  context[2] = static_cast<float>(turn.day % 7);
}

void CatalogueWorld::retrieve(const Turn& turn, const Rng& rng, Chooser& chooser,
                              RequestBatch& out) const {
  const auto n_candidates = static_cast<std::size_t>(config_.candidates);
  std::vector<std::uint32_t> words(n_candidates);
  for (std::size_t m = 0; m < n_modules_; ++m) {
    const std::vector<std::uint32_t>& pool = pools_[m];
    const auto released =
        std::upper_bound(pool.begin(), pool.end(), static_cast<double>(turn.day),
                         [&](double day, std::uint32_t item) { return day < birth_[item]; });
    const std::size_t first = out.candidate.size();
    out.candidate.resize(first + n_candidates);
    Stream stream =
        rng.stream(Draw::kRequest, turn, kCatalogueRetrieval + static_cast<std::uint32_t>(m));
    for (std::uint32_t& word : words) word = stream();
    const std::span<std::uint32_t> chosen = std::span(out.candidate).subspan(first);
    chooser.choose(static_cast<std::uint32_t>(released - pool.begin()), words.data(), chosen);
    for (std::uint32_t& place : chosen) place = pool[place];
    out.module.push_back(static_cast<std::uint16_t>(m));
    out.candidate_offsets.push_back(static_cast<std::uint32_t>(out.candidate.size()));
  }
  out.module_offsets.push_back(static_cast<std::uint32_t>(out.module.size()));
}

void CatalogueWorld::requests(std::span<const Turn> turns, const Rng& rng,
                              RequestBatch& out) const {
  const std::size_t n = turns.size();
  out = RequestBatch{};
  out.n_features = schema_.n_features();
  out.context.resize(n * out.n_features);
  auto latents = std::make_shared<Latents>();
  latents->request.resize(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n_factors_ + 1));
  Chooser chooser(schema_.n_items);
  for (std::size_t i = 0; i < n; ++i) {
    REHEARSAL_CHECK(turns[i].user.value < n_users());
    out.user.push_back(turns[i].user.value);
    out.session.push_back(turns[i].session);
    out.round.push_back(turns[i].round);
    out.day.push_back(turns[i].day);
    describe(turns[i], rng, out.context.data() + i * out.n_features,
             latents->request.data() + i * (n_factors_ + 1));
    retrieve(turns[i], rng, chooser, out);
  }
  out.n_slots.assign(n, schema_.n_slots);
  out.n_positions.assign(n, schema_.n_positions);
  out.latents = std::move(latents);
}

/// What ranges cannot say.
void check(const CatalogueConfig& config, const PluginConfig& plugin) {
  if (config.positions > config.candidates)
    plugin.refuse("positions", std::to_string(config.positions) + " is more than candidates, " +
                                   std::to_string(config.candidates));
}

std::unique_ptr<World> make_catalogue(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<CatalogueConfig>();
  check(config, plugin);
  return std::make_unique<CatalogueWorld>(config, rng);
}

}  // namespace

WorldEntry catalogue_world() {
  return {"catalogue", "pages of rows, or a ranked list, over one catalogue: for every click model",
          "this project", describe_fields<CatalogueConfig>, make_catalogue};
}

}  // namespace rehearsal
