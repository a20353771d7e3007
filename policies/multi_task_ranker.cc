#include "policies/multi_task_ranker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <future>

#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/multi_task_config.h"
#include "policies/page_choices.h"
#include "policies/taught_impressions.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kChunk = 1024;  // rows of a forward pass: what it holds stays in the cache

/// A network and what its inputs are scaled by.
struct Model {
  MultiTaskNetwork network;
  NetworkParameters parameters;
  InputScale scale;
};

/// Rows of a pass, as the network takes them.
struct Inputs {
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
  std::vector<float> dense;

  NetworkInput chunk(std::size_t first, std::size_t n, std::size_t n_dense) const {
    return {std::span(user).subspan(first, n), std::span(item).subspan(first, n),
            std::span(dense).subspan(first * n_dense, n * n_dense)};
  }
};

class Network final : public MultiTaskRanker {
 public:
  Network(const MultiTaskConfig& config, const PluginConfig& plugin, const Schema& schema);

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_modules(requests, values(requests));
  }
  PageDistribution page_distribution(const RequestBatch& requests) const override {
    if (ranker() != own_ranker_) return Policy::page_distribution(requests);
    std::vector<double> scores = values(requests);
    std::unique_ptr<SlateDistribution> modules = order_modules(requests, scores);
    return {std::move(modules), order_items(requests, std::move(scores))};
  }
  bool deterministic() const override { return config_.exploration == 0; }

  void fit(const FitContext& context) override;
  Arrays state() const override { return arrays(true); }
  Arrays training_state() const override { return arrays(false); }
  void set_state(const Arrays& state) override;

  const std::vector<LabelHead>& tasks() const override { return heads_; }
  double missing_inputs() const override {
    return inputs_.size() == 0
               ? 0
               : static_cast<double>(inputs_.n_lacking()) / static_cast<double>(inputs_.size());
  }
  std::size_t multiply_adds() const override { return model().network.multiply_adds(); }
  void predict(const LogBatch& logged, RowMatrixF& outputs) const override {
    const Model& model = this->model();
    score(model, rows_of(logged), logged.requests, &logged.responses, false,
          static_cast<Eigen::Index>(tasks_.size()), outputs,
          [&](const NetworkPass& pass, std::vector<float>& out) {
            task_outputs(tasks_, model.network, pass, out);
          });
  }
  std::size_t hidden_width() const override { return model().network.shared_width(); }
  void represent(const LogBatch& logged, RowMatrixF& hidden) const override {
    const Model& model = this->model();
    score(model, rows_of(logged), logged.requests, &logged.responses, false,
          static_cast<Eigen::Index>(model.network.shared_width()), hidden,
          [&](const NetworkPass& pass, std::vector<float>& out) {
            const std::span<const float> shared = model.network.shared(pass);
            out.assign(shared.begin(), shared.end());
          });
  }
  void observe(const LogBatch& logged, RowMatrixF& labels) const override {
    std::vector<float> values;
    observe_tasks(tasks_, logged.responses, rows_of(logged), values);
    const auto n_tasks = static_cast<Eigen::Index>(tasks_.size());
    labels = Eigen::Map<const RowMatrixF>(
        values.data(), static_cast<Eigen::Index>(values.size()) / n_tasks, n_tasks);
  }

  std::unique_ptr<SlateDistribution> order_items(const RequestBatch& requests,
                                                 std::vector<double> scores) const {
    return explore(
        make_deterministic(requests.candidate_offsets, item_positions(requests), std::move(scores)),
        make_uniform(requests.candidate_offsets, item_positions(requests)));
  }
  std::vector<double> values(const RequestBatch& requests) const;

 private:
  const Model& model() const {
    if (model_ == nullptr) refuse_untrained("multi_task_ranker");
    return *model_;
  }
  Arrays arrays(bool served_only) const;
  ItemRows rows_of(const LogBatch& logged) const {
    return shown_rows(logged, inputs_.need_candidates());
  }
  Inputs inputs_of(const Model& model, const ItemRows& rows, const RequestBatch& requests,
                   const ResponseBatch* responses) const;
  template <class Take>
  void score(const Model& model, const ItemRows& rows, const RequestBatch& requests,
             const ResponseBatch* responses, bool served_only, Eigen::Index width, RowMatrixF& out,
             Take&& take) const;
  std::unique_ptr<SlateDistribution> order_modules(const RequestBatch& requests,
                                                   const std::vector<double>& scores) const;
  std::unique_ptr<SlateDistribution> explore(std::unique_ptr<SlateDistribution> best,
                                             std::unique_ptr<SlateDistribution> uniform) const;
  void check_log(const Schema& log) const;

  MultiTaskConfig config_;
  Source source_;
  const Schema& schema_;
  ItemInputs inputs_;
  std::vector<TaskSpec> tasks_;
  std::vector<LabelHead> heads_;
  ItemScore score_;
  NetworkShape shape_;  // without what a log says
  const Ranker* own_ranker_ = nullptr;
  std::unique_ptr<const Model> model_;
};

/// The items of every module by the same network.
class NetworkItems final : public Ranker {
 public:
  explicit NetworkItems(const Network& network) : network_(network) {}
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return network_.order_items(requests, network_.values(requests));
  }
  bool deterministic() const override { return network_.deterministic(); }

 private:
  const Network& network_;
};

Network::Network(const MultiTaskConfig& config, const PluginConfig& plugin, const Schema& schema)
    : config_(config),
      source_(plugin.source),
      schema_(schema),
      inputs_(config.inputs, config.may_lack, config.defaults, schema),
      tasks_(read_tasks(config.tasks, plugin.source.child("tasks"))),
      score_(config.score, tasks_, plugin),
      shape_(config.network.shape(plugin)) {
  for (const TaskSpec& task : tasks_) {
    heads_.push_back({task.name, task.regression()});
    shape_.tasks.push_back(task.name);
  }
  shape_.n_dense = inputs_.size();
  shape_.n_items = schema.n_items;
  const bool of_lists = config_.train.unit == "lists";
  for (const auto& method : make_distillations(config_.distill, source_.child("distill"), tasks_))
    if (method->of_lists() && !of_lists)
      plugin.refuse("distill", "a method learns from lists, which needs train: {unit: lists}");
  // Arms are fitted side by side, and nodes of one document are not for several threads.
  config_.distill = YAML::Clone(config_.distill);
  config_.tasks = YAML::Clone(config_.tasks);
  const auto items = std::make_shared<const NetworkItems>(*this);
  own_ranker_ = items.get();
  set_ranker(items);
}

Inputs Network::inputs_of(const Model& model, const ItemRows& rows, const RequestBatch& requests,
                          const ResponseBatch* responses) const {
  Inputs inputs;
  inputs.item = rows.item;
  inputs.user.resize(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row)
    inputs.user[row] = requests.user[rows.request[row]];
  inputs_.fill(rows, requests, responses, inputs.dense);
  standardise(model.scale, inputs.dense);
  return inputs;
}

template <class Take>
void Network::score(const Model& model, const ItemRows& rows, const RequestBatch& requests,
                    const ResponseBatch* responses, bool served_only, Eigen::Index width,
                    RowMatrixF& out, Take&& take) const {
  const Inputs inputs = inputs_of(model, rows, requests, responses);
  out.resize(static_cast<Eigen::Index>(rows.size()), width);
  thread_local NetworkPass pass;  // serving a page would spend a tenth of its time on new memory
  std::vector<float> taken;
  for (std::size_t first = 0; first < rows.size(); first += kChunk) {
    const std::size_t n = std::min(kChunk, rows.size() - first);
    model.network.forward(model.parameters, inputs.chunk(first, n, shape_.n_dense), served_only,
                          pass);
    take(pass, taken);
    std::copy(taken.begin(), taken.end(), out.data() + first * static_cast<std::size_t>(width));
  }
}

std::vector<double> Network::values(const RequestBatch& requests) const {
  const Model& model = this->model();
  RowMatrixF outputs;
  score(model, candidate_rows(requests), requests, nullptr, true,
        static_cast<Eigen::Index>(tasks_.size()), outputs,
        [&](const NetworkPass& pass, std::vector<float>& out) {
          task_outputs(tasks_, model.network, pass, out);
        });
  std::vector<double> values(requests.candidate.size());
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = score_(outputs.row(static_cast<Eigen::Index>(c)).data());
  return values;
}

std::unique_ptr<SlateDistribution> Network::explore(
    std::unique_ptr<SlateDistribution> best, std::unique_ptr<SlateDistribution> uniform) const {
  if (config_.exploration == 0) return best;
  std::vector<std::unique_ptr<SlateDistribution>> parts;
  parts.push_back(std::move(best));
  parts.push_back(std::move(uniform));
  return make_mixture(std::move(parts), {1 - config_.exploration, config_.exploration});
}

std::unique_ptr<SlateDistribution> Network::order_modules(const RequestBatch& requests,
                                                          const std::vector<double>& scores) const {
  std::vector<double> of_modules(requests.module.size(), 0.0);
  std::vector<double> best;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m) {
      const auto first = scores.begin() + requests.candidate_offsets[m];
      best.assign(first, scores.begin() + requests.candidate_offsets[m + 1]);
      const std::size_t n = requests.n_placed(i, best.size());
      if (n < best.size())
        std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(n), best.end(),
                          std::greater<>());
      for (std::size_t k = 0; k < n; ++k) of_modules[m] += best[k];
    }
  return explore(order_by_score(requests, std::move(of_modules)),
                 make_uniform(requests.module_offsets, page_positions(requests)));
}

void Network::check_log(const Schema& log) const {
  check_same_schema(log, schema_);
  if (log.item_features != schema_.item_features ||
      log.candidate_features != schema_.candidate_features || log.n_items != schema_.n_items)
    throw Error(ErrorKind::kInput,
                "the items of the log, or the features of items and candidates, are not the "
                "policy's");
}

void Network::fit(const FitContext& context) {
  check_log(*context.rounds.schema);
  if (inputs_.n_lacking() > 0)
    throw Error(ErrorKind::kInput,
                fmt::format("train {}: the schema lacks the inputs {}; a policy is trained on a "
                            "schema that has them all",
                            context.name, fmt::join(inputs_.lacking(), ", ")));
  const auto methods = make_distillations(config_.distill, source_.child("distill"), tasks_);
  const TaughtImpressions impressions(context, inputs_, tasks_, methods);
  NetworkShape shape = shape_;
  shape.heads = impressions.heads();
  ImpressionOptions options;
  options.batch = static_cast<std::size_t>(config_.train.batch);
  options.by_lists = config_.train.unit == "lists";
  const std::string task = "train " + context.name;
  ImpressionStream stream(impressions.shards(), options, context.rng, task);
  shape.n_users = stream.n_users();
  MultiTaskNetwork network(std::move(shape));
  TrainedMultiTask trained =
      train_multi_task(network, tasks_, methods, stream, impressions.n_soft(),
                       {static_cast<int>(config_.train.epochs), config_.train.learning_rate,
                        config_.train.embedding_rate, config_.train.weight_decay},
                       context.rng, task, context.progress);
  model_ = std::make_unique<const Model>(
      Model{std::move(network), std::move(trained.parameters), stream.scale()});
}

Arrays Network::arrays(bool served_only) const {
  if (model_ == nullptr) return {};
  Arrays arrays = model_->network.to_arrays(model_->parameters, served_only);
  arrays["input_mean"] = to_array(model_->scale.mean());
  arrays["input_sd"] = to_array(model_->scale.sd());
  return arrays;
}

void Network::set_state(const Arrays& state) {
  NetworkShape shape = shape_;
  const auto users = state.find("user_embedding");
  if (users != state.end() && users->second.shape.size() == 2)
    shape.n_users = users->second.shape[0];
  MultiTaskNetwork network(std::move(shape));
  NetworkParameters parameters = network.from_arrays(state);
  InputScale scale(state_array(state, "input_mean", {inputs_.size()}).values,
                   state_array(state, "input_sd", {inputs_.size()}).values);
  model_ = std::make_unique<const Model>(
      Model{std::move(network), std::move(parameters), std::move(scale)});
}

}  // namespace

const MultiTaskRanker& as_multi_task_ranker(const Policy& policy, const std::string& name) {
  const auto* ranker = dynamic_cast<const MultiTaskRanker*>(&policy);
  if (ranker == nullptr)
    throw Error(ErrorKind::kInput, "the policy '" + name + "' is no multi_task_ranker");
  return *ranker;
}

void write_teacher_labels(const MultiTaskRanker& teacher, const std::string& version,
                          const RoundSource& rounds, const std::filesystem::path& folder,
                          bool hidden) {
  std::vector<LabelHead> heads = teacher.tasks();
  const auto n_tasks = static_cast<Eigen::Index>(heads.size());
  for (std::size_t j = 0; hidden && j < teacher.hidden_width(); ++j)
    heads.push_back({fmt::format("hidden_{}", j), true});
  LabelWriter writer(folder, heads, version);
  RowMatrixF activations;
  std::future<void> writing;  // of the shard before: the disk waits for no network, nor it for it
  for (std::size_t shard = 0; shard < rounds.n_shards; ++shard) {
    const LogBatch batch = rounds.read(shard, MultiTaskRanker::columns());
    RowMatrixF outputs;
    teacher.predict(batch, outputs);
    if (hidden) {
      teacher.represent(batch, activations);
      outputs.conservativeResize(outputs.rows(), n_tasks + activations.cols());
      outputs.rightCols(activations.cols()) = activations;
    }
    if (writing.valid()) writing.get();
    writing = std::async(std::launch::async, [&writer, shard, labels = std::move(outputs)] {
      writer.write_shard(shard, labels);
    });
  }
  if (writing.valid()) writing.get();
  writer.finish();
}

FieldDescriptions describe_multi_task_ranker() { return describe_fields<MultiTaskConfig>(); }

std::unique_ptr<Policy> make_multi_task_ranker(const PluginConfig& config,
                                               const PolicyContext& context) {
  return std::make_unique<Network>(config.read<MultiTaskConfig>(), config, context.schema);
}

}  // namespace rehearsal
