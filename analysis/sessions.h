#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/estimators.h"
#include "sim/batch.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// An estimator of the return of a session. A session is to its pages what a page is to its slots:
/// whole-session weights are whole-page weights of that list, weights of the pages so far are
/// cascade weights, so that the estimators of pages serve.
struct SessionEstimatorEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::string of_pages;  // in analysis/estimators.cc, with pages in the place of slots
};

/// Every one of them: names as in analysis/trajectories.h, and what takes each page by itself.
const Registry<SessionEstimatorEntry>& session_estimators();

/// Args: names: of session_estimators(); empty: all. Raises: Error(kInput) for an unknown name.
std::vector<Estimator> chosen_for_sessions(const std::vector<std::string>& names,
                                           const std::string& where);

/// Where sessions begin. Args: requests: ordered by (user, session, round).
/// Returns: (sessions + 1) offsets into the rounds.
Offsets session_offsets(const RequestBatch& requests);

/// The weights of sessions from those of their pages.
struct SessionWeights {
  std::vector<double> whole;   // (sessions) product over the session
  std::vector<double> so_far;  // (rounds) product up to this page
};
SessionWeights session_weights(const Offsets& sessions, std::span<const double> page_weight);

/// What each page adds to its session's return: gamma^t times its reward, t from 0.
/// Args: slot_offsets: (rounds + 1) into reward.  discount: gamma, in [0, 1].
/// Returns: (rounds).
std::vector<double> discounted_rewards(const Offsets& sessions,
                                       std::span<const std::uint32_t> slot_offsets,
                                       std::span<const double> reward, double discount);

}  // namespace rehearsal
