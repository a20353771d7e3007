#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "policies/makers.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct MixtureConfig {
  std::map<std::string, double> of;
  Fields fields() {
    return Fields().add("of", of, 0, 1,
                        "policies named before and the share of pages that each decides, such as "
                        "{curated: 0.95, random: 0.05}; shares sum to 1, one coin a page");
  }
};

/// Parts are in the order of their names; that is also the order of behavior_component.
class Mixture final : public Policy {
 public:
  struct Part {
    std::string name;
    std::shared_ptr<Policy> policy;
    double weight = 0;
  };

  explicit Mixture(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::unique_ptr<SlateDistribution>> distributions;
    std::vector<double> weights;
    for (const Part& part : parts_) {
      distributions.push_back(part.policy->distribution(requests));
      weights.push_back(part.weight);
    }
    return make_mixture(std::move(distributions), std::move(weights));
  }
  bool deterministic() const override {
    return parts_.size() == 1 && parts_[0].policy->deterministic();
  }
  std::map<std::string, const Policy*> parts() const override {
    std::map<std::string, const Policy*> parts;
    for (const Part& part : parts_) parts[part.name] = part.policy.get();
    return parts;
  }
  Arrays state() const override {
    Arrays all;
    for (std::size_t p = 0; p < parts_.size(); ++p)
      for (auto& [name, array] : parts_[p].policy->state()) all[prefix(p) + name] = array;
    return all;
  }
  void set_state(const Arrays& state) override {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      Arrays own;
      for (const auto& [name, array] : state)
        if (name.rfind(prefix(p), 0) == 0) own[name.substr(prefix(p).size())] = array;
      if (!own.empty()) parts_[p].policy->set_state(own);
    }
  }

 private:
  static std::string prefix(std::size_t part) { return fmt::format("part{}.", part); }

  std::vector<Part> parts_;
};

/// Orders of items, mixed by one coin a list. A part without a ranker keeps them as retrieved.
class MixtureOfRankers final : public Ranker {
 public:
  MixtureOfRankers(std::vector<std::shared_ptr<const Ranker>> parts, std::vector<double> weights)
      : parts_(std::move(parts)), weights_(std::move(weights)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::unique_ptr<SlateDistribution>> distributions;
    for (const auto& part : parts_) distributions.push_back(part->distribution(requests));
    return make_mixture(std::move(distributions), weights_);
  }
  bool deterministic() const override { return parts_.size() == 1 && parts_[0]->deterministic(); }

 private:
  std::vector<std::shared_ptr<const Ranker>> parts_;
  std::vector<double> weights_;
};

std::shared_ptr<const Ranker> mix_rankers(const std::vector<Mixture::Part>& parts) {
  std::vector<std::shared_ptr<const Ranker>> rankers;
  std::vector<double> weights;
  for (const Mixture::Part& part : parts) {
    const std::shared_ptr<const Ranker> own = part.policy->shared_ranker();
    rankers.push_back(own ? own : retrieval_ranker());
    weights.push_back(part.weight);
  }
  return std::make_shared<MixtureOfRankers>(std::move(rankers), std::move(weights));
}

std::shared_ptr<Policy> find_part(const std::string& name, const PluginConfig& config,
                                  const PolicyContext& context) {
  const auto found = context.others.find(name);
  if (found == context.others.end()) {
    std::vector<std::string> known;
    for (const auto& [other, policy] : context.others) known.push_back(other);
    config.refuse("of." + name, unknown_name("policy", name, known) +
                                    " (a mixture is of policies that stand before it)");
  }
  if (found->second->ranker() && context.schema.n_modules() > 1)
    config.refuse("of." + name,
                  "the policy '" + name +
                      "' has a ranker of its own; on pages of several modules a mixture mixes "
                      "orders of modules, so give the ranker to the mixture and mix policies "
                      "without");
  return found->second;
}

}  // namespace

FieldDescriptions describe_mixture() { return describe_fields<MixtureConfig>(); }

std::unique_ptr<Policy> make_mixture_policy(const PluginConfig& config,
                                            const PolicyContext& context) {
  const MixtureConfig read = config.read<MixtureConfig>();
  if (read.of.empty())
    config.refuse("of", "a mixture needs its parts, such as of: {curated: 0.95, random: 0.05}");
  std::vector<Mixture::Part> parts;
  double sum = 0;
  for (const auto& [name, weight] : read.of) {
    parts.push_back({name, find_part(name, config, context), weight});
    sum += weight;
  }
  if (std::abs(sum - 1) > 1e-9) config.refuse("of", fmt::format("shares sum to {}, not to 1", sum));
  const bool ranked = std::any_of(parts.begin(), parts.end(), [](const Mixture::Part& part) {
    return part.policy->ranker() != nullptr;
  });
  const std::shared_ptr<const Ranker> ranker = ranked ? mix_rankers(parts) : nullptr;
  auto mixture = std::make_unique<Mixture>(std::move(parts));
  if (ranker) mixture->set_ranker(ranker);
  return mixture;
}

}  // namespace rehearsal
