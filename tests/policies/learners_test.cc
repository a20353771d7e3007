// What policies learn from a log on disk.
#include <Eigen/Dense>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/encoder.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

/// One log for all cases: 4 shards of 20,000 pages in the default mixture.
struct Learning {
  Schema schema = small::schema();
  TemporaryFolder folder;
  std::shared_ptr<Policy> behavior = small::behavior(schema);
  std::unique_ptr<LogReader> log;

  Learning() {
    small::write_log(folder.path("log"), schema, *behavior, 4, 20000, Rng(21));
    log = std::make_unique<LogReader>(folder.path("log"));
  }
  std::shared_ptr<Policy> fitted(const std::string& fields) const {
    auto policy = small::policy("{name: learner, " + fields + "}", schema);
    policy->fit({source_of(*log), Rng(2), "learner"});
    return policy;
  }
};

const Learning& learning() {
  static const Learning once;
  return once;
}

/// A request of all four modules. Args: context: device, buyer, taste.
RequestBatch one_request(const std::vector<float>& context) {
  RequestBatch requests;
  requests.n_features = 3;
  requests.user = {1};
  requests.session = {0};
  requests.round = {0};
  requests.n_slots = {3};
  requests.context = context;
  requests.module = {0, 1, 2, 3};
  requests.module_offsets = {0, 4};
  return requests;
}

std::vector<std::uint16_t> page_of(const Policy& policy, const std::vector<float>& context) {
  return recommend(policy, one_request(context), Rng(3), nullptr).module;
}

using Page = std::vector<std::uint16_t>;

}  // namespace

TEST_CASE("popularity orders by the rate at the top, whatever the places of the log",
          "[policies]") {
  // Rates: alpha .15 * 4 / 3 = .20, beta .16, gamma .20, delta .25, so delta is first, beta last.
  CHECK(page_of(*learning().fitted("type: popularity"), {0, 0, 0})[0] == 3);
  const auto rate = learning().fitted("type: popularity")->state().at("rate");
  CHECK(rate.shape == std::vector<std::size_t>{1, 4});
  const double truth[4] = {0.2, 0.16, 0.2, 0.25};
  for (std::size_t m = 0; m < 4; ++m) CHECK(rate.values[m] == Approx(truth[m]).epsilon(0.05));
  // Blind to places: gamma, which the curated page shows first, seems best.
  CHECK(page_of(*learning().fitted("type: popularity, examination: false"), {0, 0, 0})[0] == 2);
}

TEST_CASE("popularity by purchases and by segments finds what each likes", "[policies]") {
  // Purchases a look: alpha .10, beta .032, gamma .02, delta .075.
  CHECK(page_of(*learning().fitted("type: popularity, objective: ptr"), {0, 0, 0}) ==
        Page{0, 3, 1});
  const auto by_buyer = learning().fitted("type: popularity, segments: [buyer]");
  CHECK(page_of(*by_buyer, {0, 2, 0})[0] == 0);
  CHECK(page_of(*by_buyer, {0, 0, 0})[0] == 3);
}

TEST_CASE("thompson's posteriors are the prior plus clicks and looks without a click",
          "[policies]") {
  const auto policy = learning().fitted(
      "type: thompson, segments: [device], prior_a: 2, prior_b: 5, examination: false");
  const Arrays state = policy->state();
  RowMatrix clicks = RowMatrix::Zero(2, 4);
  RowMatrix shown = RowMatrix::Zero(2, 4);
  for (std::size_t s = 0; s < 4; ++s) {
    const LogBatch batch = learning().log->read(s, {});
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::size_t slot = batch.pages.slot_offsets[i]; slot < batch.pages.slot_offsets[i + 1];
           ++slot) {
        const auto device = static_cast<Eigen::Index>(batch.requests.features(i)[0]);
        clicks(device, batch.pages.module[slot]) += batch.responses.click[slot];
        shown(device, batch.pages.module[slot]) += 1;
      }
  }
  for (Eigen::Index d = 0; d < 2; ++d)
    for (Eigen::Index m = 0; m < 4; ++m) {
      const auto cell = static_cast<std::size_t>(4 * d + m);
      CHECK(state.at("a").values[cell] == clicks(d, m) + 2);
      CHECK(state.at("b").values[cell] == shown(d, m) - clicks(d, m) + 5);
    }
  CHECK_FALSE(policy->deterministic());
}

TEST_CASE("linucb is the ridge regression of clicks on looks, module by module", "[policies]") {
  const auto policy = learning().fitted("type: linucb, ridge: 3, alpha: 0.5");
  const Arrays state = policy->state();
  const std::vector<double>& theta = state.at("examination").values;
  const Encoder encoder(learning().schema);
  const auto width = static_cast<Eigen::Index>(1 + encoder.n_inputs());
  REQUIRE(width == 5);
  Eigen::MatrixXd a = 3 * Eigen::MatrixXd::Identity(width, width);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(width);
  std::vector<float> inputs(encoder.n_inputs());
  const auto row_of = [&](std::span<const float> context) {
    encoder.encode(context, inputs);
    Eigen::VectorXd row(width);
    row[0] = 1;
    for (Eigen::Index f = 1; f < width; ++f)
      row[f] = static_cast<double>(inputs[static_cast<std::size_t>(f - 1)]);
    return row;
  };
  for (std::size_t s = 0; s < 4; ++s) {
    const LogBatch batch = learning().log->read(s, {});
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        if (batch.pages.shown(i)[k] != 1) continue;
        const std::span<const float> context = batch.requests.features(i);
        const Eigen::VectorXd row = theta[encoder.position(context, k)] * row_of(context);
        a += row * row.transpose();
        b += batch.responses.click[batch.pages.slot_offsets[i] + k] * row;
      }
  }
  const Eigen::VectorXd beta = a.ldlt().solve(b);
  for (Eigen::Index f = 0; f < width; ++f)
    CHECK(state.at("coefficients").values[static_cast<std::size_t>(width + f)] ==
          Approx(beta[f]).epsilon(1e-8).margin(1e-10));
  // x' A^-1 x from the stored root, for beta and one request.
  const Eigen::Map<const Eigen::MatrixXd> root(
      state.at("inverse_roots").values.data() + width * width, width, width);
  const std::vector<float> context{1, 2, 0.7f};
  const Eigen::VectorXd x = row_of(context);
  CHECK((root * x).squaredNorm() == Approx(x.dot(a.ldlt().solve(x))).epsilon(1e-8));
  CHECK(beta[0] == Approx(small::kRate[1]).epsilon(0.1));
}

TEST_CASE("linucb's score is the mean plus alpha widths", "[policies]") {
  const auto curious = learning().fitted("type: linucb, alpha: 1000");
  const Arrays state = curious->state();
  Eigen::VectorXd x(5);
  x << 1, 0, 0, 0, -1.5;
  std::vector<std::pair<double, std::uint16_t>> by_score;
  for (std::uint16_t m = 0; m < 4; ++m) {
    const Eigen::Map<const Eigen::MatrixXd> root(state.at("inverse_roots").values.data() + m * 25,
                                                 5, 5);
    const Eigen::Map<const Eigen::VectorXd> beta(state.at("coefficients").values.data() + m * 5, 5);
    by_score.push_back({-(beta.dot(x) + 1000 * (root * x).norm()), m});
  }
  std::sort(by_score.begin(), by_score.end());
  const Page page = page_of(*curious, {0, 0, -1.5f});
  for (std::size_t k = 0; k < 3; ++k) CHECK(page[k] == by_score[k].second);
  // The least seen module is not the one with the highest mean: the width decides.
  const auto greedy = learning().fitted("type: linucb, alpha: 0");
  CHECK(page_of(*greedy, {0, 0, -1.5f})[0] == 3);
  CHECK(page_of(*greedy, {0, 0, -1.5f}) != page);
}

TEST_CASE("learners on the context follow taste and segment", "[policies]") {
  for (const std::string type : {"type: linucb, alpha: 0", "type: logistic"}) {
    INFO(type);
    const auto policy = learning().fitted(type);
    // taste 1.6: alpha .15 * 1.48 = .22, beta .16 * .52; collectors double alpha.
    CHECK(page_of(*policy, {0, 2, 1.6f})[0] == 0);
    CHECK(page_of(*policy, {0, 0, 1.6f}) == Page{3, 0, 2});
    CHECK(page_of(*policy, {1, 0, -1.6f}) == Page{3, 1, 2});
  }
}

TEST_CASE("a logistic without places is fooled by them, with places it is not", "[policies]") {
  CHECK(page_of(*learning().fitted("type: logistic"), {0, 0, 0})[0] == 3);
  CHECK(page_of(*learning().fitted("type: logistic, position: none"), {0, 0, 0})[0] == 2);
  CHECK(page_of(*learning().fitted("type: logistic, objective: purchase"), {0, 2, 0})[0] == 0);
}

TEST_CASE("a learner says that it has learnt nothing yet, and refuses another site's log",
          "[policies]") {
  Schema other = small::schema();
  other.modules[1] = "omega";
  for (const std::string type : {"popularity", "thompson", "linucb", "logistic"}) {
    INFO(type);
    const auto fresh = small::policy("{name: x, type: " + type + "}", learning().schema);
    CHECK_THROWS_WITH(fresh->distribution(one_request({0, 0, 0})),
                      Catch::Contains(type) && Catch::Contains("learnt nothing"));
    const auto stranger = small::policy("{name: x, type: " + type + "}", other);
    CHECK_THROWS_WITH(stranger->fit({source_of(*learning().log), Rng(1), "x"}),
                      Catch::Contains("omega"));
  }
}
