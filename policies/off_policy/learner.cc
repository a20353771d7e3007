#include "policies/off_policy/learner.h"

#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numeric>

#include "policies/context_scorer.h"
#include "policies/learning.h"
#include "policies/off_policy/plackett_luce_gradient.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

// Of a saved state.
const std::string kImproved = "improved";

constexpr UserId kPageOrder{3};
constexpr Eigen::Index kBlock = 1024;

RowMatrix rows_of(const LoggedPages& pages, std::span<const std::uint32_t> rows) {
  RowMatrix inputs(static_cast<Eigen::Index>(rows.size()), pages.inputs.cols());
  for (std::size_t r = 0; r < rows.size(); ++r)
    inputs.row(static_cast<Eigen::Index>(r)) =
        pages.inputs.row(static_cast<Eigen::Index>(rows[r])).cast<double>();
  return inputs;
}

/// Adam (Kingma and Ba, ICLR 2015) with decoupled decay (Loshchilov and Hutter, ICLR 2019), uphill.
class LearnerAdam {
 public:
  explicit LearnerAdam(std::size_t n) : mean_(n, 0.0), square_(n, 0.0) {}

  void step(std::span<const double> gradient, double rate, double decay, ScoreNetwork& network) {
    ++n_steps_;
    const double mean_scale = 1 / (1 - std::pow(0.9, n_steps_));
    const double square_scale = 1 / (1 - std::pow(0.999, n_steps_));
    std::vector<double>& parameters = network.parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      mean_[p] += 0.1 * (gradient[p] - mean_[p]);
      square_[p] += 0.001 * (gradient[p] * gradient[p] - square_[p]);
      if (network.decays()[p]) parameters[p] -= rate * decay * parameters[p];
      parameters[p] += rate * mean_[p] * mean_scale / (std::sqrt(square_[p] * square_scale) + 1e-8);
    }
  }

 private:
  std::vector<double> mean_;
  std::vector<double> square_;
  int n_steps_ = 0;
};

/// log pi(page) of every page alike: what was shown, however it was liked.
class Shown final : public PageObjective {
 public:
  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::vector<double> slopes(pages.n_shown(i), 1.0);
    add_step_gradients(logits, pages.of(pages.choice, i), slopes, gradient);
  }
};

std::vector<std::uint32_t> page_order(std::size_t n, const Rng& rng, int epoch) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  Stream stream = rng.stream(Draw::kTraining, Turn{kPageOrder, static_cast<std::uint16_t>(epoch)});
  for (std::size_t i = n; i > 1; --i)
    std::swap(order[i - 1],
              order[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
  return order;
}

/// Plackett-Luce pages from learnt logits.
class OffPolicyLearner final : public ChoicePolicy {
 public:
  OffPolicyLearner(std::string type, LearnerConfig config,
                   std::unique_ptr<const LearningMethod> method, const Schema& schema,
                   NamedPolicy fallback)
      : ChoicePolicy(schema, config.choices),
        type_(std::move(type)),
        fallback_(std::move(fallback)),
        config_(std::move(config)),
        method_(std::move(method)),
        schema_(schema) {
    spec_.n_inputs = static_cast<std::int64_t>(choices().encoder().n_inputs());
    spec_.n_modules = static_cast<std::int64_t>(choices().n_outputs());
    spec_.hidden = config_.hidden;
  }

  bool deterministic() const override {
    return falls_back_ ? fallback_.policy->deterministic() : config_.serve == "greedy";
  }

  void fit(const FitContext& context) override {
    const LoggedPages pages =
        read_logged_pages(context, schema_, choices(), config_.reward == "purchase");
    const Training training(context, config_, pages, &choices(), choices().n_outputs());
    const Learnt learnt = method_->learn(training);
    Arrays state = scorer_state(learnt.network.weights(), pages.scale);
    choices().add_to(state, pages.own);
    if (fallback_.policy) state[kImproved] = {{1}, {learnt.improved ? 1.0 : 0.0}};
    set_state(state);
  }

  std::map<std::string, const Policy*> parts() const override {
    if (!fallback_.policy) return {};
    return {{fallback_.name, fallback_.policy.get()}};
  }
  Arrays state() const override {
    Arrays all = state_;
    add_part_state(fallback_, all);
    return all;
  }
  void set_state(const Arrays& state) override {
    auto scorer = std::make_unique<ContextScorer>(choices().encoder(), spec_, state);
    own_ = choices().own_scale(state);
    scorer_ = std::move(scorer);
    falls_back_ = fallback_.policy && state_array(state, kImproved, {1}).values[0] == 0;
    state_ = take_part_state(fallback_, state);
  }

 private:
  const Policy* stand_in() const override { return falls_back_ ? fallback_.policy.get() : nullptr; }

  std::unique_ptr<SlateDistribution> choose(const RequestBatch& decisions) const override {
    if (scorer_ == nullptr) refuse_untrained(type_);
    RowMatrixF outputs;
    scorer_->logits(decisions, outputs);
    std::vector<double> scores = choices().scores(decisions, own_, outputs);
    if (deterministic()) return order_by_score(decisions, std::move(scores));
    return make_plackett_luce(decisions.module_offsets, page_positions(decisions),
                              std::move(scores));
  }

  std::string type_;
  NamedPolicy fallback_;
  bool falls_back_ = false;
  LearnerConfig config_;
  std::unique_ptr<const LearningMethod> method_;
  const Schema& schema_;
  ModuleNetworkSpec spec_;
  InputScale own_;
  Arrays state_;
  std::unique_ptr<const ContextScorer> scorer_;
};

}  // namespace

Fields LearnerConfig::fields() {
  return training_fields().choice(
      "serve", serve, {"sample", "greedy"},
      "sample: pages drawn by Plackett-Luce, as the objective values them; greedy: always the "
      "likeliest");
}

Fields LearnerConfig::training_fields() {
  Fields fields;
  fields.choice("reward", reward, {"click", "purchase"},
                "what a shown module, or item of a list, is worth 1 for");
  choices.add_to(fields);
  return fields.add("hidden", hidden, 1, 4096, "widths of ReLU layers; []: linear in the inputs")
      .add("steps", steps, 1, 1000000,
           "batches to learn from; the log is passed as often as needed")
      .add("batch", batch, 1, 65536, "pages a step")
      .add("learning_rate", learning_rate, 1e-8, 1, "of Adam at first; falls linearly to 0")
      .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases");
}

ScoreNetwork Training::start() const {
  return ScoreNetwork(static_cast<std::size_t>(pages_.inputs.cols()), config_.hidden, n_outputs_,
                      context_.rng);
}

ScoreNetwork Training::behavior_start() const {
  ScoreNetwork network = start();
  const std::span<double> bias = network.output_bias();
  if (choices_ != nullptr && !choices_->by_id()) {
    LoggedPages bare = pages_;
    bare.inputs.resize(bare.inputs.rows(), 0);
    ScoreNetwork odds(0, {}, n_outputs_, context_.rng);
    Shown objective;
    on(bare).ascend(objective, odds);
    std::copy(odds.output_bias().begin(), odds.output_bias().end(), bias.begin());
    return network;
  }
  const std::size_t n_ids = choices_ == nullptr ? n_outputs_ : choices_->n_ids();
  const std::vector<double> strengths = fitted_strengths(pages_, n_ids);
  for (std::size_t m = 0; m < n_ids; ++m) bias[m] = std::log(strengths[m]);
  return network;
}

void Training::ascend(PageObjective& objective, ScoreNetwork& network) const {
  const auto batch = static_cast<std::size_t>(config_.batch);
  const auto n_steps = static_cast<double>(config_.steps);
  LearnerAdam adam(network.parameters().size());
  std::vector<double> logits;
  std::vector<double> own;
  std::int64_t step = 0;
  for (int epoch = 0; step < config_.steps; ++epoch) {
    check_interrupt();
    objective.start_epoch(pages_, network);
    const std::vector<std::uint32_t> order = page_order(pages_.size(), context_.rng, epoch);
    for (std::size_t first = 0; first < order.size() && step < config_.steps;
         first += batch, ++step) {
      const std::span<const std::uint32_t> rows(order.data() + first,
                                                std::min(batch, order.size() - first));
      const RowMatrix& all = network.forward(rows_of(pages_, rows));
      RowMatrix gradient = RowMatrix::Zero(all.rows(), all.cols());
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto row = static_cast<Eigen::Index>(r);
        pages_.take_logits(rows[r], all.row(row).data(), logits);
        own.assign(logits.size(), 0.0);
        objective.gradient(pages_, rows[r], logits, epoch, own);
        pages_.add_gradient(rows[r], own, gradient.row(row).data());
      }
      gradient /= static_cast<double>(rows.size());
      const double rate = config_.learning_rate * (1 - static_cast<double>(step) / n_steps);
      adam.step(network.backward(gradient), rate, config_.weight_decay, network);
    }
    check_finite(network);
    if (context_.progress != nullptr)
      context_.progress->update("train " + context_.name, static_cast<double>(step) / n_steps, "");
  }
}

void Training::check_finite(const ScoreNetwork& network) const {
  for (const double parameter : network.parameters())
    if (!std::isfinite(parameter))
      throw Error(ErrorKind::kRuntime, "train " + context_.name +
                                           ": a parameter is not finite; learning_rate " +
                                           std::to_string(config_.learning_rate) + " is too large");
}

void for_each_output(const LoggedPages& pages, ScoreNetwork& network,
                     const std::function<void(std::size_t, const double*)>& body) {
  const Eigen::Index n = pages.inputs.rows();
  for (Eigen::Index first = 0; first < n; first += kBlock) {
    const RowMatrix& all =
        network.forward(pages.inputs.middleRows(first, std::min(kBlock, n - first)).cast<double>());
    for (Eigen::Index r = 0; r < all.rows(); ++r)
      body(static_cast<std::size_t>(first + r), all.row(r).data());
  }
}

void for_each_page(const LoggedPages& pages, ScoreNetwork& network,
                   const std::function<void(std::size_t, std::span<const double>)>& body) {
  std::vector<double> logits;
  for_each_output(pages, network, [&](std::size_t i, const double* outputs) {
    pages.take_logits(i, outputs, logits);
    body(i, logits);
  });
}

std::unique_ptr<Policy> make_off_policy_learner(std::string type, LearnerConfig config,
                                                std::unique_ptr<const LearningMethod> method,
                                                const PluginConfig& given, const Schema& schema,
                                                NamedPolicy fallback) {
  config.choices.check(given, schema);
  return std::make_unique<OffPolicyLearner>(std::move(type), std::move(config), std::move(method),
                                            schema, std::move(fallback));
}

}  // namespace rehearsal
