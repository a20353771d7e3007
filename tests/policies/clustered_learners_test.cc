// Off-policy learners that see modules in clusters, as slots of a page or in pairs: their
// objectives against enumeration, and what is learnt.
#include "policies/off_policy/clusters.h"
#include "sim/slate/pseudo_inverse.h"
#include "tests/policies/off_policy_fixture.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using namespace rehearsal::small;

namespace {

const std::vector<std::uint16_t> kClusters{0, 1, 0, 1};

/// P(c | s_0 ... s_{k-1}) of Plackett-Luce.
std::vector<double> step(const std::vector<double>& logits, const Slate& slate, std::size_t k) {
  std::vector<double> out(logits.size());
  step_distribution(logits, slate, k, out);
  return out;
}

double cluster_share(const std::vector<double>& p, std::uint16_t module) {
  double sum = 0;
  for (std::size_t c = 0; c < p.size(); ++c)
    if (kClusters[c] == kClusters[module]) sum += p[c];
  return sum;
}

std::vector<double> cluster_pscores_of(std::size_t n_slots) {
  std::vector<double> out;
  for (const Slate& slate : all_slates(4, n_slots))
    for (std::size_t k = 0; k < n_slots; ++k)
      out.push_back(cluster_share(step(kBehavior, slate, k), slate[k]));
  return out;
}

void wrong_rewards(const LoggedPages&, std::size_t, std::size_t, std::span<double> out) {
  for (std::size_t c = 0; c < out.size(); ++c) out[c] = 0.6 - 0.25 * static_cast<double>(c);
}

double value_at_first(std::uint16_t module) { return reward({module}, 0); }

std::string why_not_made(const std::string& rest, const Schema& schema) {
  try {
    small::policy("{name: x, " + rest + "}", schema);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("MIPS weights give the gradient of clusters by the policy and modules by the log",
          "[off_policy]") {
  const auto value = [](const std::vector<double>& logits) {
    double total = 0;
    for (const Slate& slate : all_slates(4, 2)) {
      double p = 1;
      for (std::size_t k = 0; k < 2; ++k) {
        const std::vector<double> mu = step(kBehavior, slate, k);
        p *= cluster_share(step(logits, slate, k), slate[k]) * mu[slate[k]] /
             cluster_share(mu, slate[k]);
      }
      total += p * (reward(slate, 0) + reward(slate, 1));
    }
    return total;
  };
  check_equal(
      expected_gradient(*mips_objective(1e9, kClusters, cluster_pscores_of(2)), every_page()),
      differences(kTarget, value), 1e-8);
}

TEST_CASE("where rewards are of clusters, MIPS weights give the gradient of the value",
          "[off_policy]") {
  LoggedPages pages = every_page(1);
  for (std::size_t i = 0; i < 4; ++i) pages.reward[i] = 0.2 + 0.5 * kClusters[pages.choice[i]];
  const auto value = [](const std::vector<double>& logits) {
    double total = 0;
    for (std::uint16_t c = 0; c < 4; ++c)
      total += prefixes(logits, {c})[0] * (0.2 + 0.5 * kClusters[c]);
    return total;
  };
  check_equal(expected_gradient(*mips_objective(1e9, kClusters, cluster_pscores_of(1)), pages),
              differences(kTarget, value), 1e-8);
}

TEST_CASE("the pairwise regression climbs to the true differences, whatever its reward model",
          "[off_policy]") {
  const auto objective = pairwise_objective(wrong_rewards, kClusters, 1e9);
  std::vector<double> wanted;  // the residuals less their cluster's mean
  for (std::uint16_t c = 0; c < 4; ++c) {
    const auto other = static_cast<std::uint16_t>((c + 2) % 4);  // in the same cluster
    wanted.push_back(((value_at_first(c) - kTarget[c]) - (value_at_first(other) - kTarget[other])) /
                     2);
  }
  check_equal(expected_gradient(*objective, every_page(1)), wanted, 1e-12);
}

TEST_CASE("POTEC's gradient is that of its two-stage policy where differences are right",
          "[off_policy]") {
  const LoggedPages pages = every_page(1);
  // Right inside clusters, wrong by a constant of the cluster.
  std::vector<double> f_hat;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::uint16_t c = 0; c < 4; ++c)
      f_hat.push_back(value_at_first(c) + (kClusters[c] == 0 ? 0.7 : -0.3));
  const ClusterPages clusters = cluster_pages(pages, f_hat, kClusters, cluster_pscores_of(1));
  const auto objective = dr_objective(
      1e9, [&](const LoggedPages& own, std::size_t i, std::size_t, std::span<double> out) {
        std::copy_n(clusters.q_hat.data() + own.eligible_offsets[i], out.size(), out.data());
      });
  const std::vector<double> target{0.4, -0.1};
  std::vector<double> mean(2, 0.0);
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<double> own(2, 0.0);
    objective->gradient(clusters.pages, i, target, 0, own);
    for (std::size_t c = 0; c < 2; ++c) mean[c] += pages.pscore_cascade[i] * own[c];
  }
  // The best of {0, 2} is 2, of {1, 3} it is 3.
  const auto value = [](const std::vector<double>& logits) {
    return prefixes(logits, {0})[0] * value_at_first(2) +
           prefixes(logits, {1})[0] * value_at_first(3);
  };
  check_equal(mean, differences(target, value), 1e-8);
}

TEST_CASE("pseudo-inverse targets average to what each module adds at each slot", "[off_policy]") {
  LoggedPages pages = every_page();
  const auto added = [](std::size_t k, std::uint16_t module) {
    return 0.1 * module * module + (k == 1 ? 0.05 * module : 0.2);
  };
  for (std::size_t i = 0; i < pages.size(); ++i)
    for (std::size_t k = 0; k < 2; ++k)
      pages.reward[2 * i + k] = added(k, pages.of(pages.choice, i)[k]);
  const auto behavior = make_plackett_luce({0, 4}, {2}, kBehavior);
  RowMatrix gamma(8, 8);
  REQUIRE(behavior->pair_marginals(0, gamma));
  const RowMatrix inverse = pseudo_inverse(gamma);
  std::vector<double> mean(8, 0.0);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::vector<double> targets = slot_targets(pages, i, inverse);
    for (std::size_t c = 0; c < 8; ++c)
      mean[c] += pages.of(pages.pscore_cascade, i).back() * targets[c];
  }
  for (const Slate& slate : all_slates(4, 2))
    CHECK(mean[slate[0]] + mean[4 + slate[1]] ==
          Approx(added(0, slate[0]) + added(1, slate[1])).margin(1e-9));
}

TEST_CASE("an offset tree's comparisons weigh by the difference of rewards, for any offset",
          "[off_policy]") {
  const double p_a = 0.3;
  const double p_b = 0.15;
  const auto towards_shown = [](const OffsetExample& example) {
    return example.shown_is_better ? example.importance : -example.importance;
  };
  for (const double offset : {0.0, 0.1, 0.5, 1.0})
    for (const double r_a : {0.0, 0.25, 1.0})
      for (const double r_b : {0.0, 0.6, 1.0})
        CHECK(p_a * towards_shown(offset_example(r_a, offset, p_a, p_b)) -
                  p_b * towards_shown(offset_example(r_b, offset, p_b, p_a)) ==
              Approx((p_a + p_b) * (r_a - r_b)).margin(1e-12));
}

TEST_CASE("clusters join what varies least inside and are numbered by their first row",
          "[off_policy]") {
  RowMatrix rows(5, 1);
  rows << 10, 0, 11, 1.5, 20;
  CHECK(ward_clusters(rows, 5) == std::vector<std::uint16_t>{0, 1, 2, 3, 4});
  CHECK(ward_clusters(rows, 3) == std::vector<std::uint16_t>{0, 1, 0, 1, 2});
  // {10, 11} and {20} would add 2 / 3 * 9.5^2 = 60.2, {10, 11} and {0, 1.5} 95.1.
  CHECK(ward_clusters(rows, 2) == std::vector<std::uint16_t>{0, 1, 0, 1, 0});
  CHECK(ward_clusters(rows, 1) == std::vector<std::uint16_t>{0, 0, 0, 0, 0});
}

TEST_CASE("learners by clusters, slots and pairs earn more than the pages they learnt from",
          "[off_policy]") {
  static const Logged single(10000, 1);
  const double before = value_of(*single.behavior, 1);
  const std::map<std::string, std::shared_ptr<Policy>> others{{"logging", single.behavior}};
  for (const std::string type : {"mips_gradient", "potec", "pi_opt", "offset_tree"})
    for (const std::string more : {"", ", behavior: logging", ", hidden: [6]"}) {
      INFO(type << more);
      const auto policy =
          small::policy("{name: learner, type: " + type + more + "}", single.schema, others);
      policy->fit({source_of(single.schema, single.batches), Rng(2), "learner"});
      CHECK(value_of(*policy, 1) > before);
    }
  // Pages of several slots: the odds of modules alone do not tell how they come together.
  const double page_before = value_of(*logged().behavior);
  const std::map<std::string, std::shared_ptr<Policy>> writer{{"logging", logged().behavior}};
  for (const std::string type : {"mips_gradient", "pi_opt"}) {
    INFO(type);
    const auto policy = small::policy("{name: learner, type: " + type + ", behavior: logging}",
                                      logged().schema, writer);
    policy->fit({source_of(logged().schema, logged().batches), Rng(2), "learner"});
    CHECK(value_of(*policy) > page_before);
  }
}

TEST_CASE("POTEC shows one module of each cluster, the clusters given or found", "[off_policy]") {
  const Logged single(2000, 1);
  const RequestBatch requests = small::requests(200, Rng(9), 70000, 1);
  const auto given =
      single.fitted("potec, cluster_of: {alpha: 0, beta: 1, gamma: 0, delta: 1}, steps: 500");
  const auto slates = given->distribution(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    RowMatrix p(1, static_cast<Eigen::Index>(requests.n_eligible(i)));
    slates->marginals(i, p);
    CHECK((p.array() > 0).count() == 2);  // alpha and beta are always eligible
  }
  const auto greedy = single.fitted("potec, serve: greedy, steps: 500");
  CHECK(greedy->deterministic());
  CHECK_FALSE(greedy->state().at("cluster_of").values.empty());
}

TEST_CASE("a learner that asks what else could be shown wants the policy that wrote the log",
          "[off_policy]") {
  const Logged few(100);
  const std::map<std::string, std::shared_ptr<Policy>> others{
      {"logging", few.behavior}, {"random", small::policy("{name: r, type: uniform}", few.schema)}};
  const auto fit = [&](const std::string& rest) {
    const auto policy =
        small::policy("{name: learner, steps: 50, " + rest + "}", few.schema, others);
    policy->fit({source_of(few.schema, few.batches), Rng(2), "learner"});
    return policy;
  };
  for (const std::string type : {"type: mips_gradient", "type: pi_opt"}) {
    CHECK_THROWS_WITH(fit(type + ", behavior: random"),
                      Catch::Contains("'random' would show user") &&
                          Catch::Contains("must be the policy that wrote the log"));
    const auto policy = fit(type + ", behavior: logging");
    const TemporaryFolder folder;
    save_policy(*policy, policy->config(), folder.path("saved"));
    const auto loaded = load_policy(folder.path("saved"), few.schema);
    const RequestBatch requests = small::requests(50, Rng(9), 70000);
    const PageBatch pages = recommend(*policy, requests, Rng(6), nullptr);
    CHECK(propensities(*loaded, requests, pages).pscore ==
          propensities(*policy, requests, pages).pscore);
  }
}

TEST_CASE("learners by clusters and pairs say what they cannot be made from", "[off_policy]") {
  using Catch::Contains;
  const Schema schema = small::schema();
  for (const std::string type : {"potec", "offset_tree"})
    CHECK_THAT(why_not_made("type: " + type, schema),
               Contains(type + " decides one module a page, and pages here have 3 slots"));
  const std::string mips = "type: mips_gradient, cluster_of: ";
  CHECK_THAT(why_not_made(mips + "{alpha: 0, bete: 1}", schema),
             Contains("cluster_of") && Contains("did you mean 'beta'"));
  CHECK_THAT(why_not_made(mips + "{alpha: 0, beta: 1}", schema),
             Contains("the module 'gamma' has no cluster"));
  CHECK_THAT(why_not_made(mips + "{alpha: 0, beta: 2, gamma: 0, delta: 0}", schema),
             Contains("number them 0, 1, 2"));
  CHECK_THAT(why_not_made(mips + "{alpha: 0, beta: 0.5, gamma: 0, delta: 0}", schema),
             Contains("no whole number"));
  CHECK_THAT(why_not_made("type: pi_opt, behavior: nobody", schema),
             Contains("unknown policy above this one 'nobody'"));
}
