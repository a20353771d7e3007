#include "policies/online/bandit.h"

#include <fmt/format.h>

#include <numeric>

#include "policies/learning.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The items of every module by the bandit itself.
class BanditItems final : public Ranker {
 public:
  explicit BanditItems(const Bandit& bandit) : bandit_(bandit) {}
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return bandit_.item_slates(requests);
  }
  bool deterministic() const override { return bandit_.deterministic(); }

 private:
  const Bandit& bandit_;
};

[[noreturn]] void not_recorded(const std::string& what) {
  throw Error(ErrorKind::kInput, "a bandit cannot learn: " + what + " are not recorded");
}

/// One slate as it was shown: its arms and what came of each.
struct Shown {
  const std::uint8_t* event;
  const std::uint8_t* impression;  // null: not looked at
  std::size_t n;

  /// How many from the first on a cascade counts.
  std::size_t cascade(std::size_t visible) const {
    for (std::size_t k = 0; k < n; ++k)
      if (event[k] > 0) return std::min(n, std::max(visible, k + 1));
    return visible == 0 ? n : std::min(n, visible);
  }
};

}  // namespace

Fields BanditConfig::add_to(Fields fields) {
  return fields
      .choice("arms", arms, {"auto", "modules", "items"},
              "what is chosen among; auto: items where the world has one module, else modules")
      .choice("objective", objective, {"ctr", "ptr"}, "a success is a click (ctr) or a purchase")
      .choice("feedback", feedback, {"all", "cascade", "impressions"},
              "shown arms that count as displayed: all, those up to the first success, or items "
              "that were seen")
      .add("visible", visible, 0, 4095,
           "of a cascade: arms looked at in any case, and all that are without a success; 0: "
           "without a success all are")
      .add("examination", examination, 1e-9, 1,
           "how far a display counts, by place from the first on (slots; devices one after another "
           "where the list is so long); empty: 1");
}

Bandit::Bandit(const BanditConfig& config, const PluginConfig& plugin, const Schema& schema)
    : config_(config),
      schema_(schema),
      encoder_(schema),
      of_items_(config.arms == "items" || (config.arms == "auto" && schema.n_modules() == 1)) {
  if (config.feedback == "impressions" && !of_items_)
    plugin.refuse("feedback", "impressions are of items, and the arms are modules");
  const std::size_t n = config.examination.size();
  if (!of_items_ && n != 0 && n != encoder_.n_slots() && n != encoder_.n_positions())
    plugin.refuse("examination", fmt::format("has {} numbers; a page has {} slots, {} with devices",
                                             n, encoder_.n_slots(), encoder_.n_positions()));
  if (of_items_ && n != 0 && n < schema.n_positions)
    plugin.refuse("examination",
                  fmt::format("has {} numbers; a list shows {} items", n, schema.n_positions));
  if (!of_items_) return;
  const auto items = std::make_shared<const BanditItems>(*this);
  own_ranker_ = items.get();
  set_ranker(items);
}

std::unique_ptr<SlateDistribution> Bandit::distribution(const RequestBatch& requests) const {
  if (of_items_) {
    if (ranker() != own_ranker_)
      throw Error(ErrorKind::kInput, "a bandit of items orders them itself and takes no ranker");
    return order_by_score(requests, std::vector<double>(requests.module.size()));
  }
  ArmDecisions decisions{requests.module_offsets, page_positions(requests), {}, {}};
  decisions.arm.assign(requests.module.begin(), requests.module.end());
  decisions.round.resize(requests.size());
  std::iota(decisions.round.begin(), decisions.round.end(), 0u);
  return slates(requests, std::move(decisions));
}

std::unique_ptr<SlateDistribution> Bandit::item_slates(const RequestBatch& requests) const {
  if (requests.candidate.empty() && !requests.module.empty())
    throw Error(ErrorKind::kInput, "a bandit of items needs requests with candidates");
  ArmDecisions decisions{
      requests.candidate_offsets, item_positions(requests), requests.candidate, {}};
  for (std::size_t i = 0; i < requests.size(); ++i)
    decisions.round.insert(decisions.round.end(), requests.n_eligible(i),
                           static_cast<std::uint32_t>(i));
  return slates(requests, std::move(decisions));
}

void Bandit::fit(const FitContext& context) {
  forget();
  Columns columns;
  columns.items = of_items_;
  columns.propensities = false;
  for_each_shard(context.rounds, schema_, columns, context.name, context.progress,
                 [&](const LogBatch& batch) { update(batch); });
}

void Bandit::update(const LogBatch& played) { learn(played, observe(played)); }

double Bandit::examination(const LogBatch& played, std::size_t i, std::size_t place) const {
  const std::vector<double>& by_place = config_.examination;
  if (by_place.empty()) return 1;
  if (!of_items_ && by_place.size() == encoder_.n_positions())
    place = encoder_.position(played.requests.features(i), place);
  if (place >= by_place.size())
    throw Error(ErrorKind::kInput, fmt::format("examination has {} numbers; place {} was shown",
                                               by_place.size(), place));
  return by_place[place];
}

std::vector<Observation> Bandit::observe(const LogBatch& played) const {
  const bool purchases = config_.objective == "ptr";
  const ResponseBatch& seen = played.responses;
  const std::size_t n_shown = of_items_ ? played.pages.item.size() : played.pages.module.size();
  const std::vector<std::uint8_t>& events = of_items_
                                                ? purchases ? seen.item_purchase : seen.item_click
                                            : purchases ? seen.purchase
                                                        : seen.click;
  if (events.size() != n_shown) not_recorded(purchases ? "purchases" : "clicks");
  const bool impressions = config_.feedback == "impressions";
  if (impressions && seen.impression.size() != n_shown) not_recorded("impressions");
  std::vector<Observation> out;
  const auto add = [&](std::size_t i, std::size_t first, std::size_t n) {
    const Shown shown{events.data() + first, impressions ? seen.impression.data() + first : nullptr,
                      n};
    if (config_.feedback == "cascade") n = shown.cascade(static_cast<std::size_t>(config_.visible));
    for (std::size_t k = 0; k < n; ++k) {
      if (impressions && shown.impression[k] == 0) continue;
      const std::uint32_t arm =
          of_items_ ? played.pages.item[first + k] : played.pages.module[first + k];
      if (arm >= n_arms())
        throw Error(ErrorKind::kInput,
                    fmt::format("arm {} was shown; there are {}", arm, n_arms()));
      out.push_back(
          {static_cast<std::uint32_t>(i), arm, examination(played, i, k), shown.event[k] > 0});
    }
  };
  for (std::size_t i = 0; i < played.size(); ++i) {
    const std::size_t first = played.pages.slot_offsets[i];
    if (!of_items_) add(i, first, played.pages.n_shown(i));
    for (std::size_t s = first; of_items_ && s < played.pages.slot_offsets[i + 1]; ++s)
      add(i, played.pages.item_offsets[s],
          played.pages.item_offsets[s + 1] - played.pages.item_offsets[s]);
  }
  return out;
}

}  // namespace rehearsal
