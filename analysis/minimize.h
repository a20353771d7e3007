#pragma once

#include <Eigen/Core>
#include <functional>

namespace rehearsal {

/// A smooth function and its gradient. Args: gradient: overwritten, of x's size. Returns: the
/// value.
using SmoothFunction = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct MinimizeOptions {
  int max_steps = 200;
  int memory = 10;
  double tolerance = 1e-8;  // on the largest gradient component, relative to max(1, |value|)
};

/// L-BFGS (Liu and Nocedal, Mathematical Programming 1989) with a backtracking line search.
/// Args: x: the start; replaced by the minimum found. Returns: the value there.
double minimize(const SmoothFunction& objective, Eigen::VectorXd& x,
                const MinimizeOptions& options = {});

}  // namespace rehearsal
