#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/action_rounds.h"
#include "analysis/diagnostics.h"
#include "scenarios/arrays/arrays.h"

namespace rehearsal {

/// An estimator of analysis/estimators.cc under the key that results give it.
struct Family {
  std::string key;             // without hyper-parameter
  std::string entry;           // name in the table
  std::vector<double> grid{};  // in place of the entry's
};

/// Collects one case's results, of what is asked for: from all its rounds at once, or from blocks
/// of them that are merged in their order.
class Scores {
 public:
  /// Args: options: outlive the scores.
  explicit Scores(const ArrayOptions& options) : options_(&options) {}

  bool wants(const std::string& key) const { return options_->wants(key); }
  /// Values to score a family at: its grid, or those that were asked for by name.
  /// Args: family: "dr_clip", or "kernel_ipw_gaussian_h" with separator "".
  std::vector<double> values_of(const std::string& family, const std::vector<double>& grid,
                                const std::string& separator = "_") const;

  /// Families at their hyper-parameters, in one pass; those whose columns are absent are left out.
  /// Args: suffix: of every key, after the hyper-parameter.
  void add(const ActionRounds& rounds, const std::vector<Family>& families,
           const std::string& suffix = "");
  /// The mean of terms.
  void add_mean(const std::string& key, std::span<const double> terms);
  /// What was computed from all rounds at once. Args: lists, numbers: further members.
  void add(const std::string& key, const PointEstimate& estimate,
           std::map<std::string, std::vector<double>> lists = {},
           std::map<std::string, double> numbers = {});
  /// Says a thing once.
  void warn(const std::string& text);
  /// Takes a family back, whatever other blocks say. Args: why: a warning, or "".
  void leave_out(const std::string& family, const std::string& why);
  /// Importance weights that warnings are about.
  void weigh(std::span<const double> weights);
  /// Probability mass that rounds put where the logging policy has none.
  void add_unsupported(double mass, std::size_t n_rounds);

  /// The scores of the rounds that follow, by the same calls.
  void merge(Scores&& next);
  CaseResult take();

 private:
  struct Score {
    ArrayEstimate estimate;
    std::optional<TermSums> sums;  // of a value that is still to be settled
  };

  TermSums& sums_of(const std::string& key, const TermLayout& layout);
  ArrayEstimate settled(Score&& score) const;

  const ArrayOptions* options_;
  std::vector<Score> scores_;                    // keys differ
  std::map<std::string, std::string> left_out_;  // family to why
  std::vector<std::string> warnings_;
  WeightStats weights_;
  double unsupported_ = 0, n_supported_ = 0;  // mass, of so many rounds
};

/// "dr_clip_10": a family at a value.
std::string key_of(const std::string& family, double value, const std::string& separator = "_");

}  // namespace rehearsal
