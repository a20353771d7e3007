#include "policies/off_policy/weighted_pages.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "policies/off_policy/plackett_luce_gradient.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::uint32_t kSafetyItem = 0x736166;  // below Draw::kAssignment

/// sum_k w_k r_k of every page.
std::vector<double> page_values(const LoggedPages& pages, double weight_cap,
                                ScoreNetwork& network) {
  std::vector<double> values;
  std::vector<double> w;
  for_each_page(pages, network, [&](std::size_t i, std::span<const double> logits) {
    w.resize(pages.n_shown(i));
    page_weights(pages, i, logits, weight_cap, w);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    double value = 0;
    for (std::size_t k = 0; k < w.size(); ++k) value += w[k] * rewards[k];
    values.push_back(value);
  });
  return values;
}

ValueMoments moments_of(std::span<const double> values) {
  ValueMoments moments;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) moments.mean += value / n;
  for (const double value : values)
    moments.variance += (value - moments.mean) * (value - moments.mean) / std::max(n - 1, 1.0);
  return moments;
}

class Pessimist final : public LearningMethod {
 public:
  using MakeObjective = std::function<std::unique_ptr<WeightedPages>(double n_pages)>;

  Pessimist(PessimistConfig config, MakeObjective objective)
      : config_(std::move(config)), objective_(std::move(objective)) {}

  Learnt learn(const Training& training) const override {
    const LoggedPages& all = training.pages();
    std::vector<std::uint32_t> learn;
    std::vector<std::uint32_t> check;
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      const Turn turn{UserId{all.user[i]}};
      const double u =
          training.context().rng.stream(Draw::kAssignment, turn, kSafetyItem).uniform();
      (u < config_.check_share ? check : learn).push_back(i);
    }
    const LoggedPages pages = gather(all, learn);
    if (pages.size() == 0)
      throw Error(ErrorKind::kInput, "train " + training.context().name +
                                         ": check_share leaves no pages to learn from");
    Learnt out{config_.weighting.first_model(training)};
    ScoreNetwork network = out.network;
    training.on(pages).ascend(*objective_(static_cast<double>(pages.size())), network);
    out.improved = config_.check_share == 0 || is_better(gather(all, check), network, out.network);
    if (out.improved) out.network = network;
    return out;
  }

 private:
  bool is_better(const LoggedPages& held, ScoreNetwork& network, ScoreNetwork& first) const {
    if (held.size() == 0) return false;
    const double cap = config_.weighting.weight_cap;
    std::vector<double> gain = page_values(held, cap, network);
    const std::vector<double> before = page_values(held, cap, first);
    for (std::size_t i = 0; i < gain.size(); ++i) gain[i] -= before[i];
    const ValueMoments moments = moments_of(gain);
    const double z = boost::math::quantile(boost::math::normal(), config_.confidence);
    return moments.mean > z * std::sqrt(moments.variance / static_cast<double>(gain.size()));
  }

  PessimistConfig config_;
  MakeObjective objective_;
};

}  // namespace

void WeightingConfig::add_to(Fields& fields) {
  fields.add("weight_cap", weight_cap, 1, 1e9, "largest importance weight of a page's first slots")
      .choice("start", start, {"behavior", "uniform"},
              "behavior: from the odds of the modules, or items, in the log; uniform: from random "
              "pages");
}

void page_weights(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                  double weight_cap, std::span<double> out) {
  step_log_probabilities(logits, pages.of(pages.choice, i), out);
  const std::span<const double> pscore = pages.of(pages.pscore_cascade, i);
  double log_pi = 0;
  for (std::size_t k = 0; k < out.size(); ++k) {
    log_pi += out[k];
    out[k] = std::min(std::exp(log_pi) / pscore[k], weight_cap);
  }
}

void add_prefix_gradients(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                          std::span<const double> weights, double weight_cap,
                          std::span<double> terms, std::span<double> gradient) {
  double above = 0;  // of log pi(s_k | ...): all later prefixes hold it
  for (std::size_t k = terms.size(); k-- > 0;) {
    if (weights[k] < weight_cap) above += terms[k];
    terms[k] = above;
  }
  add_step_gradients(logits, pages.of(pages.choice, i), terms, gradient);
}

void WeightedPages::gradient(const LoggedPages& pages, std::size_t i,
                             std::span<const double> logits, int,
                             std::span<double> gradient) const {
  const std::size_t n = pages.n_shown(i);
  std::vector<double> w(n);
  std::vector<double> terms(n);
  page_weights(pages, i, logits, weight_cap_, w);
  slopes(w, pages.of(pages.reward, i), terms);
  for (std::size_t k = 0; k < n; ++k) terms[k] *= w[k];
  add_prefix_gradients(pages, i, logits, w, weight_cap_, terms, gradient);
}

ValueMoments value_moments(const LoggedPages& pages, double weight_cap, ScoreNetwork& network) {
  return moments_of(page_values(pages, weight_cap, network));
}

Fields PessimistConfig::fields() {
  Fields fields = learner.fields();
  weighting.add_to(fields);
  fields
      .add("check_share", check_share, 0, 0.9,
           "share of the users that check what the others taught; 0: no check")
      .add("confidence", confidence, 0.5, 0.999999,
           "with which the check must find an improvement, else pages stay as they are")
      .add("behavior", behavior,
           "policy named before that goes on deciding where no improvement is found; '': pages "
           "with the odds of the modules, or items, in the log");
  return fields;
}

std::unique_ptr<Policy> make_pessimist(
    const std::string& type, const PessimistConfig& config, const PluginConfig& given,
    const PolicyContext& context,
    std::function<std::unique_ptr<WeightedPages>(double n_pages)> objective) {
  NamedPolicy fallback = policy_above(config.behavior, given, context);
  if (fallback.policy && fallback.policy->ranker() &&
      decision_of(context.schema) == Decision::kModules)
    given.refuse("behavior", "the policy '" + config.behavior +
                                 "' has a ranker of its own; give the ranker to this one");
  return make_off_policy_learner(type, config.learner,
                                 std::make_unique<Pessimist>(config, std::move(objective)), given,
                                 context.schema, std::move(fallback));
}

}  // namespace rehearsal
