#include <cmath>

#include "sim/world/list_world.h"
#include "sim/world/makers.h"
#include "sim/world/recsim_catalogue.h"
#include "sim/world/recsim_documents.h"

namespace rehearsal {

namespace {

struct ExplorationWorldConfig {
  ListSizes sizes;
  std::vector<double> topic_share{0.2, 0.8};
  std::vector<double> quality_log_mean{0.8, 0.2};
  double quality_log_sd = 0.1;
  bool show_quality = true;

  Fields fields() {
    return sizes.add_to(
        Fields()
            .add("topic_share", topic_share, 0, 1, "share of each topic's documents")
            .add("quality_log_mean", quality_log_mean, -10, 10, "mean log quality, by topic")
            .add("quality_log_sd", quality_log_sd, 0, 10, "standard deviation of log quality")
            .add("show_quality", show_quality,
                 "policies see a document's quality, as the published ones do"));
  }
};

std::unique_ptr<World> make_exploration(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<ExplorationWorldConfig>();
  config.sizes.check(plugin);
  double sum = 0;
  for (const double share : config.topic_share) sum += share;
  if (std::abs(sum - 1) > 1e-9)
    plugin.refuse("topic_share", "the shares sum to " + std::to_string(sum) + ", not to 1");
  if (config.quality_log_mean.size() != config.topic_share.size())
    plugin.refuse("quality_log_mean", "has " + std::to_string(config.quality_log_mean.size()) +
                                          " entries, topic_share has " +
                                          std::to_string(config.topic_share.size()));
  const recsim::ExplorationDocuments documents{config.topic_share, config.quality_log_mean,
                                               config.quality_log_sd};
  recsim::Catalogue catalogue = recsim::draw_videos(documents, config.topic_share.size(),
                                                    config.sizes.items, rng, config.show_quality);
  return std::make_unique<ListWorld>(config.sizes, std::move(catalogue.schema),
                                     std::move(catalogue.parameters));
}

}  // namespace

WorldEntry recsim_interest_exploration_world() {
  return {"recsim_interest_exploration",
          "a list of documents with a topic and a quality, most of them of one topic",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), whose documents are new at every step",
          describe_fields<ExplorationWorldConfig>, make_exploration};
}

}  // namespace rehearsal
