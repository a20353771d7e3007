#include "policies/constraints.h"
#include "policies/diversity.h"
#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/module_values.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

// Of a saved state: what belongs to the policy whose values are taken.
const std::string kOfValues = "values.";

struct DiverseConfig {
  std::string of;
  DiversityConfig diversity;
  Fields fields() {
    Fields fields;
    fields.add("of", of,
               "policy named before whose value of each module is taken (logistic, "
               "pointwise_orderer, popularity)");
    diversity.add_to(fields);
    return fields;
  }
};

/// Eligible modules of a batch.
class DiverseModules final : public DiverseChoices {
 public:
  DiverseModules(const RequestBatch& requests, std::vector<double> values,
                 const RowMatrix& similarity)
      : offsets_(requests.module_offsets),
        module_(requests.module),
        relevance_(std::move(values)),
        similarity_(similarity) {
    for (std::size_t i = 0; i < requests.size(); ++i)
      to_relevance({relevance_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]});
  }

  std::span<const double> relevance(std::size_t i) const override {
    return {relevance_.data() + offsets_[i], offsets_[i + 1] - offsets_[i]};
  }
  double similarity(std::size_t i, std::size_t a, std::size_t b) const override {
    return similarity_(module_[offsets_[i] + a], module_[offsets_[i] + b]);
  }

 private:
  Offsets offsets_;
  std::vector<std::uint16_t> module_;
  std::vector<double> relevance_;
  RowMatrix similarity_;
};

/// How alike modules are: the cosine of how often each retrieved which item, over a log.
class RetrievalCounts {
 public:
  explicit RetrievalCounts(const Schema& schema)
      : counts_(RowMatrix::Zero(static_cast<Eigen::Index>(schema.n_modules()),
                                static_cast<Eigen::Index>(schema.n_items))) {}

  void add(const RequestBatch& requests) {
    if (requests.candidate.empty()) return;
    for (std::size_t e = 0; e < requests.module.size(); ++e)
      for (std::size_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1];
           ++c) {
        if (requests.candidate[c] >= counts_.cols())
          throw Error(ErrorKind::kInput,
                      "log: candidate item " + std::to_string(requests.candidate[c]) +
                          " is not in the catalogue of " + std::to_string(counts_.cols()));
        counts_(requests.module[e], requests.candidate[c]) += 1;
      }
  }

  /// Modules that retrieved nothing are like none but themselves.
  RowMatrix similarity() const {
    RowMatrix gram = counts_ * counts_.transpose();
    const Eigen::VectorXd norm = gram.diagonal().cwiseSqrt().cwiseMax(1e-300);
    gram = norm.cwiseInverse().asDiagonal() * gram * norm.cwiseInverse().asDiagonal();
    gram.diagonal().setOnes();
    return gram.cwiseMin(1.0);
  }

 private:
  RowMatrix counts_;  // (n_modules, n_items)
};

/// Modules by another policy's values, and unlike those above them.
class DiverseOrderer final : public Policy, public KnowsRules {
 public:
  DiverseOrderer(std::string type, DiverseConfig config, MakeDiverse make_next,
                 const Schema& schema, std::shared_ptr<Policy> scorer, const ModuleValues& values)
      : type_(std::move(type)),
        config_(std::move(config)),
        make_next_(make_next),
        schema_(schema),
        scorer_(std::move(scorer)),
        values_(values) {}

  bool deterministic() const override { return config_.diversity.deterministic(); }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (similarity_.size() == 0) refuse_untrained(type_);
    std::shared_ptr<const NextChoice> next = make_next_(
        std::make_shared<DiverseModules>(requests, values_.module_values(requests), similarity_),
        config_.diversity.trade_off);
    if (rules_) next = under_rules(std::move(next), rules_->of(requests));
    return config_.diversity.slates(requests.module_offsets, page_positions(requests),
                                    std::move(next));
  }

  void set_rules(std::shared_ptr<const PageRules> rules) override { rules_ = std::move(rules); }

  void fit(const FitContext& context) override {
    RetrievalCounts counts(schema_);
    Columns columns;
    columns.candidates = true;
    columns.propensities = false;
    for_each_shard(context.rounds, schema_, columns, context.name, context.progress,
                   [&](const LogBatch& batch) { counts.add(batch.requests); });
    similarity_ = counts.similarity();
  }

  std::map<std::string, const Policy*> parts() const override {
    return {{config_.of, scorer_.get()}};
  }
  Arrays state() const override {
    if (similarity_.size() == 0) return {};
    Arrays all{{"similarity", to_array(similarity_)}};
    for (auto& [name, array] : scorer_->state()) all[kOfValues + name] = array;
    return all;
  }
  void set_state(const Arrays& state) override {
    similarity_ =
        to_matrix(state_array(state, "similarity", {schema_.n_modules(), schema_.n_modules()}));
    Arrays of_scorer;
    for (const auto& [name, array] : state)
      if (name.rfind(kOfValues, 0) == 0) of_scorer[name.substr(kOfValues.size())] = array;
    if (!of_scorer.empty()) scorer_->set_state(of_scorer);
  }

 private:
  std::string type_;
  DiverseConfig config_;
  MakeDiverse make_next_;
  const Schema& schema_;
  std::shared_ptr<Policy> scorer_;
  const ModuleValues& values_;  // of scorer_
  RowMatrix similarity_;        // (n_modules, n_modules)
  std::shared_ptr<const PageRules> rules_;
};

PolicyPtr make_diverse(const std::string& type, MakeDiverse make_next, const PluginConfig& config,
                       const PolicyContext& context) {
  const DiverseConfig read = config.read<DiverseConfig>();
  const ModuleValues& values = values_of(read.of, "of", config, context);
  return std::make_unique<DiverseOrderer>(type, read, make_next, context.schema,
                                          context.others.at(read.of), values);
}

}  // namespace

FieldDescriptions describe_diverse_orderer() { return describe_fields<DiverseConfig>(); }

PolicyPtr make_mmr_orderer(const PluginConfig& config, const PolicyContext& context) {
  return make_diverse("mmr", make_mmr, config, context);
}

PolicyPtr make_dpp_orderer(const PluginConfig& config, const PolicyContext& context) {
  return make_diverse("dpp", make_dpp, config, context);
}

}  // namespace rehearsal
