#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <string>
#include <vector>

#include "policies/multi_task_network.h"
#include "policies/multi_task_training.h"
#include "policies/tasks.h"
#include "sim/core/fields.h"

namespace rehearsal {

struct NetworkConfig {
  std::string architecture = "shared_bottom";
  std::int64_t user_embedding = 6;
  std::int64_t item_embedding = 6;
  std::vector<std::int64_t> hidden{16};
  std::vector<std::int64_t> tower{};
  std::int64_t experts = 0;
  std::int64_t task_experts = 0;
  std::int64_t levels = 0;
  Fields fields();
  /// Sizes that do not depend on a log. Raises: Error(kInput) for what the architecture has not.
  NetworkShape shape(const PluginConfig& config) const;
};

struct MultiTaskTrainConfig {
  std::int64_t epochs = 3;
  std::int64_t batch = 512;
  std::string unit = "impressions";
  double learning_rate = 0.01;
  double embedding_rate = 1;
  double weight_decay = 0;
  Fields fields();
};

/// value = p(task) * prod E[t]^powers[t] * (1 + sum bonuses[t] * p(t)).
struct ScoreConfig {
  std::string task;
  std::map<std::string, double> powers;
  std::map<std::string, double> bonuses;
  Fields fields();
};

struct MultiTaskConfig {
  std::vector<std::string> inputs;
  std::vector<std::string> may_lack;
  std::map<std::string, double> defaults;
  YAML::Node tasks;
  NetworkConfig network;
  MultiTaskTrainConfig train;
  YAML::Node distill;
  ScoreConfig score;
  double exploration = 0;
  Fields fields();
};

/// The tasks of a list of mappings; none: clicks of items.
/// Raises: Error(kInput) for an unknown key or name, a name that comes twice, esmm without a task
/// that it is given.
std::vector<TaskSpec> read_tasks(const YAML::Node& list, const Source& source);

/// How a score is made of what the tasks say of an item.
class ItemScore {
 public:
  /// Raises: Error(kInput) for an unknown task, a power of what is no regression or a bonus of what
  /// is one.
  ItemScore(const ScoreConfig& score, const std::vector<TaskSpec>& tasks,
            const PluginConfig& config);
  /// Args: outputs: (n_tasks) of an item: logits and learnt values.
  double operator()(const float* outputs) const;

 private:
  struct Term {
    std::size_t task = 0;
    double weight = 0;
  };
  double expectation(std::size_t task, float output) const;

  std::vector<TaskSpec> tasks_;
  std::size_t main_ = 0;
  std::vector<Term> powers_;
  std::vector<Term> bonuses_;
};

}  // namespace rehearsal
