#pragma once

#include <memory>

#include "sim/log/source.h"
#include "sim/policy.h"

namespace rehearsal {

/// The policy that wrote a page log, as a Plackett-Luce policy whose scores are linear in the
/// encoded context: a module's own coefficients or, in ranked lists, coefficients of the items'
/// features and, where they are few, of their products with the context. By maximum likelihood of
/// the orders shown, with a penalty of half the squared coefficients; cross-fitted: a user's pages
/// are scored by the model that has not seen the user (Chernozhukov et al., Econometrics Journal
/// 2018). All its probabilities are exact, so that slot-wise and cascade weights go together.
/// A mixture, or a policy that orders by what the log does not hold, is no such policy.
/// Args: rounds: whose schema outlives the policy.  rng: whose Draw::kAssignment deals two folds.
/// Raises: Error(kInput) for a page that shows what was not eligible.
std::unique_ptr<Policy> estimate_page_behavior(const RoundSource& rounds, const Rng& rng,
                                               int threads);

/// The same rounds with the propensities that `behavior`, which must outlive the source, gives what
/// was shown. Orders of items inside modules keep their logged probabilities.
RoundSource with_propensities_of(const Policy& behavior, RoundSource rounds);

}  // namespace rehearsal
