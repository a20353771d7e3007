#include <cmath>
#include <numeric>

#include "policies/distill/makers.h"
#include "policies/distill/soft_targets.h"
#include "sim/core/draws.h"

// Methods whose soft labels are learnt by heads of their own: nothing that is served answers for
// two labels at once.
namespace rehearsal {

namespace {

// Addresses of what is done to labels, below Draw::kTraining: user 3, the session the shard.
constexpr UserId kLabelUser{3};

struct OwnHeadsConfig {
  std::string labels = "teacher";
  std::vector<std::string> heads;
  double weight = 1;
  Fields fields() {
    return Fields()
        .add("labels", labels, "name of the stored labels to learn from")
        .add("heads", heads,
             "tasks and the teacher's heads they learn from, such as [click, trail=watch]; []: "
             "every task, from the head of its name")
        .add("weight", weight, 0, 1e6, "lambda, the weight of the soft losses");
  }
};

/// A head beside a task's on its tower (or on its logit), or on the shared layer.
class OwnHeads : public Distillation {
 public:
  OwnHeads(HeadPlace place, const std::string& prefix, OwnHeadsConfig config,
           std::vector<TaskHead> heads)
      : place_(place), config_(std::move(config)), heads_(std::move(heads)), prefix_(prefix) {}

  std::string labels() const override { return config_.labels; }
  std::vector<std::size_t> bind(const LabelSource& source) override {
    std::vector<std::size_t> columns;
    regression_.clear();
    for (const TaskHead& head : heads_) {
      columns.push_back(source.head_index(head.head, "labels '" + config_.labels + "'"));
      regression_.push_back(source.heads[columns.back()].regression);
    }
    return columns;
  }
  std::vector<HeadShape> heads() const override {
    std::vector<HeadShape> shapes;
    for (const TaskHead& head : heads_)
      shapes.push_back({prefix_ + head.head, place_, head.task, 1});
    return shapes;
  }
  void start(const ImpressionTable& first, std::size_t n_soft, const MultiTaskNetwork& network,
             NetworkParameters& parameters) const override {
    if (place_ == HeadPlace::kLogit) return;  // the identity
    for (std::size_t h = 0; h < heads_.size(); ++h)
      start_at_soft_mean(first, n_soft, target(h), network, parameters);
  }
  double add_loss(const DistillationBatch& batch) const override {
    double total = 0;
    for (std::size_t h = 0; h < heads_.size(); ++h) total += add_soft_loss(batch, target(h));
    return total;
  }

 private:
  SoftTarget target(std::size_t h) const {
    return {first_output() + h, first_column() + h, regression_[h], 1, config_.weight};
  }

  HeadPlace place_;
  OwnHeadsConfig config_;
  std::vector<TaskHead> heads_;
  std::string prefix_;
  std::vector<bool> regression_;
};

/// The same labels, each row's given to another row of its shard.
class Placebo final : public OwnHeads {
 public:
  using OwnHeads::OwnHeads;
  void change_labels(const Rng& rng, std::size_t shard, std::size_t n_columns,
                     std::vector<float>& soft) const override {
    Stream stream =
        rng.stream(Draw::kTraining, Turn{kLabelUser}, static_cast<std::uint32_t>(shard));
    for (std::size_t i = soft.size() / n_columns; i > 1; --i) {
      const std::size_t other = index_below(stream(), i);
      std::swap_ranges(soft.begin() + static_cast<std::ptrdiff_t>((i - 1) * n_columns),
                       soft.begin() + static_cast<std::ptrdiff_t>(i * n_columns),
                       soft.begin() + static_cast<std::ptrdiff_t>(other * n_columns));
    }
  }
};

struct NoisyConfig : OwnHeadsConfig {
  double sd = 1;
  Fields fields() {
    return OwnHeadsConfig::fields().add("sd", sd, 0, 1e6,
                                        "of the normal noise added to every stored label");
  }
};

class Noisy final : public OwnHeads {
 public:
  Noisy(NoisyConfig config, std::vector<TaskHead> heads)
      : OwnHeads(HeadPlace::kTower, "", config, std::move(heads)), sd_(config.sd) {}
  void change_labels(const Rng& rng, std::size_t shard, std::size_t /*n_columns*/,
                     std::vector<float>& soft) const override {
    Stream stream =
        rng.stream(Draw::kTraining, Turn{kLabelUser}, static_cast<std::uint32_t>(shard));
    for (float& label : soft) label += static_cast<float>(sd_ * normal_from(stream()));
  }

 private:
  double sd_;
};

template <class Method>
DistillationPtr make_own_heads(HeadPlace place, const std::string& prefix,
                               const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const OwnHeadsConfig read = config.read<OwnHeadsConfig>();
  return std::make_unique<Method>(place, prefix, read, read_task_heads(read.heads, config, tasks));
}

}  // namespace

DistillationFields describe_auxiliary() { return describe_fields<OwnHeadsConfig>(); }
DistillationFields describe_affine() { return describe_fields<OwnHeadsConfig>(); }
DistillationFields describe_placebo() { return describe_fields<OwnHeadsConfig>(); }
DistillationFields describe_noisy() { return describe_fields<NoisyConfig>(); }
DistillationFields describe_non_serving() { return describe_fields<OwnHeadsConfig>(); }

DistillationPtr make_auxiliary(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  return make_own_heads<OwnHeads>(HeadPlace::kTower, "", config, tasks);
}

DistillationPtr make_affine(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  return make_own_heads<OwnHeads>(HeadPlace::kLogit, "affine_", config, tasks);
}

DistillationPtr make_placebo(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  return make_own_heads<Placebo>(HeadPlace::kTower, "", config, tasks);
}

DistillationPtr make_noisy(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const NoisyConfig read = config.read<NoisyConfig>();
  return std::make_unique<Noisy>(read, read_task_heads(read.heads, config, tasks));
}

DistillationPtr make_non_serving(const PluginConfig& config, const std::vector<TaskSpec>&) {
  const OwnHeadsConfig read = config.read<OwnHeadsConfig>();
  if (read.heads.empty())
    config.refuse("heads", "name the teacher's heads that the shared layer learns");
  std::vector<TaskHead> heads;
  for (const std::string& head : read.heads) heads.push_back({0, head});
  return std::make_unique<OwnHeads>(HeadPlace::kShared, "shared_", read, std::move(heads));
}

}  // namespace rehearsal
