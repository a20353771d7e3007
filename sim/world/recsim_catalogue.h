#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/core/rng.h"
#include "sim/schema.h"
#include "sim/world/recsim_documents.h"

namespace rehearsal::recsim {

/// What policies may know of a fixed catalogue, and what only behaviour knows.
struct Catalogue {
  Schema schema;
  Arrays parameters;
};

/// The words of each item of a catalogue. Returns: (n_items, 4).
inline std::vector<std::uint32_t> item_words(std::int64_t n_items, const Rng& rng) {
  std::vector<std::uint32_t> words(4 * static_cast<std::size_t>(n_items));
  rng.fill(Draw::kWorld, Turn{}, 0, words);
  return words;
}

/// Videos of a law: parameters "item_topic", "item_quality" and "n_topics"; one column of items a
/// topic, 0 or 1, and their quality where it is shown; one feature of the context a topic, which
/// the user model fills.
template <class Documents>
Catalogue draw_videos(const Documents& documents, std::size_t n_topics, std::int64_t n_items,
                      const Rng& rng, bool show_quality) {
  Catalogue out;
  for (std::size_t k = 0; k < n_topics; ++k) {
    out.schema.item_features.push_back("topic_" + std::to_string(k));
    out.schema.features.push_back(
        {topic_rate_feature(k), {}, "clicks over showings of the topic so far, less 1/4"});
  }
  if (show_quality) out.schema.item_features.push_back("quality");
  const auto width = static_cast<Eigen::Index>(out.schema.item_features.size());
  out.schema.items.setZero(n_items, width);
  const std::vector<std::uint32_t> words = item_words(n_items, rng);
  std::vector<double> topic, quality;
  for (Eigen::Index i = 0; i < n_items; ++i) {
    const std::uint32_t* own = words.data() + 4 * i;
    const Video video = documents.draw(own[0], own[1]);
    topic.push_back(video.topic);
    quality.push_back(video.quality);
    out.schema.items(i, video.topic) = 1;
    if (show_quality) out.schema.items(i, width - 1) = static_cast<float>(video.quality);
  }
  const std::size_t n = topic.size();
  out.parameters["item_topic"] = {{n}, std::move(topic)};
  out.parameters["item_quality"] = {{n}, std::move(quality)};
  out.parameters["n_topics"] = {{1}, {static_cast<double>(n_topics)}};
  return out;
}

}  // namespace rehearsal::recsim
