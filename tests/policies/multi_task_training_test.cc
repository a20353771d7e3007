#include "policies/multi_task_training.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Adam as its paper writes it.
struct PlainAdam {
  double m = 0, v = 0;
  double move(double g, int step, double rate) {
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    return -rate * (m / (1 - std::pow(0.9, step))) /
           (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-8);
  }
};

NetworkShape shape() {
  NetworkShape shape;
  shape.n_users = 3;
  shape.n_items = 2;
  shape.user_width = shape.item_width = 2;
  shape.n_dense = 1;
  shape.hidden = {4};
  shape.tasks = {"click"};
  return shape;
}

const std::vector<TaskSpec> kTasks{{.name = "click", .label = "item_click", .given = ""}};

/// Clicks where the dense input is positive; user 2 never shows up.
ImpressionShards table_shards() {
  return {1, 1, 1, 0, [](std::size_t) {
            ImpressionTable table;
            for (std::uint32_t i = 0; i < 400; ++i) {
              table.user.push_back(i % 2);
              table.item.push_back(i % 2);
              const float x = std::sin(static_cast<float>(i));
              table.dense.push_back(x);
              table.labels.push_back(x > 0 ? 1.0f : 0.0f);
            }
            return table;
          }};
}

TrainedMultiTask train(const TrainingOptions& options, std::uint64_t seed = 1) {
  const MultiTaskNetwork network(shape());
  ImpressionStream stream(table_shards(), {32}, Rng(seed), "test");
  return train_multi_task(network, kTasks, {}, stream, 0, options, Rng(seed), "train test",
                          nullptr);
}

}  // namespace

TEST_CASE("parameters move as Adam says, decayed ones towards 0", "[multi_task_training]") {
  Adam adam(3);
  PlainAdam plain[2];
  std::vector<float> p{9, 1, -2};
  double expected[2] = {1, -2};
  for (int step = 1; step <= 20; ++step) {
    const float gradient[2] = {0.3f * static_cast<float>(step), -0.2f};
    adam.update(AdamStep(0.1, 0.5, step), true, 1, 2, gradient, p.data() + 1);
    for (int k = 0; k < 2; ++k)
      expected[k] = expected[k] * (1 - 0.1 * 0.5) +
                    plain[k].move(static_cast<double>(gradient[k]), step, 0.1);
  }
  CHECK(p[0] == 9);
  for (std::size_t k = 0; k < 2; ++k) CHECK(p[k + 1] == Approx(expected[k]).epsilon(1e-4));
}

TEST_CASE("a table's rows move when a batch touches them, by the sum of its gradients",
          "[multi_task_training]") {
  TableAdam adam(4, 2);
  RowMatrixF table = RowMatrixF::Ones(4, 2);
  PlainAdam plain[2];
  double expected[2] = {1, 1};
  for (int step = 1; step <= 6; ++step) {
    // Row 2 in every other step, twice; row 9 is beyond the table.
    const std::vector<std::uint32_t> rows =
        step % 2 == 1 ? std::vector<std::uint32_t>{2, 0, 2, 9} : std::vector<std::uint32_t>{0};
    const std::vector<float> gradient{0.1f, 0.2f, 7, 0.5f, 0.5f, 7, 0.3f, -0.6f, 7, 1, 1, 7};
    adam.update(AdamStep(0.1, 0, step), rows, gradient.data(), 3, table);
    if (step % 2 == 0) continue;
    expected[0] += plain[0].move(0.4, step, 0.1);
    expected[1] += plain[1].move(-0.4, step, 0.1);
  }
  for (Eigen::Index k = 0; k < 2; ++k) CHECK(table(2, k) == Approx(expected[k]).epsilon(1e-4));
  CHECK((table(1, 0) == 1 && table(3, 1) == 1));
  CHECK(table(0, 0) < 1);
}

TEST_CASE("training lowers the loss, repeats itself, and leaves the rows alone that it never met",
          "[multi_task_training]") {
  const TrainedMultiTask trained = train({.epochs = 6, .learning_rate = 0.05});
  REQUIRE(trained.loss.size() == 6);
  CHECK(trained.loss[5] < 0.25);
  CHECK(trained.loss[5] < trained.loss[0]);
  const NetworkParameters drawn = MultiTaskNetwork(shape()).draw(Rng(1));
  CHECK(trained.parameters.users.row(1) != drawn.users.row(1));
  const TrainedMultiTask again = train({.epochs = 6, .learning_rate = 0.05});
  CHECK(again.parameters.dense == trained.parameters.dense);
  CHECK(again.parameters.items == trained.parameters.items);
  CHECK(train({.epochs = 6, .learning_rate = 0.05}, 2).parameters.dense !=
        trained.parameters.dense);
  CHECK(train({.epochs = 6, .learning_rate = 0.05, .weight_decay = 1}).loss[5] >
        trained.loss[5]);  // decay holds weights back
}

TEST_CASE("a loss that is not finite is an error that names the learning rate",
          "[multi_task_training]") {
  CHECK_THROWS_WITH(train({.epochs = 2, .learning_rate = 1e30}),
                    Catch::Contains("train test: the loss is not finite") &&
                        Catch::Contains("learning_rate 1e+30"));
}
