#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "analysis/marginal_weights.h"
#include "scenarios/arrays/action_case.h"
#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

using Dims = std::vector<std::size_t>;
using WeightsOf = std::function<std::vector<double>(std::span<const std::size_t>)>;

/// Raises: where the probabilities of an action's embedding do not sum to 1 in a dimension.
std::span<const double> embedding_distribution(const CaseInputs& inputs,
                                               const EmbeddedRounds& rounds) {
  const std::size_t categories = rounds.n_categories, dims = rounds.n_dims;
  const std::span<const double> p =
      inputs.probabilities("p_e_a", {rounds.n_actions, categories, dims});
  for (std::size_t a = 0; a < rounds.n_actions; ++a)
    for (std::size_t d = 0; d < dims; ++d) {
      double sum = 0;
      for (std::size_t c = 0; c < categories; ++c) sum += p[(a * categories + c) * dims + d];
      if (!(std::abs(sum - 1) <= 1e-6))
        inputs.refuse(
            "p_e_a", fmt::format("the probabilities [{}, :, {}] sum to {}, expected 1", a, d, sum));
    }
  return p;
}

class Marginalized {
 public:
  Marginalized(ActionCase& single, Scores& scores)
      : single_(single), inputs_(single.inputs()), scores_(scores) {
    rounds_.n_actions = single.n_actions();
    rounds_.action_dist = single.rounds().action_dist;
    rounds_.pi_b = single.distribution("pi_b");
  }

  /// What blocks can have: all dimensions.
  void score() {
    if (knows_embeddings()) {
      read_embeddings();
      score_with("true_p_e_a", product(all_dims()));
      score_with("exact_joint_p_e_a", joint(all_dims()));
    }
    if (inputs_.has("pi_a_x_e_hat")) score_estimated();
  }

  /// Dimensions chosen from all rounds at once.
  void select() {
    if (!knows_embeddings()) return;
    const WeightsOf products = [this](std::span<const std::size_t> dims) { return product(dims); };
    const WeightsOf joints = [this](std::span<const std::size_t> dims) { return joint(dims); };
    select("true_p_e_a", "_slope_", products, true);
    select("true_p_e_a", "_slope_accepted_", products, false);
    select("exact_joint_p_e_a", "_slope_", joints, false);
  }

 private:
  bool knows_embeddings() const { return inputs_.has_all({"action_embed", "p_e_a"}); }

  Dims all_dims() const {
    Dims all(rounds_.n_dims);
    std::iota(all.begin(), all.end(), 0U);
    return all;
  }

  void read_embeddings() {
    rounds_.n_dims = inputs_.rows("p_e_a", 3) > 0 ? inputs_.at("p_e_a").shape[2] : 0;
    rounds_.n_categories = inputs_.at("p_e_a").shape[1];
    rounds_.p_e_a = embedding_distribution(inputs_, rounds_);
    embedding_ =
        inputs_.indices("action_embed", {rounds_.size(), rounds_.n_dims}, rounds_.n_categories);
    rounds_.embedding = embedding_;
  }

  /// Open Bandit Pipeline's weights, and the paper's.
  std::vector<double> product(std::span<const std::size_t> dims) const {
    return checked(product_marginal_weights(rounds_, dims));
  }
  std::vector<double> joint(std::span<const std::size_t> dims) const {
    return checked(joint_marginal_weights(rounds_, dims));
  }

  /// A classifier's probabilities of the action, given context and embedding.
  void score_estimated() {
    const std::size_t n = rounds_.size(), actions = rounds_.n_actions;
    const std::span<const double> p_hat = inputs_.probabilities("pi_a_x_e_hat", {n, actions});
    for (std::size_t i = 0; i < n; ++i) {
      const double sum =
          std::accumulate(p_hat.begin() + static_cast<std::ptrdiff_t>(i * actions),
                          p_hat.begin() + static_cast<std::ptrdiff_t>((i + 1) * actions), 0.0);
      if (!(std::abs(sum - 1) <= 1e-6))
        inputs_.refuse(
            "pi_a_x_e_hat",
            fmt::format("the probabilities [{}, :] sum to {}, expected 1", inputs_.round(i), sum));
    }
    score_with("estimated_weights", estimated_marginal_weights(rounds_, p_hat));
  }

  std::vector<double> checked(std::vector<double> weight) const {
    for (std::size_t i = 0; i < weight.size(); ++i)
      if (!std::isfinite(weight[i]))
        inputs_.refuse("action_embed",
                       fmt::format("the embedding of round {} has probability 0 by pi_b and p_e_a",
                                   inputs_.round(i)));
    return weight;
  }

  void score_with(const std::string& name, const std::vector<double>& weight) {
    ActionRounds columns = single_.rounds();
    columns.weight = weight;
    scores_.add(columns, {{"mipw_" + name, "ips"}, {"snmipw_" + name, "snips"}});
  }

  /// Dimensions chosen by SLOPE from plain means.
  /// Args: pipeline: Open Bandit Pipeline's answer, whose self-normalized form is the plain mean
  ///       wherever there is a choice.
  void select(const std::string& name, const std::string& how, const WeightsOf& weights_of,
              bool pipeline) {
    const struct {
      std::string name;
      Prune prune;
    } ways[] = {{"exact", Prune::kExact}, {"greedy", Prune::kGreedy}};
    for (const auto& way : ways) {
      const std::string plain = "mipw_" + name + how + way.name;
      const std::string normalized = "snmipw_" + name + how + way.name;
      if ((!scores_.wants(plain) && !scores_.wants(normalized)) || rounds_.size() < 2) continue;
      if (way.prune == Prune::kExact && rounds_.n_dims > kMostExactDims) {
        scores_.warn(fmt::format("{} is left out: it has more than {} dimensions to choose from",
                                 plain, kMostExactDims));
        continue;
      }
      const EmbeddingChoice choice =
          select_embeddings(rounds_.n_dims, way.prune, [&](std::span<const std::size_t> dims) {
            std::vector<double> terms = weights_of(dims);
            for (std::size_t i = 0; i < terms.size(); ++i) terms[i] *= single_.rounds().reward[i];
            return student_deviation(terms);
          });
      const std::vector<double> weight = weights_of(pipeline ? choice.pipeline : choice.accepted);
      ActionRounds columns = single_.rounds();
      columns.weight = weight;
      const std::string own = pipeline && rounds_.n_dims > 1 ? "ips" : "snips";
      scores_.add(columns, {{plain, "ips"}, {normalized, own}});
    }
  }

  ActionCase& single_;
  const CaseInputs& inputs_;
  Scores& scores_;
  EmbeddedRounds rounds_;
  std::vector<std::uint32_t> embedding_;  // (n, n_dims)
};

}  // namespace

CaseResult evaluate_action_embedding(const ArrayGroup& group, const ArrayOptions& options) {
  ActionCase single(group);
  Scores scores(options);
  score_bandit(single, scores);
  score_whole_bandit(single, scores);
  if (single.inputs().has("pi_b")) {
    Marginalized marginalized(single, scores);
    marginalized.score();
    marginalized.select();
  }
  return scores.take();
}

void score_embedded_actions(const ArrayGroup& block, Scores& scores) {
  ActionCase single(block);
  score_bandit(single, scores);
  if (single.inputs().has("pi_b")) Marginalized(single, scores).score();
}

}  // namespace rehearsal
