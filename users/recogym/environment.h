#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "users/recogym/rules.h"

namespace rehearsal::recogym {

inline constexpr std::size_t kMostFactors = 32;
inline constexpr std::size_t kMostProducts = 4096;

/// One user of RecoGym.
struct User {
  Phase phase = Phase::kOrganic;
  std::uint32_t last_view = 0;              // v0: also before the first view
  std::array<float, kMostFactors> omega{};  // v1: interests
};

/// RecoGym's sessions (Rohde et al., REVEAL 2018): organic views and bandit events of one user,
/// event by event. An event is a view or a click, then one step of the Markov chain of phases; a
/// click is always followed by an organic session, even where the chain had gone to stop.
/// Random numbers come as words: n_words() an event.
class Environment {
 public:
  Environment(const Transitions& transitions, Rules rules, std::size_t n_products);
  virtual ~Environment() = default;

  std::size_t n_products() const { return n_products_; }
  /// Words an event takes, a multiple of 4: what happens, where next, two unused here (an action
  /// and one spare), then the drift of interests.
  virtual std::size_t n_words() const = 0;
  /// A new user in an organic session, before any view. Args: words: (n_words) of its own.
  virtual User start(const std::uint32_t* words) const = 0;

  /// Views a product (it becomes last_view) and moves on. Args: user: in an organic session.
  void organic_event(User& user, const std::uint32_t* words) const;
  /// Draws the click on `action` from the whole click vector and moves on. Returns: clicked.
  bool bandit_event(User& user, std::uint32_t action, const std::uint32_t* words) const;
  /// What follows a bandit event whose click is known.
  void after_bandit(User& user, bool clicked, const std::uint32_t* words) const;

  /// P(click on `action`).
  virtual double click_probability(const User& user, std::uint32_t action) const = 0;

 protected:
  virtual std::uint32_t view(const User& user, std::uint32_t word) const = 0;
  /// Args: clicks: kMostProducts long. All products' click probabilities.
  virtual void clicks(const User& user, std::span<float> clicks) const = 0;
  /// Interests move. Args: words: behind the first four of an event.
  virtual void drift(User& user, const std::uint32_t* words) const = 0;
  virtual bool drifts_in(Phase phase) const = 0;

 private:
  void move(User& user, const std::uint32_t* words) const;

  std::array<std::array<double, 2>, 3> cumulative_;  // of each row of the chain
  std::size_t n_products_;
};

struct DriftOptions {
  double sigma_omega_initial = 1;
  double sigma_omega = 0.1;  // a step
  bool for_bandits = false;  // interests move after bandit events, too
};

/// v0: clusters of products; a view is uniform in the cluster of the last, clicks follow from the
/// last view. Args: clicks: (n_products, n_products) P(click on a | last view v).
std::unique_ptr<Environment> make_v0(const Transitions& transitions, Rules rules,
                                     std::size_t n_clusters, const RowMatrix& clicks);
/// v1: latent factors that drift.
std::unique_ptr<Environment> make_v1(const Transitions& transitions, Rules rules,
                                     const Catalogue& catalogue, const DriftOptions& drift);

}  // namespace rehearsal::recogym
