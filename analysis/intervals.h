#pragma once

#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// value +- z * standard_error. Args: confidence: in (0, 1), two-sided.
Interval normal_interval(double value, double standard_error, double confidence);
/// The p-quantile of a sample, linear between order statistics. Args: sample: not empty.
double sample_quantile(std::vector<double> sample, double p);

}  // namespace rehearsal
