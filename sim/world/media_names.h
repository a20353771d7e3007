#pragma once

namespace rehearsal::media {

// Features by which a domain says what it keeps: users act on those that their world has.
inline constexpr const char* kVisit = "visit_";              // context, numbered
inline constexpr const char* kMood = "mood";                 // context
inline constexpr const char* kTimesPlayed = "times_played";  // of a candidate

// Hidden parameters.
inline constexpr const char* kUsers = "user_latents";    // (n_users, dimensions)
inline constexpr const char* kItems = "item_latents";    // (n_items, dimensions)
inline constexpr const char* kQuality = "item_quality";  // (n_items) standard normal
inline constexpr const char* kArtist = "item_artist";    // (n_items)
inline constexpr const char* kRelease = "release_day";   // (n_items) 0: always there
inline constexpr const char* kCalendar = "calendar";  // days between visits, days a release is new

// Columns of the catalogue.
inline constexpr const char* kArtistColumn = "artist";
inline constexpr const char* kReleaseColumn = "release_day";

}  // namespace rehearsal::media
