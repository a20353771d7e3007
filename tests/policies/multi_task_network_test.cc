#include "policies/multi_task_network.h"

#include "policies/tasks.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

NetworkShape shape_of(const std::string& architecture) {
  NetworkShape shape;
  shape.n_users = 4;
  shape.n_items = 5;
  shape.user_width = 2;
  shape.item_width = 3;
  shape.n_dense = 2;
  shape.hidden = {5, 4};
  shape.tower = {3};
  shape.tasks = {"click", "trail", "buy"};
  if (architecture != "shared_bottom") shape.n_shared_experts = 3;
  if (architecture == "ple") {
    shape.n_task_experts = 2;
    shape.n_levels = 2;
  }
  return shape;
}

std::vector<HeadShape> all_heads() {
  return {{"click", HeadPlace::kTower, 0, 1},
          {"hint", HeadPlace::kShared, 0, 2},
          {"affine", HeadPlace::kLogit, 0, 1}};
}

/// Seven rows; user 9 is beyond the table.
struct Rows {
  std::vector<std::uint32_t> user{0, 1, 2, 3, 9, 1, 0};
  std::vector<std::uint32_t> item{4, 3, 2, 1, 0, 0, 4};
  std::vector<float> dense;
  std::vector<float> labels{1, 0.5f, 0,  0, kUnknown, 0,        1, 2.5f, 1, 0, kUnknown,
                            0, 1,    -1, 0, 0,        kUnknown, 0, 1,    1, 1};
  Rows() {
    for (int i = 0; i < 14; ++i) dense.push_back(std::sin(1.3f * static_cast<float>(i)));
  }
  NetworkInput input() const { return {user, item, dense}; }
};

std::vector<TaskSpec> tasks() {
  return {{.name = "click", .label = "item_click", .given = ""},
          {.name = "trail",
           .kind = TaskKind::kRegression,
           .label = "dwell",
           .given = "item_click",
           .weight = 0.5},
          {.name = "buy", .kind = TaskKind::kEsmm, .label = "item_purchase", .given = ""}};
}

const std::vector<double> kWeights{1, 2, 1};

/// The tasks' losses, and squares of what the other heads say.
double loss_of(const MultiTaskNetwork& network, const NetworkParameters& parameters,
               const Rows& rows, NetworkPass& pass) {
  network.forward(parameters, rows.input(), false, pass);
  network.start_backward(pass);
  double loss = add_task_losses(tasks(), rows.labels, kWeights, network, pass);
  for (std::size_t h = 3; h < network.n_outputs(); ++h) {
    const std::span<const float> out = network.output(pass, h);
    const std::span<float> gradient = network.output_gradient(pass, h);
    for (std::size_t i = 0; i < out.size(); ++i) {
      loss += 0.5 * static_cast<double>(out[i]) * out[i];
      gradient[i] += out[i];
    }
  }
  return loss;
}

/// Compares a gradient with differences of the loss.
void check_gradient(const MultiTaskNetwork& network, NetworkParameters& parameters,
                    const Rows& rows, float& parameter, double gradient) {
  constexpr float kStep = 1.0f / 4096;  // short, for the kinks of ReLU
  NetworkPass pass;
  const float at = parameter;
  parameter = at + kStep;
  const double up = loss_of(network, parameters, rows, pass);
  parameter = at - kStep;
  const double down = loss_of(network, parameters, rows, pass);
  parameter = at;
  CHECK(gradient == Approx((up - down) / (2 * kStep)).epsilon(2e-3).margin(3e-3));
}

}  // namespace

TEST_CASE("the backward pass of every architecture agrees with finite differences",
          "[multi_task]") {
  for (const std::string architecture : {"shared_bottom", "mmoe", "ple"}) {
    INFO(architecture);
    NetworkShape shape = shape_of(architecture);
    shape.heads = all_heads();
    const MultiTaskNetwork network(shape);
    NetworkParameters parameters = network.draw(Rng(5));
    for (float& p : parameters.dense) p += 0.05f;
    const Rows rows;
    NetworkPass pass;
    std::vector<float> gradient;
    loss_of(network, parameters, rows, pass);
    const std::span<const float> found = network.backward(parameters, pass, gradient);
    const std::vector<float> by_input(found.begin(), found.end());
    for (std::size_t k = 0; k < gradient.size(); ++k)
      check_gradient(network, parameters, rows, parameters.dense[k], gradient[k]);
    // An embedding's gradient is the sum over the rows that show it: item 4 is in rows 0 and 6.
    for (Eigen::Index j = 0; j < 3; ++j) {
      const auto at = static_cast<std::size_t>(2 + j);
      check_gradient(network, parameters, rows, parameters.items(4, j),
                     by_input[at] + by_input[6 * 7 + at]);
    }
  }
}

TEST_CASE("mixtures of one expert are a shared bottom", "[multi_task]") {
  NetworkShape mixed = shape_of("mmoe");
  mixed.n_shared_experts = 1;
  const MultiTaskNetwork network(mixed);
  const MultiTaskNetwork bottom(shape_of("shared_bottom"));
  REQUIRE(network.blocks().size() == bottom.blocks().size());
  CHECK(network.draw(Rng(3)).dense == bottom.draw(Rng(3)).dense);
}

TEST_CASE("identical experts make a gate count nothing", "[multi_task]") {
  const MultiTaskNetwork network(shape_of("mmoe"));
  NetworkParameters parameters = network.draw(Rng(3));
  const auto block = [&](const std::string& name) -> const ParameterBlock& {
    return *std::find_if(network.blocks().begin(), network.blocks().end(),
                         [&](const ParameterBlock& b) { return b.name == name; });
  };
  for (const std::string part : {".0.weight", ".0.bias", ".1.weight", ".1.bias"})
    for (const std::string expert : {"level0.shared1", "level0.shared2"})
      std::copy_n(parameters.dense.data() + block("level0.shared0" + part).offset,
                  block("level0.shared0" + part).rows * block("level0.shared0" + part).columns,
                  parameters.dense.data() + block(expert + part).offset);
  const Rows rows;
  NetworkPass pass;
  network.forward(parameters, rows.input(), true, pass);
  const std::vector<float> before(network.output(pass, 0).begin(), network.output(pass, 0).end());
  const ParameterBlock& gate = block("level0.click.gate.weight");
  for (std::size_t k = 0; k < gate.rows * gate.columns; ++k)
    parameters.dense[gate.offset + k] += static_cast<float>(k);
  network.forward(parameters, rows.input(), true, pass);
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(network.output(pass, 0)[i] == Approx(before[i]).margin(1e-6));
}

TEST_CASE("heads that are not served change no bit of what is, drawn or computed", "[multi_task]") {
  for (const std::string architecture : {"shared_bottom", "mmoe", "ple"}) {
    const MultiTaskNetwork plain(shape_of(architecture));
    NetworkShape with = shape_of(architecture);
    with.heads = all_heads();
    const MultiTaskNetwork taught(with);
    const Arrays drawn = taught.to_arrays(taught.draw(Rng(8)), true);
    const Arrays same = plain.to_arrays(plain.draw(Rng(8)), true);
    REQUIRE(drawn.size() == same.size());
    for (const auto& [name, array] : same) CHECK(drawn.at(name).values == array.values);
    CHECK(taught.multiply_adds() == plain.multiply_adds());
    CHECK(taught.to_arrays(taught.draw(Rng(8)), false).size() == same.size() + 6);

    const Rows rows;
    NetworkPass all, served;
    taught.forward(taught.draw(Rng(8)), rows.input(), false, all);
    plain.forward(plain.from_arrays(drawn), rows.input(), true, served);
    for (std::size_t t = 0; t < 3; ++t)
      CHECK(std::equal(taught.output(all, t).begin(), taught.output(all, t).end(),
                       plain.output(served, t).begin()));
  }
}

TEST_CASE("a row says the same alone and among others", "[multi_task]") {
  const MultiTaskNetwork network(shape_of("ple"));
  const NetworkParameters parameters = network.draw(Rng(8));
  const Rows rows;
  NetworkPass all, one;
  network.forward(parameters, rows.input(), true, all);
  for (std::size_t i = 0; i < 7; ++i) {
    network.forward(parameters,
                    {std::span(rows.user).subspan(i, 1), std::span(rows.item).subspan(i, 1),
                     std::span(rows.dense).subspan(2 * i, 2)},
                    true, one);
    for (std::size_t t = 0; t < 3; ++t)
      CHECK(network.output(one, t)[0] == network.output(all, t)[i]);
  }
}

TEST_CASE("tables that grow keep the rows they had", "[multi_task]") {
  NetworkShape larger = shape_of("shared_bottom");
  larger.n_users = 9;
  const NetworkParameters before = MultiTaskNetwork(shape_of("shared_bottom")).draw(Rng(2));
  const NetworkParameters after = MultiTaskNetwork(larger).draw(Rng(2));
  CHECK(after.users.topRows(4) == before.users);
  CHECK(after.dense == before.dense);
}

TEST_CASE("the losses of tasks count what is observed alone", "[multi_task]") {
  NetworkShape shape = shape_of("shared_bottom");
  const MultiTaskNetwork network(shape);
  NetworkParameters parameters = network.draw(Rng(2));
  const Rows rows;
  start_at_base_rates(tasks(), rows.labels, network, parameters);
  // Clicks: 4 of 7; the trail's mean of 1, 4 observed values; purchases 2 of the 4 clicks.
  CHECK(network.bias(parameters, 0)[0] == Approx(std::log(5.0 / 4)));
  CHECK(network.bias(parameters, 1)[0] == Approx((0.5 + 2.5 - 1 + 1) / 4));
  CHECK(network.bias(parameters, 2)[0] == Approx(std::log(3.0 / 3)));
  NetworkPass pass;
  network.forward(parameters, rows.input(), true, pass);
  network.start_backward(pass);
  double expected = 0;
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  for (std::size_t i = 0; i < 7; ++i) {
    const double ctr = sigma(network.output(pass, 0)[i]);
    const double both = ctr * sigma(network.output(pass, 2)[i]);
    const float* y = rows.labels.data() + 3 * i;
    expected -= std::log(y[0] > 0 ? ctr : 1 - ctr) + std::log(y[2] > 0 ? both : 1 - both);
    // Weight 0.5 of the task, 2 of the step, and half the square.
    if (!std::isnan(y[1])) expected += 0.5 * std::pow(network.output(pass, 1)[i] - y[1], 2);
  }
  CHECK(add_task_losses(tasks(), rows.labels, kWeights, network, pass) ==
        Approx(expected / 7).epsilon(1e-6));
  std::vector<float> outputs;
  task_outputs(tasks(), network, pass, outputs);
  for (std::size_t i = 0; i < 7; ++i)
    CHECK(sigma(outputs[3 * i + 2]) ==
          Approx(sigma(outputs[3 * i]) * sigma(network.output(pass, 2)[i])).epsilon(1e-5));
}
