#include "policies/tasks.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "policies/losses.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr float kNotObserved = std::numeric_limits<float>::quiet_NaN();

float learnt_label(const TaskSpec& task, float raw) {
  const bool allowed =
      task.regression() ? std::isfinite(raw) && (!task.log1p || raw > -1) : raw == 0 || raw == 1;
  if (!allowed)
    throw Error(ErrorKind::kInput,
                fmt::format("log: the response '{}' of an item is {}; task '{}' allows {}",
                            task.label, raw, task.name,
                            task.regression() ? (task.log1p ? "numbers above -1" : "finite numbers")
                                              : "0 and 1"));
  return task.log1p ? std::log1p(raw) : raw;
}

/// Sum and number of the observed labels of a task.
struct Observed {
  double sum = 0;
  double n = 0;
  double log_odds() const { return std::log((sum + 1) / (n - sum + 1)); }
};

Observed observed(std::size_t task, std::size_t n_tasks, std::span<const float> labels) {
  Observed found;
  for (std::size_t i = task; i < labels.size(); i += n_tasks) {
    if (std::isnan(labels[i])) continue;
    found.sum += labels[i];
    found.n += 1;
  }
  return found;
}

}  // namespace

void observe_tasks(const std::vector<TaskSpec>& tasks, const ResponseBatch& responses,
                   const ItemRows& rows, std::vector<float>& labels) {
  labels.assign(rows.size() * tasks.size(), kNotObserved);
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const std::vector<float> raw = response_of(responses, tasks[t].label, rows);
    const std::vector<float> given = tasks[t].given.empty()
                                         ? std::vector<float>(rows.size(), 1.0f)
                                         : response_of(responses, tasks[t].given, rows);
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (given[i] != 0) labels[i * tasks.size() + t] = learnt_label(tasks[t], raw[i]);
  }
}

double add_task_losses(const std::vector<TaskSpec>& tasks, std::span<const float> labels,
                       std::span<const double> weights, const MultiTaskNetwork& network,
                       NetworkPass& pass) {
  double total = 0;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const TaskSpec& task = tasks[t];
    const double weight = task.weight * weights[t] / static_cast<double>(pass.n);
    const std::span<const float> logit = network.output(pass, t);
    const std::span<const float> first =
        task.kind == TaskKind::kEsmm ? network.output(pass, task.given_task) : logit;
    const std::span<float> gradient = network.output_gradient(pass, t);
    const std::span<float> by_first =
        task.kind == TaskKind::kEsmm ? network.output_gradient(pass, task.given_task) : gradient;
    for (std::size_t i = 0; i < pass.n; ++i) {
      const float label = labels[i * tasks.size() + t];
      if (std::isnan(label)) continue;
      LossTerm term;
      if (task.kind == TaskKind::kBinary) {
        term = cross_entropy(logit[i], label);
      } else if (task.kind == TaskKind::kRegression) {
        const double error = static_cast<double>(logit[i]) - static_cast<double>(label);
        term = {0.5 * error * error, error, 0};
      } else {
        term = product_cross_entropy(first[i], logit[i], label);
        gradient[i] += static_cast<float>(weight * term.by_second);
      }
      by_first[i] += static_cast<float>(weight * term.by_first);
      total += weight * term.loss;
    }
  }
  return total;
}

void start_at_base_rates(const std::vector<TaskSpec>& tasks, std::span<const float> labels,
                         const MultiTaskNetwork& network, NetworkParameters& parameters) {
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const Observed own = observed(t, tasks.size(), labels);
    double start = own.log_odds();
    if (tasks[t].regression()) {
      start = own.n > 0 ? own.sum / own.n : 0;
    } else if (tasks[t].kind == TaskKind::kEsmm) {
      const Observed condition = observed(tasks[t].given_task, tasks.size(), labels);
      start = Observed{std::min(own.sum, condition.sum), condition.sum}.log_odds();
    }
    network.bias(parameters, t)[0] = static_cast<float>(start);
  }
}

void task_outputs(const std::vector<TaskSpec>& tasks, const MultiTaskNetwork& network,
                  const NetworkPass& pass, std::vector<float>& outputs) {
  outputs.resize(pass.n * tasks.size());
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const std::span<const float> own = network.output(pass, t);
    for (std::size_t i = 0; i < pass.n; ++i) {
      float out = own[i];
      if (tasks[t].kind == TaskKind::kEsmm) {
        const double log_p = -softplus(-network.output(pass, tasks[t].given_task)[i]) -
                             softplus(-static_cast<double>(own[i]));
        out = static_cast<float>(log_p - std::log(-std::expm1(log_p)));
      }
      outputs[i * tasks.size() + t] = out;
    }
  }
}

}  // namespace rehearsal
