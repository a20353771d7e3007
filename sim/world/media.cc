#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/chooser.h"
#include "sim/world/makers.h"
#include "sim/world/media_config.h"
#include "sim/world/media_names.h"

namespace rehearsal {

namespace {

// Items of Draw::kWorld, with the user, item or artist in the address's user.
constexpr std::uint32_t kMediaUsers = 0;
constexpr std::uint32_t kMediaItems = 1;
constexpr std::uint32_t kArtistItem = 2;
// Items of Draw::kRequest: retrieval from 0 on, then what a visit and a session are like.
constexpr std::uint32_t kVisitItem = 0x10000;
constexpr std::uint32_t kMoodItem = 0x10001;

constexpr std::size_t kVisitsTogether = 64;  // requests whose numbers are drawn together

class MediaWorld final : public World {
 public:
  MediaWorld(const MediaConfig& config, Schema schema, Arrays parameters, const Rng& rng);

  const Schema& schema() const override { return schema_; }
  std::uint32_t n_users() const override { return static_cast<std::uint32_t>(config_.users); }
  const Arrays& parameters() const override { return parameters_; }
  void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const override;

 private:
  void head(std::span<const Turn> turns, RequestBatch& out) const;
  void retrieve(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const;
  void describe(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const;

  MediaConfig config_;
  Schema schema_;
  Arrays parameters_;
  std::vector<std::uint16_t> first_day_;    // (n_users) of the first visit
  std::vector<float> seen_;                 // (n_users, observed)
  std::vector<std::uint16_t> release_day_;  // (n_new) ascending
};

MediaWorld::MediaWorld(const MediaConfig& config, Schema schema, Arrays parameters, const Rng& rng)
    : config_(config), schema_(std::move(schema)), parameters_(std::move(parameters)) {
  const auto d = static_cast<std::size_t>(config.dimensions);
  const std::vector<double>& hidden = parameters_.at(media::kUsers).values;
  const double noise = std::sqrt(1 - config.signal * config.signal);
  for (std::uint32_t u = 0; u < n_users(); ++u) {
    Stream own = rng.stream(Draw::kPopulation, {UserId{u}, 0, 0});
    for (std::int64_t j = 0; j < config.observed; ++j)
      seen_.push_back(
          static_cast<float>(config.signal * hidden[u * d + static_cast<std::size_t>(j)] +
                             noise * normal_from(own())));
    const auto gap = static_cast<std::uint64_t>(config.visit_days);
    first_day_.push_back(static_cast<std::uint16_t>(index_below(own(), gap)));
  }
  const std::vector<double>& release = parameters_.at(media::kRelease).values;
  for (std::size_t v = release.size() - static_cast<std::size_t>(config.n_new());
       v < release.size(); ++v)
    release_day_.push_back(static_cast<std::uint16_t>(release[v]));
}

void MediaWorld::requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  head(turns, out);
  retrieve(turns, rng, out);
  describe(turns, rng, out);
}

void MediaWorld::head(std::span<const Turn> turns, RequestBatch& out) const {
  const std::size_t n = turns.size();
  const auto n_modules = static_cast<std::size_t>(config_.modules);
  for (std::vector<std::uint16_t>* column : {&out.session, &out.round, &out.day}) column->resize(n);
  out.user.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Turn& turn = turns[i];
    REHEARSAL_CHECK(turn.user.value < n_users());
    out.user[i] = turn.user.value;
    out.session[i] = turn.session;
    out.round[i] = turn.round;
    const std::int64_t day =
        turn.day + first_day_[turn.user.value] + (turn.session >= kLiveSession ? config_.days : 0);
    if (day > 0xffff)
      throw Error(ErrorKind::kInput, "user " + std::to_string(turn.user.value) +
                                         " visits beyond day 65,535: simulate fewer rounds");
    out.day[i] = static_cast<std::uint16_t>(day);
  }
  out.n_slots.assign(n, static_cast<std::uint16_t>(config_.slots));
  out.n_positions.assign(n, static_cast<std::uint16_t>(config_.positions));
  out.module.resize(n * n_modules);
  out.module_offsets.resize(n + 1);
  for (std::size_t i = 0; i <= n; ++i)
    out.module_offsets[i] = static_cast<std::uint32_t>(i * n_modules);
  for (std::size_t m = 0; m < out.module.size(); ++m)
    out.module[m] = static_cast<std::uint16_t>(m % n_modules);
}

void MediaWorld::retrieve(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  const auto n_retrieved = static_cast<std::size_t>(config_.n_retrieved());
  const auto n_new = static_cast<std::uint32_t>(release_day_.size());
  const std::uint32_t n_old = schema_.n_items - n_new;
  out.candidate.resize(turns.size() * n_retrieved);
  out.candidate_offsets.resize(out.module.size() + 1);
  for (std::size_t m = 0; m < out.candidate_offsets.size(); ++m)
    out.candidate_offsets[m] =
        static_cast<std::uint32_t>(m * static_cast<std::size_t>(config_.candidates));
  Chooser old_items(n_old), new_items(n_new);
  std::vector<std::uint32_t> old_chosen, new_chosen;
  // A word an item says which, another whether it is a release.
  const std::size_t n_words = (2 * n_retrieved + 3) / 4 * 4;
  std::vector<std::uint32_t> words(n_words * kVisitsTogether);
  const std::uint64_t below = words_below(config_.new_candidates);
  for (std::size_t first = 0; first < turns.size(); first += kVisitsTogether) {
    const auto chunk = turns.subspan(first, std::min(kVisitsTogether, turns.size() - first));
    rng.fill(Draw::kRequest, chunk, 0, static_cast<std::uint32_t>(n_words / 4),
             std::span(words).first(n_words * chunk.size()));
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      const std::uint32_t* own = words.data() + n_words * i;
      const std::uint16_t day = out.day[first + i];
      const auto n_out = static_cast<std::uint32_t>(
          std::upper_bound(release_day_.begin(), release_day_.end(), day) - release_day_.begin());
      std::size_t wanted = 0;
      for (std::size_t c = 0; c < n_retrieved; ++c) wanted += own[n_retrieved + c] < below;
      new_chosen.resize(std::min<std::size_t>(wanted, n_out));
      old_chosen.resize(n_retrieved - new_chosen.size());
      new_items.choose(n_out, own, new_chosen);
      old_items.choose(n_old, own + new_chosen.size(), old_chosen);
      std::size_t next_new = 0, next_old = 0;
      for (std::size_t c = 0; c < n_retrieved; ++c) {
        const bool is_new = own[n_retrieved + c] < below && next_new < new_chosen.size();
        out.candidate[(first + i) * n_retrieved + c] =
            is_new ? n_old + new_chosen[next_new++] : old_chosen[next_old++];
      }
    }
  }
}

void MediaWorld::describe(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const {
  const auto observed = static_cast<std::size_t>(config_.observed);
  const auto visits = static_cast<std::size_t>(config_.visit_features);
  out.n_features = schema_.n_features();
  out.n_candidate_features = schema_.n_candidate_features();
  out.context.resize(turns.size() * out.n_features);
  out.candidate_context.assign(out.candidate.size() * out.n_candidate_features, 0);
  out.latents.reset();
  auto latents = std::make_shared<Latents>();
  latents->request.resize(static_cast<Eigen::Index>(turns.size()), config_.mood ? 1 : 0);
  const double noise = std::sqrt(1 - config_.mood_signal * config_.mood_signal);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const Turn& turn = turns[i];
    float* context = out.context.data() + i * out.n_features;
    context = std::copy_n(seen_.data() + turn.user.value * observed, observed, context);
    if (visits > 0)
      for (const double value : normals(rng.stream(Draw::kRequest, turn, kVisitItem), visits))
        *context++ = static_cast<float>(value);
    if (!config_.mood) continue;
    const Turn session{turn.user, turn.session, 0};
    const auto own = normals(rng.stream(Draw::kRequest, session, kMoodItem), 2);
    latents->request(static_cast<Eigen::Index>(i), 0) = static_cast<float>(own[0]);
    *context = static_cast<float>(config_.mood_signal * own[0] + noise * own[1]);
  }
  out.latents = std::move(latents);
}

/// Users, items and releases.
Arrays draw_media(const MediaConfig& config, const Rng& rng) {
  const auto d = static_cast<std::size_t>(config.dimensions);
  const auto n_users = static_cast<std::size_t>(config.users);
  const auto n_items = static_cast<std::size_t>(config.items);
  Arrays out;
  Array& users = out[media::kUsers] = {{n_users, d}, {}};
  for (std::uint32_t u = 0; u < n_users; ++u)
    for (const double z : normals(rng.stream(Draw::kWorld, {UserId{u}, 0, 0}, kMediaUsers), d))
      users.values.push_back(z);
  Array& items = out[media::kItems] = {{n_items, d}, {}};
  Array& quality = out[media::kQuality] = {{n_items}, {}};
  Array& artists = out[media::kArtist] = {{n_items}, {}};
  Array& release = out[media::kRelease] = {{n_items}, {}};
  const auto n_new = static_cast<std::size_t>(config.n_new());
  const double last_tenth = 0.9 * static_cast<double>(config.days);
  for (std::uint32_t v = 0; v < n_items; ++v) {
    Stream own = rng.stream(Draw::kWorld, {UserId{v}, 0, 0}, kMediaItems);
    const std::uint32_t artist = index_below(own(), static_cast<std::uint64_t>(config.artists));
    artists.values.push_back(artist);
    quality.values.push_back(normal_from(own()));
    for (const double a : normals(rng.stream(Draw::kWorld, {UserId{artist}, 0, 0}, kArtistItem), d))
      items.values.push_back(std::sqrt(config.artist_share) * a +
                             std::sqrt(1 - config.artist_share) * normal_from(own()));
    const std::size_t old = n_items - n_new;
    const double late = v < old ? 0 : static_cast<double>(v - old) / static_cast<double>(n_new);
    release.values.push_back(
        v < old ? 0 : std::floor(last_tenth + late * 0.1 * static_cast<double>(config.days)));
  }
  out[media::kCalendar] = {
      {2}, {static_cast<double>(config.visit_days), static_cast<double>(config.new_days)}};
  return out;
}

Schema schema_of(const MediaConfig& config, const Arrays& parameters, const Rng& rng) {
  Schema schema;
  schema.item_features = {media::kArtistColumn, media::kReleaseColumn};
  for (std::int64_t j = 0; j < config.observed; ++j) {
    schema.features.push_back({"user_" + std::to_string(j), {}, "seen of the user's taste"});
    schema.item_features.push_back("item_" + std::to_string(j));
  }
  for (std::int64_t j = 0; j < config.visit_features; ++j)
    schema.features.push_back({media::kVisit + std::to_string(j), {}, "of the visit"});
  if (config.mood) schema.features.push_back({media::kMood, {}, "seen of the session's mood"});
  if (config.history) schema.candidate_features = {media::kTimesPlayed};
  for (std::int64_t m = 0; m < config.modules; ++m)
    schema.modules.push_back(config.modules == 1 ? "list" : "shelf_" + std::to_string(m));
  schema.curated_order = schema.modules;
  schema.n_slots = static_cast<std::uint16_t>(config.slots);
  schema.n_positions = static_cast<std::uint16_t>(config.positions);
  schema.n_items = static_cast<std::uint32_t>(config.items);
  schema.items.resize(config.items, 2 + config.observed);
  const auto d = static_cast<std::size_t>(config.dimensions);
  const std::vector<double>& hidden = parameters.at(media::kItems).values;
  const double noise = std::sqrt(1 - config.signal * config.signal);
  for (std::uint32_t v = 0; v < schema.n_items; ++v) {
    Stream own = rng.stream(Draw::kWorld, {UserId{v}, 1, 0}, kMediaItems);
    schema.items(v, 0) = static_cast<float>(parameters.at(media::kArtist).values[v]);
    schema.items(v, 1) = static_cast<float>(parameters.at(media::kRelease).values[v]);
    for (std::int64_t j = 0; j < config.observed; ++j)
      schema.items(v, 2 + j) = static_cast<float>(
          config.signal * hidden[v * d + static_cast<std::size_t>(j)] + noise * normal_from(own()));
  }
  return schema;
}

template <class Config>
std::unique_ptr<World> make_media(const PluginConfig& plugin, const Rng& rng) {
  const MediaConfig config = plugin.read<Config>();
  config.check(plugin);
  Arrays parameters = draw_media(config, rng);
  Schema schema = schema_of(config, parameters, rng);
  return std::make_unique<MediaWorld>(config, std::move(schema), std::move(parameters), rng);
}

/// What each domain is like by default.
struct VideoConfig : MediaConfig {
  VideoConfig() {
    visit_features = 4;
    history = false;
    positions = candidates = 10;
  }
};
struct HomepageConfig : MediaConfig {
  HomepageConfig() {
    modules = 6;
    slots = 2;
    candidates = 8;
    positions = 4;
    visit_days = 2;
    new_items = 0.1;
    new_candidates = 0.1;
  }
};
struct RadioConfig : MediaConfig {
  RadioConfig() {
    mood = true;
    visit_days = 7;
    new_items = 0.1;
    new_candidates = 0.025;
  }
};

constexpr const char* kSource =
    "Ranganathan et al., RecSys 2025 (arXiv 2603.28994), for the setting; the laws are this "
    "project's";

}  // namespace

WorldEntry media_video_world() {
  return {"media_video", "a video platform: lists of items, features of the visit, no history",
          kSource, describe_fields<VideoConfig>, make_media<VideoConfig>};
}

WorldEntry media_homepage_world() {
  return {"media_homepage",
          "the same users and items in a music app: shelves of items on its homepage, releases",
          kSource, describe_fields<HomepageConfig>, make_media<HomepageConfig>};
}

WorldEntry media_radio_world() {
  return {"media_radio",
          "the same users and items in a music app: the next track of a station, sessions of a "
          "mood",
          kSource, describe_fields<RadioConfig>, make_media<RadioConfig>};
}

}  // namespace rehearsal
