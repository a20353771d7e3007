#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/fields.h"
#include "sim/core/registry.h"
#include "sim/core/rng.h"
#include "sim/schema.h"

namespace rehearsal {

struct TruthBatch;
class World;

/// Exact expectations of what users do on given pages. Empty columns: no closed form.
struct ExpectedBatch {
  std::vector<double> examination;       // (n_slots) probability
  std::vector<double> click;             // (n_slots) expected clicks
  std::vector<double> purchase;          // (n_slots) expected purchases
  std::vector<double> revenue;           // (n_slots) expected revenue
  std::vector<double> item_examination;  // (n_items) probability
  std::vector<double> item_click;        // (n_items) and so on: as ResponseBatch
  std::vector<double> item_purchase;     // (n_items)
  std::vector<double> item_revenue;      // (n_items)
  std::vector<double> dwell;             // (n_items)
  std::vector<double> engagement;        // (n_items)
  std::vector<double> like;              // (n_items)
  std::vector<double> share;             // (n_items)
  std::vector<double> hide;              // (n_items)
  std::vector<double> cart;              // (n_items)
  std::vector<double> continued;         // (n_items)
  std::vector<double> discovery;         // (n_items)
  std::vector<double> new_release;       // (n_items)
};

/// How users behave on a page. A pure function of requests (with their latents), pages and
/// addressed noise; noise of a module or item is addressed by its id, not by its place, so two
/// policies meet the same luck.
class UserModel {
 public:
  virtual ~UserModel() = default;

  /// Args: requests: with latents.  truth: filled when not null.
  virtual void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                       ResponseBatch& responses, TruthBatch* truth) const = 0;
  /// Exact probabilities where closed forms exist. Args: requests: with latents.
  virtual ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const = 0;

  /// Fills those columns of the context that the world leaves to behaviour: what the site has seen
  /// of these users so far (the clicks of a topic, the last item viewed), which policies may use.
  /// Called before the page is decided. Args: requests: with latents and state.
  virtual void observe(RequestBatch& /*requests*/) const {}

  /// Width of a user's evolving hidden state; 0: users do not change.
  virtual std::size_t n_state() const { return 0; }
  /// State of a user at the start. Args: state: (n_users, n_state).
  virtual void start(std::span<const UserId> /*users*/, const Rng& /*rng*/,
                     RowMatrix& /*state*/) const {}
  /// After a round: moves the states on and says who ends the session and when they come back; a
  /// state that lasts a session only starts anew here for those who leave.
  /// Args: state: (n_rounds, n_state) of the rounds' users.  gap: (n_rounds) filled
  /// with 0 (the session goes on), the days until the next session, or kNeverReturns.
  virtual void advance(const RequestBatch& requests, const PageBatch& pages,
                       const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                       std::span<std::uint16_t> gap) const = 0;
};

/// A line of users/users.cc.
struct UserModelEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> (*describe)() = nullptr;
  /// Raises: Error(kInput) when the world cannot carry this behaviour.
  std::unique_ptr<UserModel> (*make)(const PluginConfig&, const World&, const Rng&) = nullptr;
};

}  // namespace rehearsal
