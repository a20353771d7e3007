#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "policies/distill/list_losses.h"
#include "policies/distill/makers.h"
#include "policies/distill/soft_targets.h"
#include "sim/core/error.h"

// Methods that learn the teacher's hidden layer: labels written with it, as heads "hidden_<j>".
namespace rehearsal {

namespace {

constexpr const char* kHidden = "hidden_";

/// Columns of the teacher's hidden layer. Raises: Error(kInput) where there are none.
std::vector<std::size_t> hidden_columns(const LabelSource& source, const std::string& labels) {
  std::vector<std::size_t> columns;
  for (std::size_t h = 0; h < source.heads.size(); ++h)
    if (source.heads[h].name.rfind(kHidden, 0) == 0) columns.push_back(h);
  if (columns.empty())
    throw Error(ErrorKind::kInput,
                "labels '" + labels + "' hold no hidden layer of the teacher: write them with it");
  return columns;
}

struct FeatureConfig {
  std::string labels = "teacher";
  double weight = 1;
  Fields fields() {
    return Fields()
        .add("labels", labels, "name of the stored labels, written with the hidden layer")
        .add("weight", weight, 0, 1e6,
             "lambda, of half the mean squared error of the teacher's hidden layer");
  }
};

/// A linear map of the shared layer learns the teacher's: |W h_s + b - h_t|^2.
class Hint final : public Distillation {
 public:
  explicit Hint(FeatureConfig config) : config_(std::move(config)) {}

  std::string labels() const override { return config_.labels; }
  std::vector<std::size_t> bind(const LabelSource& source) override {
    const std::vector<std::size_t> columns = hidden_columns(source, config_.labels);
    width_ = columns.size();
    return columns;
  }
  std::vector<HeadShape> heads() const override {
    return {{"feature", HeadPlace::kShared, 0, width_}};
  }
  double add_loss(const DistillationBatch& batch) const override {
    const std::span<const float> student = batch.network.output(batch.pass, first_output());
    const std::span<float> gradient = batch.network.output_gradient(batch.pass, first_output());
    const double weight = config_.weight / static_cast<double>(batch.pass.n * width_);
    double total = 0;
    for (std::size_t i = 0; i < batch.pass.n; ++i)
      for (std::size_t j = 0; j < width_; ++j) {
        const double label = batch.rows.soft[i * batch.n_soft + first_column() + j];
        if (std::isnan(label)) continue;
        const double error = static_cast<double>(student[i * width_ + j]) - label;
        total += 0.5 * weight * error * error;
        gradient[i * width_ + j] += static_cast<float>(weight * error);
      }
    return total;
  }

 private:
  FeatureConfig config_;
  std::size_t width_ = 0;
};

struct DeRrdConfig {
  std::string labels = "teacher";
  std::string head = "click";
  std::int64_t experts = 4;
  std::int64_t top = 3;
  double expert_weight = 1;
  double list_weight = 1;
  Fields fields() {
    return Fields()
        .add("labels", labels, "name of the stored labels, written with the hidden layer")
        .add("head", head,
             "a task and the teacher's head whose order it learns, such as click=watch")
        .add("experts", experts, 1, 64,
             "that map the shared layer to the teacher's, mixed by a "
             "gate")
        .add("top", top, 1, 10000, "K: first items of the teacher's order")
        .add("expert_weight", expert_weight, 0, 1e6,
             "of half the mean squared error of the teacher's hidden layer")
        .add("list_weight", list_weight, 0, 1e6, "of a list's loss");
  }
};

/// Distillation experts and relaxed ranking distillation. Ours differ from the paper's in two
/// points: experts are linear, and their softmax gate reads the student's shared layer, where
/// theirs draws one expert by the teacher's (Gumbel softmax).
class DeRrd final : public Distillation {
 public:
  DeRrd(DeRrdConfig config, TaskHead head) : config_(std::move(config)), head_(std::move(head)) {}

  std::string labels() const override { return config_.labels; }
  bool of_lists() const override { return true; }
  std::vector<std::size_t> bind(const LabelSource& source) override {
    std::vector<std::size_t> columns = hidden_columns(source, config_.labels);
    width_ = columns.size();
    columns.push_back(source.head_index(head_.head, "labels '" + config_.labels + "'"));
    return columns;
  }
  std::vector<HeadShape> heads() const override {
    return {{"experts", HeadPlace::kShared, 0, width_ * n_experts()},
            {"experts_gate", HeadPlace::kShared, 0, n_experts()}};
  }
  double add_loss(const DistillationBatch& batch) const override {
    double total = 0;
    for (std::size_t i = 0; i < batch.pass.n; ++i) total += add_experts(batch, i);
    for (std::size_t l = 0; l + 1 < batch.rows.lists.size(); ++l) total += add_list(batch, l);
    return total;
  }

 private:
  std::size_t n_experts() const { return static_cast<std::size_t>(config_.experts); }

  /// Of one row: half the squared error of the mixture of experts.
  double add_experts(const DistillationBatch& batch, std::size_t i) const {
    const std::size_t m = n_experts();
    const float* expert = batch.network.output(batch.pass, first_output()).data() + i * m * width_;
    const float* gate = batch.network.output(batch.pass, first_output() + 1).data() + i * m;
    float* by_expert =
        batch.network.output_gradient(batch.pass, first_output()).data() + i * m * width_;
    float* by_gate = batch.network.output_gradient(batch.pass, first_output() + 1).data() + i * m;
    const float* label = batch.rows.soft.data() + i * batch.n_soft + first_column();
    if (std::any_of(label, label + width_, [](float value) { return std::isnan(value); })) return 0;
    std::vector<double> share(m), by_share(m, 0.0);
    const double top = *std::max_element(gate, gate + m);
    double sum = 0;
    for (std::size_t e = 0; e < m; ++e) sum += share[e] = std::exp(gate[e] - top);
    for (double& part : share) part /= sum;
    const double weight = config_.expert_weight / static_cast<double>(batch.pass.n * width_);
    double loss = 0;
    for (std::size_t j = 0; j < width_; ++j) {
      double error = -static_cast<double>(label[j]);
      for (std::size_t e = 0; e < m; ++e) error += share[e] * expert[e * width_ + j];
      loss += 0.5 * weight * error * error;
      for (std::size_t e = 0; e < m; ++e) {
        by_expert[e * width_ + j] += static_cast<float>(weight * error * share[e]);
        by_share[e] += weight * error * expert[e * width_ + j];
      }
    }
    double mean = 0;
    for (std::size_t e = 0; e < m; ++e) mean += share[e] * by_share[e];
    for (std::size_t e = 0; e < m; ++e)
      by_gate[e] += static_cast<float>(share[e] * (by_share[e] - mean));
    return loss;
  }

  double add_list(const DistillationBatch& batch, std::size_t l) const {
    const Offsets& lists = batch.rows.lists;
    const std::size_t n = lists[l + 1] - lists[l];
    std::vector<float> teacher(n), by_student(n);
    for (std::size_t k = 0; k < n; ++k)
      teacher[k] = batch.rows.soft[(lists[l] + k) * batch.n_soft + first_column() + width_];
    if (std::any_of(teacher.begin(), teacher.end(), [](float value) { return std::isnan(value); }))
      return 0;
    const double weight = config_.list_weight / static_cast<double>(lists.size() - 1);
    const double loss =
        relaxed_ranking_loss(batch.network.output(batch.pass, head_.task).subspan(lists[l], n),
                             teacher, static_cast<std::size_t>(config_.top), by_student);
    const std::span<float> gradient =
        batch.network.output_gradient(batch.pass, head_.task).subspan(lists[l], n);
    for (std::size_t k = 0; k < n; ++k)
      gradient[k] += static_cast<float>(weight * static_cast<double>(by_student[k]));
    return weight * loss;
  }

  DeRrdConfig config_;
  TaskHead head_;
  std::size_t width_ = 0;
};

}  // namespace

DistillationFields describe_feature() { return describe_fields<FeatureConfig>(); }
DistillationFields describe_de_rrd() { return describe_fields<DeRrdConfig>(); }

DistillationPtr make_feature(const PluginConfig& config, const std::vector<TaskSpec>&) {
  return std::make_unique<Hint>(config.read<FeatureConfig>());
}

DistillationPtr make_de_rrd(const PluginConfig& config, const std::vector<TaskSpec>& tasks) {
  const DeRrdConfig read = config.read<DeRrdConfig>();
  return std::make_unique<DeRrd>(read, read_task_heads({read.head}, config, tasks)[0]);
}

}  // namespace rehearsal
