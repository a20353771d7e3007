#include "users/after_click.h"

#include <cmath>

#include "sim/core/normal.h"
#include "sim/core/quadrature.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

Fields reaction_fields(ReactionConfig& reaction) {
  return Fields()
      .add("logit", reaction.logit, -50, 50, "logit of its probability at match 0 and quality 0")
      .add("match", reaction.match, -50, 50, "slope on how well the item matches the user")
      .add("quality", reaction.quality, -50, 50, "slope on the item's hidden quality")
      .add("log_dwell", reaction.log_dwell, -50, 50,
           "slope on the logarithm of dwell, from dwell_log_mean");
}

/// Outcomes that do not hang on dwell have no slope on it.
Fields plain_fields(ReactionConfig& reaction) {
  return Fields()
      .add("logit", reaction.logit, -50, 50, "logit of its probability at match 0 and quality 0")
      .add("match", reaction.match, -50, 50, "slope on how well the item matches the user")
      .add("quality", reaction.quality, -50, 50, "slope on the item's hidden quality");
}

}  // namespace

Fields AfterClickConfig::fields() {
  return Fields()
      .add("dwell_log_mean", dwell_log_mean, -20, 20, "mean of ln dwell (seconds) at match 0")
      .add("dwell_match", dwell_match, -10, 10, "slope of ln dwell on the match")
      .add("dwell_quality", dwell_quality, -10, 10, "slope of ln dwell on the hidden quality")
      .add("dwell_log_sd", dwell_log_sd, 0.01, 10, "standard deviation of ln dwell")
      .add("dwell_threshold", dwell_threshold, 1e-3, 1e6,
           "seconds above which a click has satisfied")
      .group("like", reaction_fields(like), "liking a clicked item")
      .group("share", reaction_fields(share), "sharing a clicked item")
      .group("hide", reaction_fields(hide), "hiding a clicked item")
      .group("cart", plain_fields(cart), "putting a clicked item into the cart")
      .group("buy", plain_fields(buy), "buying an item in the cart")
      .add("delay_mean", delay_mean, 0, 1e5, "mean hours from click to purchase")
      .add("delay_shape", delay_shape, 0.05, 20,
           "shape of the delay's Weibull distribution; 1: exponential");
}

double AfterClick::log_dwell_mean(const ItemForUser& item) const {
  return config_.dwell_log_mean + config_.dwell_match * item.match +
         config_.dwell_quality * item.quality;
}

double AfterClick::logit(const ReactionConfig& reaction, const ItemForUser& item,
                         double log_dwell) const {
  return reaction.logit + reaction.match * item.match + reaction.quality * item.quality +
         reaction.log_dwell * (log_dwell - config_.dwell_log_mean);
}

double AfterClick::satisfaction(const ItemForUser& item) const {
  return normal_cdf((log_dwell_mean(item) - std::log(config_.dwell_threshold)) /
                    config_.dwell_log_sd);
}

ClickedItem AfterClick::sample(const ItemForUser& item, std::uint32_t word, Stream& stream) const {
  const double u = Stream::to_uniform(word);
  const double log_dwell = log_dwell_mean(item) + config_.dwell_log_sd * normal_quantile(1 - u);
  ClickedItem out;
  out.dwell = std::exp(log_dwell);
  out.satisfied = u < satisfaction(item);
  out.like = stream.uniform() < logistic(logit(config_.like, item, log_dwell));
  out.share = stream.uniform() < logistic(logit(config_.share, item, log_dwell));
  out.hide = stream.uniform() < logistic(logit(config_.hide, item, log_dwell));
  out.cart = stream.uniform() < logistic(logit(config_.cart, item, log_dwell));
  const bool buy = stream.uniform() < logistic(logit(config_.buy, item, log_dwell));
  out.purchase = out.cart && buy;
  const double scale = config_.delay_mean / std::tgamma(1 + 1 / config_.delay_shape);
  const double delay = scale * std::pow(-std::log(stream.uniform()), 1 / config_.delay_shape);
  out.delay = out.purchase ? delay : 0;
  return out;
}

ExpectedClick AfterClick::expected(const ItemForUser& item) const {
  const double mean = log_dwell_mean(item);
  const double sd = config_.dwell_log_sd;
  const auto over_dwell = [&](const ReactionConfig& reaction) {
    const double at_mean = logit(reaction, item, mean);
    if (reaction.log_dwell == 0) return logistic(at_mean);
    return mean_logistic(at_mean, std::abs(reaction.log_dwell) * sd);
  };
  ExpectedClick out;
  out.dwell = std::exp(mean + 0.5 * sd * sd);
  out.satisfied = satisfaction(item);
  out.like = over_dwell(config_.like);
  out.share = over_dwell(config_.share);
  out.hide = over_dwell(config_.hide);
  out.cart = over_dwell(config_.cart);
  out.purchase = out.cart * over_dwell(config_.buy);
  return out;
}

double AfterClick::expected_delay() const { return config_.delay_mean; }

}  // namespace rehearsal
