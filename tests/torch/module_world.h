#pragma once

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "sim/trainer.h"

namespace rehearsal {

/// A small world whose truth is known: alpha = sigmoid(b_m + w_m . x), kappa = sigmoid(c_m + u_m .
/// x), P(click at k) = sigmoid(logit alpha + theta_k).
struct ModuleWorld {
  RowMatrix click_weights;         // (n_modules, n_inputs)
  std::vector<double> click_bias;  // (n_modules)
  RowMatrix purchase_weights;
  std::vector<double> purchase_bias;
  std::vector<double> position_logits;  // (n_slots)
  double exploration = 1;               // share of pages in random order; the rest: 0, 1, 2, ...

  Eigen::Index n_modules() const { return click_weights.rows(); }
  Eigen::Index n_inputs() const { return click_weights.cols(); }
  static double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }
  double click_logit(const Eigen::VectorXd& x, Eigen::Index m) const {
    return click_bias[static_cast<std::size_t>(m)] + click_weights.row(m).dot(x);
  }
  double purchase_logit(const Eigen::VectorXd& x, Eigen::Index m) const {
    return purchase_bias[static_cast<std::size_t>(m)] + purchase_weights.row(m).dot(x);
  }
};

/// Weights of standard deviation `click_sd` and `purchase_sd` in the logit, drawn from `seed`.
inline ModuleWorld draw_world(Eigen::Index n_modules, Eigen::Index n_inputs, double click_sd,
                              double purchase_sd, std::uint64_t seed) {
  Stream stream = Rng(seed).stream(Draw::kWorld, Turn{});
  boost::random::normal_distribution<double> normal;
  ModuleWorld world;
  const double scale = 1 / std::sqrt(static_cast<double>(n_inputs));
  world.click_weights.resize(n_modules, n_inputs);
  world.purchase_weights.resize(n_modules, n_inputs);
  for (Eigen::Index m = 0; m < n_modules; ++m)
    for (Eigen::Index j = 0; j < n_inputs; ++j) {
      const double w = normal(stream);
      const double u = 0.5 * w + std::sqrt(0.75) * normal(stream);
      world.click_weights(m, j) = click_sd * scale * w;
      world.purchase_weights(m, j) = purchase_sd * scale * u;
    }
  world.click_bias.assign(static_cast<std::size_t>(n_modules), -1.0);
  world.purchase_bias.assign(static_cast<std::size_t>(n_modules), -1.0);
  return world;
}

/// Examples of a ModuleWorld: page p is a function of (seed, p). Pages of training are permuted
/// anew each epoch, validation pages follow them.
class WorldExamples : public ExampleSource {
 public:
  WorldExamples(const ModuleWorld& world, std::size_t n_train, std::size_t n_validation,
                std::size_t batch, std::uint64_t seed)
      : world_(world), n_train_(n_train), n_(n_train + n_validation), batch_(batch), seed_(seed) {
    const auto n_slots = world.position_logits.size();
    features_.resize(static_cast<Eigen::Index>(n_), world.n_inputs());
    modules_.resize(n_ * n_slots);
    click_.resize(n_ * n_slots);
    purchase_.resize(n_ * n_slots);
    for (std::size_t p = 0; p < n_; ++p) draw_page(p);
  }

  std::size_t n_train_pages() const override { return n_train_; }
  void start_training(int epoch) override {
    order_.resize(n_train_);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Stream stream =
        Rng(seed_).stream(Draw::kTraining, Turn{UserId{7}, static_cast<std::uint16_t>(epoch)});
    for (std::size_t i = n_train_; i > 1; --i)
      std::swap(order_[i - 1],
                order_[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
    next_ = 0;
  }
  void start_validation() override {
    order_.resize(n_ - n_train_);
    std::iota(order_.begin(), order_.end(), n_train_);
    next_ = 0;
  }
  bool next(PageExamples& out) override {
    out = {};
    const std::size_t n = std::min(batch_, order_.size() - next_);
    out.features.resize(static_cast<Eigen::Index>(n), world_.n_inputs());
    const std::size_t n_slots = world_.position_logits.size();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t p = order_[next_ + i];
      out.features.row(static_cast<Eigen::Index>(i)) = features_.row(static_cast<Eigen::Index>(p));
      for (std::size_t k = 0; k < n_slots; ++k) {
        out.page.push_back(static_cast<std::int64_t>(i));
        out.module.push_back(modules_[p * n_slots + k]);
        out.position.push_back(static_cast<std::int64_t>(k));
        out.click.push_back(click_[p * n_slots + k]);
        out.purchase.push_back(purchase_[p * n_slots + k]);
        out.weight.push_back(1);
      }
    }
    next_ += n;
    return n > 0;
  }
  const RowMatrixF& features() const { return features_; }
  /// Entropy of the clicks given everything, nats per impression, over validation pages: what no
  /// network can be below, but for luck.
  double click_entropy() const { return entropy_; }

 private:
  void draw_page(std::size_t p) {
    const Turn turn{UserId{static_cast<std::uint32_t>(p)}, 0, 0};
    Stream stream = Rng(seed_).stream(Draw::kResponse, turn);
    boost::random::normal_distribution<double> normal;
    Eigen::VectorXd x(world_.n_inputs());
    for (Eigen::Index j = 0; j < x.size(); ++j) x[j] = normal(stream);
    features_.row(static_cast<Eigen::Index>(p)) = x.cast<float>().transpose();
    std::vector<std::int64_t> order(static_cast<std::size_t>(world_.n_modules()));
    std::iota(order.begin(), order.end(), 0);
    if (stream.uniform() < world_.exploration)
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1],
                  order[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
    const std::size_t n_slots = world_.position_logits.size();
    for (std::size_t k = 0; k < n_slots; ++k) {
      const std::size_t at = p * n_slots + k;
      modules_[at] = order[k];
      const double click =
          ModuleWorld::sigmoid(world_.click_logit(x, order[k]) + world_.position_logits[k]);
      const double purchase = ModuleWorld::sigmoid(world_.purchase_logit(x, order[k]));
      click_[at] = stream.uniform() < click ? 1.0f : 0.0f;
      purchase_[at] = stream.uniform() < purchase && click_[at] > 0 ? 1.0f : 0.0f;
      if (p >= n_train_)
        entropy_ -= (click_[at] > 0 ? std::log(click) : std::log1p(-click)) /
                    static_cast<double>((n_ - n_train_) * n_slots);
    }
  }

  ModuleWorld world_;
  std::size_t n_train_;
  std::size_t n_;
  std::size_t batch_;
  std::uint64_t seed_;
  RowMatrixF features_;
  std::vector<std::int64_t> modules_;
  std::vector<float> click_;
  std::vector<float> purchase_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
  double entropy_ = 0;
};

/// A network for a ModuleWorld.
inline ModuleNetworkSpec spec_for(const ModuleWorld& world, std::vector<std::int64_t> hidden) {
  ModuleNetworkSpec spec;
  spec.n_inputs = world.n_inputs();
  spec.n_modules = world.n_modules();
  spec.n_positions = static_cast<std::int64_t>(world.position_logits.size());
  spec.hidden = std::move(hidden);
  return spec;
}

}  // namespace rehearsal
