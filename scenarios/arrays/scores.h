#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "analysis/action_rounds.h"
#include "analysis/diagnostics.h"
#include "analysis/slate_estimators.h"
#include "analysis/stratum_sums.h"
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
  /// A slate estimator, if its columns are there.
  void add(const std::string& key, const SlateEstimatorEntry& estimator,
           const SlateColumns& slates);
  /// Terms weighed by their stratum's precision: see StratumSums.
  void add_strata(const std::string& key, std::span<const double> direct,
                  std::span<const double> weighted, std::span<const std::uint32_t> stratum);
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
  /// Importance weights that warnings are about. Args: of: what they belong to, "round".
  void weigh(std::span<const double> weights, const std::string& of);
  /// Probability mass that rounds put where the logging policy has none.
  void add_unsupported(double mass, std::size_t n_rounds);

  /// The scores of the rounds that follow, by the same calls.
  void merge(Scores&& next);
  CaseResult take();

 private:
  /// What rounds leave of themselves for an estimate; monostate: the estimate itself.
  using Sums = std::variant<std::monostate, TermSums, SlateSums, StratumSums>;
  struct Score {
    ArrayEstimate estimate;
    Sums sums;
  };

  /// Those of a key, at first `empty`.
  template <class S>
  S& sums_of(const std::string& key, S&& empty);
  /// Nothing, with a warning, where the sums have no estimate.
  std::optional<ArrayEstimate> settled(Score&& score);

  const ArrayOptions* options_;
  std::vector<Score> scores_;                    // keys differ
  std::map<std::string, std::string> left_out_;  // family to why
  std::vector<std::string> warnings_;
  std::map<std::string, WeightStats> weights_;  // by what they belong to
  double unsupported_ = 0, n_supported_ = 0;    // mass, of so many rounds
};

/// "dr_clip_10": a family at a value.
std::string key_of(const std::string& family, double value, const std::string& separator = "_");

}  // namespace rehearsal
