#include "sim/encoder.h"

#include <fmt/format.h>

#include "sim/core/error.h"

namespace rehearsal {

Encoder::Encoder(const Schema& schema, std::size_t n_slots) : n_slots_(n_slots) {
  for (const Feature& feature : schema.features) {
    if (feature.name == "device" && feature.levels.size() > 1) {
      device_feature_ = columns_.size();
      n_devices_ = feature.levels.size();
    }
    columns_.push_back({feature.name, feature.levels.size()});
    if (!feature.categorical()) names_.push_back(feature.name);
    for (std::size_t level = 1; level < feature.levels.size(); ++level)
      names_.push_back(feature.name + "=" + feature.levels[level]);
  }
}

void Encoder::encode(std::span<const float> context, std::span<float> out) const {
  REHEARSAL_CHECK(context.size() == columns_.size() && out.size() == names_.size());
  std::size_t next = 0;
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    const std::size_t n_levels = columns_[j].n_levels;
    if (n_levels == 0) {
      out[next++] = context[j];
      continue;
    }
    const float value = context[j];
    if (!(value >= 0 && value < static_cast<float>(n_levels)) || value != std::floor(value))
      throw Error(ErrorKind::kInput, fmt::format("feature '{}': category {} is not one of 0 to {}",
                                                 columns_[j].name, value, n_levels - 1));
    const auto level = static_cast<std::size_t>(value);
    for (std::size_t l = 1; l < n_levels; ++l) out[next++] = l == level ? 1.0f : 0.0f;
  }
}

void Encoder::encode(const RequestBatch& requests, RowMatrixF& out) const {
  out.resize(static_cast<Eigen::Index>(requests.size()), static_cast<Eigen::Index>(n_inputs()));
  for (std::size_t i = 0; i < requests.size(); ++i)
    encode(requests.features(i), {out.data() + i * n_inputs(), n_inputs()});
}

}  // namespace rehearsal
