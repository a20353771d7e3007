#pragma once

namespace rehearsal::kuaisim {

// Context features that the user model fills: what the site has seen.
inline constexpr const char* kDaysAway = "days_away";
inline constexpr const char* kRecentClicks = "recent_clicks";

}  // namespace rehearsal::kuaisim
