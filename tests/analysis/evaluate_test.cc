#include "analysis/evaluate.h"

#include "analysis/evaluation_sums.h"
#include "analysis/outcome.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

FunctionPolicy uniform_policy() {
  return FunctionPolicy([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
}

/// Always in the order of the modules, or the reverse.
FunctionPolicy ordered_policy(bool reverse) {
  return FunctionPolicy(
      [reverse](Offsets offsets, std::vector<std::uint16_t> n_positions) {
        std::vector<double> scores(offsets.back());
        for (std::size_t c = 0; c < scores.size(); ++c)
          scores[c] = (reverse ? 1.0 : -1.0) * static_cast<double>(c);
        return make_deterministic(std::move(offsets), std::move(n_positions), scores);
      },
      true);
}

struct Scene {
  MadeUpLog log;
  FunctionPolicy uniform = uniform_policy();
  FunctionPolicy ascending = ordered_policy(false);
  FunctionPolicy descending = ordered_policy(true);

  explicit Scene(const MadeUpOptions& options = {}, std::uint64_t seed = 3)
      : log(make_up_log(options, seed)) {}

  std::vector<std::vector<Estimate>> run(const EvaluateOptions& options, int baseline = 0,
                                         const LogInfo& info = {}) const {
    return evaluate(log.source(), info,
                    {{"uniform", &uniform}, {"ascending", &ascending}, {"descending", &descending}},
                    &uniform, baseline, Rng(21), options);
  }
};

const Estimate& find(const std::vector<Estimate>& estimates, const std::string& estimator,
                     const std::string& metric) {
  for (const Estimate& estimate : estimates)
    if (estimate.estimator == estimator && estimate.metric == metric) return estimate;
  throw Error(ErrorKind::kInput, "no such estimate");
}

/// The exact CTR of a fixed module order over the contexts of a made-up log.
double exact_ctr(const MadeUpLog& log, const MadeUpOptions& options, bool reverse) {
  double sum = 0, n = 0;
  for (const LogBatch& batch : log.shards) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto eligible = batch.requests.eligible(i);
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t module = eligible[reverse ? eligible.size() - 1 - k : k];
        const double logit = made_up_logit(options, batch.requests.features(i), module, k);
        sum += 1 / (1 + std::exp(-logit));
      }
      n += 1;
    }
  }
  return sum / n;
}

}  // namespace

TEST_CASE("evaluating the behavior itself gives the mean reward, and its lift on itself is 0") {
  const Scene scene;
  const auto estimates = scene.run({});
  double clicks = 0, n = 0;
  for (const LogBatch& batch : scene.log.shards) {
    for (const std::uint8_t click : batch.responses.click) clicks += click;
    n += static_cast<double>(batch.size());
  }
  for (const std::string name :
       {"ips", "snips", "iips", "sniips", "rips", "snrips", "pi", "snpi"}) {
    const Estimate& own = find(estimates[0], name, "ctr");
    CHECK(own.value == Approx(clicks / n).epsilon(1e-10));
    CHECK(own.lift->value == 0);
    CHECK(own.lift->low == 0);
    CHECK(own.lift_standard_error == 0);
    CHECK(own.ess == Approx(n).epsilon(1e-9));
    CHECK(own.warnings.empty());
  }
  CHECK(estimates[0].size() == 22);
}

TEST_CASE("a copy of the baseline under another name has a lift of exactly 0 with no error") {
  const Scene scene;
  const FunctionPolicy copy = ordered_policy(false);
  const auto estimates =
      evaluate(scene.log.source(), {}, {{"ascending", &scene.ascending}, {"copy", &copy}},
               &scene.uniform, 0, Rng(1), {});
  for (const Estimate& estimate : estimates[1]) {
    CHECK(estimate.lift->value == 0);
    CHECK(estimate.lift_standard_error == 0);
    CHECK(estimate.standard_error > 0);
  }
}

TEST_CASE("estimates of fixed orders cover the exact value, and slot-wise ones are sharper") {
  MadeUpOptions options;
  options.n_users = 6000;
  options.vary_eligible = true;
  const Scene scene(options);
  const auto estimates = scene.run({});
  for (const bool reverse : {false, true}) {
    const double truth = exact_ctr(scene.log, options, reverse);
    const auto& own = estimates[reverse ? 2 : 1];
    for (const std::string name :
         {"ips", "snips", "iips", "sniips", "rips", "snrips", "pi", "snpi", "dr", "sndr"}) {
      INFO(name << " " << reverse);
      const Estimate& estimate = find(own, name, "ctr");
      CHECK(std::abs(estimate.value - truth) < 4 * estimate.standard_error);
      CHECK(estimate.standard_error > 0);
    }
    // The model is of the right family here: the direct method is close, and dr is sharper still.
    CHECK(find(own, "dm", "ctr").value == Approx(truth).margin(0.03));
    CHECK(find(own, "dr", "ctr").standard_error < find(own, "iips", "ctr").standard_error);
    CHECK(find(own, "iips", "ctr").standard_error < find(own, "ips", "ctr").standard_error);
    const double lift = truth / find(estimates[0], "iips", "ctr").value - 1;
    const Estimate& iips = find(own, "iips", "ctr");
    CHECK(std::abs(iips.lift->value - lift) < 4 * iips.lift_standard_error);
  }
}

TEST_CASE("standard errors are by user: they equal a direct computation from users' terms") {
  const Scene scene;
  EvaluateOptions options;
  options.estimators = {"iips", "snips"};
  options.metrics = {"ctr"};
  const auto estimates = scene.run(options);
  // By hand, for the ascending order against uniform: weights are 4 (or 24 for the page) or 0.
  std::vector<double> users, paired;
  double n = 0, total = 0, base_total = 0;
  for (const LogBatch& batch : scene.log.shards) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i % 3 == 0) {
        users.push_back(0);
        paired.push_back(0);
      }
      for (std::size_t k = 0; k < 3; ++k) {
        const std::size_t s = 3 * i + k;
        const double r = batch.responses.click[s];
        users.back() += (batch.pages.module[s] == k ? 4.0 : 0.0) * r;
        paired.back() += r;
      }
      n += 1;
    }
  }
  for (const double u : users) total += u;
  for (const double u : paired) base_total += u;
  const double v = total / n, b = base_total / n, m = static_cast<double>(users.size());
  double square = 0, lift_square = 0;
  for (std::size_t u = 0; u < users.size(); ++u) {
    square += std::pow(users[u] - 3 * v, 2);
    lift_square += std::pow((users[u] - 3 * v) - v / b * (paired[u] - 3 * b), 2);
  }
  const Estimate& iips = find(estimates[1], "iips", "ctr");
  CHECK(iips.value == Approx(v).epsilon(1e-12));
  CHECK(iips.standard_error == Approx(std::sqrt(square * m / (m - 1)) / n).epsilon(1e-9));
  CHECK(iips.lift->value == Approx(v / b - 1).epsilon(1e-12));
  CHECK(iips.lift_standard_error ==
        Approx(std::sqrt(lift_square * m / (m - 1)) / n / b).epsilon(1e-9));
  CHECK(iips.low == Approx(v - 1.959963984540054 * iips.standard_error).epsilon(1e-9));
}

TEST_CASE("bootstrap intervals agree with the delta method's") {
  MadeUpOptions made_up;
  made_up.n_users = 3000;
  const Scene scene(made_up);
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = {"iips", "sniips", "snips", "dr"};
  options.interval = "bootstrap";
  options.n_bootstrap = 1000;
  const auto estimates = scene.run(options);
  for (const Estimate& estimate : estimates[1]) {
    INFO(estimate.estimator);
    // With 1,000 resamples an end of the interval has a standard error of about 0.04 half widths.
    const double half = 1.96 * estimate.standard_error;
    CHECK((estimate.high - estimate.low) / 2 == Approx(half).epsilon(0.16));
    const double lift_half = 1.96 * estimate.lift_standard_error;
    CHECK((estimate.lift->high - estimate.lift->low) / 2 == Approx(lift_half).epsilon(0.16));
    CHECK(estimate.low < estimate.value);
    CHECK(estimate.value < estimate.high);
  }
}

TEST_CASE("threads and the cut into shards change no estimate's meaning, threads no byte") {
  MadeUpOptions options;
  options.n_users = 700;
  const Scene scene(options);
  options.users_per_shard = 90;
  const Scene finer(options);
  EvaluateOptions one;
  one.threads = 1;
  one.interval = "bootstrap";
  one.n_bootstrap = 40;
  EvaluateOptions three = one;
  three.threads = 3;
  const auto a = finer.run(one), b = finer.run(three), c = scene.run(one);
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t e = 0; e < a[p].size(); ++e) {
      CHECK(a[p][e].value == b[p][e].value);
      CHECK(a[p][e].low == b[p][e].low);
      CHECK(a[p][e].lift->high == b[p][e].lift->high);
      CHECK(a[p][e].value == Approx(c[p][e].value).epsilon(1e-9));
      CHECK(a[p][e].high == Approx(c[p][e].high).epsilon(1e-9));
    }
}

TEST_CASE("a log_subset takes a component's rounds with the component's own propensities") {
  // Half of the pages are said to come from a component that is uniform, with wrong logged
  // propensities: they must not be used.
  Scene scene;
  Scene half;
  for (std::size_t b = 0; b < scene.log.shards.size(); ++b) {
    LogBatch& batch = scene.log.shards[b];
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
      batch.propensities.component[i] = i % 2;
      if (i % 2 == 1) rows.push_back(i);
    }
    LogBatch kept;
    kept.requests = gather(batch.requests, rows);
    kept.propensities = gather(batch.propensities, batch.pages, rows);
    kept.responses = gather(batch.responses, batch.pages, rows);
    kept.pages = gather(batch.pages, rows);
    half.log.shards[b] = kept;
    for (double& p : batch.propensities.pscore_item_position) p = 0.9;
  }
  EvaluateOptions options;
  options.estimators = {"ips", "iips", "pi"};
  LogInfo info;
  info.behavior_components = {"curated", "random"};
  EvaluateOptions subset = options;
  subset.log_subset = "random";
  subset.subset_behavior = &scene.uniform;
  const auto a = scene.run(subset, 0, info), b = half.run(options);
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t e = 0; e < a[p].size(); ++e) {
      CHECK(a[p][e].value == Approx(b[p][e].value).epsilon(1e-12));
      CHECK(a[p][e].standard_error == Approx(b[p][e].standard_error).epsilon(1e-9));
    }
  subset.log_subset = "randon";
  CHECK_THROWS_AS(scene.run(subset, 0, info), Error);
  subset.log_subset = "random";
  subset.subset_behavior = nullptr;
  CHECK_THROWS_AS(scene.run(subset, 0, info), Error);
}

TEST_CASE("missing support and heavy weights are said in plain words") {
  // The behavior always shows the ascending order; candidates ask for something else.
  Scene scene;
  for (LogBatch& batch : scene.log.shards) {
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::size_t k = 0; k < 3; ++k)
        batch.pages.module[3 * i + k] = static_cast<std::uint16_t>(k);
    std::fill(batch.propensities.pscore.begin(), batch.propensities.pscore.end(), 1.0);
    batch.propensities.pscore_cascade.assign(batch.pages.module.size(), 1.0);
    batch.propensities.pscore_item_position.assign(batch.pages.module.size(), 1.0);
  }
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = {"iips"};
  const auto estimates =
      evaluate(scene.log.source(), {}, {{"uniform", &scene.uniform}, {"down", &scene.descending}},
               &scene.ascending, -1, Rng(2), options);
  const auto says = [](const Estimate& estimate, const std::string& words) {
    for (const std::string& warning : estimate.warnings)
      if (warning.find(words) != std::string::npos) return true;
    return false;
  };
  CHECK(says(estimates[0][0], "75.00 % of its slots show what the behavior never shows there"));
  CHECK(says(estimates[0][0], "the mean weight is 0.250"));
  CHECK(says(estimates[1][0], "do not trust"));
  CHECK_FALSE(estimates[0][0].lift.has_value());
}

TEST_CASE("revenue is scored like the other metrics, and a given q_hat model is used") {
  const Scene scene;
  class Constant final : public OutcomeModel {
   public:
    void predict(const RequestBatch& requests, std::vector<double>& out) const override {
      out.assign(requests.size() * 12, 0.5);
    }
  };
  EvaluateOptions options;
  options.metrics = {"ctr", "revenue"};
  options.estimators = {"dm", "dr", "iips"};
  options.outcome_models["ctr"] = std::make_shared<Constant>();
  const auto estimates = scene.run(options);
  CHECK(find(estimates[1], "dm", "ctr").value == Approx(1.5).epsilon(1e-12));
  const Estimate& dr = find(estimates[1], "dr", "revenue");
  const Estimate& iips = find(estimates[1], "iips", "revenue");
  CHECK(std::abs(dr.value - iips.value) < 4 * iips.standard_error);
  CHECK(dr.standard_error < iips.standard_error);
  CHECK(find(estimates[1], "dm", "revenue").value == Approx(dr.value).epsilon(0.1));
}

TEST_CASE("what cannot be evaluated is refused") {
  const Scene scene;
  const auto refused = [&](auto&& change) {
    EvaluateOptions options;
    change(options);
    CHECK_THROWS_AS(scene.run(options), Error);
  };
  refused([](EvaluateOptions& o) { o.estimators = {"ipps"}; });
  refused([](EvaluateOptions& o) { o.estimators = {"ix_0.1"}; });
  refused([](EvaluateOptions& o) { o.metrics = {"crt"}; });
  refused([](EvaluateOptions& o) { o.metrics = {}; });
  refused([](EvaluateOptions& o) { o.confidence = 1; });
  refused([](EvaluateOptions& o) { o.interval = "t"; });
  EvaluateOptions options;
  options.estimators = {"pi"};
  CHECK_THROWS_AS(
      evaluate(scene.log.source(), {}, {{"a", &scene.ascending}}, nullptr, -1, Rng(1), options),
      Error);
  options.estimators.clear();
  const auto all =
      evaluate(scene.log.source(), {}, {{"a", &scene.ascending}}, nullptr, -1, Rng(1), options);
  CHECK(all[0].size() == 18);  // without pi and snpi
}

TEST_CASE("bootstrap weights are Poisson: mean 1, variance 1, the same at any length") {
  std::vector<double> weights(4000), fewer(11);
  bootstrap_weights(Rng(1), UserId{5}, weights);
  bootstrap_weights(Rng(1), UserId{5}, fewer);
  double sum = 0, squares = 0;
  for (const double w : weights) {
    sum += w;
    squares += (w - 1) * (w - 1);
  }
  CHECK(sum / 4000 == Approx(1).margin(4 / std::sqrt(4000.0)));
  CHECK(squares / 4000 == Approx(1).margin(4 * std::sqrt(3 / 4000.0)));
  CHECK(std::equal(fewer.begin(), fewer.end(), weights.begin()));
}
