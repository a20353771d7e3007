#pragma once

#include <string>

#include "analysis/results.h"
#include "scenarios/scenario.h"

namespace rehearsal {

/// What a run decided, for a screen of 120 columns: lifts, the gate's estimate beside the truth and
/// whether its interval covers it, verdicts with reasons; how far each estimator was off; the cost
/// of exploration; the standard errors of the three ways to measure the live lift.
std::string decision_table(const Scenario& scenario, const Results& results);

/// Text of at most `width` columns a line, broken at blanks; lines after the first are indented.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace rehearsal
