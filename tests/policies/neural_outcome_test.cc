#include "policies/neural_outcome.h"

#include <fmt/format.h>

#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"

using namespace rehearsal;

namespace {

/// A trainer that learns nothing: modules have logits of their own, so that predictions are known.
class KnownNetwork final : public Trainer {
 public:
  TrainedNetwork train_module_network(const ModuleNetworkSpec& spec, ExampleSource& examples,
                                      const Rng&, const std::string&, ProgressSink*) override {
    std::size_t n = 0;
    PageExamples batch;
    for (examples.start_training(0); examples.next(batch);)
      n += static_cast<std::size_t>(batch.features.rows());
    CHECK(n == examples.n_train_pages());
    for (examples.start_validation(); examples.next(batch);)
      n += static_cast<std::size_t>(batch.features.rows());
    n_pages.push_back(n);
    return {weights(spec), {}, 0};
  }
  RowMatrixF score(const ModuleNetworkSpec&, const Arrays&, const RowMatrixF&) override {
    return {};
  }

  std::vector<std::size_t> n_pages;  // seen, by training

 private:
  static Arrays weights(const ModuleNetworkSpec& spec) {
    Arrays out;
    const auto layer = [&](const std::string& name, std::int64_t width, std::int64_t fan_in,
                           double bias) {
      const auto rows = static_cast<std::size_t>(width), columns = static_cast<std::size_t>(fan_in);
      out[name + ".weight"] = {{rows, columns}, std::vector<double>(rows * columns)};
      out[name + ".bias"] = {{rows}, std::vector<double>(rows)};
      for (std::size_t m = 0; m < rows; ++m)
        out[name + ".bias"].values[m] = bias * static_cast<double>(m);
    };
    std::int64_t fan_in = spec.n_inputs;
    for (std::size_t l = 0; l < spec.hidden.size(); ++l) {
      layer(fmt::format("trunk.{}", l), spec.hidden[l], fan_in, 0);
      fan_in = spec.hidden[l];
    }
    layer("click", spec.n_modules, fan_in, -0.5);
    if (spec.purchase) layer("purchase", spec.n_modules, fan_in, 0.25);
    Array& position = out["position"];
    position.shape = {static_cast<std::size_t>(spec.n_positions)};
    for (std::int64_t p = 0; p < spec.n_positions; ++p)
      position.values.push_back(-0.125 * static_cast<double>(p));
    return out;
  }
};

}  // namespace

TEST_CASE("a network's predictions are its click chance by module and place, times the purchase's",
          "[outcome]") {
  MadeUpOptions options;
  options.n_users = 300;
  options.vary_eligible = true;
  const MadeUpLog log = make_up_log(options, 16);
  KnownNetwork network;
  const CrossFitting folds{Rng(4), 3, true};
  const auto models =
      make_neural_outcome(&network)->fit(log.source(), {"ctr", "ptr"}, folds, 1, nullptr);
  REQUIRE(models.size() == 2);
  REQUIRE(models[0].size() == 3);
  const RequestBatch& requests = log.shards[0].requests;
  std::vector<double> ctr, ptr;
  models[0][1]->predict(requests, ctr);
  models[1][1]->predict(requests, ptr);
  std::size_t cell = 0;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t k = 0; k < 3; ++k)
      for (const std::uint16_t m : requests.eligible(i)) {
        const double place = requests.features(i)[0] * 3.0 + static_cast<double>(k);
        const double click = logistic(-0.5 * m - 0.125 * place);
        REQUIRE(ctr.at(cell) == Approx(click).epsilon(1e-6));
        REQUIRE(ptr.at(cell) == Approx(click * logistic(0.25 * m)).epsilon(1e-6));
        ++cell;
      }
  CHECK(cell == ctr.size());
}

TEST_CASE("each fold's network sees the pages of its own teachers only", "[outcome]") {
  const MadeUpLog log = make_up_log({}, 17);
  for (const bool spare : {false, true}) {
    const CrossFitting folds{Rng(4), 3, spare};
    std::vector<std::size_t> expected(3);
    for (const LogBatch& batch : log.shards)
      for (const std::uint32_t user : batch.requests.user)
        for (int model = 0; model < 3; ++model)
          expected[static_cast<std::size_t>(model)] +=
              folds.learns_from(model, folds.fold_of(UserId{user})) ? 1 : 0;
    KnownNetwork network;
    make_neural_outcome(&network)->fit(log.source(), {"ctr"}, folds, 1, nullptr);
    CHECK(network.n_pages == expected);
  }
}
