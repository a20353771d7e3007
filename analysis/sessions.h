#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/estimators.h"
#include "analysis/return_distribution.h"
#include "sim/batch.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// The weight of a page by itself, of the pages so far, or of the page in its state.
enum class PageShare : std::uint8_t { kPage, kSoFar, kMarginal };

/// An estimator of the return of a session. A session is to its pages what a page is to its slots:
/// whole-session weights are whole-page weights of that list, weights of the pages so far are
/// cascade weights, so that the estimators of pages serve.
struct SessionEstimatorEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::string of_pages;  // in analysis/estimators.cc, with pages in the place of slots
  PageShare share = PageShare::kPage;  // what it reads as item-position weights
  /// Rewards are a page's own and the value of what follows, q_hat is fitted Q, direct V(s_0).
  bool modelled = false;
};

/// Every one of them: names as in analysis/trajectories.h, and what takes each page by itself.
const Registry<SessionEstimatorEntry>& session_estimators();

/// What a session evaluation is asked for.
struct SessionRequests {
  std::vector<const SessionEstimatorEntry*> entries;
  std::vector<Estimator> estimators;        // of pages, by entry, with the entry's name
  std::vector<CdfEstimator> distributions;  // of the return

  bool marginal() const;  // any reads weights of pages in their states
  bool modelled() const;  // any reads fitted Q
};

/// Args: names: of session_estimators() or of name_of(CdfEstimator); empty: all of the first, and
///       cd_sntis. Raises: Error(kInput) for an unknown name.
SessionRequests chosen_for_sessions(const std::vector<std::string>& names,
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
