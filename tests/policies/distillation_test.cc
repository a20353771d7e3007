#include "policies/distillation.h"

#include <yaml-cpp/yaml.h>

#include "policies/distill/list_losses.h"
#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

using Floats = std::vector<float>;
using Loss = std::function<double(std::span<const float>, std::span<float>)>;

const Floats kStudent{0.3f, -0.8f, 1.1f, 0.2f, -0.1f};
const Floats kTeacher{1.0f, 0.1f, 0.4f, -0.7f, 1.9f};  // order 4, 0, 2, 1, 3

void check_gradient(const Loss& loss, Floats s) {
  Floats gradient(s.size()), scratch(s.size());
  loss(s, gradient);
  constexpr float kStep = 1.0f / 1024;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const float at = s[i];
    s[i] = at + kStep;
    const double up = loss(s, scratch);
    s[i] = at - kStep;
    const double down = loss(s, scratch);
    s[i] = at;
    CHECK(gradient[i] == Approx((up - down) / (2 * kStep)).margin(1e-4));
  }
}

double sigma(double z) { return 1 / (1 + std::exp(-z)); }

/// Rows of a batch on a network with one hidden layer of width 3, all of them one list of three
/// and one of two.
struct Batch {
  std::vector<TaskSpec> tasks{
      {.name = "click", .label = "item_click", .given = ""},
      {.name = "trail", .kind = TaskKind::kRegression, .label = "dwell", .given = "item_click"}};
  LabelSource labels{
      {{"click", false}, {"trail", true}, {"hidden_0", true}, {"hidden_1", true}}, "t", nullptr};
  ImpressionTable rows;
  NetworkShape shape;

  Batch() {
    rows.user = {0, 1, 2, 0, 1};
    rows.item = {0, 1, 0, 1, 2};
    rows.lists = {0, 3, 5};
    for (int i = 0; i < 10; ++i) {
      rows.dense.push_back(std::sin(1.0f + 2.1f * static_cast<float>(i)));
      rows.labels.push_back(0);
    }
    shape.n_users = shape.n_items = 3;
    shape.user_width = shape.item_width = 2;
    shape.n_dense = 2;
    shape.hidden = {3};
    shape.tasks = {"click", "trail"};
  }

  /// Fills the columns of a bound method with what waves.
  void fill(std::size_t n_soft) {
    rows.soft.clear();
    for (std::size_t k = 0; k < 5 * n_soft; ++k)
      rows.soft.push_back(1.5f * std::cos(0.9f * static_cast<float>(k)));
  }
};

std::vector<std::unique_ptr<Distillation>> methods_of(const std::string& yaml,
                                                      const std::vector<TaskSpec>& tasks) {
  return make_distillations(YAML::Load("[" + yaml + "]"), {}, tasks);
}

}  // namespace

TEST_CASE("the gradients of losses over lists agree with finite differences", "[distillation]") {
  check_gradient([](auto s, auto g) { return list_wise_loss(s, kTeacher, 2.5, g); }, kStudent);
  const RankingDistillation options{3, 0.4, 2, 0.7};
  check_gradient([&](auto s, auto g) { return ranking_distillation_loss(s, kTeacher, options, g); },
                 kStudent);
  check_gradient([](auto s, auto g) { return relaxed_ranking_loss(s, kTeacher, 2, g); }, kStudent);
  check_gradient([](auto s, auto g) { return rank_distil_loss(s, kTeacher, 2, 1.0, g); }, kStudent);
  check_gradient([](auto s, auto g) { return relaxed_ranking_loss(s, kTeacher, 99, g); }, kStudent);
}

TEST_CASE("the list-wise loss is 0 where the student's logits are the teacher's and a shift",
          "[distillation]") {
  Floats s(5), gradient(5);
  for (std::size_t i = 0; i < 5; ++i) s[i] = kTeacher[i] - 3;
  CHECK(list_wise_loss(s, kTeacher, 2, gradient) == Approx(0).margin(1e-6));
  for (const float g : gradient) CHECK(g == Approx(0).margin(1e-6));
  CHECK(list_wise_loss(kStudent, kTeacher, 2, gradient) > 0.01);
}

TEST_CASE("the relaxed ranking loss is -log of a Plackett-Luce prefix, whatever is behind it",
          "[distillation]") {
  Floats gradient(5);
  // First 4, then 0, of softmaxes over what is left.
  double all = 0;
  for (const float s : kStudent) all += std::exp(static_cast<double>(s));
  const double p = std::exp(-0.1) / all * std::exp(0.3) / (all - std::exp(-0.1));
  CHECK(relaxed_ranking_loss(kStudent, kTeacher, 2, gradient) ==
        Approx(-std::log(p)).epsilon(1e-6));
  Floats other = kTeacher;
  std::swap(other[1], other[3]);  // both behind the first two
  CHECK(relaxed_ranking_loss(kStudent, other, 2, gradient) == Approx(-std::log(p)).epsilon(1e-6));
  std::swap(other[0], other[4]);
  CHECK(relaxed_ranking_loss(kStudent, other, 2, gradient) != Approx(-std::log(p)).epsilon(1e-3));
}

TEST_CASE("ranking distillation weighs by place and by the student's rank", "[distillation]") {
  Floats gradient(5);
  // The teacher's first two are items 4 and 0; the student ranks 2, 0, 3, 4, 1: ranks 4 and 2.
  const double place1 = std::exp(-0.5) / (std::exp(-0.5) + std::exp(-1.0));
  const double by_rank1 = std::tanh(1.2 * 3);
  const double expected = (0.3 * place1 + 0.7 * by_rank1) * -std::log(sigma(-0.1f)) +
                          0.3 * (1 - place1) * -std::log(sigma(0.3f));
  CHECK(ranking_distillation_loss(kStudent, kTeacher, {2, 0.3, 2, 1.2}, gradient) ==
        Approx(expected).epsilon(1e-6));
  CHECK(gradient[2] == 0);
}

TEST_CASE("rankdistil counts others only where they are not a margin below", "[distillation]") {
  Floats gradient(5);
  const Floats apart{5, -9, -9, -9, 5.9f};  // 4 and 0 as the teacher has them
  CHECK(rank_distil_loss(apart, kTeacher, 2, 1, gradient) == Approx(0).margin(1e-6));
  const Floats close{5, 4.5f, -9, -9, 5.9f};
  CHECK(rank_distil_loss(close, kTeacher, 2, 1, gradient) == Approx(0.125).epsilon(1e-5));
  CHECK(gradient[1] == Approx(0.5));
}

TEST_CASE("every method of distillation has a gradient that agrees with finite differences",
          "[distillation]") {
  for (const DistillationEntry& entry : distillations().entries()) {
    INFO(entry.name);
    const bool needs_heads = entry.name == "non_serving";
    Batch batch;
    const auto methods = methods_of(
        "{type: " + entry.name + (needs_heads ? ", heads: [click, trail]}" : "}"), batch.tasks);
    Distillation& method = *methods.at(0);
    std::size_t n_soft = 0;
    if (!method.labels().empty()) n_soft = method.bind(batch.labels).size();
    method.place(0, 2);
    batch.shape.heads = method.heads();
    batch.fill(n_soft);
    const MultiTaskNetwork network(batch.shape);
    NetworkParameters parameters = network.draw(Rng(6));
    for (float& p : parameters.dense) p += 0.11f;
    NetworkPass pass;
    const auto loss = [&] {
      network.forward(parameters, batch.rows.input(), false, pass);
      network.start_backward(pass);
      return method.add_loss({network, pass, batch.rows, n_soft, 0.9});
    };
    const double at_first = loss();
    if (n_soft == 0) {
      CHECK(at_first == 0);
      continue;
    }
    CHECK(at_first > 0);
    std::vector<float> gradient;
    network.backward(parameters, pass, gradient);
    CHECK(std::any_of(gradient.begin(), gradient.end(), [](float g) { return g != 0; }));
    constexpr float kStep = 1.0f / 2048;
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      const float at = parameters.dense[k];
      parameters.dense[k] = at + kStep;
      const double up = loss();
      parameters.dense[k] = at - kStep;
      const double down = loss();
      parameters.dense[k] = at;
      CHECK(gradient[k] == Approx((up - down) / (2 * kStep)).epsilon(2e-3).margin(2e-3));
    }
  }
}

TEST_CASE("missing labels of a teacher count nothing", "[distillation]") {
  for (const DistillationEntry& entry : distillations().entries()) {
    INFO(entry.name);
    Batch batch;
    const auto methods = methods_of(
        "{type: " + entry.name + (entry.name == "non_serving" ? ", heads: [click]}" : "}"),
        batch.tasks);
    Distillation& method = *methods.at(0);
    if (method.labels().empty()) continue;
    const std::size_t n_soft = method.bind(batch.labels).size();
    method.place(0, 2);
    batch.shape.heads = method.heads();
    batch.rows.soft.assign(5 * n_soft, std::numeric_limits<float>::quiet_NaN());
    const MultiTaskNetwork network(batch.shape);
    NetworkParameters parameters = network.draw(Rng(6));
    method.start(batch.rows, n_soft, network, parameters);
    NetworkPass pass;
    network.forward(parameters, batch.rows.input(), false, pass);
    network.start_backward(pass);
    CHECK(method.add_loss({network, pass, batch.rows, n_soft, 0.9}) == 0);
    std::vector<float> gradient;
    network.backward(parameters, pass, gradient);
    for (const float g : gradient) CHECK(g == 0);
  }
}

TEST_CASE("a soft logit's gradient is temperature times the difference of probabilities",
          "[distillation]") {
  Batch batch;
  const auto methods =
      methods_of("{type: soft_logit, heads: [click], share: 0.25, temperature: 3}", batch.tasks);
  CHECK(methods[0]->hard_weight(0, 0) == Approx(0.75));
  CHECK(methods[0]->hard_weight(1, 0) == 1);
  methods[0]->bind(batch.labels);
  methods[0]->place(0, 2);
  batch.fill(1);
  const MultiTaskNetwork network(batch.shape);
  NetworkPass pass;
  network.forward(network.draw(Rng(6)), batch.rows.input(), false, pass);
  network.start_backward(pass);
  methods[0]->add_loss({network, pass, batch.rows, 1, 0});
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(network.output_gradient(pass, 0)[i] ==
          Approx(0.25 / 5 * 3 *
                 (sigma(network.output(pass, 0)[i] / 3) - sigma(batch.rows.soft[i] / 3)))
              .epsilon(1e-5));
}

TEST_CASE("a privileged teacher is not heard during the warm-up", "[distillation]") {
  Batch batch;
  const auto methods =
      methods_of("{type: privileged, heads: [click], share: 0.4, warm_up: 0.2}", batch.tasks);
  CHECK(methods[0]->hard_weight(0, 0.19) == 1);
  CHECK(methods[0]->hard_weight(0, 0.2) == Approx(0.6));
  methods[0]->bind(batch.labels);
  methods[0]->place(0, 2);
  batch.fill(1);
  const MultiTaskNetwork network(batch.shape);
  NetworkPass pass;
  network.forward(network.draw(Rng(6)), batch.rows.input(), false, pass);
  network.start_backward(pass);
  CHECK(methods[0]->add_loss({network, pass, batch.rows, 1, 0.19}) == 0);
  CHECK(methods[0]->add_loss({network, pass, batch.rows, 1, 0.2}) > 0);
}

TEST_CASE("a placebo's labels are the same ones, row by row elsewhere", "[distillation]") {
  const Batch batch;
  const auto methods = methods_of("{type: placebo}, {type: noisy, sd: 0.5}", batch.tasks);
  std::vector<float> labels;
  for (int i = 0; i < 2000; ++i) labels.push_back(static_cast<float>(i));
  std::vector<float> permuted = labels;
  methods[0]->change_labels(Rng(1), 0, 2, permuted);
  CHECK(permuted != labels);
  std::size_t fixed = 0;
  for (std::size_t i = 0; i < 2000; i += 2) {
    CHECK(permuted[i + 1] == permuted[i] + 1);
    fixed += permuted[i] == labels[i] ? 1 : 0;
  }
  CHECK(fixed < 10);
  std::sort(permuted.begin(), permuted.end());
  CHECK(permuted == labels);
  std::vector<float> noisy(4000, 1.0f);
  methods[1]->change_labels(Rng(1), 0, 2, noisy);
  double sum = 0, squares = 0;
  for (const float label : noisy) {
    sum += static_cast<double>(label) - 1;
    squares += (static_cast<double>(label) - 1) * (static_cast<double>(label) - 1);
  }
  CHECK(std::abs(sum / 4000) < 4 * 0.5 / std::sqrt(4000));
  CHECK(std::abs(squares / 4000 - 0.25) < 4 * 0.25 * std::sqrt(2.0 / 4000));
}
