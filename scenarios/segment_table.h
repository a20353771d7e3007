#pragma once

#include <string>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// Estimates by segment for a screen of 120 columns, with how lifts were corrected; "" where there
/// are none. Args: metric, estimator: rows of these alone; "": of all.
std::string segment_table(const std::vector<PolicyResult>& policies, const std::string& metric,
                          const std::string& estimator);

}  // namespace rehearsal
