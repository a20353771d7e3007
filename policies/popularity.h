#pragma once

#include "policies/module_counts.h"

namespace rehearsal {

/// Event rates a module and segment, events per examined impression, smoothed towards what is known
/// without the segment: with r the rate of all modules, r_m = (events_m + prior) / (examined_m +
/// prior / r) and r_sm = (events_sm + segment_prior) / (examined_sm + segment_prior / r_m). A prior
/// of n events says: rates lie within about 1 / sqrt(n) of what they are smoothed towards.
/// Args: priors: in events, > 0.
/// Returns: (n_segments, n_modules); all 0 when the log has no event.
RowMatrix smoothed_rates(const ModuleCounts& counts, double prior, double segment_prior);

}  // namespace rehearsal
