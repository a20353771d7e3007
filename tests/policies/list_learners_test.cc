// Off-policy learners of the items of a list: gradients through the choices' vectors against
// enumeration, what is learnt, what is kept and what is refused.
#include "policies/choices.h"
#include "tests/policies/list_checks.h"
#include "tests/policies/off_policy_fixture.h"

using namespace rehearsal;
namespace list = rehearsal::small_list;

namespace {

const std::vector<std::string>& list_learners() {
  static const std::vector<std::string> types{"weighted_likelihood",
                                              "ips_gradient",
                                              "dr_gradient",
                                              "banditnet",
                                              "poem",
                                              "lower_bound",
                                              "pl_rank",
                                              "pi_opt",
                                              "log_smoothing",
                                              "top_k_gradient",
                                              "mips_gradient, behavior: logging, clusters: 4"};
  return types;
}

/// Lists of four items known by two numbers each, every list of two once, with its rewards.
struct EveryList {
  LoggedPages pages = small::every_page();
  EveryList() {
    auto vectors = std::make_shared<ChoiceVectors>();
    vectors->n_outputs = 3;
    for (std::size_t item = 0; item < 4; ++item) {
      vectors->add(0, 0.5f * static_cast<float>(item) - 0.7f);
      vectors->add(1, item % 2 == 0 ? 1.0f : -0.4f);
      if (item == 3) vectors->add(2, 2.0f);
      vectors->end_row();
    }
    pages.rows.vectors = vectors;
    pages.inputs.resize(pages.inputs.rows(), 2);
    for (Eigen::Index i = 0; i < pages.inputs.rows(); ++i)
      pages.inputs.row(i) << 1.0f, static_cast<float>(0.3 * std::sin(static_cast<double>(i)));
  }
};

ScoreNetwork network_of(const std::vector<std::int64_t>& hidden) {
  ScoreNetwork network(2, hidden, 3, Rng(7));
  for (std::size_t p = 0; p < network.parameters().size(); ++p)
    network.parameters()[p] += 0.2 * std::sin(1.3 * static_cast<double>(p));
  return network;
}

/// sum over lists of mu(list) times an objective's gradient, of all parameters.
std::vector<double> expected_gradient(const LoggedPages& pages, const PageObjective& objective,
                                      ScoreNetwork network) {
  const RowMatrix outputs = network.forward(pages.inputs.cast<double>());
  RowMatrix slopes = RowMatrix::Zero(outputs.rows(), outputs.cols());
  std::vector<double> logits;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    pages.take_logits(i, outputs.row(row).data(), logits);
    std::vector<double> own(logits.size(), 0.0);
    objective.gradient(pages, i, logits, 0, own);
    for (double& slope : own) slope *= pages.of(pages.pscore_cascade, i).back();
    pages.add_gradient(i, own, slopes.row(row).data());
  }
  return network.backward(slopes);
}

/// Of a value sum_k v(w_k, r_k) of every list, the same by central differences.
template <class Value>
std::vector<double> differences_of(const LoggedPages& pages, ScoreNetwork network, Value value) {
  return small::differences(network.parameters(), [&](const std::vector<double>& at) {
    network.parameters() = at;
    double total = 0;
    for_each_page(pages, network, [&](std::size_t i, std::span<const double> logits) {
      const small::Slate slate(pages.of(pages.choice, i).begin(), pages.of(pages.choice, i).end());
      const std::vector<double> pi = small::prefixes({logits.begin(), logits.end()}, slate);
      const std::span<const double> mu = pages.of(pages.pscore_cascade, i);
      for (std::size_t k = 0; k < 2; ++k)
        total += mu[1] * value(pi[k] / mu[k], pages.of(pages.reward, i)[k]);
    });
    return total;
  });
}

}  // namespace

TEST_CASE("gradients over items are those of their enumerated values, in every parameter",
          "[list_learners]") {
  const LoggedPages pages = EveryList().pages;
  for (const std::vector<std::int64_t>& hidden : {std::vector<std::int64_t>{}, {4}}) {
    INFO("hidden layers: " << hidden.size());
    const ScoreNetwork network = network_of(hidden);
    const auto plain = [](double w, double r) { return w * r; };
    const std::vector<double> truth = differences_of(pages, network, plain);
    small::check_equal(expected_gradient(pages, *ips_objective(1e9), network), truth, 1e-7);
    const double lambda = 0.7;
    small::check_equal(
        expected_gradient(pages, *log_objective(1e9, lambda), network),
        differences_of(pages, network,
                       [&](double w, double r) { return std::log(1 + lambda * w * r) / lambda; }),
        1e-7);
    const double cap = 1.3;
    small::check_equal(
        expected_gradient(pages, *ips_objective(cap), network),
        differences_of(pages, network, [&](double w, double r) { return std::min(w, cap) * r; }),
        1e-7);
    // A control variate moves no gradient in expectation over lists of one context; here contexts
    // differ from list to list, so it is compared with its own value.
    small::check_equal(
        expected_gradient(pages, *baseline_objective(1e9, {0.3, 0.3}), network),
        differences_of(pages, network, [&](double w, double r) { return w * (r - 0.3); }), 1e-7);
  }
}

TEST_CASE(
    "a doubly robust gradient over items is that of the true value, whatever the reward model",
    "[list_learners]") {
  LoggedPages pages = EveryList().pages;
  pages.inputs.col(1).setConstant(0.4f);  // one context
  const ScoreNetwork network = network_of({4});
  const auto q_hat = [](const LoggedPages&, std::size_t, std::size_t k, std::span<double> out) {
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] = 0.2 * static_cast<double>(c) - 0.1 * static_cast<double>(k);
  };
  const auto plain = [](double w, double r) { return w * r; };
  small::check_equal(expected_gradient(pages, *dr_objective(1e9, q_hat), network),
                     differences_of(pages, network, plain), 1e-7);
}

TEST_CASE("an item is known by its features, by itself or by both, and by what a candidate brings",
          "[list_learners]") {
  const Schema schema = list::schema(3, true);
  const RequestBatch decisions = items_as_choices(list::requests(20, Rng(3), 0, 3, true));
  for (const std::string known : {"auto", "features", "ids", "both"}) {
    INFO(known);
    const Choices choices(schema, {known});
    const bool ids = known == "ids" || known == "both", features = known != "ids";
    CHECK(choices.by_id() == ids);
    CHECK(choices.n_outputs() == (ids ? list::kItems : 0u) + (features ? 4u : 1u));
    ChoiceColumns columns;
    choices.read(decisions, columns);
    const InputScale own = choices.own_scale(columns);
    const ChoiceRows rows = choices.rows(columns, own);
    std::vector<double> outputs(choices.n_outputs());
    for (std::size_t j = 0; j < outputs.size(); ++j) outputs[j] = 1 + static_cast<double>(j);
    for (std::size_t c = 0; c < columns.id.size(); ++c) {
      const std::uint32_t item = columns.id[c];
      double expected = (ids ? outputs[item] : 0) + outputs[choices.level_outputs().first];
      if (features) {
        const double* of_features = outputs.data() + (ids ? list::kItems : 0);
        // quality 0 ... 3 thrice: mean 1.5, variance 1.25; topic -1 four times, 1 eight times.
        expected += of_features[0] * (item % 4 - 1.5) / std::sqrt(1.25) +
                    of_features[1] * ((item % 3 == 0 ? -1 : 1) - 1.0 / 3) / std::sqrt(8.0 / 9);
        expected += of_features[3] *
                    (static_cast<double>(decisions.candidate_context[c]) - own.mean()[0]) /
                    own.sd()[0];
      }
      CHECK(rows.vectors->times(rows.of(c, item), outputs.data()) == Approx(expected).margin(1e-5));
    }
  }
}

TEST_CASE("every off-policy learner of items earns more than the lists it learnt from",
          "[list_learners]") {
  const double before = list::value_of(*list::logged().others.at("logging"));
  for (const std::string& type : list_learners()) {
    INFO(type);
    CHECK(list::value_of(*list::logged().fitted(type + ", steps: 1500")) > before * 1.05);
  }
  for (const std::string keys :
       {"ips_gradient, hidden: [8]", "dr_gradient, items: ids", "pl_rank, items: both"}) {
    INFO(keys);
    CHECK(list::value_of(*list::logged().fitted(keys + ", steps: 1500")) > before * 1.05);
  }
}

TEST_CASE("a learner of items uses what the candidates bring themselves", "[list_learners]") {
  const list::Logged own(10000, 3, true);
  const double with = list::value_of(*own.fitted("ips_gradient, steps: 1500"), 3, true);
  const double without =
      list::value_of(*own.fitted("ips_gradient, steps: 1500, items: ids"), 3, true);
  CHECK(with > 1.03 * without);
}

TEST_CASE("learners of one item a list choose it, by clusters of items or not", "[list_learners]") {
  const list::Logged single(10000, 1);
  const double before = list::value_of(*single.others.at("logging"), 1);
  for (const std::string keys :
       {"potec, behavior: logging, clusters: 4", "potec, clusters: 4, serve: greedy",
        "pi_opt, behavior: logging", "mips_gradient, clusters: 4", "ips_gradient"}) {
    INFO(keys);
    const auto policy = single.fitted(keys + ", steps: 1500");
    CHECK(list::value_of(*policy, 1) > before * 1.05);
    const auto again = single.made(keys + ", steps: 1500");
    again->set_state(policy->state());
    CHECK(list::value_of(*again, 1) == list::value_of(*policy, 1));
  }
}

TEST_CASE("lists that a learner draws have exact propensities, saved and loaded",
          "[list_learners]") {
  const RequestBatch requests = list::requests(40, Rng(9), 70000);
  for (const std::string& type : list_learners()) {
    INFO(type);
    const auto policy = list::logged().fitted(type + ", steps: 30");
    const list::DrawnLists drawn = list::check_drawn(*policy, requests);
    for (std::size_t i = 0; i < requests.size(); ++i) CHECK(drawn.items(i).size() == 3);
    list::check_exact_and_kept(*policy, list::logged().schema, requests, drawn, 4);
  }
}

TEST_CASE("a list does not depend on the batch that holds its request", "[list_learners]") {
  const RequestBatch together = list::requests(20, Rng(17));
  const auto policy = list::logged().fitted("ips_gradient, steps: 30, hidden: [4]");
  Propensities of_all;
  const PageBatch pages = recommend(*policy, together, Rng(40), &of_all);
  for (std::uint32_t i = 0; i < 20; ++i) {
    Propensities alone;
    const PageBatch page = recommend(*policy, list::requests(1, Rng(17), i), Rng(40), &alone);
    CHECK(page.item == std::vector<std::uint32_t>(pages.item.begin() + pages.item_offsets[i],
                                                  pages.item.begin() + pages.item_offsets[i + 1]));
    CHECK(alone.pscore[0] == of_all.pscore[i]);
  }
}

TEST_CASE(
    "a learner of items joins a mixture, and a pessimist leaves lists to the policy it is told",
    "[list_learners]") {
  const RequestBatch requests = list::requests(60, Rng(9), 70000);
  auto others = list::logged().others;
  others["learner"] = list::logged().fitted("ips_gradient, steps: 30");
  const auto mixed = small::policy("{name: mixed, type: mixture, of: {learner: 0.5, random: 0.5}}",
                                   list::logged().schema, others);
  const PageBatch pages = recommend(*mixed, requests, Rng(6), nullptr);
  const auto of = [&](const Policy& policy) {
    return propensities(policy, requests, pages).pscore;
  };
  const auto learner = of(*others["learner"]), random = of(*others["random"]), both = of(*mixed);
  for (std::size_t i = 0; i < both.size(); ++i)
    CHECK(both[i] == Approx(0.5 * learner[i] + 0.5 * random[i]));
  const list::Logged few(50);
  const auto safe = few.fitted("lower_bound, behavior: logging, confidence: 0.999999, steps: 50");
  CHECK(of(*safe) == of(*few.others.at("logging")));
}

TEST_CASE("what cannot order the items of a list says so", "[list_learners]") {
  const auto& site = list::logged();
  CHECK_THROWS_WITH(site.made("offset_tree"), Catch::Contains("candidates of a list"));
  CHECK_THROWS_WITH(site.made("potec"), Catch::Contains("one item a list"));
  CHECK_THROWS_WITH(site.made("mips_gradient, cluster_of: {list: 0}"),
                    Catch::Contains("cluster_of") && Catch::Contains("clusters"));
  CHECK_THROWS_WITH(site.made("ips_gradient, ranker: {type: uniform}"),
                    Catch::Contains("orders the items itself"));
  for (const std::string type : {"logistic", "popularity", "thompson", "linucb"}) {
    INFO(type);
    CHECK_THROWS_WITH(site.made(type),
                      Catch::Contains("orders modules alone") && Catch::Contains("ranker"));
    CHECK(site.made(type + ", ranker: {type: uniform}") != nullptr);
  }
  CHECK_THROWS_WITH(small::policy("{name: x, type: ips_gradient, items: ids}", small::schema()),
                    Catch::Contains("items") && Catch::Contains("module by module"));
  Schema plain = list::schema();
  plain.item_features.clear();
  plain.items.resize(0, 0);
  CHECK_THROWS_WITH(small::policy("{name: x, type: ips_gradient, items: features}", plain),
                    Catch::Contains("no features"));
  plain.n_items = 100000;
  CHECK_THROWS_WITH(small::policy("{name: x, type: ips_gradient}", plain),
                    Catch::Contains("100000 items"));
  list::Logged bare;
  for (LogBatch& batch : bare.batches) batch.propensities = {};
  CHECK_THROWS_WITH(bare.fitted("ips_gradient"), Catch::Contains("no propensities"));
  bare = list::Logged();
  for (LogBatch& batch : bare.batches) batch.requests.candidate.clear();
  CHECK_THROWS_WITH(bare.fitted("ips_gradient"), Catch::Contains("candidates"));
}
