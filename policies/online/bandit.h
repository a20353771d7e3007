#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/encoder.h"
#include "sim/policy.h"

// What every bandit shares: arms, and what a response says of them.
namespace rehearsal {

/// Keys that every bandit has.
struct BanditConfig {
  std::string arms = "auto";
  std::string objective = "ctr";
  std::string feedback = "all";
  std::int64_t visible = 0;
  std::vector<double> examination;

  Fields add_to(Fields fields);
};

/// Decisions of a batch, whatever their arms are.
struct ArmDecisions {
  Offsets choice_offsets;                  // (n + 1) into arm
  std::vector<std::uint16_t> n_positions;  // (n)
  std::vector<std::uint32_t> arm;          // (n_choices in all)
  std::vector<std::uint32_t> round;        // (n) its request

  std::size_t size() const { return round.size(); }
};

/// What one round says of one shown arm.
struct Observation {
  std::uint32_t round = 0;  // in the batch
  std::uint32_t arm = 0;
  double weight = 1;  // how far it counts as displayed, in (0, 1]
  bool success = false;
};

/// A policy that learns from what it played. An arm is a module, or an item wherever it stands.
///
/// Which of the shown arms count as displayed (`feedback`):
///   all          each, by how much its place is looked at (`examination`; 1 without)
///   cascade      those up to the first success; without one all, or the `visible` first, which
///   also
///                count at least (Kveton et al., ICML 2015; Bendada et al., RecSys 2020)
///   impressions  items that the log says were seen
class Bandit : public Policy {
 public:
  /// Raises: Error(kInput) for keys that do not fit the schema.
  Bandit(const BanditConfig& config, const PluginConfig& plugin, const Schema& schema);

  /// Of the modules; of items, where they are the arms, through a ranker of its own.
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const final;
  bool deterministic() const final { return false; }
  /// Forgets, then learns from a log as if it had played it.
  void fit(const FitContext& context) final;
  void update(const LogBatch& played) final;

  bool of_items() const { return of_items_; }
  std::size_t n_arms() const { return of_items_ ? schema_.n_items : schema_.n_modules(); }
  /// Of every list of candidates. Raises: Error(kInput) for requests without candidates.
  std::unique_ptr<SlateDistribution> item_slates(const RequestBatch& requests) const;
  /// What a batch says, in its order. Raises: Error(kInput) for a response that is not recorded.
  std::vector<Observation> observe(const LogBatch& played) const;

 protected:
  virtual std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                                    ArmDecisions decisions) const = 0;
  virtual void learn(const LogBatch& played, const std::vector<Observation>& observations) = 0;
  virtual void forget() = 0;
  const Schema& schema() const { return schema_; }

 private:
  double examination(const LogBatch& played, std::size_t i, std::size_t place) const;

  BanditConfig config_;
  const Schema& schema_;
  Encoder encoder_;
  bool of_items_;
  const Ranker* own_ranker_ = nullptr;
};

}  // namespace rehearsal
