#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// Runs of one scenario in worlds of their own.
using Runs = std::vector<const Results*>;

/// A claim about cross-domain distillation, what the runs say of it and whether it holds; none:
/// these runs cannot say (an arm is missing, or one world gives no t).
struct Point {
  int number = 0;
  std::string claim;
  std::string statistic;
  std::optional<bool> holds;
};

/// The claims that one scenario can test, of students "homepage" and "radio" and arms "control",
/// "teacher", "auxiliary", "non_serving", "direct" and "placebo".
std::vector<Point> points_of(const Runs& runs);

/// The gain of a teacher of as much data as the student's and of one of a hundred times as much.
Point data_point(const Runs& once, const Runs& hundredfold);

std::string to_text(const std::vector<Point>& points);

/// results.json with the points under a key of their own, "distillation".
std::string with_points(const std::string& json, const std::vector<Point>& points);

/// Every arm's scores and live lifts, means over the runs, beside the published figures; and what
/// each arm gains over its student's control, with standard deviation between worlds and paired t.
std::string arms_table(const Runs& runs);

}  // namespace rehearsal
