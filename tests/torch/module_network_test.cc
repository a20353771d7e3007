#include <thread>

#include "policies/module_scorer.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/torch/module_world.h"

using namespace rehearsal;

namespace {

/// Five modules, three slots, everything strong enough to be learnt from a small log.
ModuleWorld strong_world() {
  ModuleWorld world = draw_world(5, 6, 1.2, 0.8, 11);
  world.position_logits = {0, -0.6, -1.1};
  return world;
}

ModuleNetworkSpec fast_spec(const ModuleWorld& world) {
  ModuleNetworkSpec spec = spec_for(world, {16, 8});
  spec.learning_rate = 0.02;
  spec.max_epochs = 4;
  spec.patience = 4;
  return spec;
}

WorldExamples small_examples(const ModuleWorld& world) {
  return WorldExamples(world, 20000, 4000, 256, 21);
}

bool same_bits(const TrainedNetwork& a, const TrainedNetwork& b) {
  if (a.validation_loss != b.validation_loss || a.best_epoch != b.best_epoch) return false;
  if (a.weights.size() != b.weights.size()) return false;
  for (const auto& [name, array] : a.weights)
    if (array.shape != b.weights.at(name).shape || array.values != b.weights.at(name).values)
      return false;
  return true;
}

TrainedNetwork train(const ModuleNetworkSpec& spec, ExampleSource& examples, std::uint64_t seed = 1,
                     ProgressSink* progress = nullptr) {
  return load_trainer().train_module_network(spec, examples, Rng(seed), "test", progress);
}

/// Mean absolute error of learnt logits beyond what a shift of all modules' logits explains.
double logit_error(const ModuleWorld& world, const RowMatrixF& features, const RowMatrixF& logits) {
  double shift = 0;
  RowMatrix error(features.rows(), world.n_modules());
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index m = 0; m < world.n_modules(); ++m) {
      const Eigen::VectorXd x = features.row(i).cast<double>().transpose();
      error(i, m) = logits(i, m) - world.click_logit(x, m);
      shift += error(i, m) / static_cast<double>(error.size());
    }
  return (error.array() - shift).abs().mean();
}

}  // namespace

TEST_CASE("training gets near the entropy of the clicks and recovers logits and positions") {
  const ModuleWorld world = strong_world();
  WorldExamples examples(world, 60000, 20000, 256, 21);
  const ModuleNetworkSpec spec = fast_spec(world);
  const TrainedNetwork network = train(spec, examples);
  const double best = network.validation_loss[static_cast<std::size_t>(network.best_epoch)];
  // Cross-entropy cannot be below entropy but for luck; 0.004 nats is 1 % of it.
  CHECK(best > examples.click_entropy() - 1e-3);
  CHECK(best < examples.click_entropy() + 4e-3);
  const RowMatrixF x = examples.features().topRows(2000);
  CHECK(logit_error(world, x, load_trainer().score(spec, network.weights, x)) < 0.12);
  const std::vector<double>& position = network.weights.at("position").values;
  for (std::size_t k = 1; k < 3; ++k)
    CHECK(position[k] - position[0] == Approx(world.position_logits[k]).margin(0.06));
}

TEST_CASE("the Eigen scorer equals the torch network to 1e-5, also after saving") {
  const ModuleWorld world = strong_world();
  WorldExamples examples = small_examples(world);
  for (const std::vector<std::int64_t>& hidden :
       {std::vector<std::int64_t>{}, {7}, {64, 32}, {33, 20, 9}})
    for (const bool purchase : {false, true}) {
      ModuleNetworkSpec spec = fast_spec(world);
      spec.hidden = hidden;
      spec.purchase = purchase;
      spec.max_epochs = 1;
      const TrainedNetwork network = train(spec, examples);
      const RowMatrixF torch = load_trainer().score(spec, network.weights, examples.features());
      RowMatrixF eigen;
      ModuleScorer(spec, network.weights).score(examples.features(), eigen);
      REQUIRE(eigen.rows() == torch.rows());
      REQUIRE(eigen.cols() == (purchase ? 10 : 5));
      CHECK((eigen - torch).cwiseAbs().maxCoeff() < 1e-5f);
      CHECK(eigen.cwiseAbs().maxCoeff() > 0.5f);
    }
}

TEST_CASE("the same training gives the same bytes again, and beside another in a thread") {
  const ModuleWorld world = strong_world();
  ModuleNetworkSpec click = fast_spec(world);
  ModuleNetworkSpec both = fast_spec(world);
  both.purchase = true;
  both.hidden = {64, 32};
  const auto run = [&](const ModuleNetworkSpec& spec) {
    WorldExamples examples = small_examples(world);
    return train(spec, examples);
  };
  const TrainedNetwork alone_click = run(click);
  const TrainedNetwork alone_both = run(both);
  CHECK(same_bits(alone_click, run(click)));
  TrainedNetwork beside_click;
  TrainedNetwork beside_both;
  std::thread first([&] { beside_click = run(click); });
  std::thread second([&] { beside_both = run(both); });
  first.join();
  second.join();
  CHECK(same_bits(alone_click, beside_click));
  CHECK(same_bits(alone_both, beside_both));
  CHECK_FALSE(same_bits(alone_click, alone_both));
}

TEST_CASE("another seed draws other initial weights") {
  const ModuleWorld world = strong_world();
  WorldExamples examples = small_examples(world);
  ModuleNetworkSpec spec = fast_spec(world);
  spec.max_epochs = 1;
  CHECK_FALSE(same_bits(train(spec, examples, 1), train(spec, examples, 2)));
}

TEST_CASE("the purchase head learns purchases given a click from all impressions") {
  ModuleWorld world = strong_world();
  world.purchase_bias = {-2.0, -1.0, 0.0, -1.5, -0.5};
  WorldExamples examples(world, 60000, 20000, 256, 21);
  ModuleNetworkSpec spec = fast_spec(world);
  spec.hidden = {};  // as the truth is
  spec.purchase = true;
  const TrainedNetwork network = train(spec, examples);
  const RowMatrixF x = examples.features().topRows(4000);
  const RowMatrixF logits = load_trainer().score(spec, network.weights, x);
  for (Eigen::Index m = 0; m < 5; ++m) {
    double learnt = 0;
    double truth = 0;
    double error = 0;
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      const double p = ModuleWorld::sigmoid(logits(i, 5 + m));
      const double q =
          ModuleWorld::sigmoid(world.purchase_logit(x.row(i).cast<double>().transpose(), m));
      learnt += p / static_cast<double>(x.rows());
      truth += q / static_cast<double>(x.rows());
      error += std::abs(p - q) / static_cast<double>(x.rows());
    }
    CHECK(learnt == Approx(truth).margin(0.02));
    CHECK(error < 0.04);
  }
}

TEST_CASE("where pages are 95 % static a position-blind network misranks, an aware one does not") {
  // Module 0 always stands first in the static order, and is the worst.
  ModuleWorld world = draw_world(4, 3, 0.0, 0.0, 11);
  world.click_bias = {-1.6, -1.4, -1.2, -1.0};
  world.position_logits = {0, -0.7, -1.3, -1.8};
  const auto mean_logits = [&](bool aware, double exploration) {
    world.exploration = exploration;
    WorldExamples examples(world, 120000, 10000, 256, 5);
    ModuleNetworkSpec spec = spec_for(world, {8});
    if (!aware) spec.n_positions = 0;
    spec.learning_rate = 0.02;
    spec.weight_decay = 0.3;
    spec.max_epochs = 4;
    const TrainedNetwork network = train(spec, examples);
    const RowMatrixF x = examples.features().topRows(1000);
    const RowMatrixF logits = load_trainer().score(spec, network.weights, x);
    return std::vector<double>{logits.col(0).mean(), logits.col(1).mean(), logits.col(2).mean(),
                               logits.col(3).mean()};
  };
  const std::vector<double> blind = mean_logits(false, 0.05);
  CHECK(std::is_sorted(blind.rbegin(), blind.rend()));  // worst first, as the page shows them
  const std::vector<double> aware = mean_logits(true, 0.05);
  CHECK(std::is_sorted(aware.begin(), aware.end()));
  const std::vector<double> blind_random = mean_logits(false, 1);
  CHECK(std::is_sorted(blind_random.begin(), blind_random.end()));
}

TEST_CASE("training stops after `patience` epochs without a better loss and keeps the best") {
  const ModuleWorld world = strong_world();
  WorldExamples examples(world, 300, 4000, 32, 21);  // soon overfitted
  ModuleNetworkSpec spec = fast_spec(world);
  spec.hidden = {64};
  spec.max_epochs = 40;
  spec.patience = 2;
  const TrainedNetwork network = train(spec, examples);
  const std::vector<double>& loss = network.validation_loss;
  const auto best = std::min_element(loss.begin(), loss.end());
  CHECK(best - loss.begin() == network.best_epoch);
  CHECK(static_cast<int>(loss.size()) == network.best_epoch + 3);
  REQUIRE(loss.size() < 40);
  // The weights are those of that epoch: their loss, measured apart, is the best loss.
  examples.start_validation();
  PageExamples batch;
  double sum = 0;
  double n = 0;
  while (examples.next(batch)) {
    RowMatrixF logits;
    ModuleScorer(spec, network.weights).score(batch.features, logits);
    for (std::size_t i = 0; i < batch.page.size(); ++i, ++n) {
      const double z =
          logits(batch.page[i], batch.module[i]) +
          network.weights.at("position").values[static_cast<std::size_t>(batch.position[i])];
      sum += std::log1p(std::exp(z)) - batch.click[i] * z;
    }
  }
  CHECK(sum / n == Approx(*best).epsilon(1e-5));
}

TEST_CASE("impressions count by their weight") {
  // Odd pages come with the opposite of their label and weight 0: they must teach nothing.
  const ModuleWorld world = strong_world();
  struct Half : WorldExamples {
    using WorldExamples::WorldExamples;
    float flipped = 0;
    bool next(PageExamples& batch) override {
      const bool more = WorldExamples::next(batch);
      for (std::size_t i = 0; i < batch.page.size(); ++i)
        if (batch.page[i] % 2 == 1) {
          batch.click[i] = flipped == 0 ? 1 - batch.click[i] : 0;
          batch.weight[i] = 0;
        }
      return more;
    }
  };
  Half inverted(world, 20000, 4000, 256, 21);
  Half silent(world, 20000, 4000, 256, 21);
  silent.flipped = 1;
  ModuleNetworkSpec spec = fast_spec(world);
  spec.max_epochs = 2;
  const RowMatrixF x = inverted.features().topRows(500);
  const RowMatrixF a = load_trainer().score(spec, train(spec, inverted).weights, x);
  const RowMatrixF b = load_trainer().score(spec, train(spec, silent).weights, x);
  CHECK(logit_error(world, x, a) < 0.4);
  const bool same = a == b;
  CHECK(same);
}

TEST_CASE("progress goes from 0 to 1 and says the epoch and its loss") {
  struct Recorder : ProgressSink {
    std::vector<double> fractions;
    std::string task;
    std::string note;
    void update(const std::string& t, double fraction, const std::string& n) override {
      task = t;
      fractions.push_back(fraction);
      note = n;
    }
  } recorder;
  const ModuleWorld world = strong_world();
  WorldExamples examples(world, 2000, 500, 256, 21);
  ModuleNetworkSpec spec = fast_spec(world);
  spec.max_epochs = 2;
  train(spec, examples, 1, &recorder);
  CHECK(recorder.task == "test");
  CHECK(std::is_sorted(recorder.fractions.begin(), recorder.fractions.end()));
  CHECK(recorder.fractions.front() < 0.1);
  CHECK(recorder.fractions.back() == 1);
  CHECK_THAT(recorder.note, Catch::Contains("epoch 2 of 2, validation loss 0."));
}

TEST_CASE("a training that diverges says so") {
  const ModuleWorld world = strong_world();
  struct Broken : WorldExamples {
    using WorldExamples::WorldExamples;
    bool next(PageExamples& batch) override {
      const bool more = WorldExamples::next(batch);
      batch.features *= 1e38f;
      return more;
    }
  };
  Broken examples(world, 2000, 500, 256, 21);
  try {
    train(fast_spec(world), examples);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRuntime);
    CHECK_THAT(error.what(), Catch::Contains("not finite"));
  }
}
