#include <yaml-cpp/yaml.h>

#include "policies/context_scorer.h"
#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/module_values.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

struct TrainConfig {
  std::vector<std::string> tasks{"click"};
  std::string position = "additive";
  std::vector<std::int64_t> hidden{64, 32};
  std::int64_t epochs = 3;
  std::int64_t patience = 1;
  std::int64_t batch = 1024;
  double learning_rate = 0.01;
  double weight_decay = 0.3;
  double validation_share = 0.1;

  bool purchase() const { return tasks.size() == 2; }
  Fields fields() {
    return Fields()
        .choices("tasks", tasks, {"click", "purchase"},
                 "[click], or [click, purchase]: pPTR = pCTR * pCVR on a shared trunk (ESMM)")
        .choice("position", position, {"additive", "none"},
                "additive: a learnt logit a device and slot, dropped when serving; none: "
                "position-blind")
        .add("hidden", hidden, 1, 4096, "widths of the trunk's ReLU layers; []: linear")
        .add("epochs", epochs, 1, 1000, "passes over the log at most")
        .add("patience", patience, 1, 1000,
             "epochs without a better validation loss before stopping")
        .add("batch", batch, 1, 65536, "pages a step")
        .add("learning_rate", learning_rate, 1e-8, 1,
             "of Adam at first; falls linearly towards 0 over `epochs`")
        .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases")
        .add("validation_share", validation_share, 0.01, 0.5, "share of users to validate on");
  }
};

struct PointwiseConfig {
  TrainConfig train;
  double purchase_weight = 20;
  Fields fields() {
    return Fields()
        .group("train", train.fields(), "the network and its training")
        .add("purchase_weight", purchase_weight, 0, 1e6,
             "w in the value pCTR * (1 + w * pCVR); with tasks [click] the value is pCTR");
  }
};

/// Modules by descending value pCTR * (1 + w * pCVR) of a network that looks at each alone.
class PointwiseOrderer final : public Policy, public ModuleValues {
 public:
  PointwiseOrderer(PointwiseConfig config, const Schema& schema)
      : config_(std::move(config)), schema_(schema), encoder_(schema) {
    spec_.n_inputs = static_cast<std::int64_t>(encoder_.n_inputs());
    spec_.n_modules = static_cast<std::int64_t>(schema.n_modules());
    if (config_.train.position == "additive")
      spec_.n_positions = static_cast<std::int64_t>(encoder_.n_positions());
    spec_.hidden = config_.train.hidden;
    spec_.purchase = config_.train.purchase();
    spec_.learning_rate = config_.train.learning_rate;
    spec_.weight_decay = config_.train.weight_decay;
    spec_.max_epochs = static_cast<int>(config_.train.epochs);
    spec_.patience = static_cast<int>(config_.train.patience);
  }

  bool deterministic() const override { return true; }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_by_score(requests, module_values(requests));
  }
  std::vector<double> module_values(const RequestBatch& requests) const override {
    if (scorer_ == nullptr)
      throw Error(ErrorKind::kInput, "pointwise_orderer: not trained yet; fit it to a log first");
    RowMatrixF logits;
    scorer_->logits(requests, logits);
    std::vector<double> values(requests.module.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const float* row = logits.row(static_cast<Eigen::Index>(i)).data();
      for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m)
        values[m] = value(row, requests.module[m]);
    }
    return values;
  }

  void fit(const FitContext& context) override {
    ModuleExamplesOptions options;
    options.batch = static_cast<std::size_t>(config_.train.batch);
    options.validation_share = config_.train.validation_share;
    options.purchase = spec_.purchase;
    const std::string task = "train " + context.name;
    ModuleExamples examples(context.rounds, options, context.rng, task);
    if (examples.encoder().names() != encoder_.names() ||
        context.rounds.schema->modules != schema_.modules)
      throw Error(ErrorKind::kInput, task + ": the log's features or modules are not the policy's");
    const TrainedNetwork trained =
        load_trainer().train_module_network(spec_, examples, context.rng, task, context.progress);
    Arrays state = scorer_state(trained.weights, examples.scale());
    state["validation_loss"] = to_array(trained.validation_loss);
    set_state(state);
  }

  Arrays state() const override { return state_; }
  void set_state(const Arrays& state) override {
    scorer_ = std::make_unique<ContextScorer>(encoder_, spec_, state);
    state_ = state;
  }

 private:
  /// Args: logits: (n_tasks * n_modules) of one page.
  double value(const float* logits, std::size_t module) const {
    const double ctr = logistic(logits[module]);
    if (!spec_.purchase) return ctr;
    const double cvr = logistic(logits[schema_.n_modules() + module]);
    return ctr * (1 + config_.purchase_weight * cvr);
  }

  PointwiseConfig config_;
  const Schema& schema_;
  Encoder encoder_;
  ModuleNetworkSpec spec_;
  Arrays state_;
  std::unique_ptr<const ContextScorer> scorer_;
};

}  // namespace

std::vector<FieldDescription> describe_pointwise_orderer() {
  return describe_fields<PointwiseConfig>();
}

std::unique_ptr<Policy> make_pointwise_orderer(const PluginConfig& config,
                                               const PolicyContext& context) {
  const PointwiseConfig read = config.read<PointwiseConfig>();
  const std::vector<std::string>& tasks = read.train.tasks;
  if (tasks != std::vector<std::string>{"click"} &&
      tasks != std::vector<std::string>{"click", "purchase"})
    refuse_at(config.node["train"]["tasks"], config.source.child("train").child("tasks"),
              "must be [click] or [click, purchase]");
  return std::make_unique<PointwiseOrderer>(read, context.schema);
}

}  // namespace rehearsal
