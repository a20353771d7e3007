#include <algorithm>

#include "policies/distill/makers.h"
#include "policies/distill/soft_targets.h"

// Methods that give a task's own, served logit two labels to answer for.
namespace rehearsal {

namespace {

struct OneLogitConfig {
  std::string labels = "teacher";
  std::vector<std::string> heads;
  Fields fields() {
    return Fields()
        .add("labels", labels, "name of the stored labels to learn from")
        .add("heads", heads,
             "tasks and the teacher's heads they learn from, such as [click, trail=watch]; []: "
             "every task, from the head of its name");
  }
};

struct DirectConfig : OneLogitConfig {
  double weight = 1;
  Fields fields() {
    return OneLogitConfig::fields().add("weight", weight, 0, 1e6,
                                        "lambda, the weight of the soft loss beside the hard one");
  }
};

struct SoftLogitConfig : OneLogitConfig {
  double share = 0.5;
  double temperature = 2;
  Fields fields() {
    return OneLogitConfig::fields()
        .add("share", share, 0, 1, "of the soft loss; the hard loss keeps the rest")
        .add("temperature", temperature, 0.01, 1000,
             "logits of both are divided by it, the loss is multiplied by its square");
  }
};

struct PrivilegedConfig : OneLogitConfig {
  double share = 0.5;
  double warm_up = 0.2;
  Fields fields() {
    return OneLogitConfig::fields()
        .add("share", share, 0, 1,
             "lambda: of the loss to a teacher that sees what is known after the fact; the hard "
             "loss keeps the rest")
        .add("warm_up", warm_up, 0, 1, "share of the steps in which the hard loss is alone");
  }
};

/// A schedule of one soft and one hard loss on the same logits.
struct Schedule {
  double soft = 1;         // weight of the soft loss
  double hard = 1;         // share of the hard loss that stays
  double temperature = 1;  // of logits; regressions know none
  double warm_up = 0;      // share of the steps without the soft loss
};

class OneLogit final : public Distillation {
 public:
  OneLogit(std::string labels, std::vector<TaskHead> heads, Schedule schedule,
           const std::vector<TaskSpec>& tasks)
      : labels_(std::move(labels)), heads_(std::move(heads)), schedule_(schedule) {
    for (const TaskHead& head : heads_) regression_.push_back(tasks[head.task].regression());
  }

  std::string labels() const override { return labels_; }
  std::vector<std::size_t> bind(const LabelSource& source) override {
    std::vector<std::size_t> columns;
    for (const TaskHead& head : heads_)
      columns.push_back(source.head_index(head.head, "labels '" + labels_ + "'"));
    return columns;
  }
  double hard_weight(std::size_t task, double done) const override {
    const bool taught = std::any_of(heads_.begin(), heads_.end(),
                                    [&](const TaskHead& head) { return head.task == task; });
    return taught && done >= schedule_.warm_up ? schedule_.hard : 1;
  }
  double add_loss(const DistillationBatch& batch) const override {
    if (batch.done < schedule_.warm_up) return 0;
    double total = 0;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      total += add_soft_loss(batch, {heads_[h].task, first_column() + h, regression_[h],
                                     schedule_.temperature, schedule_.soft});
    return total;
  }

 private:
  std::string labels_;
  std::vector<TaskHead> heads_;
  Schedule schedule_;
  std::vector<bool> regression_;
};

DistillationPtr make_one_logit(const OneLogitConfig& read, const Schedule& schedule,
                               const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const std::vector<TaskHead> heads = read_task_heads(read.heads, config, tasks);
  for (const TaskHead& head : heads)
    if (tasks[head.task].kind == TaskKind::kEsmm)
      config.refuse("heads", "the task '" + tasks[head.task].name +
                                 "' is a product of two logits (esmm), and a teacher's label is "
                                 "for one");
  return std::make_unique<OneLogit>(read.labels, heads, schedule, tasks);
}

}  // namespace

DistillationFields describe_direct() { return describe_fields<DirectConfig>(); }
DistillationFields describe_soft_logit() { return describe_fields<SoftLogitConfig>(); }
DistillationFields describe_privileged() { return describe_fields<PrivilegedConfig>(); }

DistillationPtr make_direct(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const DirectConfig read = config.read<DirectConfig>();
  return make_one_logit(read, {read.weight, 1, 1, 0}, config, tasks);
}

DistillationPtr make_soft_logit(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const SoftLogitConfig read = config.read<SoftLogitConfig>();
  return make_one_logit(read, {read.share, 1 - read.share, read.temperature, 0}, config, tasks);
}

DistillationPtr make_privileged(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const PrivilegedConfig read = config.read<PrivilegedConfig>();
  return make_one_logit(read, {read.share, 1 - read.share, 1, read.warm_up}, config, tasks);
}

}  // namespace rehearsal
