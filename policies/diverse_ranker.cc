#include <fmt/format.h>

#include "policies/diversity.h"
#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct DiverseRankerConfig {
  std::string feature;
  std::vector<std::string> similar;
  double width = 1;
  DiversityConfig diversity;
  Fields fields() {
    Fields fields;
    fields.add("feature", feature, "the column of items that is their value; empty: the first one")
        .add("similar", similar, "columns of items that make two of them alike; empty: all")
        .add("width", width, 1e-6, 1e6,
             "of the Gaussian of two items' distance in those columns that is their similarity");
    diversity.add_to(fields);
    return fields;
  }
};

/// Candidates of a batch, one decision a list.
class DiverseItems final : public DiverseChoices {
 public:
  /// Args: points: (n_items, d) in units of the similarity's width.  value: (n_items).
  DiverseItems(const RequestBatch& requests, std::shared_ptr<const RowMatrix> points,
               const std::vector<double>& value)
      : offsets_(requests.candidate_offsets),
        item_(requests.candidate),
        points_(std::move(points)) {
    relevance_.reserve(item_.size());
    for (const std::uint32_t item : item_) {
      if (item >= value.size())
        throw Error(
            ErrorKind::kInput,
            fmt::format("candidate item {} is not in the catalogue of {}", item, value.size()));
      relevance_.push_back(value[item]);
    }
    for (std::size_t i = 0; i + 1 < offsets_.size(); ++i)
      to_relevance({relevance_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]});
  }

  std::span<const double> relevance(std::size_t i) const override {
    return {relevance_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]};
  }
  double similarity(std::size_t i, std::size_t a, std::size_t b) const override {
    const auto point = [&](std::size_t c) {
      return points_->row(static_cast<Eigen::Index>(item_[offsets_[i] + c]));
    };
    return std::exp(-(point(a) - point(b)).squaredNorm() / 2);
  }

 private:
  Offsets offsets_;
  std::vector<std::uint32_t> item_;
  std::shared_ptr<const RowMatrix> points_;
  std::vector<double> relevance_;
};

/// Items by a feature, and unlike those above them.
class DiverseRanker final : public Ranker {
 public:
  DiverseRanker(MakeDiverse make_next, const DiversityConfig& diversity, RowMatrix points,
                std::vector<double> value)
      : make_next_(make_next),
        diversity_(diversity),
        points_(std::make_shared<const RowMatrix>(std::move(points))),
        value_(std::move(value)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return diversity_.slates(requests.candidate_offsets, item_positions(requests),
                             make_next_(std::make_shared<DiverseItems>(requests, points_, value_),
                                        diversity_.trade_off));
  }
  bool deterministic() const override { return diversity_.deterministic(); }

 private:
  MakeDiverse make_next_;
  DiversityConfig diversity_;
  std::shared_ptr<const RowMatrix> points_;  // (n_items, d)
  std::vector<double> value_;                // (n_items)
};

RankerPtr make_diverse(MakeDiverse make_next, const PluginConfig& config, const Schema& schema) {
  const auto read = config.read<DiverseRankerConfig>();
  if (schema.item_features.empty() || schema.items.rows() == 0)
    config.refuse("feature", "the items of this schema have no features to order by");
  const std::vector<std::string>& similar =
      read.similar.empty() ? schema.item_features : read.similar;
  const Eigen::Index value =
      read.feature.empty() ? 0 : item_column(schema, read.feature, "feature", config);
  RowMatrix points(schema.items.rows(), similar.size());
  for (std::size_t d = 0; d < similar.size(); ++d)
    points.col(static_cast<Eigen::Index>(d)) =
        schema.items.col(item_column(schema, similar[d], "similar", config)).cast<double>() /
        read.width;
  const Eigen::VectorXd values = schema.items.col(value).cast<double>();
  return std::make_shared<DiverseRanker>(make_next, read.diversity, std::move(points),
                                         std::vector<double>(values.begin(), values.end()));
}

}  // namespace

FieldDescriptions describe_diverse_ranker() { return describe_fields<DiverseRankerConfig>(); }

RankerPtr make_mmr_ranker(const PluginConfig& config, const Schema& schema) {
  return make_diverse(make_mmr, config, schema);
}

RankerPtr make_dpp_ranker(const PluginConfig& config, const Schema& schema) {
  return make_diverse(make_dpp, config, schema);
}

}  // namespace rehearsal
