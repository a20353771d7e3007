#include "sim/world/list_world.h"
#include "sim/world/makers.h"
#include "sim/world/recogym_products.h"

namespace rehearsal {

namespace {

constexpr const char* kRecoGymPaper = "Rohde et al., RecoGym, REVEAL 2018 (arXiv 1808.00720)";

struct V1Config {
  std::int64_t users = 10000;
  std::int64_t products = 10;
  std::int64_t factors = 5;
  double sigma_mu_organic = 3;

  Fields fields() {
    return Fields()
        .add("users", users, 1, 1'000'000'000, "users of the site")
        .add("products", products, 1, 4095, "products, each of which may be recommended")
        .add("factors", factors, 1, 32, "length of the hidden vectors of users and products")
        .add("sigma_mu_organic", sigma_mu_organic, 0, 100,
             "spread of the products' hidden popularity");
  }
};

struct V0Config {
  std::int64_t users = 10000;
  std::int64_t products = 10;
  std::int64_t clusters = 2;
  double phi_variance = 0.1;

  Fields fields() {
    return Fields()
        .add("users", users, 1, 1'000'000'000, "users of the site")
        .add("products", products, 1, 4095, "products, each of which may be recommended")
        .add("clusters", clusters, 1, 4095, "equal groups of products; views stay inside one")
        .add("phi_variance", phi_variance, 0, 100,
             "variance of what a product's clicks add to the logit that clusters give");
  }
};

Array array_of(const RowMatrix& matrix) {
  return {{static_cast<std::size_t>(matrix.rows()), static_cast<std::size_t>(matrix.cols())},
          {matrix.data(), matrix.data() + matrix.size()}};
}

/// What the site has seen of a user: filled by the user model.
Schema product_schema(std::int64_t products) {
  Schema schema;
  std::vector<std::string> levels;
  for (std::size_t a = 0; a < static_cast<std::size_t>(products); ++a) {
    schema.features.push_back(
        {recogym::views_feature(a), {}, "log(1 + views of the product in this session)"});
    levels.push_back("product_" + std::to_string(a));
  }
  schema.features.push_back({recogym::kLastViewed, levels, "the product viewed last"});
  return schema;
}

/// One recommendation among all products.
std::unique_ptr<World> single_list(std::int64_t users, std::int64_t products, Schema schema,
                                   Arrays parameters) {
  return std::make_unique<ListWorld>(ListSizes{users, products, products, 1}, std::move(schema),
                                     std::move(parameters));
}

std::unique_ptr<World> make_v1(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<V1Config>();
  const auto n = static_cast<std::size_t>(config.products);
  Arrays hidden;
  hidden["gamma"] = array_of(recogym::draw_gamma(n, static_cast<std::size_t>(config.factors), rng));
  hidden["mu"] = {{n}, recogym::draw_mu(n, config.sigma_mu_organic, rng)};
  Schema schema = product_schema(config.products);
  schema.item_features = {"log_popularity"};
  schema.items.resize(config.products, 1);
  for (std::size_t a = 0; a < n; ++a)
    schema.items(static_cast<Eigen::Index>(a), 0) = static_cast<float>(hidden["mu"].values[a]);
  return single_list(config.users, config.products, std::move(schema), std::move(hidden));
}

std::unique_ptr<World> make_v0(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<V0Config>();
  if (config.products % config.clusters != 0)
    plugin.refuse("clusters", std::to_string(config.clusters) + " must divide products, " +
                                  std::to_string(config.products));
  const auto n = static_cast<std::size_t>(config.products);
  Arrays hidden;
  hidden["phi"] = array_of(recogym::draw_phi(n, config.phi_variance, rng));
  hidden["n_clusters"] = {{1}, {static_cast<double>(config.clusters)}};
  Schema schema = product_schema(config.products);
  schema.item_features = {"cluster"};
  schema.items.resize(config.products, 1);
  for (Eigen::Index a = 0; a < config.products; ++a)
    schema.items(a, 0) = static_cast<float>(a / (config.products / config.clusters));
  return single_list(config.users, config.products, std::move(schema), std::move(hidden));
}

}  // namespace

WorldEntry recogym_world() {
  return {"recogym", "one recommendation among products with hidden vectors (RecoGym v1)",
          kRecoGymPaper, describe_fields<V1Config>, make_v1};
}

WorldEntry recogym_v0_world() {
  return {"recogym_v0", "one recommendation among products in clusters (RecoGym v0)", kRecoGymPaper,
          describe_fields<V0Config>, make_v0};
}

}  // namespace rehearsal
