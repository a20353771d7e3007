#pragma once

#include "users/carousel_page.h"
#include "users/fitting.h"

namespace rehearsal {

/// Maximum likelihood, by EM over the hidden scan of the page, of the attraction of each item
/// (shrunk to the mean as in fit_clicks), row_entry, next_row (one number) and no_click from clicks
/// alone. Posteriors are exact: forwards and backwards through rows and cells (user_models.md B.3).
/// Args: sessions: of read_page_sessions; every click satisfies with probability `satisfied`.
///       held: click, satisfied_click, visible, swipe_step, swipe, fold, mirror, fatigue; a list
///       as row_entry asks for one number a row.  threads: 0: all; the fit is the same for any.
/// Raises: Error(kInput) for no clicks, a row_entry of too few rows, row_entry_logit, and clicks
///         that cannot be by what is held.
ClickFit fit_carousel_page(const ClickSessions& sessions, const CarouselPageConfig& held,
                           int threads = 0);

}  // namespace rehearsal
