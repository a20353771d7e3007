#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/yaml_tree.h"
#include "users/click_model.h"

namespace rehearsal {

/// A page as a probe file gives it. The spans of cells() lie in it.
struct ProbePage {
  std::vector<std::uint32_t> row_offsets{0};  // (n_rows + 1)
  std::vector<double> attraction;             // (n_cells)
  std::vector<double> satisfaction;           // (n_cells) or empty
  std::vector<double> examination;            // (n_cells) or empty
  std::vector<double> heading;                // (n_rows) or empty

  PageCells cells() const { return {row_offsets, attraction, satisfaction, examination, heading}; }
};

/// A click model's exact quantities on one page.
struct Probe {
  std::string model;  // type
  ProbePage page;
  std::vector<double> examination;   // (n_cells) probability
  std::vector<double> click;         // (n_cells) probability
  std::vector<double> n_clicks_pmf;  // (n_cells + 1) P(k clicks)
  std::vector<std::uint8_t> clicks;  // (n_cells) as given, or empty
  std::vector<double> conditional;   // (n_cells) P(click | clicks before); empty without clicks
  double log_likelihood = 0;         // of the clicks
};

/// Reads `model: {type: .., ...}`, `page: [{attraction: [..], ...}, ...]` and, if there,
/// `clicks: [[..], ...]`.
/// Raises: Error(kInput) with file, line, column and key for anything that cannot be.
Probe probe(const Tree& tree);

std::string to_json(const Probe& probe);
/// A table for people.
std::string to_text(const Probe& probe);

}  // namespace rehearsal
