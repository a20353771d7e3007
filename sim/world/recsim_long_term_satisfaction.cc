#include "sim/world/list_world.h"
#include "sim/world/makers.h"
#include "sim/world/recsim_catalogue.h"
#include "sim/world/recsim_documents.h"

namespace rehearsal {

namespace {

struct SatisfactionWorldConfig {
  ListSizes sizes;
  Fields fields() { return sizes.add_to(Fields()); }
};

std::unique_ptr<World> make_satisfaction(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<SatisfactionWorldConfig>();
  config.sizes.check(plugin);
  Schema schema;
  schema.features = {
      {recsim::kRecentClickbait, {}, "clickbait less 1/2 of what was clicked, discounted"},
      {recsim::kLastEngagement, {}, "log engagement of the page before, less 2.25"},
      {recsim::kSessionShare, {}, "share of the session that is over, less 1/2"}};
  schema.item_features = {"clickbait", "kale"};
  schema.items.resize(config.sizes.items, 2);
  const std::vector<std::uint32_t> words = recsim::item_words(config.sizes.items, rng);
  std::vector<double> clickbait;
  for (Eigen::Index i = 0; i < config.sizes.items; ++i) {
    clickbait.push_back(recsim::draw_clickbait(words[4 * static_cast<std::size_t>(i)]));
    schema.items.row(i) << static_cast<float>(clickbait.back()),
        static_cast<float>(1 - clickbait.back());
  }
  const std::size_t n = clickbait.size();
  return std::make_unique<ListWorld>(config.sizes, std::move(schema),
                                     Arrays{{"item_clickbait", {{n}, std::move(clickbait)}}});
}

}  // namespace

WorldEntry recsim_long_term_satisfaction_world() {
  return {"recsim_long_term_satisfaction",
          "a list of documents between kale and clickbait, drawn from a large fixed catalogue",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), whose documents are new at every step",
          describe_fields<SatisfactionWorldConfig>, make_satisfaction};
}

}  // namespace rehearsal
