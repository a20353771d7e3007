#include "policies/segments.h"

#include <yaml-cpp/yaml.h>

namespace rehearsal {

namespace {

constexpr std::size_t kMostSegments = 100000;

}  // namespace

Segments::Segments(const Schema& schema, const std::vector<std::string>& names,
                   const PluginConfig& config) {
  const std::string at = where(config.node, config.source.child("segments"));
  for (const std::string& name : names) {
    const std::size_t f = schema.feature_index(name, at);
    const Feature& feature = schema.features[f];
    if (!feature.categorical())
      config.refuse("segments", "'" + name + "' is a number; only categories make segments");
    for (const Part& part : parts_)
      if (part.feature == f) config.refuse("segments", "'" + name + "' stands there twice");
    parts_.push_back({f, feature.levels.size()});
    size_ *= feature.levels.size();
    if (size_ > kMostSegments)
      config.refuse("segments", "they make more than " + std::to_string(kMostSegments) +
                                    " segments; name fewer features");
  }
}

}  // namespace rehearsal
