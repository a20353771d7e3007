#include <array>
#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "sim/truth.h"
#include "sim/world/media_names.h"
#include "sim/world/world.h"
#include "users/makers.h"
#include "users/media/media_users_config.h"

namespace rehearsal {

namespace {

// Items of Draw::kBehaviorModel. Every domain draws the same drifts.
constexpr std::uint32_t kSharedItem = 0;
constexpr std::uint32_t kDriftItem = 1;
constexpr std::uint32_t kDiscoveryItem = 2;
constexpr std::uint32_t kClickVisitItem = 3;
constexpr std::uint32_t kContinuedVisitItem = 4;
constexpr std::uint32_t kShelfItem = 5;
constexpr std::uint32_t kQualityItem = 6;  // with the item in the address's user
// Items of Draw::kPopulation: what a user played before, artist by artist.
constexpr std::uint32_t kPlaysItem = 16;

double normal_cdf(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }

/// E max(0, e^L - 1) of L ~ N(mean, sd^2).
double mean_seconds(double mean, double sd) {
  return std::exp(mean + sd * sd / 2) * normal_cdf((mean + sd * sd) / sd) - normal_cdf(mean / sd);
}

/// What may happen with one item shown.
struct Chances {
  double click = 0;        // probability
  double continued = 0;    // probability, given a click
  double log_seconds = 0;  // mean of log(1 + seconds), given a click
  double discovery = 0;    // probability, given a click
  bool is_new = false;
};

class MediaUsers final : public UserModel {
 public:
  MediaUsers(const MediaUsersConfig& config, const World& world, const Rng& rng);

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  void observe(RequestBatch& requests) const override;
  std::size_t n_state() const override { return has_history_ ? n_artists_ : 0; }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  void draw_tastes(const World& world);
  void draw_effects(const Schema& schema);
  RowMatrix preferences(std::uint32_t item) const;
  double visit_logit(const RequestBatch& requests, std::size_t i,
                     const std::vector<double>& effects) const;
  Chances chances(const RequestBatch& requests, std::size_t i, std::uint16_t module,
                  std::size_t row, std::size_t position, std::uint32_t item, double visit,
                  double visit_continued) const;
  template <class F>
  void for_each_item(const RequestBatch& requests, const PageBatch& pages, F&& f) const;
  double times_played(const RequestBatch& requests, std::size_t i, std::uint32_t item) const {
    return requests.latents->state(static_cast<Eigen::Index>(i), artist_[item]);
  }

  MediaUsersConfig config_;
  Rng rng_;  // of the world's seed
  bool has_history_ = false;
  bool has_releases_ = false;
  bool has_mood_ = false;
  std::size_t n_artists_ = 0;
  std::uint16_t visit_days_ = 1;
  double new_days_ = 0;
  std::vector<Eigen::Index> artist_;  // (n_items)
  std::vector<double> release_day_;   // (n_items)
  std::vector<double> quality_;       // (n_items) in click logits
  RowMatrix items_;                   // (n_items, dimensions)
  RowMatrix tastes_;                  // (n_users, dimensions) z' P / sqrt(dimensions)
  RowMatrix discovery_tastes_;        // (n_users, dimensions) the same for discoveries
  std::vector<std::size_t> visit_columns_;
  std::vector<double> visit_click_, visit_continued_;  // by visit column
  std::vector<double> shelf_;                          // (n_modules) click logits
};

RowMatrix matrix_of(const Array& array) {
  return Eigen::Map<const RowMatrix>(array.values.data(), static_cast<Eigen::Index>(array.shape[0]),
                                     static_cast<Eigen::Index>(array.shape[1]));
}

MediaUsers::MediaUsers(const MediaUsersConfig& config, const World& world, const Rng& rng)
    : config_(config), rng_(rng) {
  has_history_ = !world.schema().candidate_features.empty();
  const Arrays& hidden = world.parameters();
  release_day_ = hidden.at(media::kRelease).values;
  for (const double day : release_day_) has_releases_ |= day > 0;
  const std::vector<double>& calendar = hidden.at(media::kCalendar).values;
  visit_days_ = static_cast<std::uint16_t>(calendar[0]);
  new_days_ = calendar[1];
  for (const double artist : hidden.at(media::kArtist).values) {
    artist_.push_back(static_cast<Eigen::Index>(artist));
    n_artists_ = std::max(n_artists_, static_cast<std::size_t>(artist) + 1);
  }
  draw_tastes(world);
  draw_effects(world.schema());
}

/// A square matrix of independent entries of variance 1 / dimensions.
RowMatrix MediaUsers::preferences(std::uint32_t item) const {
  const auto d = static_cast<std::size_t>(items_.cols());
  const auto own = normals(rng_.stream(Draw::kBehaviorModel, Turn{}, item), d * d);
  return Eigen::Map<const RowMatrix>(own.data(), items_.cols(), items_.cols()) /
         std::sqrt(static_cast<double>(d));
}

void MediaUsers::draw_tastes(const World& world) {
  const Arrays& hidden = world.parameters();
  items_ = matrix_of(hidden.at(media::kItems));
  const RowMatrix z =
      matrix_of(hidden.at(media::kUsers)) / std::sqrt(static_cast<double>(items_.cols()));
  const auto rest = [](double share) { return std::sqrt(1 - share * share); };
  const RowMatrix own =
      config_.drift * preferences(kSharedItem) + rest(config_.drift) * preferences(kDriftItem);
  const RowMatrix of_discoveries =
      config_.discovery_drift * own + rest(config_.discovery_drift) * preferences(kDiscoveryItem);
  tastes_ = z * own;
  discovery_tastes_ = z * of_discoveries;
  for (std::uint32_t v = 0; v < items_.rows(); ++v) {
    const double drifted =
        normal_from(rng_.stream(Draw::kBehaviorModel, {UserId{v}, 0, 0}, kQualityItem)());
    quality_.push_back(config_.quality * (config_.drift * hidden.at(media::kQuality).values[v] +
                                          rest(config_.drift) * drifted));
  }
}

void MediaUsers::draw_effects(const Schema& schema) {
  for (std::size_t f = 0; f < schema.n_features(); ++f) {
    if (schema.features[f].name.starts_with(media::kVisit)) visit_columns_.push_back(f);
    has_mood_ |= schema.features[f].name == media::kMood;
  }
  const auto draw = [&](std::uint32_t item, double spread, std::size_t n) {
    std::vector<double> out = normals(rng_.stream(Draw::kBehaviorModel, Turn{}, item), n);
    for (double& value : out) value *= spread;
    return out;
  };
  visit_click_ = draw(kClickVisitItem, config_.visit_effect, visit_columns_.size());
  visit_continued_ = draw(kContinuedVisitItem, config_.visit_effect, visit_columns_.size());
  shelf_ = draw(kShelfItem, config_.shelf_effect, schema.n_modules());
}

double MediaUsers::visit_logit(const RequestBatch& requests, std::size_t i,
                               const std::vector<double>& effects) const {
  double sum = 0;
  for (std::size_t f = 0; f < effects.size(); ++f)
    sum += effects[f] * static_cast<double>(requests.features(i)[visit_columns_[f]]);
  return sum;
}

Chances MediaUsers::chances(const RequestBatch& requests, std::size_t i, std::uint16_t module,
                            std::size_t row, std::size_t position, std::uint32_t item, double visit,
                            double visit_continued) const {
  const auto user = static_cast<Eigen::Index>(requests.user[i]);
  const double liking = tastes_.row(user).dot(items_.row(item));
  const double quality = quality_[item];
  const double place = shelf_[module] - config_.row_effect * static_cast<double>(row) -
                       config_.position_effect * static_cast<double>(position);
  const double played = has_history_ ? times_played(requests, i, item) : 0;
  const double again = std::log1p(played);
  Chances out;
  out.click =
      logistic(config_.click + liking + quality + place + visit + config_.repeat_effect * again);
  out.continued =
      logistic(config_.continued + liking + config_.continued_quality * quality + visit_continued);
  out.log_seconds = config_.seconds + config_.seconds_liking * liking +
                    config_.seconds_quality * quality + config_.seconds_place * place +
                    config_.seconds_repeat * again;
  if (has_history_ && played == 0)
    out.discovery = logistic(config_.discovery + discovery_tastes_.row(user).dot(items_.row(item)));
  const double age = requests.day[i] - release_day_[item];
  out.is_new = release_day_[item] > 0 && age >= 0 && age < new_days_;
  return out;
}

/// Calls f(round, slot, place among the items, item, chances) for every item shown.
template <class F>
void MediaUsers::for_each_item(const RequestBatch& requests, const PageBatch& pages, F&& f) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double visit = visit_logit(requests, i, visit_click_);
    const double visit_continued = visit_logit(requests, i, visit_continued_);
    if (has_mood_)
      visit += config_.mood_effect * requests.latents->request(static_cast<Eigen::Index>(i), 0);
    const std::size_t first = pages.slot_offsets[i];
    for (std::size_t s = first; s < pages.slot_offsets[i + 1]; ++s)
      for (std::size_t at = pages.item_offsets[s]; at < pages.item_offsets[s + 1]; ++at)
        f(i, s, at, pages.item[at],
          chances(requests, i, pages.module[s], s - first, at - pages.item_offsets[s],
                  pages.item[at], visit, visit_continued));
  }
}

void MediaUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                         ResponseBatch& responses, TruthBatch* truth) const {
  const std::size_t n = pages.item.size();
  responses.click.assign(pages.module.size(), 0);
  for (auto* column : {&responses.item_click, &responses.continued}) column->assign(n, 0);
  responses.discovery.assign(has_history_ ? n : 0, 0);
  responses.new_release.assign(has_releases_ ? n : 0, 0);
  for (auto* column : {&responses.dwell, &responses.engagement}) column->assign(n, 0);
  if (truth != nullptr) {
    truth->p_item_click.assign(n, 0);
    truth->p_click.assign(pages.module.size(), 0);
  }
  std::array<std::uint32_t, 4> words;
  for_each_item(
      requests, pages,
      [&](std::size_t i, std::size_t slot, std::size_t at, std::uint32_t item, const Chances& p) {
        if (truth != nullptr) {
          truth->p_item_click[at] = static_cast<float>(p.click);
          truth->p_click[slot] += static_cast<float>(p.click);
        }
        rng.fill(Draw::kResponse, requests.turn(i), item, words);
        if (Stream::to_uniform(words[0]) >= p.click) return;
        const double log_seconds = p.log_seconds + config_.seconds_noise * normal_from(words[2]);
        const double seconds = std::max(0.0, std::expm1(log_seconds));
        ++responses.click[slot];
        responses.item_click[at] = 1;
        responses.continued[at] = Stream::to_uniform(words[1]) < p.continued;
        responses.dwell[at] = static_cast<float>(seconds);
        responses.engagement[at] = static_cast<float>(seconds / 60);
        if (has_history_) responses.discovery[at] = Stream::to_uniform(words[3]) < p.discovery;
        if (has_releases_) responses.new_release[at] = p.is_new;
      });
}

ExpectedBatch MediaUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  ExpectedBatch out;
  out.click.assign(pages.module.size(), 0);
  for_each_item(requests, pages,
                [&](std::size_t, std::size_t slot, std::size_t, std::uint32_t, const Chances& p) {
                  out.click[slot] += p.click;
                  out.item_click.push_back(p.click);
                  out.continued.push_back(p.click * p.continued);
                  out.dwell.push_back(p.click * mean_seconds(p.log_seconds, config_.seconds_noise));
                  out.engagement.push_back(out.dwell.back() / 60);
                  if (has_history_) out.discovery.push_back(p.click * p.discovery);
                  if (has_releases_) out.new_release.push_back(p.is_new ? p.click : 0);
                });
  return out;
}

void MediaUsers::observe(RequestBatch& requests) const {
  if (!has_history_) return;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = requests.candidate_offsets[requests.module_offsets[i]];
    const std::size_t last = requests.candidate_offsets[requests.module_offsets[i + 1]];
    for (std::size_t c = first; c < last; ++c)
      requests.candidate_context[c] =
          static_cast<float>(std::log1p(times_played(requests, i, requests.candidate[c])));
  }
}

void MediaUsers::start(std::span<const UserId> users, const Rng& /*rng*/, RowMatrix& state) const {
  RowMatrix artists = RowMatrix::Zero(static_cast<Eigen::Index>(n_artists_), items_.cols());
  Eigen::VectorXd n = Eigen::VectorXd::Zero(artists.rows());
  for (Eigen::Index v = 0; v < items_.rows(); ++v) {
    artists.row(artist_[static_cast<std::size_t>(v)]) += items_.row(v);
    n[artist_[static_cast<std::size_t>(v)]] += 1;
  }
  for (Eigen::Index a = 0; a < artists.rows(); ++a) artists.row(a) /= std::max(1.0, n[a]);
  for (std::size_t u = 0; u < users.size(); ++u)
    for (Eigen::Index a = 0; a < artists.rows(); ++a) {
      const double liking =
          tastes_.row(static_cast<Eigen::Index>(users[u].value)).dot(artists.row(a));
      // Poisson by inversion; the mean is small.
      double chance = std::exp(-std::exp(config_.plays + config_.plays_liking * liking));
      const double mean = -std::log(chance);
      double left = rng_.stream(Draw::kPopulation, {users[u], 0, 0},
                                kPlaysItem + static_cast<std::uint32_t>(a))
                        .uniform();
      double count = 0;
      for (; (left -= chance) >= 0 && count < 1000; chance *= mean / count) ++count;
      state(static_cast<Eigen::Index>(u), a) = count;
    }
}

void MediaUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                         const ResponseBatch& responses, const Rng& /*rng*/, RowMatrix& state,
                         std::span<std::uint16_t> gap) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    gap[i] = requests.round[i] + 1 >= config_.session_rounds ? visit_days_ : std::uint16_t{0};
    if (!has_history_) continue;
    const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
    const std::size_t last = pages.item_offsets[pages.slot_offsets[i + 1]];
    for (std::size_t at = first; at < last; ++at)
      if (responses.item_click[at] != 0)
        state(static_cast<Eigen::Index>(i), artist_[pages.item[at]]) += 1;
  }
}

template <class Config>
std::unique_ptr<UserModel> make(const PluginConfig& plugin, const World& world, const Rng& rng) {
  const MediaUsersConfig config = plugin.read<Config>();
  for (const char* name : {media::kUsers, media::kItems, media::kQuality, media::kArtist,
                           media::kRelease, media::kCalendar})
    if (!world.parameters().contains(name))
      plugin.refuse("type", std::string("the world has no parameter '") + name +
                                "'; these users need a world of media");
  return std::make_unique<MediaUsers>(config, world, rng);
}

/// What users of each domain do by default.
struct VideoUsersConfig : MediaUsersConfig {
  VideoUsersConfig() {
    visit_effect = 0.3;
    session_rounds = 10;
  }
};
struct HomepageUsersConfig : MediaUsersConfig {
  HomepageUsersConfig() {
    drift = 0.8;
    click = -1.6;
    row_effect = 0.8;
    position_effect = 0.4;
    shelf_effect = 0.8;
    repeat_effect = 1.0;
    seconds_place = 0.5;
    seconds_repeat = 0.5;
    seconds_noise = 0.6;
  }
};
struct RadioUsersConfig : MediaUsersConfig {
  RadioUsersConfig() {
    drift = 0.8;
    click = 0;
    repeat_effect = 0.4;
    mood_effect = 4;
    seconds_repeat = 0.4;
    session_rounds = 5;
  }
};

constexpr const char* kSource =
    "Ranganathan et al., RecSys 2025 (arXiv 2603.28994), for the setting; the laws are this "
    "project's";

}  // namespace

UserModelEntry media_video_users() {
  return {"media_video", "click, watch for a while, continue to the end; moved by the visit",
          kSource, describe_fields<VideoUsersConfig>, make<VideoUsersConfig>};
}

UserModelEntry media_homepage_users() {
  return {"media_homepage",
          "drifted preferences; moved by shelf, place and repeat play; discover artists", kSource,
          describe_fields<HomepageUsersConfig>, make<HomepageUsersConfig>};
}

UserModelEntry media_radio_users() {
  return {"media_radio", "drifted preferences; engage with the next track as the session's mood is",
          kSource, describe_fields<RadioUsersConfig>, make<RadioUsersConfig>};
}

}  // namespace rehearsal
