#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/log/log.h"
#include "users/fitting.h"

namespace rehearsal {

/// A fitted model beside a log: what users did, and what the model expects on the same pages.
struct Fidelity {
  struct Pair {
    std::string name;
    double log = 0;
    double model = 0;
  };
  std::string log;
  std::uint64_t n_impressions = 0;
  Pair ctr;                       // clicks an impression
  double ctr_stderr = 0;          // of the log's, pages being independent
  std::vector<Pair> by_rank;      // clicks an impression
  std::vector<Pair> by_group;     // the same by module, or by quarters of the items' attraction
  std::vector<Pair> n_clicks;     // share of pages with 0, 1, ... clicks
  double rounds_per_session = 0;  // of the log; a click model ends with the page
};

/// What can be fitted: fittable_click_models, and carousel_page to pages of rows of items.
std::vector<std::string> fittable_users();

struct FitUsersOptions {
  std::string model;
  std::string held{};  // of carousel_page: a file with `users:` whose values are held; "": defaults
  double held_out = 0.2;  // share of the users
  std::uint64_t seed = 1;
  int threads = 0;
  const LogReader* compare = nullptr;  // a second log, of another policy on the same items
};

/// A model fitted to a log, judged on users that it was not fitted to.
struct FitUsersReport {
  ClickFit fit;                 // to all users
  std::vector<double> stderrs;  // of fit.fitted, from fits to ten disjoint parts of the users
  std::string log;
  std::uint64_t n_train = 0, n_test = 0;            // impressions
  ClickScore conditional, unconditional, baseline;  // held-out users; model fitted to the others
  Fidelity own;
  std::optional<Fidelity> other;
};

/// Fits, scores on held-out users beside each rank's click rate, and compares with the log and with
/// a second one, whose clicks the model never sees. Reads /observed alone.
/// Raises: Error(kInput) for what fit_clicks and fit_carousel_page refuse, for `held` with another
/// model or with user_types, and for a second log of other items.
FitUsersReport fit_users(const LogReader& log, const FitUsersOptions& options);

/// YAML with `users:`, which a scenario can include.
std::string users_yaml(const FitUsersReport& report);
std::string to_json(const FitUsersReport& report);
/// A table for people.
std::string to_text(const FitUsersReport& report);

}  // namespace rehearsal
