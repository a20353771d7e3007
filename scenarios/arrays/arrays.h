#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/registry.h"
#include "sim/log/array_file.h"

namespace rehearsal {

/// One line of a case's results.
struct ArrayEstimate {
  std::string key;
  double value = 0;
  double standard_error = 0;
  double low = 0;
  double high = 0;
  /// What is not one number (a distribution function, quantiles), by name: members beside "value".
  std::map<std::string, std::vector<double>> lists{};
  std::map<std::string, double> numbers{};  // further members that are one number
};

struct CaseResult {
  std::vector<ArrayEstimate> estimates;  // keys differ
  std::vector<std::string> warnings;     // in plain language, without the case's name
};

struct ArrayOptions {
  std::vector<std::string> estimators;  // keys; empty: all that the inputs allow
  double confidence = 0.95;
  int threads = 1;  // 0: all of the machine; changes no byte
  /// Groups of more values are scored in blocks, where their kind can, so that memory does not grow
  /// with them.
  std::size_t most_values = std::size_t{1} << 25;
  std::size_t block_values = std::size_t{1} << 21;  // about as many a block and thread

  /// Whether a key is asked for.
  bool wants(const std::string& key) const;
};

class Scores;

/// How a kind of group is scored without having all of it in memory.
struct CaseBlocks {
  std::vector<std::string> by_row;  // inputs with one row a round; all have the first
  void (*score)(const ArrayGroup& block, Scores& scores) = nullptr;
  std::vector<std::string> whole{};      // inputs that every block needs
  std::vector<std::string> needs_all{};  // families that need all rounds at once
  std::vector<std::string> flat{};       // inputs with one row a round, or several in one dimension
  std::string together{};                // an input whose equal neighbours stay in one block, or ""
};

/// How one kind of group is scored: a line of scenarios/arrays/kinds.cc.
struct CaseKind {
  std::string name;  // of the group's attribute "kind"
  std::string summary;
  std::string source;
  /// For groups without the attribute: whether the inputs, by name and shape, are of this kind. The
  /// first that fits.
  bool (*fits)(const Arrays& inputs) = nullptr;
  /// Keys whose inputs are absent are left out; so are those not asked for.
  /// Raises: Error(kInput) naming file, group, dataset and index.
  CaseResult (*evaluate)(const ArrayGroup& group, const ArrayOptions& options) = nullptr;
  std::optional<CaseBlocks> blocks{};
  /// Datasets that may be there beside those of blocks; a warning names all others.
  std::vector<std::string> others{};
};

/// Another tool's way to lay arrays out: a line of scenarios/arrays/kinds.cc.
struct ArrayLayout {
  std::string name;  // --layout NAME
  std::string summary;
  std::string source;
  std::vector<CaseKind> kinds;
};

const Registry<ArrayLayout>& array_layouts();

struct NamedCase {
  std::string name;
  CaseResult result;
};

/// Scores every group of a file, one in memory at a time, or in blocks where it is large and nobody
/// asks for what needs it whole.
/// Raises: Error(kInput) for a group of no known kind, bad arrays, and an estimator asked for that
/// no group has.
std::vector<NamedCase> evaluate_arrays(const std::filesystem::path& file, const ArrayLayout& layout,
                                       const ArrayOptions& options);

/// results.json, schema "rehearsal.arrays/1". A value that does not exist (no overlap) is null.
std::string arrays_to_json(const std::vector<NamedCase>& cases);

}  // namespace rehearsal
