#include "scenarios/literature/slate_abstraction.h"

#include <cmath>

#include "analysis/minimize.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"

namespace rehearsal {

namespace {

constexpr double kRewardWeight = 1000;

}  // namespace

SlateAbstraction::SlateAbstraction(const AbstractedSlates& slates, std::size_t n_values,
                                   Stream& stream)
    : s_(slates), n_values_(static_cast<Eigen::Index>(n_values)) {
  const auto d = static_cast<Eigen::Index>(s_.n_features);
  parameters_.resize(column(2 * (1 + d) + 2 * n_cells()));
  for (double& each : parameters_) each = 0.1 * normal_from(stream());
}

/// p(phi | x, s). Args: p: overwritten.
void SlateAbstraction::shares(const Eigen::VectorXd& at, std::size_t i,
                              std::span<const std::uint16_t> slate, Eigen::ArrayXd& p) const {
  const auto d = static_cast<Eigen::Index>(s_.n_features);
  p = at.segment(0, n_values_).array();
  for (Eigen::Index f = 0; f < d; ++f)
    p += s_.context[i * s_.n_features + static_cast<std::size_t>(f)] *
         at.segment(column(1 + f), n_values_).array();
  for (std::size_t l = 0; l < slate.size(); ++l)
    p += at.segment(column(1 + d + static_cast<Eigen::Index>(l * s_.n_items + slate[l])), n_values_)
             .array();
  p = (p - p.maxCoeff()).exp();
  p /= p.sum();
}

double SlateAbstraction::loss(double beta, const Eigen::VectorXd& at,
                              Eigen::VectorXd& gradient) const {
  const auto d = static_cast<Eigen::Index>(s_.n_features);
  const Eigen::Index first_reward = 1 + d + n_cells(), first_cell = first_reward + 1 + d;
  const double scale = 1 / static_cast<double>(s_.size()), log_k = std::log(double(n_values_));
  gradient.setZero(at.size());
  // log p(item | phi) of each slot, and how often an item stood there with phi.
  Eigen::ArrayXXd log_items(n_values_, n_cells()),
      seen = Eigen::ArrayXXd::Zero(n_values_, n_cells());
  const auto m = static_cast<Eigen::Index>(s_.n_items);
  for (Eigen::Index l = 0; l < static_cast<Eigen::Index>(s_.n_slots); ++l) {
    const Eigen::Map<const Eigen::ArrayXXd> logits(at.data() + column(first_cell + l * m),
                                                   n_values_, m);
    const Eigen::ArrayXd largest = logits.rowwise().maxCoeff();
    const Eigen::ArrayXd sum = (logits.colwise() - largest).exp().rowwise().sum();
    log_items.middleCols(l * m, m) = logits.colwise() - (largest + sum.log());
  }
  Eigen::ArrayXd p, total = Eigen::ArrayXd::Zero(n_values_), miss, cost, by_logit;
  double value = 0;
  for (std::size_t i = 0; i < s_.size(); ++i) {
    const std::span<const std::uint16_t> slate = s_.slate.subspan(i * s_.n_slots, s_.n_slots);
    const double* x = s_.context.data() + i * s_.n_features;
    shares(at, i, slate, p);
    miss = -s_.reward[i] + at.segment(column(first_reward), n_values_).array();
    for (Eigen::Index f = 0; f < d; ++f)
      miss += x[f] * at.segment(column(first_reward + 1 + f), n_values_).array();
    cost = kRewardWeight * miss.square() + beta * (p.max(1e-300).log() + log_k);
    for (std::size_t l = 0; l < s_.n_slots; ++l) {
      const auto cell = static_cast<Eigen::Index>(l * s_.n_items + slate[l]);
      cost -= log_items.col(cell);
      seen.col(cell) += p;
    }
    total += p;
    const double mean = (p * cost).sum();
    value += scale * mean;
    by_logit = scale * p * (cost - mean);
    const Eigen::ArrayXd by_reward = scale * 2 * kRewardWeight * p * miss;
    gradient.segment(0, n_values_).array() += by_logit;
    gradient.segment(column(first_reward), n_values_).array() += by_reward;
    for (Eigen::Index f = 0; f < d; ++f) {
      gradient.segment(column(1 + f), n_values_).array() += x[f] * by_logit;
      gradient.segment(column(first_reward + 1 + f), n_values_).array() += x[f] * by_reward;
    }
    for (std::size_t l = 0; l < s_.n_slots; ++l)
      gradient
          .segment(column(1 + d + static_cast<Eigen::Index>(l * s_.n_items + slate[l])), n_values_)
          .array() += by_logit;
  }
  for (Eigen::Index cell = 0; cell < n_cells(); ++cell)
    gradient.segment(column(first_cell + cell), n_values_).array() +=
        scale * (total * log_items.col(cell).exp() - seen.col(cell));
  return value;
}

void SlateAbstraction::fit(double beta, int max_steps) {
  minimize([&](const Eigen::VectorXd& at,
               Eigen::VectorXd& gradient) { return loss(beta, at, gradient); },
           parameters_, {max_steps, 10, 1e-6});
}

/// p(phi | x, policy): the mean over slates that the policy draws.
Eigen::ArrayXd SlateAbstraction::mean_shares(const Rng& rng, std::size_t i, std::size_t n_samples,
                                             bool evaluation) const {
  const std::span<const double> policy = evaluation ? s_.evaluation : s_.behavior;
  Stream stream = rng.stream(Draw::kTraining, {UserId{static_cast<std::uint32_t>(i)}, 1, 0},
                             evaluation ? 1 : 0);
  std::vector<std::uint16_t> slate(s_.n_slots);
  Eigen::ArrayXd p, sum = Eigen::ArrayXd::Zero(n_values_);
  for (std::size_t sample = 0; sample < n_samples; ++sample) {
    for (std::size_t l = 0; l < s_.n_slots; ++l)
      slate[l] = static_cast<std::uint16_t>(
          pick(policy.subspan((i * s_.n_slots + l) * s_.n_items, s_.n_items), stream.uniform()));
    shares(parameters_, i, slate, p);
    sum += p;
  }
  return sum / static_cast<double>(n_samples);
}

std::vector<double> SlateAbstraction::weights(const Rng& rng, std::size_t n_samples) const {
  std::vector<double> out;
  Eigen::ArrayXd p;
  for (std::size_t i = 0; i < s_.size(); ++i) {
    shares(parameters_, i, s_.slate.subspan(i * s_.n_slots, s_.n_slots), p);
    const Eigen::ArrayXd evaluation = mean_shares(rng, i, n_samples, true),
                         behavior = mean_shares(rng, i, n_samples, false);
    // Where no drawn slate of the logger has a value, its share there is what the slate itself
    // adds.
    out.push_back((p * evaluation / behavior.max(p / static_cast<double>(n_samples + 1))).sum());
  }
  return out;
}

}  // namespace rehearsal
