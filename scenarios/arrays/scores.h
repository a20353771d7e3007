#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "analysis/action_rounds.h"
#include "scenarios/arrays/arrays.h"

namespace rehearsal {

/// An estimator of analysis/estimators.cc under the key that results give it.
struct Family {
  std::string key;             // without hyper-parameter
  std::string entry;           // name in the table
  std::vector<double> grid{};  // in place of the entry's
};

/// Collects one case's results, of what is asked for.
class Scores {
 public:
  explicit Scores(const ArrayOptions& options) : options_(options) {}

  bool wants(const std::string& key) const { return options_.wants(key); }
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
  /// Args: lists, numbers: further members of the result.
  void add(const std::string& key, const PointEstimate& estimate,
           std::map<std::string, std::vector<double>> lists = {},
           std::map<std::string, double> numbers = {});
  /// Says a thing once.
  void warn(const std::string& text);

  CaseResult take() { return std::move(result_); }

 private:
  const ArrayOptions& options_;
  CaseResult result_;
};

/// "dr_clip_10": a family at a value.
std::string key_of(const std::string& family, double value, const std::string& separator = "_");

}  // namespace rehearsal
