#include "policies/constraints.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <limits>

#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

class Constrained final : public Policy {
 public:
  Constrained(std::shared_ptr<const PageRules> rules, std::shared_ptr<Policy> policy,
              std::string name)
      : rules_(std::move(rules)), policy_(std::move(policy)), name_(std::move(name)) {
    set_ranker(policy_->shared_ranker());
  }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return restricted(*policy_->distribution(with_room(requests)), requests);
  }
  PageDistribution page_distribution(const RequestBatch& requests) const override {
    PageDistribution page = policy_->page_distribution(with_room(requests));
    page.modules = restricted(*page.modules, requests);
    return page;
  }
  bool deterministic() const override { return policy_->deterministic(); }
  bool reads_candidates() const override { return policy_->reads_candidates(); }

  void fit(const FitContext& context) override { policy_->fit(context); }
  void update(const LogBatch& played) override { policy_->update(played); }
  Arrays state() const override { return policy_->state(); }
  void set_state(const Arrays& state) override { policy_->set_state(state); }
  std::map<std::string, const Policy*> parts() const override { return policy_->parts(); }

 private:
  /// The same requests on pages with room for all modules.
  static RequestBatch with_room(const RequestBatch& requests) {
    RequestBatch all = requests;
    all.n_slots.assign(requests.size(), std::numeric_limits<std::uint16_t>::max());
    return all;
  }
  std::unique_ptr<SlateDistribution> restricted(const SlateDistribution& orders,
                                                const RequestBatch& requests) const {
    try {
      return restrict_slates(orders, rules_->of(requests), page_positions(requests));
    } catch (const Error& error) {
      throw Error(error.kind(), "policy '" + name_ + "': " + error.what());
    }
  }

  std::shared_ptr<const PageRules> rules_;
  std::shared_ptr<Policy> policy_;
  std::string name_;
};

}  // namespace

Fields ConstraintsConfig::fields() {
  return Fields()
      .add("max_sponsored", max_sponsored, -1, 64,
           "sponsored modules that a page holds at most; -1: as many as come")
      .add("sponsored", sponsored,
           "which modules those are; empty: those with 'sponsored' in their names")
      .add("pinned", pinned, 0, 63,
           "modules that have a slot of their own, such as {similar: 0}; slots count from 0");
}

PageRules::PageRules(const ConstraintsConfig& config, const PluginConfig& given,
                     const Schema& schema)
    : slot_(schema.n_modules(), SlateRules::kFree),
      sponsored_(schema.n_modules(), 0),
      most_(schema.n_modules()) {
  std::vector<std::string> at_slot(schema.n_slots);
  for (const auto& [name, slot] : config.pinned) {
    const std::string key = "pinned." + name;
    const std::size_t module =
        schema.module_index(name, where(given.node["pinned"], given.source.child("pinned")));
    if (slot != std::floor(slot) || slot >= schema.n_slots)
      given.refuse(
          key, fmt::format("{} is not a slot; pages have slots 0 to {}", slot, schema.n_slots - 1));
    std::string& other = at_slot[static_cast<std::size_t>(slot)];
    if (!other.empty())
      given.refuse(key, fmt::format("slot {} is that of '{}' already", slot, other));
    other = name;
    slot_[module] = static_cast<std::uint16_t>(slot);
  }
  if (config.max_sponsored < 0) {
    if (!config.sponsored.empty())
      given.refuse("sponsored", "there is no limit to count them for: give max_sponsored, too");
    return;
  }
  most_ = static_cast<std::size_t>(config.max_sponsored);
  for (std::size_t m = 0; m < schema.n_modules(); ++m)
    sponsored_[m] =
        config.sponsored.empty() && schema.modules[m].find("sponsored") != std::string::npos;
  for (const std::string& name : config.sponsored)
    sponsored_[schema.module_index(
        name, where(given.node["sponsored"], given.source.child("sponsored")))] = 1;
  std::size_t n_sponsored = 0;
  std::size_t n_pinned = 0;
  for (std::size_t m = 0; m < schema.n_modules(); ++m) {
    n_sponsored += sponsored_[m];
    n_pinned += sponsored_[m] && slot_[m] != SlateRules::kFree;
  }
  if (n_sponsored == 0)
    given.refuse("max_sponsored",
                 "no module has 'sponsored' in its name; list them in `sponsored`");
  if (n_pinned > most_)
    given.refuse(
        "max_sponsored",
        fmt::format("{} sponsored modules are pinned, more than the {} allowed", n_pinned, most_));
}

std::shared_ptr<const SlateRules> PageRules::of(const RequestBatch& requests) const {
  std::vector<std::uint16_t> position(requests.module.size());
  std::vector<std::uint8_t> limited(requests.module.size());
  for (std::size_t m = 0; m < requests.module.size(); ++m) {
    position[m] = slot_.at(requests.module[m]);
    limited[m] = sponsored_[requests.module[m]];
  }
  return std::make_shared<SlateRules>(requests.module_offsets, std::move(position),
                                      std::move(limited), most_);
}

std::shared_ptr<Policy> held_to(std::shared_ptr<const PageRules> rules,
                                std::shared_ptr<Policy> policy, std::string name) {
  if (auto* knows = dynamic_cast<KnowsRules*>(policy.get())) {
    knows->set_rules(std::move(rules));
    return policy;
  }
  return std::make_shared<Constrained>(std::move(rules), std::move(policy), std::move(name));
}

}  // namespace rehearsal
