#include "scenarios/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "scenarios/decision_table.h"
#include "sim/core/error.h"
#include "sim/engine/simulate.h"
#include "sim/truth.h"

namespace rehearsal {

namespace {

std::vector<std::string> context_of(const Schema& schema, const RequestBatch& requests,
                                    std::size_t i) {
  std::vector<std::string> context;
  const std::span<const float> values = requests.features(i);
  for (std::size_t f = 0; f < schema.n_features(); ++f) {
    const Feature& feature = schema.features[f];
    context.push_back(feature.name + "=" +
                      (feature.categorical() ? feature.levels[static_cast<std::size_t>(values[f])]
                                             : fmt::format("{:.2f}", values[f])));
  }
  return context;
}

ReplayedSlot slot_of(const Schema& schema, const Played& played, const TruthBatch& truth,
                     const ExpectedBatch& expected, std::size_t slot) {
  ReplayedSlot out;
  out.module = schema.modules[played.pages.module[slot]];
  out.p_position = played.propensities.pscore_item_position[slot];
  if (!truth.examined.empty()) out.examined = truth.examined[slot] != 0;
  if (!played.responses.click.empty()) out.clicks = played.responses.click[slot];
  if (!played.responses.purchase.empty()) out.purchases = played.responses.purchase[slot];
  if (!expected.click.empty()) out.p_click = expected.click[slot];
  if (!expected.purchase.empty()) out.p_purchase = expected.purchase[slot];
  return out;
}

constexpr std::size_t kColumnWidth = 56;

std::vector<std::string> lines_of(const Replay& replay, std::size_t page) {
  std::vector<std::string> lines{replay.policy};
  if (page >= replay.pages.size()) {
    lines.push_back("  (no such page: the user had left)");
    return lines;
  }
  const ReplayedPage& shown = replay.pages[page];
  lines[0] += fmt::format("  (session {}, round {})", shown.session, shown.round);
  lines.push_back(fmt::format("{:<4} {:<22} {:>6} {:>3} {:>7} {:>8}", "slot", "module", "p(slot)",
                              "", "E click", "E buy"));
  double clicks = 0;
  double purchases = 0;
  for (std::size_t k = 0; k < shown.slots.size(); ++k) {
    const ReplayedSlot& slot = shown.slots[k];
    const std::string marks = std::string(slot.examined ? "E" : ".") +
                              (slot.clicks > 0 ? "C" : ".") + (slot.purchases > 0 ? "P" : ".");
    lines.push_back(fmt::format("{:<4} {:<22} {:>6.4f} {:>4} {:>7.4f} {:>8.5f}", k,
                                slot.module.substr(0, 22), slot.p_position, marks, slot.p_click,
                                slot.p_purchase));
    clicks += slot.p_click;
    purchases += slot.p_purchase;
  }
  lines.push_back(fmt::format("{:<4} {:<22} {:>6.4f} {:>4} {:>7.4f} {:>8.5f}", "page", "",
                              shown.pscore, "", clicks, purchases));
  return lines;
}

/// Two policies beside each other on a screen; more go below.
std::string side_by_side(const std::vector<Replay>& replays, std::size_t page) {
  std::string text;
  for (std::size_t first = 0; first < replays.size(); first += 2) {
    const std::vector<std::string> left = lines_of(replays[first], page);
    std::vector<std::string> right;
    if (first + 1 < replays.size()) right = lines_of(replays[first + 1], page);
    for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      std::string line = fmt::format("{:<{}}", i < left.size() ? left[i] : "", kColumnWidth);
      if (i < right.size()) line += "  | " + right[i];
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<Replay> replay(const Scenario& scenario, const Setup& setup, std::uint32_t user,
                           const std::vector<std::string>& policies) {
  const World& world = *setup.world;
  if (user >= world.n_users())
    throw Error(ErrorKind::kInput, fmt::format("user {} is unknown: the world has users 0 to {}",
                                               user, world.n_users() - 1));
  const RoundBudget budget{static_cast<std::uint64_t>(scenario.live.pages), world.n_users()};
  if (budget.rounds_of(user) == 0)
    throw Error(ErrorKind::kInput,
                fmt::format("user {} has no live page: {} pages went to users 0 to {}", user,
                            scenario.live.pages, scenario.live.pages - 1));
  std::vector<Replay> replays;
  for (const std::string& name : policies) {
    Replay one{name, {}};
    const auto sink = [&](Played& played, TruthBatch& truth) {
      const ExpectedBatch expected = setup.users->expected(played.requests, played.pages);
      for (std::size_t i = 0; i < played.requests.size(); ++i) {
        ReplayedPage page{played.requests.session[i] - kLiveSession,
                          played.requests.round[i],
                          context_of(world.schema(), played.requests, i),
                          played.propensities.pscore[i],
                          {}};
        for (std::size_t k = played.pages.slot_offsets[i]; k < played.pages.slot_offsets[i + 1];
             ++k)
          page.slots.push_back(slot_of(world.schema(), played, truth, expected, k));
        one.pages.push_back(std::move(page));
      }
    };
    play(world, *setup.users, *setup.policies[scenario.index_of(name)], setup.rng, user, 1, budget,
         kLiveSession, 1, true, sink);
    replays.push_back(std::move(one));
  }
  return replays;
}

std::string to_text(const std::vector<Replay>& replays, std::uint32_t user) {
  std::size_t n_pages = 0;
  for (const Replay& replay : replays) n_pages = std::max(n_pages, replay.pages.size());
  std::string text = fmt::format(
      "User {}, live, same noise under every policy. p(slot): the policy's probability of the\n"
      "module at its slot. E examined, C clicked, P purchased. E click, E buy: expected.\n\n",
      user);
  for (std::size_t page = 0; page < n_pages; ++page) {
    const auto longest = std::max_element(
        replays.begin(), replays.end(),
        [](const Replay& a, const Replay& b) { return a.pages.size() < b.pages.size(); });
    std::string context;
    for (const std::string& part : longest->pages[page].context) context += " " + part;
    text +=
        wrapped(fmt::format("Page {}:{}", page + 1, context), 118, 4) + side_by_side(replays, page);
  }
  return text;
}

std::string to_json(const std::vector<Replay>& replays, std::uint32_t user) {
  using nlohmann::ordered_json;
  ordered_json policies = ordered_json::array();
  for (const Replay& replay : replays) {
    ordered_json pages = ordered_json::array();
    for (const ReplayedPage& page : replay.pages) {
      ordered_json slots = ordered_json::array();
      for (const ReplayedSlot& slot : page.slots)
        slots.push_back({{"module", slot.module},
                         {"pscore_item_position", slot.p_position},
                         {"examined", slot.examined},
                         {"clicks", slot.clicks},
                         {"purchases", slot.purchases},
                         {"p_click", slot.p_click},
                         {"p_purchase", slot.p_purchase}});
      pages.push_back({{"session", page.session},
                       {"round", page.round},
                       {"context", page.context},
                       {"pscore", page.pscore},
                       {"slots", slots}});
    }
    policies.push_back({{"name", replay.policy}, {"pages", pages}});
  }
  const ordered_json all{{"schema", "rehearsal.replay/1"}, {"user", user}, {"policies", policies}};
  return all.dump(2) + "\n";
}

}  // namespace rehearsal
