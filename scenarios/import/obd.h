#pragma once

#include <filesystem>
#include <string>

#include "sim/log/log.h"

namespace rehearsal {

/// Imports a campaign of the Open Bandit Dataset (Saito et al., arXiv 2008.07146), CSV files as
/// published, as an ordinary log: each impression is a round whose page is one module ("item") with
/// one item. pscore = propensity_score; all items are candidates, so none are listed. Context:
/// the category "position" (levels left, center, right), the categories user_feature_0 to _3, and
/// user_item_affinity_j for each item. Rows carry no user id: each is a user of its own, in the
/// file's order, so user = row. The timestamp is not kept. Per-round datasets that are scored with
/// this log stand in the file's order too (the Open Bandit Pipeline sorts by time, and may swap
/// rows of one instant).
///
/// The importer stands in scenarios/: it knows one publisher's files, while sim/log stays generic.
/// The CSV is read twice (names of categories, then rounds): memory does not grow with it.
/// Args: source: a folder with CAMPAIGN.csv and item_context.csv, named CAMPAIGN (random/men), or
///       one that holds a single such folder (random).  campaign: which of several, or "".
///       out: the log's folder.
/// Raises: Error(kInput) naming file and line for a missing column, a bad number, an item, position
///         or click out of range, a propensity outside (0, 1].
LogInfo import_obd(const std::filesystem::path& source, const std::string& campaign,
                   const std::filesystem::path& out);

}  // namespace rehearsal
