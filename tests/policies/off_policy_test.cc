// Off-policy learners: gradients against enumeration and finite differences, and what is learnt.
#include "tests/policies/off_policy_fixture.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using namespace rehearsal::small;

TEST_CASE("the gradient of a Plackett-Luce page is that of finite differences", "[off_policy]") {
  const std::vector<double> logits{0.3, -0.2, 0.8, 0.0, 0.1};
  const Slate slate{2, 0, 4};
  const std::vector<double> slopes{0.7, -1.1, 0.4};
  std::vector<double> gradient(5, 0.0);
  add_step_gradients(logits, slate, slopes, gradient);
  check_equal(gradient,
              differences(logits,
                          [&](const std::vector<double>& at) {
                            std::vector<double> steps(3);
                            step_log_probabilities(at, slate, steps);
                            return slopes[0] * steps[0] + slopes[1] * steps[1] +
                                   slopes[2] * steps[2];
                          }),
              1e-8);
}

TEST_CASE("PL-Rank over all rankings is the exact gradient", "[off_policy]") {
  // Reference: golden vector T5.
  const std::vector<double> logits{0.3, -0.2, 0.8, 0, 0.1};
  const std::vector<double> rho{1, 0, 2, 3, 0};
  std::vector<double> theta;
  for (int rank = 1; rank <= 3; ++rank) theta.push_back(1 / std::log2(rank + 1));
  const auto value = [&](const std::vector<double>& at) {
    double total = 0;
    for (const Slate& ranking : all_slates(5, 3)) {
      double page = 0;
      for (std::size_t k = 0; k < 3; ++k) page += theta[k] * rho[ranking[k]];
      total += prefixes(at, ranking)[2] * page;
    }
    return total;
  };
  CHECK(value(logits) == Approx(2.770276).margin(1e-6));
  std::vector<double> gradient(5, 0.0);
  for (const Slate& ranking : all_slates(5, 3))
    add_pl_rank(logits, theta, rho, ranking, prefixes(logits, ranking)[2], gradient);
  check_equal(gradient, {-0.069970, -0.318607, 0.236255, 0.521007, -0.368686}, 1e-6);
  check_equal(gradient, differences(logits, value), 1e-8);
}

TEST_CASE("importance-weighted gradients average to the gradient of the value", "[off_policy]") {
  const LoggedPages pages = every_page();
  const std::vector<double> truth = differences(kTarget, true_value);
  check_equal(expected_gradient(*ips_objective(1e9), pages), truth, 1e-8);
  // A baseline moves no gradient in expectation, nor does a control variate that is wrong.
  check_equal(expected_gradient(*baseline_objective(1e9, {0.3, 0.1}), pages), truth, 1e-8);
  const auto q_hat = [](const LoggedPages&, std::size_t, std::size_t k, std::span<double> out) {
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] = 0.2 * static_cast<double>(c) - 0.1 * static_cast<double>(k);
  };
  check_equal(expected_gradient(*dr_objective(1e9, q_hat), pages), truth, 1e-8);
}

TEST_CASE("smoothed and capped weights have the gradient of their own value", "[off_policy]") {
  const LoggedPages pages = every_page();
  const double lambda = 0.7;
  check_equal(expected_gradient(*log_objective(1e9, lambda), pages),
              differences(kTarget, expectation(pages,
                                               [&](std::size_t, double w, double r) {
                                                 return std::log(1 + lambda * w * r) / lambda;
                                               })),
              1e-8);
  const double cap = 1.3;
  check_equal(
      expected_gradient(*ips_objective(cap), pages),
      differences(kTarget, expectation(pages, [&](std::size_t, double w,
                                                  double r) { return std::min(w, cap) * r; })),
      1e-8);
}

TEST_CASE("at an epoch's start the majorised variance has the gradient of the penalty",
          "[off_policy]") {
  const LoggedPages pages = every_page();
  const auto n = static_cast<double>(pages.size());
  const double lambda = 2;
  ScoreNetwork network(1, {}, 4, Rng(1));
  std::copy(kTarget.begin(), kTarget.end(), network.output_bias().begin());
  const auto objective = variance_penalty(1e9, lambda);
  objective->start_epoch(pages, network);
  std::vector<double> mean(4, 0.0);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    std::vector<double> own(4, 0.0);
    objective->gradient(pages, i, kTarget, 0, own);
    for (std::size_t c = 0; c < 4; ++c) mean[c] += own[c] / n;
  }
  const auto bound = [&](const std::vector<double>& logits) {
    std::copy(logits.begin(), logits.end(), network.output_bias().begin());
    const ValueMoments moments = value_moments(pages, 1e9, network);
    return moments.mean - lambda * std::sqrt(moments.variance / n);
  };
  check_equal(mean, differences(kTarget, bound), 1e-7);
}

TEST_CASE("a hidden layer's gradient is that of finite differences", "[off_policy]") {
  ScoreNetwork network(3, {5, 4}, 2, Rng(7));
  for (std::size_t p = 0; p < network.parameters().size(); ++p)
    network.parameters()[p] += 0.1 * std::sin(static_cast<double>(p));
  RowMatrix inputs(3, 3);
  inputs << 0.3, -1, 2, 1, 0.5, -0.7, -0.2, 0.9, 0.4;
  RowMatrix slopes(3, 2);
  slopes << 1, -0.5, 0.2, 0.3, -1, 0.7;
  network.forward(inputs);
  const std::vector<double> gradient = network.backward(slopes);
  check_equal(gradient,
              differences(network.parameters(),
                          [&](const std::vector<double>& at) {
                            network.parameters() = at;
                            return network.forward(inputs).cwiseProduct(slopes).sum();
                          }),
              1e-7);
}

namespace {

const std::vector<std::string>& learners() {
  static const std::vector<std::string> types{
      "weighted_likelihood", "ips_gradient",  "dr_gradient",    "banditnet", "poem",
      "lower_bound",         "log_smoothing", "top_k_gradient", "pl_rank"};
  return types;
}

}  // namespace

TEST_CASE("every off-policy learner earns more than the pages it learnt from", "[off_policy]") {
  const double before = value_of(*logged().behavior);
  for (const std::string& type : learners()) {
    INFO(type);
    CHECK(value_of(*logged().fitted(type)) > before);
  }
}

TEST_CASE("an off-policy learner is the same after saving, and for any shards", "[off_policy]") {
  for (const std::string& type : learners()) {
    INFO(type);
    const auto policy = logged().fitted(type);
    const auto again = small::policy("{name: learner, type: " + type + "}", logged().schema);
    again->set_state(policy->state());
    const RequestBatch requests = small::requests(50, Rng(9), 70000);
    const PageBatch pages = recommend(*policy, requests, Rng(6), nullptr);
    CHECK(recommend(*again, requests, Rng(6), nullptr).module == pages.module);
    CHECK(propensities(*again, requests, pages).pscore ==
          propensities(*policy, requests, pages).pscore);
  }
  Logged joined;
  joined.batches = {small::log(20000, 0, *joined.behavior, Rng(21))};
  CHECK(joined.fitted("poem")->state().at("click.weight").values ==
        logged().fitted("poem")->state().at("click.weight").values);
}

TEST_CASE("pessimists leave pages as they are until other users say they are better",
          "[off_policy]") {
  const Logged few(100);
  for (const std::string type : {"poem", "lower_bound", "log_smoothing"}) {
    INFO(type);
    const auto largest = [](const Policy& policy) {
      double most = 0;
      const Array weights = policy.state().at("click.weight");
      for (const double w : weights.values) most = std::max(most, std::abs(w));
      return most;
    };
    CHECK(largest(*few.fitted(type + ", confidence: 0.999999")) == 0);
    CHECK(largest(*few.fitted(type + ", check_share: 0")) > 0);
    CHECK(largest(*logged().fitted(type + ", confidence: 0.5")) > 0);
  }
}

TEST_CASE("a pessimist that found nothing better decides as the policy it is told of",
          "[off_policy]") {
  const Logged few(100);
  const std::map<std::string, std::shared_ptr<Policy>> others{{"logging", few.behavior}};
  const std::string yaml =
      "{name: learner, type: lower_bound, behavior: logging, confidence: 0.999999}";
  const auto policy = small::policy(yaml, few.schema, others);
  policy->fit({source_of(few.schema, few.batches), Rng(2), "learner"});
  const RequestBatch requests = small::requests(50, Rng(9), 70000);
  const PageBatch pages = recommend(*few.behavior, requests, Rng(6), nullptr);
  const Propensities expected = propensities(*few.behavior, requests, pages);
  CHECK(recommend(*policy, requests, Rng(6), nullptr).module == pages.module);
  CHECK(propensities(*policy, requests, pages).pscore == expected.pscore);
  const TemporaryFolder folder;
  save_policy(*policy, policy->config(), folder.path("saved"));
  const auto loaded = load_policy(folder.path("saved"), few.schema);
  CHECK(propensities(*loaded, requests, pages).pscore == expected.pscore);
  // Where it did find something it is the learner's own pages.
  const auto sure = small::policy(
      "{name: learner, type: lower_bound, behavior: logging, check_share: 0}", few.schema, others);
  sure->fit({source_of(few.schema, few.batches), Rng(2), "learner"});
  CHECK(propensities(*sure, requests, pages).pscore != expected.pscore);
  CHECK_THROWS_WITH(small::policy("{name: x, type: poem, behavior: nobody}", few.schema, others),
                    Catch::Contains("behavior") && Catch::Contains("logging"));
}

TEST_CASE("an off-policy learner says what it cannot learn from", "[off_policy]") {
  Logged bare;
  for (LogBatch& batch : bare.batches) batch.propensities = {};
  CHECK_THROWS_WITH(bare.fitted("ips_gradient"), Catch::Contains("no propensities"));
  const auto untrained = small::policy("{name: x, type: poem}", logged().schema);
  CHECK_THROWS_WITH(untrained->distribution(small::requests(1, Rng(1))),
                    Catch::Contains("learnt nothing yet"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: banditnet, baselines: []}", logged().schema),
                    Catch::Contains("baselines"));
}
