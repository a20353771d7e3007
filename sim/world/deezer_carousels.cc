#include "sim/core/draws.h"
#include "sim/truth.h"
#include "sim/world/list_world.h"
#include "sim/world/makers.h"

namespace rehearsal {

namespace {

// Items of Draw::kWorld, with user, playlist or segment in the address's user.
constexpr std::uint32_t kPlaylistItem = 0;
constexpr std::uint32_t kSegmentItem = 1;
constexpr std::uint32_t kDeezerUsers = 2;

struct CarouselsConfig {
  ListSizes sizes{20000, 862, 862, 12};
  std::int64_t dimensions = 96;
  std::int64_t segments = 100;
  double segment_share = 0.7;
  double taste_sd = 1;
  double popularity_sd = 0.8;
  double mean_logit = -5.9;

  Fields fields() {
    return sizes.add_to(
        Fields()
            .add("dimensions", dimensions, 1, 1000,
                 "features of a user, besides the constant 1; policies see them")
            .add("segments", segments, 1, 10000, "groups of like users; policies see a user's")
            .add("segment_share", segment_share, 0, 1,
                 "share of the users' spread that lies between segments")
            .add("taste_sd", taste_sd, 0, 10,
                 "standard deviation of a playlist's logit from user to user")
            .add("popularity_sd", popularity_sd, 0, 10,
                 "standard deviation of the logit from playlist to playlist")
            .add("mean_logit", mean_logit, -20, 20, "mean logit that a seen playlist is streamed"));
  }
};

std::vector<double> normals(const Rng& rng, std::uint32_t who, std::uint32_t item, std::size_t n) {
  Stream stream = rng.stream(Draw::kWorld, {UserId{who}, 0, 0}, item);
  std::vector<double> out(n);
  for (double& value : out) value = normal_from(stream());
  return out;
}

/// Users with features and a segment, and playlists with weights, in the shape that Deezer
/// published: P(stream | seen) = logistic(x_u . theta_i), the last feature being 1.
class DeezerCarousels final : public ListWorld {
 public:
  DeezerCarousels(const CarouselsConfig& config, Schema schema, Arrays parameters)
      : ListWorld(config.sizes, std::move(schema), std::move(parameters)),
        n_dimensions_(static_cast<std::size_t>(config.dimensions)) {}

 private:
  void describe(std::span<const Turn> turns, const Rng& /*rng*/, RequestBatch& out) const override {
    const double* features = parameters().at("user_features").values.data();
    const double* segment = parameters().at("user_segment").values.data();
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const std::size_t user = turns[i].user.value;
      float* context = out.context.data() + i * out.n_features;
      context[0] = static_cast<float>(segment[user]);
      for (std::size_t d = 0; d < n_dimensions_; ++d)
        context[1 + d] = static_cast<float>(features[user * (n_dimensions_ + 1) + d]);
    }
  }

  std::size_t n_dimensions_;
};

/// (n_users, dimensions + 1) and their segments: x = sqrt(share) center + sqrt(1 - share) own.
void draw_users(const CarouselsConfig& config, const Rng& rng, Arrays& out) {
  const auto n = static_cast<std::size_t>(config.sizes.users);
  const auto d = static_cast<std::size_t>(config.dimensions);
  const auto n_segments = static_cast<std::uint64_t>(config.segments);
  Array& x = out["user_features"] = {{n, d + 1}, {}};
  Array& segments = out["user_segment"] = {{n}, {}};
  std::vector<std::vector<double>> centers;
  for (std::uint32_t s = 0; s < n_segments; ++s)
    centers.push_back(normals(rng, s, kSegmentItem, d));
  for (std::uint32_t u = 0; u < n; ++u) {
    Stream stream = rng.stream(Draw::kWorld, {UserId{u}, 0, 0}, kDeezerUsers);
    const std::uint32_t segment = index_below(stream(), n_segments);
    segments.values.push_back(segment);
    for (std::size_t j = 0; j < d; ++j)
      x.values.push_back(std::sqrt(config.segment_share) * centers[segment][j] +
                         std::sqrt(1 - config.segment_share) * normal_from(stream()));
    x.values.push_back(1);
  }
}

/// (n_playlists, dimensions + 1); the last weight is the playlist's logit for a user of no taste.
void draw_playlists(const CarouselsConfig& config, const Rng& rng, Arrays& out) {
  const auto n = static_cast<std::size_t>(config.sizes.items);
  const auto d = static_cast<std::size_t>(config.dimensions);
  Array& theta = out["playlist_weights"] = {{n, d + 1}, {}};
  const double scale = config.taste_sd / std::sqrt(static_cast<double>(d));
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::vector<double> own = normals(rng, i, kPlaylistItem, d + 1);
    for (std::size_t j = 0; j < d; ++j) theta.values.push_back(scale * own[j]);
    theta.values.push_back(config.mean_logit + config.popularity_sd * own[d]);
  }
}

Schema schema_of(const CarouselsConfig& config, const Arrays& parameters) {
  Schema schema;
  Feature segment{"segment", {}, "group of like users"};
  for (std::int64_t s = 0; s < config.segments; ++s)
    segment.levels.push_back("segment_" + std::to_string(s));
  schema.features.push_back(std::move(segment));
  for (std::int64_t d = 0; d < config.dimensions; ++d)
    schema.features.push_back({"x_" + std::to_string(d), {}, "a feature of the user"});
  schema.item_features = {"popularity"};
  schema.items.resize(config.sizes.items, 1);
  const std::vector<double>& theta = parameters.at("playlist_weights").values;
  for (Eigen::Index i = 0; i < config.sizes.items; ++i)
    schema.items(i, 0) = static_cast<float>(
        theta[static_cast<std::size_t>((i + 1) * (config.dimensions + 1) - 1)] - config.mean_logit);
  return schema;
}

std::unique_ptr<World> make_deezer(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<CarouselsConfig>();
  config.sizes.check(plugin);
  if (config.sizes.positions > 64) plugin.refuse("positions", "a carousel has at most 64 cards");
  Arrays parameters;
  draw_users(config, rng, parameters);
  draw_playlists(config, rng, parameters);
  Schema schema = schema_of(config, parameters);
  return std::make_unique<DeezerCarousels>(config, std::move(schema), std::move(parameters));
}

}  // namespace

WorldEntry deezer_carousels_world() {
  return {"deezer_carousels",
          "a carousel of playlists for users with features and a segment, drawn in the published "
          "shape",
          "Bendada, Salha and Bontempelli, RecSys 2020 (arXiv 2009.06546)",
          describe_fields<CarouselsConfig>, make_deezer};
}

}  // namespace rehearsal
