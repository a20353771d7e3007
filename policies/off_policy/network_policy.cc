#include "policies/off_policy/network_policy.h"

#include <fmt/format.h>

#include "policies/learning.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

NetworkPolicy::NetworkPolicy(std::string type, LearnerConfig config, NamedPolicy behavior,
                             const Schema& schema, std::vector<NamedNetwork> networks)
    : ChoicePolicy(schema, config.choices),
      type_(std::move(type)),
      config_(std::move(config)),
      behavior_(std::move(behavior)),
      schema_(schema),
      networks_(std::move(networks)) {}

std::unique_ptr<SlateDistribution> NetworkPolicy::choose(const RequestBatch& requests) const {
  if (scorers_.size() != networks_.size()) refuse_untrained(type_);
  std::vector<RowMatrixF> scores(scorers_.size());
  for (std::size_t j = 0; j < scorers_.size(); ++j) scorers_[j].logits(requests, scores[j]);
  std::vector<std::uint16_t> n_positions = page_positions(requests);
  std::vector<ListedSlates> lists;
  lists.reserve(requests.size());
  ChoiceColumns columns;
  choices().read(requests, columns);
  const ChoiceRows rows = choices().rows(columns, own_);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = requests.module_offsets[i];
    Outputs outputs{{},
                    rows,
                    first,
                    std::span(columns.id).subspan(first, requests.n_eligible(i)),
                    n_positions[i]};
    for (const RowMatrixF& of_network : scores)
      outputs.networks.emplace_back(of_network.row(static_cast<Eigen::Index>(i)).data(),
                                    static_cast<std::size_t>(of_network.cols()));
    lists.push_back(page(outputs));
  }
  return make_listed(requests.module_offsets, std::move(n_positions), std::move(lists),
                     deterministic());
}

void NetworkPolicy::fit(const FitContext& context) {
  const LoggedPages pages =
      read_logged_pages(context, schema_, choices(), config_.reward == "purchase");
  const Fitted fitted = learn(Training(context, config_, pages, &choices(), choices().n_outputs()));
  REHEARSAL_CHECK(fitted.networks.size() == networks_.size());
  Arrays state = fitted.more;
  choices().add_to(state, pages.own);
  for (std::size_t j = 0; j < networks_.size(); ++j)
    for (auto& [name, array] : scorer_state(fitted.networks[j].weights(), pages.scale))
      state[networks_[j].name + "." + name] = std::move(array);
  set_state(state);
}

Arrays NetworkPolicy::state() const {
  Arrays all = state_;
  add_part_state(behavior_, all);
  return all;
}

void NetworkPolicy::set_state(const Arrays& state) {
  std::vector<ContextScorer> scorers;
  for (const NamedNetwork& network : networks_) {
    ModuleNetworkSpec spec;
    spec.n_inputs = static_cast<std::int64_t>(choices().encoder().n_inputs());
    spec.n_modules = static_cast<std::int64_t>(network.n_outputs);
    spec.hidden = config_.hidden;
    const std::string prefix = network.name + ".";
    Arrays own;
    for (const auto& [name, array] : state)
      if (name.rfind(prefix, 0) == 0) own[name.substr(prefix.size())] = array;
    scorers.emplace_back(choices().encoder(), spec, own);
  }
  own_ = choices().own_scale(state);
  restore(state);
  state_ = take_part_state(behavior_, state);
  scorers_ = std::move(scorers);
}

std::map<std::string, const Policy*> NetworkPolicy::parts() const {
  if (!behavior_.policy) return {};
  return {{behavior_.name, behavior_.policy.get()}};
}

void check_one_decision(const PluginConfig& given, const Schema& schema, const std::string& type) {
  if (decision_of(schema) == Decision::kItems && schema.n_positions != 1)
    given.refuse("type", fmt::format("{} decides one item a list, and lists here show {}; lists: "
                                     "ips_gradient, mips_gradient, pi_opt and others",
                                     type, schema.n_positions));
  if (schema.n_slots != 1)
    given.refuse("type", fmt::format("{} decides one module a page, and pages here have {} slots; "
                                     "pages: ips_gradient, mips_gradient, pi_opt and others",
                                     type, schema.n_slots));
}

}  // namespace rehearsal
