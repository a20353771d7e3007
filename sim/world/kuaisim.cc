#include <cmath>

#include "sim/core/draws.h"
#include "sim/world/kuaisim_features.h"
#include "sim/world/list_world.h"
#include "sim/world/makers.h"

namespace rehearsal {

namespace {

// Items of Draw::kWorld, with the item or user in the address's user.
constexpr std::uint32_t kKuaiItems = 0;
constexpr std::uint32_t kKuaiUsers = 1;
constexpr std::uint32_t kSharedItem = 2;

struct KuaiSimConfig {
  ListSizes sizes{5000, 2000, 50, 6};
  std::int64_t dimensions = 32;
  std::int64_t observed = 8;
  double shared_taste = 0.5;
  double popularity_signal = 0.9;

  Fields fields() {
    return sizes.add_to(
        Fields()
            .add("dimensions", dimensions, 2, 1000, "length of the hidden encodings")
            .add("observed", observed, 0, 1000,
                 "leading numbers of users' tastes and items' encodings that policies see")
            .add("shared_taste", shared_taste, 0, 1,
                 "share of the spread of tastes that all users have in common")
            .add("popularity_signal", popularity_signal, 0, 1,
                 "correlation of the feature 'popularity' with what users have in common"));
  }
};

/// Numbers of mean 0 and variance 1 (a layer's norm) from normal ones.
std::vector<double> normed(std::vector<double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) square += (value - mean) * (value - mean) / n;
  for (double& value : values) value = (value - mean) / std::sqrt(square);
  return values;
}

class KuaiSimWorld final : public ListWorld {
 public:
  KuaiSimWorld(const KuaiSimConfig& config, Schema schema, Arrays parameters)
      : ListWorld(config.sizes, std::move(schema), std::move(parameters)),
        n_observed_(static_cast<std::size_t>(config.observed)) {}

 private:
  void describe(std::span<const Turn> turns, const Rng& /*rng*/, RequestBatch& out) const override {
    const Array& taste = parameters().at("user_taste");
    out.day.clear();
    for (const Turn& turn : turns) out.day.push_back(turn.day);
    for (std::size_t i = 0; i < turns.size(); ++i)
      for (std::size_t d = 0; d < n_observed_; ++d)
        out.context[i * out.n_features + d] =
            static_cast<float>(taste.values[turns[i].user.value * taste.shape[1] + d]);
  }

  std::size_t n_observed_;
};

Arrays draw_kuaisim(const KuaiSimConfig& config, const Rng& rng) {
  const auto d = static_cast<std::size_t>(config.dimensions);
  const auto n_items = static_cast<std::size_t>(config.sizes.items);
  const auto n_users = static_cast<std::size_t>(config.sizes.users);
  Arrays out;
  Array& items = out["item_encoding"] = {{n_items, d}, {}};
  for (std::uint32_t i = 0; i < n_items; ++i) {
    const auto own = normed(normals(rng.stream(Draw::kWorld, {UserId{i}, 0, 0}, kKuaiItems), d));
    items.values.insert(items.values.end(), own.begin(), own.end());
  }
  const auto shared = normals(rng.stream(Draw::kWorld, Turn{}, kSharedItem), d);
  out["shared_taste"] = {{d}, shared};
  Array& tastes = out["user_taste"] = {{n_users, d}, {}};
  for (std::uint32_t u = 0; u < n_users; ++u) {
    auto own = normals(rng.stream(Draw::kWorld, {UserId{u}, 0, 0}, kKuaiUsers), d);
    for (std::size_t j = 0; j < d; ++j)
      own[j] =
          std::sqrt(config.shared_taste) * shared[j] + std::sqrt(1 - config.shared_taste) * own[j];
    own = normed(std::move(own));
    tastes.values.insert(tastes.values.end(), own.begin(), own.end());
  }
  return out;
}

Schema schema_of(const KuaiSimConfig& config, const Arrays& parameters, const Rng& rng) {
  Schema schema;
  schema.item_features = {"popularity"};
  for (std::int64_t j = 0; j < config.observed; ++j) {
    schema.features.push_back({"taste_" + std::to_string(j), {}, "the user's taste at first"});
    schema.item_features.push_back("encoding_" + std::to_string(j));
  }
  schema.features.push_back({kuaisim::kDaysAway, {}, "log of the days since the last session"});
  schema.features.push_back(
      {kuaisim::kRecentClicks, {}, "share of the last list's items that were clicked, less 1/2"});
  const auto n = static_cast<Eigen::Index>(config.sizes.items);
  const auto d = static_cast<std::size_t>(config.dimensions);
  const std::vector<double>& encoding = parameters.at("item_encoding").values;
  const std::vector<double> shared = normed(parameters.at("shared_taste").values);
  schema.items.resize(n, static_cast<Eigen::Index>(schema.item_features.size()));
  const double signal = config.popularity_signal;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double* own = encoding.data() + static_cast<std::size_t>(i) * d;
    double common = 0;
    for (std::size_t j = 0; j < d; ++j) common += own[j] * shared[j];
    Stream noise = rng.stream(Draw::kWorld, {UserId{static_cast<std::uint32_t>(i)}, 1, 0});
    schema.items(i, 0) = static_cast<float>(signal * common / std::sqrt(static_cast<double>(d)) +
                                            std::sqrt(1 - signal * signal) * normal_from(noise()));
    for (std::int64_t j = 0; j < config.observed; ++j)
      schema.items(i, 1 + j) = static_cast<float>(own[j]);
  }
  return schema;
}

std::unique_ptr<World> make_kuaisim(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<KuaiSimConfig>();
  config.sizes.check(plugin);
  if (config.observed > config.dimensions)
    plugin.refuse("observed", std::to_string(config.observed) + " is more than dimensions, " +
                                  std::to_string(config.dimensions));
  Arrays parameters = draw_kuaisim(config, rng);
  Schema schema = schema_of(config, parameters, rng);
  return std::make_unique<KuaiSimWorld>(config, std::move(schema), std::move(parameters));
}

}  // namespace

WorldEntry kuaisim_world() {
  return {"kuaisim",
          "lists of short videos; synthetic encodings in the place of KuaiRand's items and users",
          "Zhao et al., KuaiSim, NeurIPS 2023 (arXiv 2309.12645)", describe_fields<KuaiSimConfig>,
          make_kuaisim};
}

}  // namespace rehearsal
