#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/user_model.h"
#include "sim/world/recsim_documents.h"
#include "users/recsim/choice_models.h"

namespace rehearsal::recsim {

/// Users of RecSim's environments on a list world: they take one item of the list or none, which
/// moves their state on. Noise goes with the item, not with its place.
class ListUsers : public UserModel {
 public:
  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const final;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const final;

 protected:
  /// Where what a taken item is worth stands; null: nowhere.
  struct AmountColumns {
    std::vector<float> ResponseBatch::*response = nullptr;
    std::vector<double> ExpectedBatch::*expected = nullptr;
  };
  /// Args: n_hidden: leading columns of the state that are recorded as truth.
  ListUsers(AmountColumns amounts, std::size_t n_hidden) : amounts_(amounts), n_hidden_(n_hidden) {}

  /// Exact probabilities of taking each item, none last. Args: user: the state (n_state).
  ///       out: (items.size() + 1).
  virtual void outcomes(const double* user, std::span<const std::uint32_t> items,
                        std::span<double> out) const = 0;
  /// Whether items are taken as a cascade comes to them.
  virtual bool cascade() const = 0;
  /// What a taken item is worth. Args: word: random.
  virtual double amount(const double* /*user*/, std::uint32_t /*item*/,
                        std::uint32_t /*word*/) const {
    return 0;
  }
  virtual double expected_amount(const double* /*user*/, std::uint32_t /*item*/) const { return 0; }

  /// The items that round i shows.
  static std::span<const std::uint32_t> list(const PageBatch& pages, std::size_t i);
  /// The place of the item that round i took; the list's length: none.
  static std::size_t taken(const ResponseBatch& responses, const PageBatch& pages, std::size_t i);

 private:
  AmountColumns amounts_;
  std::size_t n_hidden_;
};

/// What the site has seen of a user's topics: clicks and showings, part of the user's state.
class TopicHistory {
 public:
  /// Args: first: column of the state from which 2 n_topics are the history's.
  TopicHistory(const Schema& schema, std::size_t n_topics, std::size_t first);

  void add(std::span<const std::uint32_t> topics, std::size_t taken, double* user) const;
  /// Fills the context's columns topic_K_rate.
  void observe(RequestBatch& requests) const;

 private:
  std::size_t n_topics_;
  std::size_t first_;
  std::vector<std::size_t> feature_;  // (n_topics) columns of the context
};

/// A hidden parameter of the world. Raises: Error(kInput) where the world is of another type.
const std::vector<double>& hidden_parameter(const World& world, const std::string& name,
                                            const std::string& type, const PluginConfig& plugin);

/// Topics and videos of a world whose items are such.
std::size_t topics_of(const World& world, const std::string& type, const PluginConfig& plugin);
std::vector<Video> videos_of(const World& world, const std::string& type,
                             const PluginConfig& plugin);

}  // namespace rehearsal::recsim
