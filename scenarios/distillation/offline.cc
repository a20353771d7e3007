#include "scenarios/distillation/offline.h"

#include <cmath>
#include <cstring>

#include "sim/task_metrics.h"

namespace rehearsal {

namespace {

constexpr const char* kReleaseDay = "release_day";

/// A task's outputs and labels of all rounds, one behind the other.
struct TaskColumn {
  std::vector<float> outputs;
  std::vector<float> labels;
};

void score(const LabelHead& task, const TaskColumn& column, const std::string& slice,
           std::map<std::string, double>& out) {
  const auto put = [&](const char* name, double value) {
    if (std::isfinite(value)) out[task.name + "_" + name + slice] = value;
  };
  if (task.regression) {
    const RegressionScores scores = regression_scores(column.outputs, column.labels);
    put("r2", scores.r2);
    put("calibration", scores.calibration);
    return;
  }
  const BinaryScores scores = binary_scores(column.outputs, column.labels);
  put("auc", scores.auc);
  put("log_loss", scores.log_loss);
  put("calibration", scores.calibration);
  put("ece", scores.ece);
}

/// Whether each item of the catalogue was released in the log; empty without such a column.
std::vector<bool> releases(const Schema& schema) {
  std::vector<bool> out;
  for (std::size_t f = 0; f < schema.item_features.size(); ++f)
    if (schema.item_features[f] == kReleaseDay)
      for (Eigen::Index v = 0; v < schema.items.rows(); ++v)
        out.push_back(schema.items(v, static_cast<Eigen::Index>(f)) > 0);
  return out;
}

}  // namespace

std::map<std::string, double> offline_scores(const MultiTaskRanker& ranker, const Schema& schema,
                                             const std::vector<LogBatch>& rounds) {
  const std::vector<LabelHead>& tasks = ranker.tasks();
  const std::vector<bool> is_new = releases(schema);
  std::vector<TaskColumn> all(tasks.size()), of_new(tasks.size());
  RowMatrixF outputs, labels;
  for (const LogBatch& batch : rounds) {
    ranker.predict(batch, outputs);
    ranker.observe(batch, labels);
    for (Eigen::Index at = 0; at < outputs.rows(); ++at)
      for (std::size_t t = 0; t < tasks.size(); ++t) {
        const auto column = static_cast<Eigen::Index>(t);
        if (std::isnan(labels(at, column))) continue;
        const auto add = [&](TaskColumn& to) {
          to.outputs.push_back(outputs(at, column));
          to.labels.push_back(labels(at, column));
        };
        add(all[t]);
        if (!is_new.empty() && is_new[batch.pages.item[static_cast<std::size_t>(at)]])
          add(of_new[t]);
      }
  }
  std::map<std::string, double> out;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    score(tasks[t], all[t], "", out);
    score(tasks[t], of_new[t], "_new", out);
  }
  out["missing_inputs"] = ranker.missing_inputs();
  out["multiply_adds"] = static_cast<double>(ranker.multiply_adds());
  return out;
}

bool serves_the_same(const MultiTaskRanker& served, const MultiTaskRanker& trained,
                     const LogBatch& rounds) {
  RowMatrixF one, other;
  served.predict(rounds, one);
  trained.predict(rounds, other);
  return one.size() == other.size() &&
         std::memcmp(one.data(), other.data(),
                     sizeof(float) * static_cast<std::size_t>(one.size())) == 0;
}

}  // namespace rehearsal
