#pragma once

// Cases of golden/ope/golden_ope.h5 (Open Bandit Pipeline's figures; its README says how they came
// about), and the per-round terms that the figures are made of.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "sim/log/hdf5_file.h"
#include "tests/support/shared_files.h"

namespace rehearsal::testing {

using Column = std::vector<double>;

/// One group of the file.
class GoldenCase {
 public:
  GoldenCase(const hdf5::File& file, std::string name) : file_(file), name_(std::move(name)) {}

  Column read(const std::string& path) const {
    return file_.read<double>("/" + name_ + "/" + path);
  }
  double number(const std::string& path) const { return read(path).at(0); }
  bool has(const std::string& path) const { return file_.has("/" + name_ + "/" + path); }

 private:
  const hdf5::File& file_;
  std::string name_;
};

/// A contextual-bandit case: w, r, q_hat of what was done, and the direct term.
struct GoldenBandit {
  Column weight, reward, q_hat, direct;

  explicit GoldenBandit(const GoldenCase& golden) : reward(golden.read("inputs/reward")) {
    const Column action = golden.read("inputs/action"), pscore = golden.read("inputs/pscore");
    const Column pi = golden.read("inputs/action_dist"), q = golden.read("inputs/q_hat");
    const std::size_t n = reward.size(), n_actions = pi.size() / n;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t logged = i * n_actions + static_cast<std::size_t>(action[i]);
      double value = 0, mass = 0;
      for (std::size_t c = i * n_actions; c < (i + 1) * n_actions; ++c) {
        value += pi[c] * q[c];
        mass += pi[c];
      }
      weight.push_back(pi[logged] / pscore[i]);
      q_hat.push_back(q[logged]);
      direct.push_back(value / mass);
    }
  }

  std::size_t size() const { return reward.size(); }
  Column residual() const {
    Column out(size());
    for (std::size_t i = 0; i < size(); ++i) out[i] = reward[i] - q_hat[i];
    return out;
  }

  /// w_hat of a shrinking rule at lambda.
  Column shrunken(const std::string& rule, double lambda) const {
    Column out;
    for (const double w : weight) {
      if (rule == "clip") out.push_back(std::min(w, lambda));
      if (rule == "switch") out.push_back(w <= lambda ? w : 0.0);
      if (rule == "dros") out.push_back(std::isinf(lambda) ? w : lambda * w / (w * w + lambda));
      if (rule == "sg") out.push_back(w / (1 - lambda + lambda * w));
    }
    return out;
  }
  /// w_hat r, or direct + w_hat (r - q_hat).
  Column terms(const Column& w_hat, bool doubly_robust) const {
    Column out(size());
    for (std::size_t i = 0; i < size(); ++i)
      out[i] = doubly_robust ? direct[i] + w_hat[i] * (reward[i] - q_hat[i]) : w_hat[i] * reward[i];
    return out;
  }
  /// Weights divided by their mean.
  Column normalized() const {
    double mean = 0;
    for (const double w : weight) mean += w / static_cast<double>(size());
    Column out = weight;
    for (double& w : out) w /= mean;
    return out;
  }
  /// By the file's key.
  Column terms(const std::string& key) const {
    if (key == "dm") return direct;
    if (key == "ipw") return terms(weight, false);
    if (key == "ipw_clip_10") return terms(shrunken("clip", 10), false);
    if (key == "snipw") return terms(normalized(), false);
    if (key == "dr") return terms(weight, true);
    if (key == "sndr") return terms(normalized(), true);
    if (key == "switch_dr_2") return terms(shrunken("switch", 2), true);
    if (key == "dros_10") return terms(shrunken("dros", 10), true);
    if (key == "sgipw_0.1") return terms(shrunken("sg", 0.1), false);
    if (key == "sgdr_0.1") return terms(shrunken("sg", 0.1), true);
    throw std::invalid_argument(key);
  }
};

/// A slate case's terms, one a slate: "sips", "iips", "rips" and their "sn" forms.
inline Column slate_terms(const GoldenCase& golden, const std::string& key) {
  const bool normalized = key.rfind("sn", 0) == 0;
  const std::string kind = normalized ? key.substr(2) : key;
  const std::string suffix = kind == "sips" ? "" : kind == "iips" ? "_item_position" : "_cascade";
  const Column reward = golden.read("inputs/reward"), slate = golden.read("inputs/slate_id");
  const Column mu = golden.read("inputs/pscore" + suffix);
  const Column pi = golden.read("inputs/evaluation_policy_pscore" + suffix);
  const Column position = golden.read("inputs/position");
  const std::size_t n = static_cast<std::size_t>(slate.back()) + 1, length = reward.size() / n;
  Column mean(length, 0.0), out(n, 0.0);
  for (std::size_t row = 0; row < reward.size(); ++row)
    mean[static_cast<std::size_t>(position[row])] += pi[row] / mu[row] / static_cast<double>(n);
  for (std::size_t row = 0; row < reward.size(); ++row) {
    const double divided = normalized ? mean[static_cast<std::size_t>(position[row])] : 1.0;
    out[static_cast<std::size_t>(slate[row])] += pi[row] / mu[row] / divided * reward[row];
  }
  return out;
}

inline const std::vector<std::string>& golden_bandits() {
  static const std::vector<std::string> names{"cb_mild_logistic", "cb_deterministic_policy",
                                              "cb_deficient_support"};
  return names;
}

/// Calls check(file) where the file is there.
template <class Check>
void with_golden_ope(Check&& check) {
  const std::string path = shared_file("golden/ope/golden_ope.h5");
  if (path.empty()) return;
  const hdf5::Session session;
  const hdf5::File file(path);
  check(file);
}

}  // namespace rehearsal::testing
