#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "analysis/slate_estimators.h"
#include "sim/core/rng.h"
#include "tests/support/tabular_policy.h"

namespace rehearsal::testing {

using Slate = std::vector<std::uint16_t>;
/// Mean reward of each position of a slate.
using MeanRewards = std::function<std::vector<double>(const Slate&)>;

/// Every slate of a logging policy once, with its probability and the columns that estimators read:
/// expectations and variances by summing, nothing sampled.
class EnumeratedSlates {
 public:
  using Table = TabularSlates::Table;

  EnumeratedSlates(Table mu, Table pi, std::size_t m)
      : mu_(std::move(mu)), pi_(std::move(pi)), m_(m), l_(mu_.front().first.size()) {
    const TabularSlates behavior = distribution(mu_), evaluation = distribution(pi_);
    for (const auto& [slate, p] : mu_) {
      add(behavior, slate, pscore_, item_position_, cascade_);
      add(evaluation, slate, pi_pscore_, pi_item_position_, pi_cascade_);
      for (std::size_t k = 0; k < l_; ++k) {
        action_.push_back(slate[k]);
        add_conditionals(evaluation, slate, k);
      }
      offsets_.push_back(static_cast<std::uint32_t>(action_.size()));
    }
    q_hat_.assign(action_.size() * m_, 0.0);
  }

  TabularSlates distribution(const Table& table) const {
    return TabularSlates({0, static_cast<std::uint32_t>(m_)}, {static_cast<std::uint16_t>(l_)},
                         table);
  }

  /// q_hat(prefix, a, k), for cascade_dr.
  void set_q(const std::function<double(const Slate& prefix, std::uint16_t a)>& q) {
    for (std::size_t i = 0; i < mu_.size(); ++i)
      for (std::size_t k = 0; k < l_; ++k)
        for (std::size_t a = 0; a < m_; ++a)
          q_hat_[((i * l_) + k) * m_ + a] =
              q(Slate(mu_[i].first.begin(), mu_[i].first.begin() + static_cast<std::ptrdiff_t>(k)),
                static_cast<std::uint16_t>(a));
  }

  SlateColumns columns(const std::vector<double>& reward) const {
    return {offsets_,
            reward,
            {pi_pscore_, pscore_},
            {pi_item_position_, item_position_},
            {pi_cascade_, cascade_},
            m_,
            action_,
            q_hat_,
            action_dist_};
  }

  std::vector<double> rewards(const MeanRewards& mean) const {
    std::vector<double> all;
    for (const auto& [slate, p] : mu_)
      for (const double r : mean(slate)) all.push_back(r);
    return all;
  }

  std::vector<double> terms(const std::string& name, const std::vector<double>& reward) const {
    std::vector<double> out(mu_.size());
    slate_estimators().at(name).terms(columns(reward), l_, out);
    return out;
  }

  /// Expectation of an estimator that is a mean of terms.
  double mean(const std::string& name, const MeanRewards& rewards_of) const {
    return expectation(terms(name, rewards(rewards_of)));
  }
  double expectation(const std::vector<double>& terms) const {
    double sum = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) sum += mu_[i].second * terms[i];
    return sum;
  }

  /// Variance of one slate's term, affine in rewards: constant a and slopes b give a^2 +
  /// 2 a sum b p + E[(sum b r)^2]. Args: one_click: at most one reward of 1 a slate; else rewards
  /// are independent Bernoulli.
  double variance(const std::string& name, const MeanRewards& rewards_of, bool one_click) const {
    const std::vector<double> constant = terms(name, std::vector<double>(action_.size(), 0.0));
    std::vector<std::vector<double>> slope;
    for (std::size_t k = 0; k < l_; ++k) {
      std::vector<double> unit(action_.size(), 0.0);
      for (std::size_t i = 0; i < mu_.size(); ++i) unit[i * l_ + k] = 1;
      slope.push_back(terms(name, unit));
    }
    double second = 0;
    for (std::size_t i = 0; i < mu_.size(); ++i) {
      const std::vector<double> p = rewards_of(mu_[i].first);
      double first = 0, spread = 0;
      for (std::size_t k = 0; k < l_; ++k) {
        const double b = slope[k][i] - constant[i];
        first += b * p[k];
        spread += b * b * p[k] * (one_click ? 1 : 1 - p[k]);
      }
      const double a = constant[i];
      second += mu_[i].second * (a * a + 2 * a * first + spread + (one_click ? 0 : first * first));
    }
    const double center = mean(name, rewards_of);
    return second - center * center;
  }

  double truth(const MeanRewards& rewards_of) const {
    double sum = 0;
    for (const auto& [slate, p] : pi_)
      for (const double r : rewards_of(slate)) sum += p * r;
    return sum;
  }

  const Table& mu() const { return mu_; }
  const Table& pi() const { return pi_; }
  std::size_t m() const { return m_; }
  std::size_t l() const { return l_; }

 private:
  void add(const TabularSlates& slates, const Slate& slate, std::vector<double>& whole,
           std::vector<double>& here, std::vector<double>& prefix) const {
    std::vector<double> p(l_);
    slates.position_probabilities(0, slate, p);
    here.insert(here.end(), p.begin(), p.end());
    slates.prefix_probabilities(0, slate, p);
    prefix.insert(prefix.end(), p.begin(), p.end());
    whole.insert(whole.end(), l_, p.back());
  }

  void add_conditionals(const TabularSlates& slates, const Slate& slate, std::size_t k) {
    std::vector<double> p(k + 1);
    for (std::size_t a = 0; a < m_; ++a) {
      Slate prefix(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k));
      prefix.push_back(static_cast<std::uint16_t>(a));
      slates.prefix_probabilities(0, prefix, p);
      action_dist_.push_back(k == 0 ? p[0] : p[k] / p[k - 1]);
    }
  }

  Table mu_, pi_;
  std::size_t m_, l_;
  std::vector<std::uint32_t> offsets_{0}, action_;
  std::vector<double> pscore_, item_position_, cascade_;
  std::vector<double> pi_pscore_, pi_item_position_, pi_cascade_, q_hat_, action_dist_;
};

/// Marginals (l, m) of a table.
inline RowMatrix marginals_of(const EnumeratedSlates& space, const TabularSlates::Table& table) {
  RowMatrix out(static_cast<Eigen::Index>(space.l()), static_cast<Eigen::Index>(space.m()));
  space.distribution(table).marginals(0, out);
  return out;
}

/// Plackett-Luce weights of a random instance.
inline std::vector<double> random_weights(std::size_t n, Stream& stream) {
  std::vector<double> w(n);
  for (double& each : w) each = .2 + stream.uniform();
  return w;
}

/// Product of one distribution a position, items may repeat. Args: p: (l, m).
inline TabularSlates::Table product_table(const std::vector<std::vector<double>>& p) {
  TabularSlates::Table table{{{}, 1.0}};
  for (const std::vector<double>& position : p) {
    TabularSlates::Table longer;
    for (const auto& [slate, probability] : table)
      for (std::size_t a = 0; a < position.size(); ++a) {
        longer.push_back({slate, probability * position[a]});
        longer.back().first.push_back(static_cast<std::uint16_t>(a));
      }
    table = std::move(longer);
  }
  return table;
}

}  // namespace rehearsal::testing
