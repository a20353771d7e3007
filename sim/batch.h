#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

struct Latents;  // hidden truth, sim/truth.h: policies, trainers and estimators cannot name its
                 // parts

/// What one row of a column stands for.
enum class Level {
  kRound,      // one request and its response
  kModule,     // an eligible module of a request
  kCandidate,  // an item that an eligible module retrieved
  kSlot,       // a shown module, in page order
  kItem,       // an item inside a shown module, in the order shown
};

/// Column by column. Each struct below has `visit(self, f)`, which calls
/// f(name, level, width, column, help) for every column: the log's writer and reader, gathering,
/// appending and the docs all walk it, so a new column is one member and one line.
/// An empty column means "not recorded", except in a batch of no rounds.

/// Requests: everything known before the decision.
struct RequestBatch {
  std::vector<std::uint32_t> user;         // (n_rounds)
  std::vector<std::uint16_t> session;      // (n_rounds)
  std::vector<std::uint16_t> round;        // (n_rounds) within the session
  std::vector<std::uint16_t> day;          // (n_rounds) of the visit; empty: no calendar
  std::vector<std::uint16_t> n_slots;      // (n_rounds) modules the page has room for
  std::vector<std::uint16_t> n_positions;  // (n_rounds) items a module has room for; empty: all
  std::vector<float> context;              // (n_rounds, n_features), categories as their index
  std::vector<std::uint16_t> module;       // (n_modules) eligible modules, ascending
  std::vector<std::uint32_t> candidate;  // (n_candidates) as retrieved; empty: the whole catalogue
  std::vector<float> candidate_context;  // (n_candidates, n_candidate_features) of this request
  Offsets module_offsets{0};             // (n_rounds + 1) into module
  Offsets candidate_offsets{0};          // (n_modules + 1) into candidate
  std::size_t n_features = 0;
  std::size_t n_candidate_features = 0;
  std::shared_ptr<const Latents> latents;  // null in whatever a log gave

  std::size_t size() const { return user.size(); }
  std::size_t n_eligible(std::size_t i) const { return module_offsets[i + 1] - module_offsets[i]; }
  std::span<const std::uint16_t> eligible(std::size_t i) const {
    return {module.data() + module_offsets[i], n_eligible(i)};
  }
  std::span<const float> features(std::size_t i) const {
    return {context.data() + i * n_features, n_features};
  }
  Turn turn(std::size_t i) const {
    const std::uint16_t on = day.empty() ? std::uint16_t{0} : day[i];
    return {UserId{user[i]}, session[i], round[i], on};
  }
  /// Items that round i shows of a module that retrieved so many.
  std::size_t n_placed(std::size_t i, std::size_t n_retrieved) const {
    return n_positions.empty() ? n_retrieved : std::min<std::size_t>(n_positions[i], n_retrieved);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("user", Level::kRound, 1, self.user, "user id");
    f("session", Level::kRound, 1, self.session, "the user's session");
    f("round", Level::kRound, 1, self.round, "round within the session");
    f("day", Level::kRound, 1, self.day, "day of the visit");
    f("n_slots", Level::kRound, 1, self.n_slots, "modules the page has room for");
    f("n_positions", Level::kRound, 1, self.n_positions,
      "items a module has room for, where it retrieves more");
    f("context", Level::kRound, self.n_features, self.context,
      "features known before the decision; categories as their index");
    f("eligible_module", Level::kModule, 1, self.module, "module that may be shown");
    f("candidate", Level::kCandidate, 1, self.candidate, "item retrieved for an eligible module");
    f("candidate_context", Level::kCandidate, self.n_candidate_features, self.candidate_context,
      "features of the candidate for this request, known before the decision");
  }
};

/// Pages: ordered modules, each with ordered items.
struct PageBatch {
  std::vector<std::uint16_t> module;  // (n_slots) in page order
  std::vector<std::uint32_t> item;    // (n_items) in the order shown
  Offsets slot_offsets{0};            // (n_rounds + 1) into module
  Offsets item_offsets{0};            // (n_slots + 1) into item

  std::size_t size() const { return slot_offsets.size() - 1; }
  std::size_t n_shown(std::size_t i) const { return slot_offsets[i + 1] - slot_offsets[i]; }
  std::span<const std::uint16_t> shown(std::size_t i) const {
    return {module.data() + slot_offsets[i], n_shown(i)};
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("module", Level::kSlot, 1, self.module, "module shown, in page order");
    f("item", Level::kItem, 1, self.item, "item shown, in order inside its module");
  }
};

/// One policy's exact probabilities of given pages (golden rule: marginals, prefixes and joints are
/// different numbers, and estimators need all three).
struct Propensities {
  std::vector<double> pscore;                // (n_rounds) of the whole page, items included
  std::vector<double> pscore_cascade;        // (n_slots) of the modules of slots 0..k
  std::vector<double> pscore_item_position;  // (n_slots) of this module at this slot
  std::vector<double> pscore_items;          // (n_slots) of the item order, given the module
  // Given the module, item by item; empty where items stay as retrieved.
  std::vector<double> pscore_in_module_cascade;   // (n_items) of the items 0..k
  std::vector<double> pscore_in_module_position;  // (n_items) of this item at this place
  std::vector<std::uint8_t> component;  // (n_rounds) part of the mixture that showed the page

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("pscore", Level::kRound, 1, self.pscore, "probability of the whole page, items included");
    f("pscore_cascade", Level::kSlot, 1, self.pscore_cascade,
      "probability of the modules from slot 0 to this one");
    f("pscore_item_position", Level::kSlot, 1, self.pscore_item_position,
      "probability of this module at this slot");
    f("pscore_items", Level::kSlot, 1, self.pscore_items,
      "probability of the order of the items, given the module");
    f("pscore_in_module_cascade", Level::kItem, 1, self.pscore_in_module_cascade,
      "probability of the module's items from the first to this one, given the module");
    f("pscore_in_module_position", Level::kItem, 1, self.pscore_in_module_position,
      "probability of this item at this place, given the module");
    f("behavior_component", Level::kRound, 1, self.component,
      "which part of a mixture policy showed the page");
  }
};

/// What the user did. A behaviour that has no such response leaves the column empty.
struct ResponseBatch {
  std::vector<std::uint8_t> click;          // (n_slots) clicks on the module
  std::vector<std::uint8_t> purchase;       // (n_slots) purchases from the module
  std::vector<float> revenue;               // (n_slots) price of what was purchased
  std::vector<std::uint8_t> impression;     // (n_items) in a window that was visible or swiped to
  std::vector<std::uint8_t> item_click;     // (n_items)
  std::vector<std::uint8_t> item_purchase;  // (n_items)
  std::vector<float> item_revenue;          // (n_items) price of what was purchased
  std::vector<float> delay;                 // (n_items) from click to purchase
  std::vector<float> dwell;                 // (n_items) time spent after the click
  std::vector<float> engagement;            // (n_items) what the site values, in its own unit
  std::vector<std::uint8_t> like;           // (n_items)
  std::vector<std::uint8_t> share;          // (n_items)
  std::vector<std::uint8_t> hide;           // (n_items)
  std::vector<std::uint8_t> cart;           // (n_items)
  std::vector<std::uint8_t> continued;      // (n_items) followed to its end after the click
  std::vector<std::uint8_t> discovery;      // (n_items) clicked, of a maker new to the user
  std::vector<std::uint8_t> new_release;    // (n_items) clicked, released lately

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("click", Level::kSlot, 1, self.click, "clicks on the module");
    f("purchase", Level::kSlot, 1, self.purchase, "purchases from the module");
    f("revenue", Level::kSlot, 1, self.revenue, "price of what was purchased, currency units");
    f("impression", Level::kItem, 1, self.impression, "the item was visible at first or swiped to");
    f("item_click", Level::kItem, 1, self.item_click, "the item was clicked");
    f("item_purchase", Level::kItem, 1, self.item_purchase, "the item was purchased");
    f("item_revenue", Level::kItem, 1, self.item_revenue, "price paid for the item");
    f("delay", Level::kItem, 1, self.delay, "from the click to the purchase, 0 without one");
    f("dwell", Level::kItem, 1, self.dwell, "time spent on the item after the click");
    f("engagement", Level::kItem, 1, self.engagement, "what the site values, in its own unit");
    f("like", Level::kItem, 1, self.like, "the item was liked");
    f("share", Level::kItem, 1, self.share, "the item was shared");
    f("hide", Level::kItem, 1, self.hide, "the item was hidden");
    f("cart", Level::kItem, 1, self.cart, "the item was put into the cart");
    f("continued", Level::kItem, 1, self.continued, "the clicked item was followed to its end");
    f("discovery", Level::kItem, 1, self.discovery,
      "the item was clicked and its maker is new to the user");
    f("new_release", Level::kItem, 1, self.new_release,
      "the item was clicked and was released lately");
  }
};

/// Rounds `rows` of a batch, in that order, as a new batch. Latents are not carried.
RequestBatch gather(const RequestBatch& requests, std::span<const std::uint32_t> rows);
PageBatch gather(const PageBatch& pages, std::span<const std::uint32_t> rows);
/// The same for columns that hang on pages.
Propensities gather(const Propensities& propensities, const PageBatch& pages,
                    std::span<const std::uint32_t> rows);
ResponseBatch gather(const ResponseBatch& responses, const PageBatch& pages,
                     std::span<const std::uint32_t> rows);

/// Puts the rounds of a batch behind those of another. Latents are not carried.
void append(const RequestBatch& from, RequestBatch& to);
void append(const PageBatch& from, PageBatch& to);
void append(const Propensities& from, Propensities& to);
void append(const ResponseBatch& from, ResponseBatch& to);

}  // namespace rehearsal
