#include <algorithm>
#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/network_policy.h"
#include "policies/off_policy/objectives.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr std::uint16_t kNone = 0xffff;

struct OffsetTreeConfig {
  LearnerConfig learner;
  BehaviorConfig behavior;
  std::string offset = "mean";
  Fields fields() {
    Fields fields = learner.training_fields();
    behavior.add_to(fields);
    fields.choice("offset", offset, {"mean", "half"},
                  "reward from which on a module counts as better than the one it is compared "
                  "with: the log's mean, which varies least for rare rewards, or 1/2, as in the "
                  "paper");
    return fields;
  }
};

/// A balanced tree over modules: nodes below n_modules are its leaves.
class BinaryTree {
 public:
  struct Node {
    std::size_t left = 0;
    std::size_t right = 0;
    std::size_t level = 0;  // 0: both are leaves
    std::size_t index = 0;  // among the nodes of its level
  };

  explicit BinaryTree(std::size_t n_modules) : n_modules_(n_modules) {
    root_ = build(0, n_modules);
  }

  const std::vector<std::vector<std::size_t>>& levels() const { return levels_; }
  std::size_t n_nodes() const { return n_modules_ + nodes_.size(); }
  std::size_t root() const { return root_; }
  const Node& inner(std::size_t node) const { return nodes_[node - n_modules_]; }

  /// Who wins below a leaf: itself, where it is eligible. Args: winners: (n_nodes) set.
  void start(std::span<const std::uint32_t> eligible, std::span<std::uint16_t> winners) const {
    std::fill(winners.begin(), winners.end(), kNone);
    for (const std::uint32_t module : eligible)
      winners[module] = static_cast<std::uint16_t>(module);
  }
  /// Who wins below the nodes of a level. Args: scores: of the level, above 0: the left one.
  template <class Number>
  void raise(std::size_t level, std::span<const Number> scores,
             std::span<std::uint16_t> winners) const {
    for (const std::size_t node : levels_[level]) {
      const Node& inner_node = inner(node);
      const std::uint16_t left = winners[inner_node.left];
      const std::uint16_t right = winners[inner_node.right];
      const bool to_left = right == kNone || (left != kNone && scores[inner_node.index] > 0);
      winners[node] = to_left ? left : right;
    }
  }

 private:
  std::size_t level_above(std::size_t node) const {
    return node < n_modules_ ? 0 : inner(node).level + 1;
  }
  std::size_t build(std::size_t first, std::size_t last) {
    if (last - first == 1) return first;
    const std::size_t middle = first + (last - first) / 2;
    Node node{build(first, middle), build(middle, last)};
    node.level = std::max(level_above(node.left), level_above(node.right));
    levels_.resize(std::max(levels_.size(), node.level + 1));
    node.index = levels_[node.level].size();
    nodes_.push_back(node);
    levels_[node.level].push_back(n_modules_ + nodes_.size() - 1);
    return n_modules_ + nodes_.size() - 1;
  }

  std::size_t n_modules_;
  std::vector<Node> nodes_;
  std::vector<std::vector<std::size_t>> levels_;
  std::size_t root_ = 0;
};

std::vector<NamedNetwork> networks_of(const BinaryTree& tree) {
  std::vector<NamedNetwork> networks;
  for (const std::vector<std::size_t>& level : tree.levels())
    networks.push_back({"level_" + std::to_string(networks.size()), level.size()});
  return networks;
}

/// One level's comparisons: pages whose only "module" is the node they teach.
struct Comparisons {
  LoggedPages pages;
  std::vector<double> left;        // (n) 1 where the left one is said to be better
  std::vector<double> importance;  // (n)
};

/// sum of importance times the log-likelihood of a logistic comparison.
class LogisticComparison final : public PageObjective {
 public:
  explicit LogisticComparison(const Comparisons& comparisons) : comparisons_(comparisons) {}

  void gradient(const LoggedPages&, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const double p = logistic(logits[0]);
    gradient[0] = comparisons_.importance[i] * (comparisons_.left[i] - p);
  }

 private:
  const Comparisons& comparisons_;
};

class OffsetTree final : public NetworkPolicy {
 public:
  OffsetTree(const OffsetTreeConfig& config, NamedPolicy behavior, const Schema& schema,
             BinaryTree tree)
      : NetworkPolicy("offset_tree", config.learner, std::move(behavior), schema,
                      networks_of(tree)),
        half_(config.offset == "half"),
        tree_(std::move(tree)) {}

  bool deterministic() const override { return true; }

 private:
  Fitted learn(const Training& training) const override {
    const LoggedPages& pages = training.pages();
    std::vector<double> mu(pages.eligible.size());
    for_each_decision(training.context(), choices(), schema(), pages, behavior(),
                      [&](std::size_t i, const SlateDistribution& slates, std::size_t row) {
                        if (pages.n_shown(i) == 0) return;
                        behavior_step(slates, row, {}, 0,
                                      {mu.data() + pages.eligible_offsets[i], pages.n_eligible(i)});
                      });
    const std::size_t n_nodes = tree_.n_nodes();
    std::vector<std::uint16_t> winners(pages.size() * n_nodes);
    const auto of_page = [&](std::size_t i) {
      return std::span<std::uint16_t>(winners.data() + i * n_nodes, n_nodes);
    };
    for (std::size_t i = 0; i < pages.size(); ++i) tree_.start(pages.eligible_of(i), of_page(i));

    const double offset = half_ ? 0.5 : mean_reward(pages);
    Fitted fitted;
    for (std::size_t level = 0; level < tree_.levels().size(); ++level) {
      const std::size_t n_outputs = tree_.levels()[level].size();
      const Comparisons comparisons = compare(pages, level, winners, mu, offset);
      const Training own = training.on(comparisons.pages, n_outputs);
      ScoreNetwork network = own.start();
      LogisticComparison objective(comparisons);
      if (comparisons.pages.size() > 0) own.ascend(objective, network);
      add_scores(pages, level, n_outputs, network, winners);
      fitted.networks.push_back(std::move(network));
    }
    return fitted;
  }

  static double mean_reward(const LoggedPages& pages) {
    double sum = 0;
    for (const double reward : pages.reward) sum += reward;
    return sum / static_cast<double>(std::max<std::size_t>(pages.reward.size(), 1));
  }

  /// The pages that showed one of the two winners below a node of the level.
  Comparisons compare(const LoggedPages& pages, std::size_t level,
                      const std::vector<std::uint16_t>& winners, const std::vector<double>& mu,
                      double offset) const {
    Comparisons out;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < pages.size(); ++i) {
      if (pages.n_shown(i) == 0) continue;
      const std::span<const std::uint32_t> eligible = pages.eligible_of(i);
      const auto shown = static_cast<std::uint16_t>(eligible[pages.of(pages.choice, i)[0]]);
      const std::uint16_t* winner = winners.data() + i * tree_.n_nodes();
      for (const std::size_t node : tree_.levels()[level]) {
        const std::uint16_t left = winner[tree_.inner(node).left];
        const std::uint16_t right = winner[tree_.inner(node).right];
        if (left == kNone || right == kNone || (shown != left && shown != right)) continue;
        const std::uint16_t other = shown == left ? right : left;
        const auto at = std::find(eligible.begin(), eligible.end(), other) - eligible.begin();
        const OffsetExample example = offset_example(
            pages.of(pages.reward, i)[0], offset, pages.of(pages.pscore_cascade, i)[0],
            mu[pages.eligible_offsets[i] + static_cast<std::size_t>(at)]);
        rows.push_back(i);
        out.left.push_back(example.shown_is_better == (shown == left) ? 1 : 0);
        out.importance.push_back(example.importance);
        out.pages.eligible.push_back(static_cast<std::uint32_t>(tree_.inner(node).index));
        out.pages.eligible_offsets.push_back(static_cast<std::uint32_t>(out.pages.eligible.size()));
      }
    }
    out.pages.slot_offsets.assign(rows.size() + 1, 0);
    out.pages.scale = pages.scale;
    out.pages.inputs.resize(static_cast<Eigen::Index>(rows.size()), pages.inputs.cols());
    for (std::size_t r = 0; r < rows.size(); ++r)
      out.pages.inputs.row(static_cast<Eigen::Index>(r)) = pages.inputs.row(rows[r]);
    return out;
  }

  /// Who wins at the level, as its network has learnt.
  void add_scores(const LoggedPages& pages, std::size_t level, std::size_t n_outputs,
                  ScoreNetwork& network, std::vector<std::uint16_t>& winners) const {
    LoggedPages all;  // every page asks every node
    all.inputs = pages.inputs;
    all.slot_offsets.assign(pages.size() + 1, 0);
    for (std::size_t i = 0; i < pages.size(); ++i) {
      for (std::size_t node = 0; node < n_outputs; ++node)
        all.eligible.push_back(static_cast<std::uint32_t>(node));
      all.eligible_offsets.push_back(static_cast<std::uint32_t>(all.eligible.size()));
    }
    for_each_page(all, network, [&](std::size_t i, std::span<const double> scores) {
      tree_.raise(level, scores, {winners.data() + i * tree_.n_nodes(), tree_.n_nodes()});
    });
  }

  ListedSlates page(const Outputs& outputs) const override {
    if (outputs.n_positions == 0) return {{{}, 1.0}};
    std::vector<std::uint16_t> winners(tree_.n_nodes());
    tree_.start(outputs.ids, winners);
    for (std::size_t level = 0; level < tree_.levels().size(); ++level)
      tree_.raise(level, outputs.networks[level], winners);
    const auto at = std::find(outputs.ids.begin(), outputs.ids.end(), winners[tree_.root()]);
    return {{{static_cast<std::uint16_t>(at - outputs.ids.begin())}, 1.0}};
  }

  bool half_;
  BinaryTree tree_;
};

}  // namespace

OffsetExample offset_example(double reward, double offset, double p_shown, double p_other) {
  return {reward >= offset, std::abs(reward - offset) * (p_shown + p_other) / p_shown};
}

FieldDescriptions describe_offset_tree() { return describe_fields<OffsetTreeConfig>(); }

PolicyPtr make_offset_tree(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<OffsetTreeConfig>();
  if (decision_of(context.schema) == Decision::kItems)
    config.refuse(
        "type",
        "offset_tree compares modules in a tree of them all, and the candidates of a list "
        "are others each time; lists: ips_gradient, dr_gradient, pl_rank and others");
  check_one_decision(config, context.schema, "offset_tree");
  read.learner.choices.check(config, context.schema);
  return std::make_unique<OffsetTree>(read, policy_above(read.behavior.behavior, config, context),
                                      context.schema, BinaryTree(context.schema.n_modules()));
}

}  // namespace rehearsal
