#include "policies/choices.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostItems = 65535;  // with an output each
constexpr std::size_t kMostRanks = 64;

bool has_features(const Schema& schema) {
  return (!schema.item_features.empty() && schema.items.rows() > 0) ||
         schema.n_candidate_features() > 0;
}

/// Mean and standard deviation of each column. Args: values: (n, width).
InputScale scale_of(const float* values, std::size_t n, std::size_t width) {
  std::vector<double> mean(width, 0.0), sd(width, 0.0);
  for (std::size_t k = 0; k < n * width; ++k)
    mean[k % width] += static_cast<double>(values[k]) / static_cast<double>(n);
  for (std::size_t k = 0; k < n * width; ++k) {
    const double off = static_cast<double>(values[k]) - mean[k % width];
    sd[k % width] += off * off / static_cast<double>(n);
  }
  for (double& variance : sd) variance = variance > 1e-12 ? std::sqrt(variance) : 0.0;
  return InputScale(std::move(mean), std::move(sd));
}

}  // namespace

/// Entries of a row are by ascending output.
std::array<float, 2> ChoiceVectors::likeness(std::size_t a, std::size_t b) const {
  double both = 0, of_a = 0, of_b = 0;
  std::size_t i = offsets[a], j = offsets[b];
  while (i < offsets[a + 1] || j < offsets[b + 1]) {
    const std::uint32_t at_a = i < offsets[a + 1] ? output[i] : UINT32_MAX;
    const std::uint32_t at_b = j < offsets[b + 1] ? output[j] : UINT32_MAX;
    const double x = at_a <= at_b ? static_cast<double>(value[i++]) : 0;
    const double y = at_b <= at_a ? static_cast<double>(value[j++]) : 0;
    both += x * y;
    of_a += x * x;
    of_b += y * y;
  }
  const double lengths = std::sqrt(of_a * of_b);
  const double entries = static_cast<double>(std::max<std::size_t>(offsets[a + 1] - offsets[a], 1));
  return {static_cast<float>(lengths > 0 ? both / lengths : 0),
          static_cast<float>(std::exp(-(of_a + of_b - 2 * both) / entries))};
}

void ChoiceConfig::add_to(Fields& fields) {
  fields.choice("items", items, {"auto", "features", "ids", "both"},
                "in a world of one module, whose items are ordered, what is known of an item: its "
                "features and those of the candidate, which one it is, or both; auto: features "
                "where there are any");
}

void ChoiceConfig::check(const PluginConfig& given, const Schema& schema) const {
  if (decision_of(schema) == Decision::kModules) {
    if (items != "auto")
      given.refuse("items",
                   "pages of this world are decided module by module, and a module is known by "
                   "itself; the key is for worlds of one module that show a number of items");
    return;
  }
  const bool by_features = items == "features" || items == "both";
  if (by_features && !has_features(schema))
    given.refuse("items", "the items and candidates of this schema have no features; use ids");
  const bool by_id = items == "ids" || items == "both" || !has_features(schema);
  if (by_id && schema.n_items > kMostItems)
    given.refuse("items", fmt::format("a model has an output for each of {} items, and at most {} "
                                      "are taken; use features",
                                      schema.n_items, kMostItems));
}

Choices::Choices(const Schema& schema, const ChoiceConfig& config)
    : decision_(decision_of(schema)),
      encoder_(schema, n_places(schema, decision_)),
      n_ids_(of_items() ? schema.n_items : schema.n_modules()),
      of_ids_(std::make_shared<ChoiceVectors>()) {
  const bool by_features =
      of_items() && (config.items == "auto" ? has_features(schema) : config.items != "ids");
  by_id_ = !of_items() || config.items == "ids" || config.items == "both" || !by_features;
  if (by_features) n_own_ = schema.n_candidate_features();
  read_items(schema, by_features);
}

void Choices::read_items(const Schema& schema, bool by_features) {
  ChoiceVectors& out = *of_ids_;
  const auto width = static_cast<std::size_t>(by_features ? schema.items.cols() : 0);
  const std::size_t first_feature = by_id_ ? n_ids_ : 0;
  constant_ = first_feature + width;
  out.n_outputs = constant_ + (of_items() ? 1 : 0) + n_own_;
  const std::size_t n_described = width > 0 ? static_cast<std::size_t>(schema.items.rows()) : 0;
  const InputScale scale = scale_of(schema.items.data(), n_described, width);
  std::vector<float> features(width);
  for (std::size_t id = 0; id < n_ids_; ++id) {
    if (by_id_) out.add(id, 1);
    if (width > 0) {
      const auto row = static_cast<Eigen::Index>(id);
      std::copy_n(schema.items.row(row).data(), width, features.begin());
      scale.apply(features);
      for (std::size_t j = 0; j < width; ++j)
        if (features[j] != 0) out.add(first_feature + j, features[j]);
    }
    if (of_items()) out.add(constant_, 1);
    out.end_row();
  }
}

std::size_t Choices::n_ranks() const { return of_items() ? std::min(n_ids_, kMostRanks) : n_ids_; }

void Choices::read(const RequestBatch& decisions, ChoiceColumns& columns) const {
  if (!of_items()) {
    columns.id.insert(columns.id.end(), decisions.module.begin(), decisions.module.end());
    return;
  }
  for (const std::uint32_t item : decisions.candidate)
    if (item >= n_ids_)
      throw Error(ErrorKind::kInput,
                  fmt::format("candidate item {} is not in the catalogue of {}", item, n_ids_));
  columns.id.insert(columns.id.end(), decisions.candidate.begin(), decisions.candidate.end());
  if (n_own_ == 0) return;
  if (decisions.candidate_context.size() != decisions.candidate.size() * n_own_)
    throw Error(ErrorKind::kInput,
                fmt::format("candidates have no features here, and the schema has {} for each; "
                            "items: ids does without",
                            n_own_));
  columns.own.insert(columns.own.end(), decisions.candidate_context.begin(),
                     decisions.candidate_context.end());
}

InputScale Choices::own_scale(const ChoiceColumns& columns) const {
  return scale_of(columns.own.data(), columns.id.size(), n_own_);
}

ChoiceRows Choices::rows(const ChoiceColumns& columns, const InputScale& own) const {
  if (n_own_ == 0) return {of_ids_, {}};
  auto vectors = std::make_shared<ChoiceVectors>();
  vectors->n_outputs = n_outputs();
  ChoiceRows out;
  std::vector<float> numbers(n_own_);
  for (std::size_t c = 0; c < columns.id.size(); ++c) {
    const std::size_t id = columns.id[c];
    for (std::size_t e = of_ids_->offsets[id]; e < of_ids_->offsets[id + 1]; ++e)
      vectors->add(of_ids_->output[e], of_ids_->value[e]);
    std::copy_n(columns.own.begin() + static_cast<std::ptrdiff_t>(c * n_own_), n_own_,
                numbers.begin());
    own.apply(numbers);
    for (std::size_t j = 0; j < n_own_; ++j) vectors->add(n_outputs() - n_own_ + j, numbers[j]);
    vectors->end_row();
    out.row.push_back(static_cast<std::uint32_t>(c));
  }
  out.vectors = std::move(vectors);
  return out;
}

std::vector<double> Choices::scores(const RequestBatch& decisions, const InputScale& own,
                                    const RowMatrixF& outputs) const {
  ChoiceColumns columns;
  read(decisions, columns);
  const ChoiceRows vectors = rows(columns, own);
  std::vector<double> scores;
  scores.reserve(columns.id.size());
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const float* of_request = outputs.row(static_cast<Eigen::Index>(i)).data();
    for (std::size_t c = decisions.module_offsets[i]; c < decisions.module_offsets[i + 1]; ++c)
      scores.push_back(
          static_cast<double>(vectors.vectors->times(vectors.of(c, columns.id[c]), of_request)));
  }
  return scores;
}

void Choices::add_to(Arrays& state, const InputScale& own) const {
  if (n_own_ == 0) return;
  state["choice_mean"] = to_array(own.mean());
  state["choice_sd"] = to_array(own.sd());
}

InputScale Choices::own_scale(const Arrays& state) const {
  if (n_own_ == 0) return {};
  return InputScale(state_array(state, "choice_mean", {n_own_}).values,
                    state_array(state, "choice_sd", {n_own_}).values);
}

void Choices::for_each_shard(const RoundSource& rounds, const Schema& schema, Columns columns,
                             const std::string& name, ProgressSink* progress,
                             const std::function<void(const LogBatch&)>& body) const {
  if (!of_items()) return rehearsal::for_each_shard(rounds, schema, columns, name, progress, body);
  if (rounds.schema->n_positions != schema.n_positions || rounds.schema->n_items != schema.n_items)
    throw Error(ErrorKind::kInput,
                fmt::format("the log's lists show {} of {} items, the policy's {} of {}",
                            rounds.schema->n_positions, rounds.schema->n_items, schema.n_positions,
                            schema.n_items));
  columns.candidates = columns.items = true;
  rehearsal::for_each_shard(rounds, schema, columns, name, progress, [&](const LogBatch& logged) {
    LogBatch decisions = items_as_choices(logged);
    if (logged.propensities.pscore.size() != logged.size()) decisions.propensities = {};
    body(decisions);
  });
}

/// The items of the list by the policy itself.
class ChoicePolicy::Items final : public Ranker {
 public:
  explicit Items(const ChoicePolicy& policy) : policy_(policy) {}
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (const Policy* other = policy_.stand_in()) return decide(*other, Decision::kItems, requests);
    return policy_.choose(items_as_choices(requests));
  }
  bool deterministic() const override { return policy_.deterministic(); }

 private:
  const ChoicePolicy& policy_;
};

ChoicePolicy::ChoicePolicy(const Schema& schema, const ChoiceConfig& config)
    : choices_(schema, config) {
  if (choices_.of_items()) set_ranker(std::make_shared<const Items>(*this));
}

std::unique_ptr<SlateDistribution> ChoicePolicy::distribution(const RequestBatch& requests) const {
  if (!choices_.of_items())
    return stand_in() != nullptr ? stand_in()->distribution(requests) : choose(requests);
  return order_by_score(requests, std::vector<double>(requests.module.size()));
}

}  // namespace rehearsal
