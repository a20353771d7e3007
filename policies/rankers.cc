#include <fmt/format.h>

#include <map>

#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct PlainConfig {
  Fields fields() { return Fields(); }
};

class AsRetrieved final : public Ranker {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    // Equal scores stay in the order of the choices.
    return make_deterministic(requests.candidate_offsets, item_positions(requests),
                              std::vector<double>(requests.candidate.size()));
  }
  bool deterministic() const override { return true; }
};

class UniformRanker final : public Ranker {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return make_uniform(requests.candidate_offsets, item_positions(requests));
  }
  bool deterministic() const override { return false; }
};

struct PopularityRankerConfig {
  std::string feature;
  std::string context;
  Fields fields() {
    return Fields()
        .add("feature", feature,
             "the column of items to order by, highest first; empty: the first one")
        .add("context", context,
             "order by the request's features of this name with the item's number behind it, such "
             "as views_, in the place of a column of items");
  }
};

class PopularityRanker final : public Ranker {
 public:
  /// Args: columns: of the context, one an item; empty: `column` of the items counts.
  PopularityRanker(const Schema& schema, Eigen::Index column, std::vector<std::size_t> columns)
      : schema_(schema), column_(column), columns_(std::move(columns)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> scores;
    scores.reserve(requests.candidate.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m)
        for (std::size_t c = requests.candidate_offsets[m]; c < requests.candidate_offsets[m + 1];
             ++c)
          scores.push_back(score(requests.features(i), requests.candidate[c]));
    return make_deterministic(requests.candidate_offsets, item_positions(requests),
                              std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  double score(std::span<const float> context, std::uint32_t item) const {
    const std::size_t n_items =
        columns_.empty() ? static_cast<std::size_t>(schema_.items.rows()) : columns_.size();
    if (item >= n_items)
      throw Error(ErrorKind::kInput,
                  fmt::format("candidate item {} is not in the catalogue of {}", item, n_items));
    return columns_.empty() ? schema_.items(static_cast<Eigen::Index>(item), column_)
                            : context[columns_[item]];
  }

  const Schema& schema_;
  Eigen::Index column_;
  std::vector<std::size_t> columns_;
};

/// The column of the context of each item.
std::vector<std::size_t> columns_of_items(const std::string& prefix, const PluginConfig& config,
                                          const Schema& schema) {
  std::vector<std::size_t> columns;
  for (std::uint32_t item = 0; item < schema.n_items; ++item) {
    const std::string name = prefix + std::to_string(item);
    const auto found = std::find_if(schema.features.begin(), schema.features.end(),
                                    [&](const Feature& feature) { return feature.name == name; });
    if (found == schema.features.end())
      config.refuse("context", "requests have no feature '" + name + "', and every item needs one");
    columns.push_back(static_cast<std::size_t>(found - schema.features.begin()));
  }
  return columns;
}

struct PlackettLuceRankerConfig {
  std::map<std::string, double> weights;
  double temperature = 1;
  Fields fields() {
    return Fields()
        .add("weights", weights, -1e6, 1e6,
             "score of an item: the sum of its features times these, such as {quality: 2}")
        .add("temperature", temperature, 1e-3, 1e6,
             "scores are divided by it; high: nearly uniform, low: nearly always the best first");
  }
};

/// Items by Plackett-Luce draws with log weights linear in their features.
class PlackettLuceRanker final : public Ranker {
 public:
  /// Args: log_weight: (n_items of the catalogue).
  explicit PlackettLuceRanker(std::vector<double> log_weight)
      : log_weight_(std::move(log_weight)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> own;
    own.reserve(requests.candidate.size());
    for (const std::uint32_t item : requests.candidate) {
      if (item >= log_weight_.size())
        throw Error(ErrorKind::kInput,
                    fmt::format("candidate item {} is not in the catalogue of {}", item,
                                log_weight_.size()));
      own.push_back(log_weight_[item]);
    }
    return make_plackett_luce(requests.candidate_offsets, item_positions(requests), std::move(own));
  }
  bool deterministic() const override { return false; }

 private:
  std::vector<double> log_weight_;
};

}  // namespace

Eigen::Index item_column(const Schema& schema, const std::string& name, const std::string& key,
                         const PluginConfig& config) {
  const std::vector<std::string>& known = schema.item_features;
  const auto found = std::find(known.begin(), known.end(), name);
  if (found == known.end()) config.refuse(key, unknown_name("item feature", name, known));
  return static_cast<Eigen::Index>(found - known.begin());
}

std::shared_ptr<const Ranker> retrieval_ranker() { return std::make_shared<AsRetrieved>(); }

FieldDescriptions describe_plain_ranker() { return describe_fields<PlainConfig>(); }

std::shared_ptr<const Ranker> make_retrieval_ranker(const PluginConfig& config, const Schema&) {
  config.read<PlainConfig>();
  return retrieval_ranker();
}

std::shared_ptr<const Ranker> make_uniform_ranker(const PluginConfig& config, const Schema&) {
  config.read<PlainConfig>();
  return std::make_shared<UniformRanker>();
}

FieldDescriptions describe_popularity_ranker() { return describe_fields<PopularityRankerConfig>(); }

std::shared_ptr<const Ranker> make_popularity_ranker(const PluginConfig& config,
                                                     const Schema& schema) {
  const PopularityRankerConfig read = config.read<PopularityRankerConfig>();
  if (!read.context.empty()) {
    if (!read.feature.empty()) config.refuse("context", "there is a feature to order by already");
    return std::make_shared<PopularityRanker>(schema, 0,
                                              columns_of_items(read.context, config, schema));
  }
  if (schema.item_features.empty() || schema.items.rows() == 0)
    config.refuse("feature", "the items of this schema have no features to order by");
  const Eigen::Index column =
      read.feature.empty() ? 0 : item_column(schema, read.feature, "feature", config);
  return std::make_shared<PopularityRanker>(schema, column, std::vector<std::size_t>{});
}

FieldDescriptions describe_plackett_luce_ranker() {
  return describe_fields<PlackettLuceRankerConfig>();
}

std::shared_ptr<const Ranker> make_plackett_luce_ranker(const PluginConfig& config,
                                                        const Schema& schema) {
  const auto read = config.read<PlackettLuceRankerConfig>();
  std::vector<double> log_weight(static_cast<std::size_t>(schema.items.rows()));
  for (const auto& [name, weight] : read.weights) {
    const Eigen::Index column = item_column(schema, name, "weights." + name, config);
    for (std::size_t item = 0; item < log_weight.size(); ++item)
      log_weight[item] +=
          weight / read.temperature *
          static_cast<double>(schema.items(static_cast<Eigen::Index>(item), column));
  }
  return std::make_shared<PlackettLuceRanker>(std::move(log_weight));
}

}  // namespace rehearsal
