#pragma once

// The two ways of fitting click models: used by users/fitting.cc only.

#include "users/fitting.h"

namespace rehearsal {

/// Pseudo-impressions that pull an entity's attraction to the mean, from the part of the spread of
/// click rates over entities that is not noise (beta-binomial, method of moments).
class Shrinkage {
 public:
  explicit Shrinkage(const ClickSessions& sessions);
  /// Args: mean: attraction.  sensitivity: d(click rate) / d(attraction) of an impression.
  /// Returns: pseudo-impressions, infinite where the entities cannot be told apart.
  double strength(double mean, double sensitivity) const;
  /// The same where click rates are proportional to attraction.
  double strength(double mean) const { return strength(mean, rate_ / mean); }

 private:
  double rate_ = 0;      // clicks an impression
  double variance_ = 0;  // of click rates over entities, without noise
};

/// Click probability bilinear in the examination of a bucket and attraction: pbm, ubm, trust_bias.
ClickFit fit_bilinear(const std::string& model, const ClickSessions& sessions,
                      const Shrinkage& shrinkage);
/// Users who read on or stop: cascade, tcm, dcm, dbn, sdbn, ccm.
ClickFit fit_sequential(const std::string& model, const ClickSessions& sessions,
                        const Shrinkage& shrinkage);

}  // namespace rehearsal
