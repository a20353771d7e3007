#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

// What a policy of one's own is written against: a shared library that defines one class and says
// REHEARSAL_PLUGIN(TheClass). This header needs nothing else of Rehearsal, and a plug-in links
// nothing of it. docs/examples/plugin is one that builds.
namespace rehearsal::plugin {

/// Goes up whenever something below changes; a library built against another number is refused.
inline constexpr std::uint32_t kInterface = 1;

/// One column of Request::context.
struct Feature {
  std::string name;
  std::vector<std::string> levels;  // names of a category's values; empty: a number
};

/// What requests, modules and items look like.
struct Site {
  std::vector<Feature> features;
  std::vector<std::string> modules;
  std::vector<std::string> item_features;
  std::span<const float> items;  // (n_items, n_item_features) row-major; outlives the policy
  std::uint32_t n_items = 0;
  std::string options;  // the text under the policy's key `options`
};

/// One request: all that is known before the decision.
struct Request {
  std::uint32_t user = 0;
  std::uint16_t session = 0;
  std::uint16_t round = 0;
  std::size_t n_slots = 0;                    // modules that a page shows, at most `eligible`
  std::span<const float> context;             // (n_features) categories as their index
  std::span<const std::uint16_t> eligible;    // modules that may be shown, ascending
  std::span<const std::uint32_t> candidates;  // items of all of them, one after another
  std::span<const std::uint32_t> candidate_offsets;  // (eligible + 1) from the first's start
};

/// A page that may be shown: n_slots different eligible modules, in order.
struct Page {
  std::vector<std::uint16_t> modules;
  double probability = 1;
};

/// A policy over modules. Calls come from several threads at once.
class Policy {
 public:
  virtual ~Policy() = default;
  /// The pages it may show on this request, each with its probability; they sum to 1. A pure
  /// function of the request. What it throws ends the run, with the request in the message.
  virtual std::vector<Page> decide(const Request& request) const = 0;
  /// Whether it always has one page.
  virtual bool deterministic() const { return false; }
};

/// A policy that scores modules and shows the best, first the highest; equal ones in their order.
class ScoringPolicy : public Policy {
 public:
  /// Args: scores: (eligible) to be filled.
  virtual void score(const Request& request, std::span<double> scores) const = 0;

  std::vector<Page> decide(const Request& request) const override {
    std::vector<double> scores(request.eligible.size(), std::nan(""));
    score(request, scores);
    for (std::size_t m = 0; m < scores.size(); ++m)
      if (std::isnan(scores[m]))
        throw std::domain_error("the score of module " + std::to_string(request.eligible[m]) +
                                " is not a number");
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    Page page;
    for (std::size_t k = 0; k < request.n_slots; ++k)
      page.modules.push_back(request.eligible[order[k]]);
    return {page};
  }
  bool deterministic() const override { return true; }
};

}  // namespace rehearsal::plugin

/// Makes `Class` (constructed from a const Site&) the policy of this library.
#define REHEARSAL_PLUGIN(Class)                                                                  \
  extern "C" __attribute__((visibility("default"))) std::uint32_t rehearsal_plugin_interface() { \
    return ::rehearsal::plugin::kInterface;                                                      \
  }                                                                                              \
  extern "C" __attribute__((visibility("default"))) ::rehearsal::plugin::Policy*                 \
  rehearsal_plugin_make(const ::rehearsal::plugin::Site* site) {                                 \
    return new Class(*site);                                                                     \
  }
