#include <yaml-cpp/yaml.h>

#include <cmath>

#include "analysis/evaluate.h"
#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/decision.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kCandidates = 4;
constexpr std::size_t kPositions = 2;
constexpr std::uint32_t kRounds = 400;

/// A world of one module whose lists show two of four candidates; items have one feature.
Schema list_schema() {
  Schema schema;
  schema.features = {{"taste", {}, ""}};
  schema.modules = {"list"};
  schema.item_features = {"quality"};
  schema.n_slots = 1;
  schema.n_positions = kPositions;
  schema.n_items = 6;
  schema.items.resize(6, 1);
  schema.items << 0.5F, -0.3F, 0.9F, 0.1F, -0.8F, 0.4F;
  return schema;
}

std::shared_ptr<Policy> policy(const std::string& yaml, const Schema& schema,
                               const std::map<std::string, std::shared_ptr<Policy>>& others = {}) {
  return make_policy(YAML::Load(yaml), {}, {schema, Rng(1), nullptr, others});
}

RequestBatch list_requests() {
  RequestBatch requests;
  requests.n_features = 1;
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    requests.user.push_back(i);
    requests.session.push_back(0);
    requests.round.push_back(0);
    requests.n_slots.push_back(1);
    requests.n_positions.push_back(kPositions);
    requests.context.push_back(static_cast<float>(i % 3) - 1);
    requests.module.push_back(0);
    for (std::uint32_t c = 0; c < kCandidates; ++c) requests.candidate.push_back((i + c) % 6);
    requests.candidate_offsets.push_back(static_cast<std::uint32_t>(requests.candidate.size()));
    requests.module_offsets.push_back(i + 1);
  }
  return requests;
}

LogBatch list_log(const Policy& behavior) {
  LogBatch batch;
  batch.requests = list_requests();
  batch.pages = recommend(behavior, batch.requests, Rng(5), &batch.propensities);
  for (std::size_t j = 0; j < batch.pages.item.size(); ++j) {
    const std::uint32_t item = batch.pages.item[j];
    batch.responses.item_click.push_back((item * 7 + j) % 3 == 0 ? 1 : 0);
    batch.responses.dwell.push_back(0.5F * static_cast<float>(item + j % 5));
  }
  return batch;
}

RoundSource source(const LogBatch& batch, const Schema& schema) {
  RoundSource rounds;
  rounds.n_shards = 1;
  rounds.schema = &schema;
  rounds.read = [&](std::size_t, const Columns&) { return batch; };
  return rounds;
}

/// Joint, prefix and marginal probability of a shown pair under Plackett-Luce weights, by summing
/// over all pairs.
struct PairProbabilities {
  double first = 0, joint = 0, second_marginal = 0;
};
PairProbabilities pair_probabilities(const std::vector<double>& weight, std::size_t a,
                                     std::size_t b) {
  double total = 0;
  for (const double w : weight) total += w;
  PairProbabilities p;
  p.first = weight[a] / total;
  p.joint = p.first * weight[b] / (total - weight[a]);
  for (std::size_t other = 0; other < weight.size(); ++other)
    if (other != b)
      p.second_marginal += weight[other] / total * weight[b] / (total - weight[other]);
  return p;
}

/// Estimates of ips, rips and iips by these probabilities alone.
struct ByHand {
  double ips = 0, rips = 0, iips = 0;
};
ByHand by_hand(const LogBatch& batch, const Schema& schema, double scale,
               const std::vector<double>& reward) {
  ByHand out;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::vector<double> weight(kCandidates);
    std::size_t a = 0, b = 0;
    for (std::size_t c = 0; c < kCandidates; ++c) {
      const std::uint32_t item = batch.requests.candidate[i * kCandidates + c];
      weight[c] = std::exp(scale * static_cast<double>(schema.items(item, 0)));
      if (item == batch.pages.item[2 * i]) a = c;
      if (item == batch.pages.item[2 * i + 1]) b = c;
    }
    const PairProbabilities pi = pair_probabilities(weight, a, b);
    const double first = pi.first / 0.25, joint = pi.joint / (0.25 / 3),
                 second = pi.second_marginal / 0.25;
    out.ips += joint * (reward[2 * i] + reward[2 * i + 1]) / kRounds;
    out.rips += (first * reward[2 * i] + joint * reward[2 * i + 1]) / kRounds;
    out.iips += (first * reward[2 * i] + second * reward[2 * i + 1]) / kRounds;
  }
  return out;
}

double value_of(const std::vector<Estimate>& estimates, const std::string& estimator,
                const std::string& metric) {
  for (const Estimate& e : estimates)
    if (e.estimator == estimator && e.metric == metric) return e.value;
  FAIL("no estimate " << estimator);
  return 0;
}

}  // namespace

TEST_CASE("in a world of one module the order of its items is judged, position by position",
          "[lists]") {
  const Schema schema = list_schema();
  REQUIRE(decision_of(schema) == Decision::kItems);
  const auto behavior = policy("{name: r, type: ranked_list, ranker: {type: uniform}}", schema);
  const auto sharp = policy(
      "{name: s, type: ranked_list, ranker: {type: plackett_luce, weights: {quality: 3}, "
      "temperature: 2}}",
      schema);
  const LogBatch batch = list_log(*behavior);
  CHECK(batch.pages.item.size() == kPositions * kRounds);
  EvaluateOptions options;
  options.metrics = {"ctr", "dwell"};
  options.estimators = {"ips", "rips", "iips", "pi", "dr", "dm"};
  const auto estimates =
      evaluate(source(batch, schema), {}, {{"s", sharp.get()}, {"r", behavior.get()}},
               behavior.get(), 1, Rng(3), options);
  const std::vector<double> clicks(batch.responses.item_click.begin(),
                                   batch.responses.item_click.end());
  const std::vector<double> dwell(batch.responses.dwell.begin(), batch.responses.dwell.end());
  for (const auto& [metric, reward] : {std::pair{"ctr", clicks}, {"dwell", dwell}}) {
    const ByHand expected = by_hand(batch, schema, 1.5, reward);
    CHECK(value_of(estimates[0], "ips", metric) == Approx(expected.ips).epsilon(1e-9));
    CHECK(value_of(estimates[0], "rips", metric) == Approx(expected.rips).epsilon(1e-9));
    CHECK(value_of(estimates[0], "iips", metric) == Approx(expected.iips).epsilon(1e-7));
    double mean = 0;
    for (const double r : reward) mean += r / kRounds;
    for (const char* estimator : {"ips", "rips", "iips", "pi"})
      CHECK(value_of(estimates[1], estimator, metric) == Approx(mean).epsilon(1e-9));
  }
  CHECK(estimates[0][0].lift.has_value());
}

TEST_CASE("a ridge model of items finds the mean reward of a list that is linear in its features",
          "[lists]") {
  const Schema schema = list_schema();
  const auto behavior = policy("{name: r, type: ranked_list, ranker: {type: uniform}}", schema);
  const auto best = policy("{name: b, type: ranked_list, ranker: {type: popularity}}", schema);
  LogBatch batch = list_log(*behavior);
  double truth = 0;  // of the two best candidates: 1 + quality - 0.25 at the second position
  for (std::size_t i = 0; i < batch.size(); ++i) {
    for (std::size_t k = 0; k < kPositions; ++k) {
      const float quality = schema.items(batch.pages.item[2 * i + k], 0);
      batch.responses.dwell[2 * i + k] = 1 + quality - 0.25F * static_cast<float>(k);
    }
    std::vector<float> quality;
    for (std::size_t c = 0; c < kCandidates; ++c)
      quality.push_back(schema.items(batch.requests.candidate[i * kCandidates + c], 0));
    std::sort(quality.rbegin(), quality.rend());
    truth += (2 + static_cast<double>(quality[0] + quality[1]) - 0.25) / kRounds;
  }
  EvaluateOptions options;
  options.metrics = {"dwell"};
  options.estimators = {"dm", "dr"};
  const auto estimates =
      evaluate(source(batch, schema), {}, {{"b", best.get()}}, behavior.get(), -1, Rng(3), options);
  CHECK(value_of(estimates[0], "dm", "dwell") == Approx(truth).epsilon(0.02));
  CHECK(value_of(estimates[0], "dr", "dwell") == Approx(truth).epsilon(0.02));
}

TEST_CASE("in a world of one module a mixture mixes the rankers of its parts, one coin a list",
          "[lists]") {
  const Schema schema = list_schema();
  std::map<std::string, std::shared_ptr<Policy>> others;
  others["best"] = policy("{name: best, type: ranked_list, ranker: {type: popularity}}", schema);
  others["random"] = policy("{name: random, type: ranked_list, ranker: {type: uniform}}", schema);
  const auto mixture =
      policy("{name: m, type: mixture, of: {best: 0.7, random: 0.3}}", schema, others);
  const RequestBatch requests = list_requests();
  Propensities own;
  const PageBatch pages = recommend(*mixture, requests, Rng(8), &own);
  const Propensities of_best = propensities(*others["best"], requests, pages);
  double n_best = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(own.pscore[i] == Approx(0.7 * of_best.pscore[i] + 0.3 / 12));
    if (own.component[i] == 0) CHECK(of_best.pscore[i] == 1);
    n_best += own.component[i] == 0 ? 1 : 0;
  }
  CHECK(std::abs(n_best / kRounds - 0.7) < 4 * std::sqrt(0.21 / kRounds));
  CHECK(propensities(*mixture, requests, pages).pscore_in_module_position ==
        own.pscore_in_module_position);
}
