#include "policies/multi_task_config.h"

#include <algorithm>
#include <cmath>

#include "policies/losses.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct TaskConfig {
  std::string name;
  std::string kind = "binary";
  std::string label;
  std::string given;
  std::string transform = "none";
  double weight = 1;
  Fields fields() {
    return Fields()
        .add("name", name, "of the task")
        .choice("kind", kind, {"binary", "regression", "esmm"},
                "binary: a logit; regression: a value; esmm: a logit whose probability is "
                "multiplied by that of the task whose label is `given`")
        .add("label", label, "the column of responses that it predicts")
        .add("given", given, "a column: only items where it is not 0 are examples; '': all items")
        .choice("transform", transform, {"none", "log1p"}, "of a regression's label")
        .add("weight", weight, 0, 1e6, "of its loss");
  }
};

std::vector<std::string> names_of(const std::vector<TaskSpec>& tasks) {
  std::vector<std::string> names;
  for (const TaskSpec& task : tasks) names.push_back(task.name);
  return names;
}

TaskSpec read_task(const YAML::Node& node, const Source& source,
                   const std::vector<TaskSpec>& before) {
  TaskConfig config;
  config.fields().read(node, source);
  if (config.name.empty()) refuse_at(node, source, "the key 'name' is missing: a task's name");
  if (config.label.empty())
    refuse_at(node, source, "the key 'label' is missing: the column that the task predicts");
  for (const TaskSpec& task : before)
    if (task.name == config.name)
      refuse_at(node, source, "there is a task '" + config.name + "' already");
  const std::vector<std::string> known = response_names();
  for (const std::string& column : {config.label, config.given})
    if (!column.empty() && std::find(known.begin(), known.end(), column) == known.end())
      refuse_at(node, source, unknown_name("response", column, known));
  TaskSpec task{.name = config.name,
                .kind = config.kind == "binary"       ? TaskKind::kBinary
                        : config.kind == "regression" ? TaskKind::kRegression
                                                      : TaskKind::kEsmm,
                .label = config.label,
                .given = config.given,
                .log1p = config.transform == "log1p",
                .weight = config.weight};
  if (task.log1p && !task.regression())
    refuse_at(node, source, "transform: only the label of a regression is transformed");
  if (task.kind != TaskKind::kEsmm) return task;
  const auto first = std::find_if(before.begin(), before.end(), [&](const TaskSpec& other) {
    return other.kind == TaskKind::kBinary && other.given.empty() && other.label == task.given;
  });
  if (task.given.empty() || first == before.end())
    refuse_at(node, source,
              "an esmm task needs `given`: the label of a binary task of all items that stands "
              "before it");
  task.given_task = static_cast<std::size_t>(first - before.begin());
  task.given.clear();  // trained on all items, through the product
  return task;
}

}  // namespace

Fields NetworkConfig::fields() {
  return Fields()
      .choice("architecture", architecture, {"shared_bottom", "mmoe", "ple"},
              "what lies under the tasks: one layer for all; experts with a gate a task; experts "
              "of each task too, in levels")
      .add("user_embedding", user_embedding, 0, 4096, "width of the embedding of user ids; 0: none")
      .add("item_embedding", item_embedding, 0, 4096, "width of the embedding of item ids; 0: none")
      .add("hidden", hidden, 1, 65536, "widths of the ReLU layers of an expert (or of the bottom)")
      .add("tower", tower, 1, 65536, "widths of the ReLU layers of each task's own")
      .add("experts", experts, 0, 256, "shared ones; 0: 1 for shared_bottom, 4 for mmoe, 2 for ple")
      .add("task_experts", task_experts, 0, 256, "of each task; 0: 1 for ple, else none")
      .add("levels", levels, 0, 16, "of experts; 0: 2 for ple, else 1");
}

NetworkShape NetworkConfig::shape(const PluginConfig& config) const {
  const bool shared_bottom = architecture == "shared_bottom";
  const bool ple = architecture == "ple";
  if (hidden.empty()) config.refuse("network", "hidden: one layer at least is shared");
  if (shared_bottom && experts > 1)
    config.refuse("network", "experts: shared_bottom has one; take mmoe or ple");
  if (!ple && (task_experts > 0 || levels > 1))
    config.refuse("network", "task_experts and levels are for ple only");
  NetworkShape shape;
  shape.user_width = static_cast<std::size_t>(user_embedding);
  shape.item_width = static_cast<std::size_t>(item_embedding);
  shape.hidden = hidden;
  shape.tower = tower;
  const auto or_else = [](std::int64_t given, std::size_t usual) {
    return given > 0 ? static_cast<std::size_t>(given) : usual;
  };
  shape.n_shared_experts = or_else(experts, shared_bottom ? 1 : ple ? 2 : 4);
  shape.n_task_experts = or_else(task_experts, ple ? 1 : 0);
  shape.n_levels = or_else(levels, ple ? 2 : 1);
  return shape;
}

Fields MultiTaskTrainConfig::fields() {
  return Fields()
      .add("epochs", epochs, 1, 1000, "passes over the log")
      .add("batch", batch, 1, 1 << 20, "items a step")
      .choice("unit", unit, {"impressions", "lists"},
              "what is shuffled into batches: items, or whole modules of pages (which methods that "
              "learn from lists need)")
      .add("learning_rate", learning_rate, 1e-8, 1,
           "of Adam at first; falls linearly towards 0 over `epochs`")
      .add(
          "embedding_rate", embedding_rate, 0, 1000,
          "times the learning rate, of the embeddings: rows that are seldom touched move only then")
      .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases");
}

Fields ScoreConfig::fields() {
  return Fields()
      .add("task", task, "whose probability (or value) comes first; '': the first task")
      .add("powers", powers, 0, 100,
           "regressions and the power their value is raised to, such as {trail: 1}")
      .add("bonuses", bonuses, 0, 1e6,
           "binary tasks and the weight of their probability, such as {discovery: 0.5}");
}

Fields MultiTaskConfig::fields() {
  return Fields()
      .add("inputs", inputs,
           "dense inputs: context.NAME, context.NAME=LEVEL, item.NAME, candidate.NAME, "
           "place.slot, place.position, module.NAME, response.NAME (a privileged teacher's)")
      .add("may_lack", may_lack, "those of the inputs that another schema it serves may be without")
      .add("defaults", defaults, -1e9, 1e9,
           "values of inputs that a schema lacks, or that are not known when serving; else the "
           "mean of the training")
      .mappings("tasks", tasks,
                "name, kind, label, given, transform and weight of each; []: clicks of items")
      .group("network", network.fields(), "sizes of the network")
      .group("train", train.fields(), "how it is trained")
      .mappings("distill", distill,
                "methods of distillation that add up, each {type: auxiliary, ...}")
      .group("score", score.fields(),
             "p(task) * E[regression]^power * (1 + bonus * p(other task)): what items, and the sum "
             "of those of a module, are ordered by")
      .add("exploration", exploration, 0, 1,
           "chance of a uniform order: one coin for the modules, one for the items of each");
}

std::vector<TaskSpec> read_tasks(const YAML::Node& list, const Source& source) {
  std::vector<TaskSpec> tasks;
  for (std::size_t t = 0; t < list.size(); ++t)
    tasks.push_back(read_task(list[t], source.child(t), tasks));
  if (tasks.empty()) tasks.push_back({.name = "click", .label = "item_click", .given = ""});
  return tasks;
}

ItemScore::ItemScore(const ScoreConfig& score, const std::vector<TaskSpec>& tasks,
                     const PluginConfig& config)
    : tasks_(tasks) {
  const auto index = [&](const std::string& name) {
    for (std::size_t t = 0; t < tasks.size(); ++t)
      if (tasks[t].name == name) return t;
    config.refuse("score", unknown_name("task", name, names_of(tasks)));
  };
  if (!score.task.empty()) main_ = index(score.task);
  for (const auto& [name, power] : score.powers) {
    powers_.push_back({index(name), power});
    if (!tasks[powers_.back().task].regression())
      config.refuse("score", "powers: '" + name + "' is no regression");
  }
  for (const auto& [name, bonus] : score.bonuses) {
    bonuses_.push_back({index(name), bonus});
    if (tasks[bonuses_.back().task].regression())
      config.refuse("score", "bonuses: '" + name + "' is a regression, not a probability");
  }
}

double ItemScore::expectation(std::size_t task, float output) const {
  if (!tasks_[task].regression()) return sigmoid(output);
  const double value = output;
  return std::max(tasks_[task].log1p ? std::exp(value) - 1 : value, 0.0);
}

double ItemScore::operator()(const float* outputs) const {
  double value = expectation(main_, outputs[main_]);
  for (const Term& term : powers_) {
    const double factor = expectation(term.task, outputs[term.task]);
    value *= term.weight == 1 ? factor : std::pow(factor, term.weight);
  }
  double bonus = 1;
  for (const Term& term : bonuses_)
    bonus += term.weight * expectation(term.task, outputs[term.task]);
  return value * bonus;
}

}  // namespace rehearsal
