#pragma once

// A campaign in the Open Bandit Dataset's format that the tests write themselves.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "scenarios/action_log.h"

namespace rehearsal::testing {

/// Three items, three positions; row i shows item i % 3 at position 1 + (i / 3) % 3 with propensity
/// 0.2 + 0.1 * (i % 3), and is clicked when i % 4 is 0.
struct ObdFixture {
  static constexpr int kRows = 36;

  static std::string header() {
    std::string text = ",timestamp,item_id,position,click,propensity_score";
    for (int f = 0; f < 4; ++f) text += fmt::format(",user_feature_{}", f);
    for (int j = 0; j < 3; ++j) text += fmt::format(",user-item_affinity_{}", j);
    return text + "\n";
  }
  static double propensity(int i) { return 0.2 + 0.1 * (i % 3); }
  static std::string row(int i) {
    return fmt::format(
        "{},2019-11-24 00:00:{:02}+00:00,{},{},{},{},{},{},\"c,{}\",d,{}.0,0.0,1.0\n", i, i, i % 3,
        1 + (i / 3) % 3, i % 4 == 0 ? 1 : 0, propensity(i), i % 2 == 0 ? "b" : "a", "x", i % 5, i);
  }
  /// Writes FOLDER/men/{men,item_context}.csv. Args: changed: this row stands in place of row 7.
  static std::filesystem::path write(const std::filesystem::path& folder,
                                     const std::string& changed = "") {
    const std::filesystem::path men = folder / "men";
    std::filesystem::create_directories(men);
    std::ofstream log(men / "men.csv");
    log << header();
    for (int i = 0; i < kRows; ++i) log << (i == 7 && !changed.empty() ? changed : row(i));
    std::ofstream items(men / "item_context.csv");
    items << ",item_id,item_feature_0,item_feature_1\n0,0,0.5,q\n1,1,-1.5,p\n2,2,2,q\n";
    return men;
  }
};

/// A policy whose probabilities stand in a file, "FILE.h5:DATASET".
inline ActionCandidate candidate(const std::string& name, const std::string& reference,
                                 const ActionLog& log) {
  return {name, ActionTable(reference, log.shape), {}};
}

}  // namespace rehearsal::testing
