#pragma once

#include <string>
#include <vector>

#include "policies/online/bandit.h"
#include "policies/segments.h"

namespace rehearsal {

/// Keys of every bandit that counts.
struct CountingConfig : BanditConfig {
  std::vector<std::string> segments;

  Fields add_to(Fields fields);
};

/// A bandit that knows of each arm, in each segment of requests, how far it was displayed and how
/// often it succeeded. State: displays, successes: (n_segments, n_arms).
class CountingBandit : public Bandit {
 public:
  CountingBandit(const CountingConfig& config, const PluginConfig& plugin, const Schema& schema);

  Arrays state() const final;
  /// Raises: Error(kInput) for arrays that do not fit or cannot be counts.
  void set_state(const Arrays& state) final;

  const RowMatrix& displays() const { return displays_; }
  const RowMatrix& successes() const { return successes_; }

 protected:
  void learn(const LogBatch& played, const std::vector<Observation>& observations) final;
  void forget() final;
  /// Called when the counts have changed.
  virtual void freeze() = 0;
  std::size_t segment(const RequestBatch& requests, std::size_t i) const {
    return segments_.index(requests.features(i));
  }
  std::size_t n_segments() const { return segments_.size(); }

 private:
  Segments segments_;
  RowMatrix displays_;
  RowMatrix successes_;
};

/// A bandit that orders arms by an index of their counts, ties at random.
class IndexBandit : public CountingBandit {
 public:
  using CountingBandit::CountingBandit;
  /// (n_segments, n_arms), as it stands.
  const RowMatrix& indices() const { return indices_; }

 protected:
  void freeze() final;
  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override;
  struct Counts {
    double displays = 0;
    double successes = 0;
    double of_segment = 0;  // displays of all arms
    double of_all = 0;      // in all segments
    double mean() const { return std::min(1.0, successes / displays); }
  };
  virtual double index(const Counts& counts) const = 0;

 private:
  RowMatrix indices_;
};

}  // namespace rehearsal
