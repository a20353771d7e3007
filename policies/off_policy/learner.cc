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

void take_eligible(std::span<const std::uint16_t> eligible, const double* all,
                   std::vector<double>& out) {
  out.resize(eligible.size());
  for (std::size_t c = 0; c < eligible.size(); ++c) out[c] = all[eligible[c]];
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
class OffPolicyLearner final : public Policy {
 public:
  OffPolicyLearner(std::string type, LearnerConfig config,
                   std::unique_ptr<const LearningMethod> method, const Schema& schema,
                   NamedPolicy fallback)
      : type_(std::move(type)),
        fallback_(std::move(fallback)),
        config_(std::move(config)),
        method_(std::move(method)),
        schema_(schema),
        encoder_(schema) {
    spec_.n_inputs = static_cast<std::int64_t>(encoder_.n_inputs());
    spec_.n_modules = static_cast<std::int64_t>(schema.n_modules());
    spec_.hidden = config_.hidden;
  }

  bool deterministic() const override {
    return falls_back_ ? fallback_.policy->deterministic() : config_.serve == "greedy";
  }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (falls_back_) return fallback_.policy->distribution(requests);
    if (scorer_ == nullptr) refuse_untrained(type_);
    RowMatrixF logits;
    scorer_->logits(requests, logits);
    std::vector<double> scores;
    scores.reserve(requests.module.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      for (const std::uint16_t module : requests.eligible(i))
        scores.push_back(logits(static_cast<Eigen::Index>(i), module));
    if (deterministic()) return order_by_score(requests, std::move(scores));
    return make_plackett_luce(requests.module_offsets, page_positions(requests), std::move(scores));
  }

  void fit(const FitContext& context) override {
    const LoggedPages pages =
        read_logged_pages(context, schema_, encoder_, config_.reward == "purchase");
    const Training training(context, config_, pages, schema_.n_modules());
    const Learnt learnt = method_->learn(training);
    Arrays state = scorer_state(learnt.network.weights(), pages.scale);
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
    scorer_ = std::make_unique<ContextScorer>(encoder_, spec_, state);
    falls_back_ = fallback_.policy && state_array(state, kImproved, {1}).values[0] == 0;
    state_ = take_part_state(fallback_, state);
  }

 private:
  std::string type_;
  NamedPolicy fallback_;
  bool falls_back_ = false;
  LearnerConfig config_;
  std::unique_ptr<const LearningMethod> method_;
  const Schema& schema_;
  Encoder encoder_;
  ModuleNetworkSpec spec_;
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
  return Fields()
      .choice("reward", reward, {"click", "purchase"}, "what a shown module is worth 1 for")
      .add("hidden", hidden, 1, 4096, "widths of ReLU layers; []: linear in the inputs")
      .add("steps", steps, 1, 1000000,
           "batches to learn from; the log is passed as often as needed")
      .add("batch", batch, 1, 65536, "pages a step")
      .add("learning_rate", learning_rate, 1e-8, 1, "of Adam at first; falls linearly to 0")
      .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases");
}

ScoreNetwork Training::start() const {
  return ScoreNetwork(static_cast<std::size_t>(pages_.inputs.cols()), config_.hidden, n_modules_,
                      context_.rng);
}

ScoreNetwork Training::behavior_start() const {
  ScoreNetwork network = start();
  const std::vector<double> strengths = fitted_strengths(pages_, n_modules_);
  const std::span<double> bias = network.output_bias();
  for (std::size_t m = 0; m < n_modules_; ++m) bias[m] = std::log(strengths[m]);
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
        const std::span<const std::uint16_t> eligible = pages_.eligible_of(rows[r]);
        take_eligible(eligible, all.row(row).data(), logits);
        own.assign(eligible.size(), 0.0);
        objective.gradient(pages_, rows[r], logits, epoch, own);
        for (std::size_t c = 0; c < eligible.size(); ++c) gradient(row, eligible[c]) = own[c];
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

void for_each_page(const LoggedPages& pages, ScoreNetwork& network,
                   const std::function<void(std::size_t, std::span<const double>)>& body) {
  std::vector<double> logits;
  const Eigen::Index n = pages.inputs.rows();
  for (Eigen::Index first = 0; first < n; first += kBlock) {
    const RowMatrix& all =
        network.forward(pages.inputs.middleRows(first, std::min(kBlock, n - first)).cast<double>());
    for (Eigen::Index r = 0; r < all.rows(); ++r) {
      const auto i = static_cast<std::size_t>(first + r);
      take_eligible(pages.eligible_of(i), all.row(r).data(), logits);
      body(i, logits);
    }
  }
}

std::unique_ptr<Policy> make_off_policy_learner(std::string type, LearnerConfig config,
                                                std::unique_ptr<const LearningMethod> method,
                                                const Schema& schema, NamedPolicy fallback) {
  return std::make_unique<OffPolicyLearner>(std::move(type), std::move(config), std::move(method),
                                            schema, std::move(fallback));
}

}  // namespace rehearsal
