#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/encoder.h"
#include "sim/scripted_module.h"

namespace rehearsal {

namespace {

struct TorchScriptConfig {
  std::string file;
  double temperature = 0;
  double item_temperature = 0;
  Fields fields() {
    return Fields()
        .add("file", file,
             "path of what torch.jit.save wrote; it is looked for nowhere else, and a relative "
             "path starts where the program runs")
        .add("temperature", temperature, 0, 1e6,
             "0: modules by descending score; else drawn by Plackett-Luce with weights "
             "exp(score / temperature)")
        .add("item_temperature", item_temperature, 0, 1e6,
             "the same for the items of a module, where the file scores items");
  }
};

/// Where each of the file's columns stands among ours. Args: named: by the file; empty: as ours.
std::vector<std::size_t> columns_of(const std::vector<std::string>& named,
                                    const std::vector<std::string>& ours, const std::string& what) {
  std::vector<std::size_t> columns;
  for (const std::string& name : named.empty() ? ours : named) {
    const auto at = std::find(ours.begin(), ours.end(), name);
    if (at == ours.end())
      throw Error(ErrorKind::kInput,
                  "its attribute '" + what + "': " + unknown_name("name", name, ours));
    const auto column = static_cast<std::size_t>(at - ours.begin());
    if (std::find(columns.begin(), columns.end(), column) != columns.end())
      throw Error(ErrorKind::kInput, "its attribute '" + what + "' names '" + name + "' twice");
    columns.push_back(column);
  }
  return columns;
}

/// What the scripted module says of every request.
struct RequestScores {
  std::vector<double> modules;  // (n_modules of the batch) as eligible
  std::vector<double> items;    // (n_candidates of the batch); empty: items stay as retrieved
};

class TorchScriptPolicy final : public Policy {
  /// The items of the modules, where no other ranker is named.
  class ScriptedItems final : public Ranker {
   public:
    explicit ScriptedItems(const TorchScriptPolicy& policy) : policy_(policy) {}
    std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
      return policy_.order_items(requests);
    }
    bool deterministic() const override { return policy_.deterministic_items(); }

   private:
    const TorchScriptPolicy& policy_;
  };

 public:
  TorchScriptPolicy(TorchScriptConfig config, const Schema& schema)
      : config_(std::move(config)),
        schema_(schema),
        encoder_(schema),
        module_(load_scripted_module(config_.file)),
        inputs_(columns_of(module_->names("inputs"), encoder_.names(), "inputs")),
        outputs_(columns_of(module_->names("outputs"), schema.modules, "outputs")) {
    if (outputs_.size() != schema.n_modules())
      throw Error(ErrorKind::kInput, fmt::format("its attribute 'outputs' leaves out some of {}",
                                                 fmt::join(schema.modules, ", ")));
    try_out();
  }

  bool deterministic() const override { return config_.temperature == 0; }
  bool deterministic_items() const { return config_.item_temperature == 0; }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_modules(requests, scores_of(requests));
  }

  PageDistribution page_distribution(const RequestBatch& requests) const override {
    if (own_ranker_ == nullptr || ranker() != own_ranker_)
      return Policy::page_distribution(requests);
    RequestScores scores = scores_of(requests);
    auto modules = order_modules(requests, scores);
    return {std::move(modules), order_items(requests, std::move(scores))};
  }
  std::unique_ptr<SlateDistribution> order_items(const RequestBatch& requests) const {
    return order_items(requests, scores_of(requests));
  }

 private:
  /// Shapes, before anything runs.
  void try_out() {
    const std::vector<float> zeros(inputs_.size(), 0.0f);
    ScriptedModule::Scores scores;
    std::string problem;
    try {
      scores = module_->score(zeros);
    } catch (const Error& error) {
      problem = error.what();
    }
    if (problem.empty()) problem = wrong_shape(scores);
    if (problem.empty() && !same_bits(scores, module_->score(zeros)))
      problem = "asked twice, it gave two answers; scores must be a function of the request alone";
    if (!problem.empty())
      throw Error(ErrorKind::kInput, problem + ". Its input: Float (n, " +
                                         std::to_string(inputs_.size()) + "), columns " +
                                         column_names());
    scores_items_ = !scores.items.empty();
    if (!scores_items_) return;
    const auto items = std::make_shared<const ScriptedItems>(*this);
    own_ranker_ = items.get();
    set_ranker(items);
  }

  static bool same_bits(const ScriptedModule::Scores& a, const ScriptedModule::Scores& b) {
    const auto same = [](const std::vector<float>& x, const std::vector<float>& y) {
      return x.size() == y.size() &&
             std::equal(x.begin(), x.end(), y.begin(), [](float left, float right) {
               return left == right || (std::isnan(left) && std::isnan(right));
             });
    };
    return same(a.modules, b.modules) && same(a.items, b.items);
  }

  std::string column_names() const {
    std::vector<std::string> names;
    for (const std::size_t column : inputs_) names.push_back(encoder_.names()[column]);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  /// Empty where the shapes are those of the site.
  std::string wrong_shape(const ScriptedModule::Scores& scores) const {
    if (scores.modules.size() != outputs_.size())
      return fmt::format("forward gave (n, {}) scores of modules; expected (n, {}): {}",
                         scores.modules.size(), outputs_.size(), fmt::join(schema_.modules, ", "));
    if (!scores.items.empty() && scores.items.size() != schema_.n_items)
      return fmt::format("forward gave (n, {}) scores of items; expected (n, {}), the catalogue",
                         scores.items.size(), schema_.n_items);
    return "";
  }

  std::unique_ptr<SlateDistribution> order_modules(const RequestBatch& requests,
                                                   const RequestScores& scores) const {
    return decide(requests.module_offsets, page_positions(requests), scores.modules,
                  config_.temperature);
  }

  std::unique_ptr<SlateDistribution> order_items(const RequestBatch& requests,
                                                 RequestScores scores) const {
    return decide(requests.candidate_offsets, item_positions(requests), std::move(scores.items),
                  config_.item_temperature);
  }

  static std::unique_ptr<SlateDistribution> decide(const Offsets& offsets,
                                                   std::vector<std::uint16_t> n_positions,
                                                   std::vector<double> scores, double temperature) {
    if (temperature == 0)
      return make_deterministic(offsets, std::move(n_positions), std::move(scores));
    for (double& score : scores) score /= temperature;
    return make_plackett_luce(offsets, std::move(n_positions), std::move(scores));
  }

  RequestScores scores_of(const RequestBatch& requests) const {
    RequestScores all;
    std::vector<float> encoded(encoder_.n_inputs());
    std::vector<float> inputs(inputs_.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      encoder_.encode(requests.features(i), encoded);
      for (std::size_t j = 0; j < inputs.size(); ++j) inputs[j] = encoded[inputs_[j]];
      try {
        add_scores(requests, i, module_->score(inputs), all);
      } catch (const std::exception& error) {
        throw Error(
            ErrorKind::kRuntime,
            fmt::format("torchscript '{}': user {}, session {}, round {}: {}", config_.file,
                        requests.user[i], requests.session[i], requests.round[i], error.what()));
      }
    }
    return all;
  }

  void add_scores(const RequestBatch& requests, std::size_t i, const ScriptedModule::Scores& scores,
                  RequestScores& all) const {
    const std::string wrong = wrong_shape(scores);
    if (!wrong.empty()) throw Error(ErrorKind::kRuntime, wrong);
    if (scores.items.empty() == scores_items_)
      throw Error(ErrorKind::kRuntime, scores_items_ ? "forward gave no scores of items this time"
                                                     : "forward gave scores of items this time");
    std::vector<float> ours(outputs_.size());
    for (std::size_t m = 0; m < outputs_.size(); ++m) ours[outputs_[m]] = scores.modules[m];
    const auto add = [](float score, const std::string& of, std::vector<double>& to) {
      if (!std::isfinite(score))
        throw Error(ErrorKind::kRuntime, fmt::format("the score of {} is {}", of, score));
      to.push_back(score);
    };
    for (const std::uint16_t module : requests.eligible(i))
      add(ours[module], "the module '" + schema_.modules[module] + "'", all.modules);
    if (!scores_items_ || requests.candidate.empty()) return;
    const std::size_t first = requests.candidate_offsets[requests.module_offsets[i]];
    const std::size_t last = requests.candidate_offsets[requests.module_offsets[i + 1]];
    for (std::size_t c = first; c < last; ++c)
      add(scores.items[requests.candidate[c]], "item " + std::to_string(requests.candidate[c]),
          all.items);
  }

  TorchScriptConfig config_;
  const Schema& schema_;
  Encoder encoder_;
  std::unique_ptr<const ScriptedModule> module_;
  std::vector<std::size_t> inputs_;   // (the file's inputs) columns of the encoder
  std::vector<std::size_t> outputs_;  // (n_modules) of the schema, as the file's columns
  bool scores_items_ = false;
  const Ranker* own_ranker_ = nullptr;  // null where it scores no items
};

}  // namespace

FieldDescriptions describe_torchscript() { return describe_fields<TorchScriptConfig>(); }

PolicyPtr make_torchscript(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<TorchScriptConfig>();
  if (read.file.empty()) config.refuse("file", "is missing: the path of a TorchScript module");
  try {
    return std::make_unique<TorchScriptPolicy>(read, context.schema);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    config.refuse("file", "'" + read.file + "': " + error.what());
  }
}

}  // namespace rehearsal
