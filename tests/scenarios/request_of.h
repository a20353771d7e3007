#pragma once

#include <nlohmann/json.hpp>

#include "tests/policies/small_log.h"

namespace rehearsal {

/// A request of the small site as a line. Args: more: keys to add or replace.
inline nlohmann::json request_of(const RequestBatch& requests, std::size_t i,
                                 const nlohmann::json& more = {},
                                 const Schema& schema = small::schema()) {
  using Json = nlohmann::json;
  Json line{{"id", i}, {"context", Json::object()}, {"modules", Json::array()}};
  for (std::size_t j = 0; j < schema.features.size(); ++j) {
    const Feature& feature = schema.features[j];
    const float value = requests.features(i)[j];
    if (feature.categorical())
      line["context"][feature.name] = feature.levels[static_cast<std::size_t>(value)];
    else
      line["context"][feature.name] = value;
  }
  for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e) {
    Json items = Json::array();
    for (std::size_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1]; ++c)
      items.push_back(requests.candidate[c]);
    line["modules"].push_back({{"module", schema.modules[requests.module[e]]}, {"items", items}});
    for (std::size_t f = 0; f < schema.n_candidate_features(); ++f)
      for (std::size_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1];
           ++c)
        line["modules"].back()["features"][schema.candidate_features[f]].push_back(
            requests.candidate_context[c * schema.n_candidate_features() + f]);
  }
  if (!more.empty()) line.update(more);
  return line;
}

}  // namespace rehearsal
