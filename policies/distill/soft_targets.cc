#include "policies/distill/soft_targets.h"

#include <cmath>

#include "policies/losses.h"
#include "sim/core/error.h"

namespace rehearsal {

std::vector<TaskHead> read_task_heads(const std::vector<std::string>& pairs,
                                      const PluginConfig& config,
                                      const std::vector<TaskSpec>& tasks) {
  std::vector<std::string> names;
  for (const TaskSpec& task : tasks) names.push_back(task.name);
  std::vector<TaskHead> heads;
  for (const std::string& pair : pairs.empty() ? names : pairs) {
    const std::size_t equals = pair.find('=');
    const std::string task = pair.substr(0, equals);
    const auto at = std::find(names.begin(), names.end(), task);
    if (at == names.end()) config.refuse("heads", unknown_name("task", task, names));
    heads.push_back({static_cast<std::size_t>(at - names.begin()),
                     equals == std::string::npos ? task : pair.substr(equals + 1)});
  }
  return heads;
}

double add_soft_loss(const DistillationBatch& batch, const SoftTarget& target) {
  const std::span<const float> student = batch.network.output(batch.pass, target.output);
  const std::span<float> gradient = batch.network.output_gradient(batch.pass, target.output);
  const double weight = target.weight / static_cast<double>(batch.pass.n);
  const double t = target.temperature;
  double total = 0;
  for (std::size_t i = 0; i < batch.pass.n; ++i) {
    const double label = batch.rows.soft[i * batch.n_soft + target.column];
    if (std::isnan(label)) continue;
    LossTerm term;
    if (target.regression) {
      const double error = student[i] - label;
      term = {0.5 * error * error, error, 0};
    } else {
      term = cross_entropy(student[i] / t, sigmoid(label / t));
      term = {t * t * term.loss, t * term.by_first, 0};
    }
    gradient[i] += static_cast<float>(weight * term.by_first);
    total += weight * term.loss;
  }
  return total;
}

void start_at_soft_mean(const ImpressionTable& first, std::size_t n_soft, const SoftTarget& target,
                        const MultiTaskNetwork& network, NetworkParameters& parameters) {
  double sum = 0;
  double n = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double label = first.soft[i * n_soft + target.column];
    if (std::isnan(label)) continue;
    sum += target.regression ? label : sigmoid(label);
    n += 1;
  }
  if (n == 0) return;
  const double odds = (sum + 1e-3) / (n - sum + 1e-3);
  network.bias(parameters, target.output)[0] =
      static_cast<float>(target.regression ? sum / n : std::log(odds));
}

}  // namespace rehearsal
