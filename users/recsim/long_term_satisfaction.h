#pragma once

#include <cmath>

#include "sim/core/scalars.h"

namespace rehearsal::recsim {

/// RecSim's long-term satisfaction, "choc or kale" (Mladenov et al. 2019; Ie et al. 2019;
/// environments/long_term_satisfaction.py): clickbait engages now and lowers the satisfaction that
/// multiplies all later engagement, through the net positive exposure (NPE).
struct LongTermSatisfaction {
  double memory_discount = 0.7;
  double sensitivity = 0.01;  // as published, satisfaction hardly leaves 1/2: always clickbait wins
  double innovation_stddev = 0.05;
  double choc_mean = 5;  // of clickbait 1
  double choc_stddev = 1;
  double kale_mean = 4;  // of clickbait 0
  double kale_stddev = 1;
  /// Published code: the means are those of log engagement. Its docstring: of engagement itself.
  bool means_of_engagement = false;
  /// Published code: clickbait lowers NPE. Its docstring has the sign the other way round.
  bool clickbait_raises = false;
};

/// Args: uniform: in (0, 1).
inline double first_exposure(const LongTermSatisfaction& model, double uniform) {
  return (uniform - 0.5) / (1 - model.memory_discount);
}

inline double satisfaction(const LongTermSatisfaction& model, double exposure) {
  return logistic(model.sensitivity * exposure);
}

/// NPE after a document. Args: clickbait: in [0, 1].  z: standard normal.
inline double next_exposure(const LongTermSatisfaction& model, double exposure, double clickbait,
                            double z) {
  const double push = (model.clickbait_raises ? 2 : -2) * (clickbait - 0.5);
  return model.memory_discount * exposure + push + model.innovation_stddev * z;
}

/// Log engagement with a document is normal: mean and standard deviation.
/// Args: satisfied: satisfaction before the document.
struct LogEngagement {
  double mean = 0;
  double stddev = 0;
};
LogEngagement log_engagement(const LongTermSatisfaction& model, double clickbait, double satisfied);

/// Engagement with a document. Args: z: standard normal.
inline double engagement(const LogEngagement& law, double z) {
  return std::exp(law.mean + law.stddev * z);
}
inline double expected_engagement(const LogEngagement& law) {
  return std::exp(law.mean + 0.5 * law.stddev * law.stddev);
}

/// Mean and variance of a user's NPE after `steps` documents of one clickbait, exactly.
/// Args: first: NPE at the start.
struct Exposure {
  double mean = 0;
  double variance = 0;
};
Exposure exposure_after(const LongTermSatisfaction& model, double first, double clickbait,
                        int steps);

}  // namespace rehearsal::recsim
