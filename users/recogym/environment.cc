#include "users/recogym/environment.h"

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "users/lanes.h"
#include "users/recogym/scores.h"

namespace rehearsal::recogym {

namespace {

constexpr std::size_t kHeadWords = 4;

class V0 final : public Environment {
 public:
  V0(const Transitions& transitions, Rules rules, std::size_t n_clusters, const RowMatrix& clicks)
      : Environment(transitions, rules, static_cast<std::size_t>(clicks.rows())),
        cluster_size_(n_products() / n_clusters),
        by_view_(clicks.transpose().cast<float>()) {
    REHEARSAL_CHECK(n_products() % n_clusters == 0 && clicks.rows() == clicks.cols());
  }

  std::size_t n_words() const override { return kHeadWords; }
  User start(const std::uint32_t* words) const override {
    User user;
    user.last_view = index_below(words[0], n_products());
    return user;
  }
  double click_probability(const User& user, std::uint32_t action) const override {
    return by_view_(user.last_view, action);
  }

 protected:
  std::uint32_t view(const User& user, std::uint32_t word) const override {
    const auto first = static_cast<std::uint32_t>(user.last_view / cluster_size_ * cluster_size_);
    return first + index_below(word, cluster_size_);
  }
  void clicks(const User& user, std::span<float> clicks) const override {
    std::copy_n(by_view_.row(user.last_view).data(), n_products(), clicks.begin());
  }
  void drift(User& /*user*/, const std::uint32_t* /*words*/) const override {}
  bool drifts_in(Phase /*phase*/) const override { return false; }

 private:
  std::size_t cluster_size_;
  RowMatrixF by_view_;  // (n_products last viewed, n_products shown)
};

class V1 final : public Environment {
 public:
  V1(const Transitions& transitions, Rules rules, const Catalogue& catalogue,
     const DriftOptions& drift)
      : Environment(transitions, rules, catalogue.mu.size()),
        catalogue_(catalogue),
        options_(drift),
        views_(catalogue.gamma, catalogue.mu),
        bandit_(catalogue.beta, catalogue.mu_bandit) {
    REHEARSAL_CHECK(n_factors() <= kMostFactors);
  }

  std::size_t n_words() const override { return kHeadWords + (n_factors() + 3) / 4 * 4; }
  User start(const std::uint32_t* words) const override {
    User user;
    add_normal(user, options_.sigma_omega_initial, words + kHeadWords);
    return user;
  }
  double click_probability(const User& user, std::uint32_t action) const override {
    double score = catalogue_.mu_bandit[action];
    for (std::size_t k = 0; k < n_factors(); ++k)
      score += catalogue_.beta.data()[action * n_factors() + k] * double{user.omega[k]};
    return click_link_v1(score);
  }

 protected:
  std::uint32_t view(const User& user, std::uint32_t word) const override {
    float weights[kMostProducts];
    const float sum = view_weights(views_, omega(user), weights);
    float left = static_cast<float>(Stream::to_uniform(word)) * sum;
    std::uint32_t product = 0;
    while (product + 1 < n_products() && (left -= weights[product]) >= 0) ++product;
    return product;
  }
  void clicks(const User& user, std::span<float> clicks) const override {
    click_vector(bandit_, omega(user), clicks);
  }
  void drift(User& user, const std::uint32_t* words) const override {
    add_normal(user, options_.sigma_omega, words);
  }
  bool drifts_in(Phase phase) const override {
    return options_.for_bandits || phase == Phase::kOrganic;
  }

 private:
  std::size_t n_factors() const { return views_.n_factors(); }
  std::span<const float> omega(const User& user) const { return {user.omega.data(), n_factors()}; }
  void add_normal(User& user, double sigma, const std::uint32_t* words) const {
    for (std::size_t k = 0; k < n_factors(); ++k)
      user.omega[k] += static_cast<float>(sigma * normal_from(words[k]));
  }

  Catalogue catalogue_;
  DriftOptions options_;
  ScoreTable views_;
  ScoreTable bandit_;
};

}  // namespace

Environment::Environment(const Transitions& transitions, Rules rules, std::size_t n_products)
    : n_products_(n_products) {
  REHEARSAL_CHECK(0 < n_products && n_products <= kMostProducts);
  const auto matrix = transitions.matrix(rules);
  for (std::size_t from = 0; from < 3; ++from)
    cumulative_[from] = {matrix[from][0], matrix[from][0] + matrix[from][1]};
}

void Environment::move(User& user, const std::uint32_t* words) const {
  const double u = Stream::to_uniform(words[1]);
  const auto& [organic, bandit] = cumulative_[static_cast<std::size_t>(user.phase)];
  user.phase = u < organic ? Phase::kOrganic : u < bandit ? Phase::kBandit : Phase::kStop;
  if (drifts_in(user.phase)) drift(user, words + kHeadWords);
}

void Environment::organic_event(User& user, const std::uint32_t* words) const {
  user.last_view = view(user, words[0]);
  move(user, words);
}

bool Environment::bandit_event(User& user, std::uint32_t action, const std::uint32_t* words) const {
  float all[kMostProducts];
  clicks(user, all);
  const bool clicked = Stream::to_uniform(words[0]) < double{all[action]};
  after_bandit(user, clicked, words);
  return clicked;
}

void Environment::after_bandit(User& user, bool clicked, const std::uint32_t* words) const {
  move(user, words);
  if (clicked) user.phase = Phase::kOrganic;
}

std::unique_ptr<Environment> make_v0(const Transitions& transitions, Rules rules,
                                     std::size_t n_clusters, const RowMatrix& clicks) {
  return std::make_unique<V0>(transitions, rules, n_clusters, clicks);
}

std::unique_ptr<Environment> make_v1(const Transitions& transitions, Rules rules,
                                     const Catalogue& catalogue, const DriftOptions& drift) {
  return std::make_unique<V1>(transitions, rules, catalogue, drift);
}

}  // namespace rehearsal::recogym
