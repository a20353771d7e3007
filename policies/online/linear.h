#pragma once

#include <string>
#include <vector>

#include "policies/online/bandit.h"

namespace rehearsal {

/// Keys of every bandit with a linear model an arm.
struct LinearConfig : BanditConfig {
  std::string inputs = "all";

  Fields add_to(Fields fields);
};

/// A bandit with a linear model an arm, on x = (1, inputs): numbers as they are, categories one-hot
/// with their first level dropped.
class LinearBandit : public Bandit {
 public:
  LinearBandit(const LinearConfig& config, const PluginConfig& plugin, const Schema& schema);

  std::size_t width() const { return width_; }

 protected:
  /// Args: out: resized to (n_rounds, width).
  void encode(const RequestBatch& requests, RowMatrixF& out) const;

 private:
  std::vector<std::size_t> numbers_;  // features; empty: all inputs of the encoder
  Encoder inputs_;
  std::size_t width_;
};

/// Ridge regression an arm, posterior of a linear reward:
///   A = ridge I + sum w^2 x x',  b = sum w y x,  mean = A^-1 b,
/// w being how far a display counts: y ~ w (mean . x). State: gram (n_arms, width * width), the sum
/// without the ridge, and moments (n_arms, width).
class RidgeBandit : public LinearBandit {
 public:
  RidgeBandit(const LinearConfig& config, double ridge, const PluginConfig& plugin,
              const Schema& schema);

  Arrays state() const final;
  void set_state(const Arrays& state) final;
  const RowMatrix& coefficients() const { return coefficients_; }  // (n_arms, width)

 protected:
  void learn(const LogBatch& played, const std::vector<Observation>& observations) final;
  void forget() final;
  /// Of every choice: mean . x and sqrt(x' A^-1 x).
  struct Scores {
    std::vector<double> mean;
    std::vector<double> deviation;
  };
  Scores scores(const RequestBatch& requests, const ArmDecisions& decisions) const;

 private:
  void solve(std::size_t arm);

  double ridge_;
  RowMatrix gram_;
  RowMatrix moments_;
  RowMatrix coefficients_;
  RowMatrix inverse_roots_;  // (n_arms, width * width) L^-1 by columns, A = L L'
};

}  // namespace rehearsal
