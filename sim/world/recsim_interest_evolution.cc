#include "sim/world/list_world.h"
#include "sim/world/makers.h"
#include "sim/world/recsim_catalogue.h"
#include "sim/world/recsim_documents.h"

namespace rehearsal {

namespace {

struct EvolutionWorldConfig {
  ListSizes sizes;
  std::int64_t topics = 20;
  double quality_stddev = 0.1;
  double video_length = 4;
  bool show_quality = true;

  Fields fields() {
    return sizes.add_to(
        Fields()
            .add("topics", topics, 2, 1000, "topics, equally frequent; 7 in 10 have poor videos")
            .add("quality_stddev", quality_stddev, 0, 10,
                 "standard deviation of a video's quality around its topic's mean")
            .add("video_length", video_length, 0.001, 1e6, "length of every video, in time")
            .add("show_quality", show_quality,
                 "policies see a video's quality; the published ones see its topic alone"));
  }
};

std::unique_ptr<World> make_evolution(const PluginConfig& plugin, const Rng& rng) {
  const auto config = plugin.read<EvolutionWorldConfig>();
  config.sizes.check(plugin);
  const auto n_topics = static_cast<std::size_t>(config.topics);
  const recsim::EvolutionDocuments documents{recsim::evolution_topic_quality(n_topics),
                                             config.quality_stddev};
  recsim::Catalogue catalogue =
      recsim::draw_videos(documents, n_topics, config.sizes.items, rng, config.show_quality);
  catalogue.parameters["video_length"] = {{1}, {config.video_length}};
  return std::make_unique<ListWorld>(config.sizes, std::move(catalogue.schema),
                                     std::move(catalogue.parameters));
}

}  // namespace

WorldEntry recsim_interest_evolution_world() {
  return {"recsim_interest_evolution",
          "a list of videos with a topic and a quality, drawn from a large fixed catalogue",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), whose documents are new at every step",
          describe_fields<EvolutionWorldConfig>, make_evolution};
}

}  // namespace rehearsal
