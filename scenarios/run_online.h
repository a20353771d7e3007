#pragma once

#include <string>

#include "scenarios/run.h"

namespace rehearsal {

/// The online experiment of a scenario that has one: results.online, regret.csv and, of each policy
/// that learns meanwhile, what it knew at the end.
void online_step(const Scenario& scenario, const Setup& setup, const RunFolder& folder,
                 const RunOptions& options, Results& results);

/// Curves as a table of columns: batch, policy, expected, best, regret, stderr.
std::string regret_csv(const OnlineResults& online);

/// Policies by rising regret, for a screen of 120 columns.
std::string online_table(const OnlineResults& online);

/// Of the last tenth of the batches, rounded up.
double regret_in_last_tenth(const OnlineResult& policy);

}  // namespace rehearsal
