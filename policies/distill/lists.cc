#include <cmath>
#include <functional>

#include "policies/distill/list_losses.h"
#include "policies/distill/makers.h"
#include "policies/distill/soft_targets.h"

// Methods that learn how a teacher orders the items of a list: a module of a page.
namespace rehearsal {

namespace {

struct ListConfig {
  std::string labels = "teacher";
  std::vector<std::string> heads;
  std::string on = "logit";
  double weight = 1;
  Fields fields() {
    return Fields()
        .add("labels", labels, "name of the stored labels to learn from")
        .add("heads", heads,
             "tasks and the teacher's heads they learn from, such as [click, trail=watch]; []: "
             "every task, from the head of its name")
        .choice("on", on, {"logit", "head"},
                "what learns: the served logit, or a head of its own on the task's tower")
        .add("weight", weight, 0, 1e6, "lambda, the weight of a list's loss");
  }
};

struct ListWiseConfig : ListConfig {
  double temperature = 1;
  Fields fields() {
    return ListConfig::fields().add("temperature", temperature, 0.01, 1000,
                                    "both sides are divided by it, the loss multiplied by its "
                                    "square");
  }
};

struct RankingConfig : ListConfig {
  std::int64_t top = 3;
  double mix = 0.5;
  double decay = 2;
  double slope = 1;
  Fields fields() {
    return ListConfig::fields()
        .add("top", top, 1, 10000, "K: first items of the teacher's order")
        .add("mix", mix, 0, 1, "rho: of the weight by place; the rest is by rank")
        .add("decay", decay, 1e-3, 1e6, "places after which the weight by place is 1/e of it")
        .add("slope", slope, 0, 1e6, "mu: of the weight by how far behind the student ranks it");
  }
};

struct RankDistilConfig : ListConfig {
  std::int64_t top = 3;
  double margin = 1;
  Fields fields() {
    return ListConfig::fields()
        .add("top", top, 1, 10000, "K: first items of the teacher's order")
        .add("margin", margin, 0, 1e6, "by which the others shall lie below the lowest of those");
  }
};

using ListLoss = std::function<double(std::span<const float> s, std::span<const float> t,
                                      std::span<float> gradient)>;

class ListMethod final : public Distillation {
 public:
  ListMethod(ListConfig config, std::vector<TaskHead> heads, ListLoss loss)
      : config_(std::move(config)), heads_(std::move(heads)), loss_(std::move(loss)) {}

  std::string labels() const override { return config_.labels; }
  bool of_lists() const override { return true; }
  std::vector<std::size_t> bind(const LabelSource& source) override {
    std::vector<std::size_t> columns;
    for (const TaskHead& head : heads_)
      columns.push_back(source.head_index(head.head, "labels '" + config_.labels + "'"));
    return columns;
  }
  std::vector<HeadShape> heads() const override {
    std::vector<HeadShape> shapes;
    if (config_.on == "head")
      for (const TaskHead& head : heads_)
        shapes.push_back({"list_" + head.head, HeadPlace::kTower, head.task, 1});
    return shapes;
  }
  double add_loss(const DistillationBatch& batch) const override {
    double total = 0;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      total += add_lists(batch, config_.on == "head" ? first_output() + h : heads_[h].task,
                         first_column() + h);
    return total;
  }

 private:
  double add_lists(const DistillationBatch& batch, std::size_t output, std::size_t column) const {
    const std::span<const float> student = batch.network.output(batch.pass, output);
    const std::span<float> gradient = batch.network.output_gradient(batch.pass, output);
    const Offsets& lists = batch.rows.lists;
    const auto n_lists = static_cast<double>(lists.size() - 1);
    std::vector<float> teacher, by_student;
    double total = 0;
    for (std::size_t l = 0; l + 1 < lists.size(); ++l) {
      const std::size_t n = lists[l + 1] - lists[l];
      teacher.resize(n);
      by_student.resize(n);
      bool whole = true;
      for (std::size_t k = 0; k < n; ++k) {
        teacher[k] = batch.rows.soft[(lists[l] + k) * batch.n_soft + column];
        whole = whole && !std::isnan(teacher[k]);
      }
      if (!whole) continue;
      total += loss_(student.subspan(lists[l], n), teacher, by_student);
      for (std::size_t k = 0; k < n; ++k)
        gradient[lists[l] + k] += static_cast<float>(config_.weight / n_lists * by_student[k]);
    }
    return config_.weight * total / n_lists;
  }

  ListConfig config_;
  std::vector<TaskHead> heads_;
  ListLoss loss_;
};

DistillationPtr make_list_method(const ListConfig& read, ListLoss loss, const PluginConfig& config,
                                 const std::vector<TaskSpec>& tasks) {
  return std::make_unique<ListMethod>(read, read_task_heads(read.heads, config, tasks),
                                      std::move(loss));
}

}  // namespace

DistillationFields describe_list_wise() { return describe_fields<ListWiseConfig>(); }
DistillationFields describe_rd() { return describe_fields<RankingConfig>(); }
DistillationFields describe_rank_distil() { return describe_fields<RankDistilConfig>(); }

DistillationPtr make_list_wise(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const ListWiseConfig read = config.read<ListWiseConfig>();
  return make_list_method(
      read,
      [t = read.temperature](std::span<const float> s, std::span<const float> teacher,
                             std::span<float> gradient) {
        return list_wise_loss(s, teacher, t, gradient);
      },
      config, tasks);
}

DistillationPtr make_rd(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const RankingConfig read = config.read<RankingConfig>();
  const RankingDistillation options{static_cast<std::size_t>(read.top), read.mix, read.decay,
                                    read.slope};
  return make_list_method(
      read,
      [options](std::span<const float> s, std::span<const float> teacher,
                std::span<float> gradient) {
        return ranking_distillation_loss(s, teacher, options, gradient);
      },
      config, tasks);
}

DistillationPtr make_rank_distil(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const RankDistilConfig read = config.read<RankDistilConfig>();
  return make_list_method(
      read,
      [top = static_cast<std::size_t>(read.top), margin = read.margin](
          std::span<const float> s, std::span<const float> teacher, std::span<float> gradient) {
        return rank_distil_loss(s, teacher, top, margin, gradient);
      },
      config, tasks);
}

}  // namespace rehearsal
