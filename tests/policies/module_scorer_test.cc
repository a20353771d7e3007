#include "policies/module_scorer.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

ModuleNetworkSpec spec() {
  ModuleNetworkSpec spec;
  spec.n_inputs = 13;
  spec.n_modules = 7;
  spec.hidden = {21, 10};
  spec.purchase = true;
  return spec;
}

Array wavy(std::vector<std::size_t> shape, double phase) {
  std::size_t n = 1;
  for (const std::size_t side : shape) n *= side;
  Array array{std::move(shape), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i)
    array.values[i] = static_cast<float>(0.4 * std::sin(phase + 0.7 * static_cast<double>(i)));
  return array;
}

Arrays weights() {
  return {{"trunk.0.weight", wavy({21, 13}, 1)}, {"trunk.0.bias", wavy({21}, 2)},
          {"trunk.1.weight", wavy({10, 21}, 3)}, {"trunk.1.bias", wavy({10}, 4)},
          {"click.weight", wavy({7, 10}, 5)},    {"click.bias", wavy({7}, 6)},
          {"purchase.weight", wavy({7, 10}, 7)}, {"purchase.bias", wavy({7}, 8)}};
}

RowMatrixF features(Eigen::Index n) {
  RowMatrixF x(n, 13);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<float>(2 * std::sin(0.37 * static_cast<double>(i)));
  return x;
}

/// y = W x + b in double, W (rows, x.size()).
std::vector<double> dense(const Arrays& arrays, const std::string& name,
                          const std::vector<double>& x) {
  const Array& weight = arrays.at(name + ".weight");
  std::vector<double> y = arrays.at(name + ".bias").values;
  for (std::size_t r = 0; r < y.size(); ++r)
    for (std::size_t c = 0; c < x.size(); ++c) y[r] += weight.values[r * x.size() + c] * x[c];
  return y;
}

}  // namespace

TEST_CASE("the scorer computes the network that its weights describe", "[module_scorer]") {
  const RowMatrixF x = features(150);
  RowMatrixF logits;
  ModuleScorer(spec(), weights()).score(x, logits);
  REQUIRE(logits.rows() == 150);
  REQUIRE(logits.cols() == 14);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    std::vector<double> h(x.row(i).data(), x.row(i).data() + 13);
    for (const std::string layer : {"trunk.0", "trunk.1"}) {
      h = dense(weights(), layer, h);
      for (double& value : h) value = std::max(value, 0.0);
    }
    const std::vector<double> click = dense(weights(), "click", h);
    const std::vector<double> purchase = dense(weights(), "purchase", h);
    for (Eigen::Index m = 0; m < 7; ++m) {
      CHECK(logits(i, m) == Approx(click[static_cast<std::size_t>(m)]).margin(1e-5));
      CHECK(logits(i, 7 + m) == Approx(purchase[static_cast<std::size_t>(m)]).margin(1e-5));
    }
  }
}

TEST_CASE("a page's logits have the same bits alone, and anywhere in any batch",
          "[module_scorer]") {
  const ModuleScorer scorer(spec(), weights());
  const RowMatrixF page = features(1);
  RowMatrixF alone;
  scorer.score(page, alone);
  for (const Eigen::Index n : {1, 2, 63, 64, 65, 130})
    for (Eigen::Index at = 0; at < n; ++at) {
      RowMatrixF batch = 3 * features(n + 1).bottomRows(n);
      batch.row(at) = page;
      RowMatrixF logits;
      scorer.score(batch, logits);
      const bool same = logits.row(at) == alone.row(0);
      if (!same) FAIL("row " << at << " of " << n);
    }
  SUCCEED();
}

TEST_CASE("the scorer names the array that is missing or of another shape", "[module_scorer]") {
  Arrays missing = weights();
  missing.erase("click.bias");
  CHECK_THROWS_WITH(ModuleScorer(spec(), missing), Catch::Contains("'click.bias' is missing"));
  Arrays bent = weights();
  bent["trunk.1.weight"].shape = {21, 10};
  CHECK_THROWS_WITH(
      ModuleScorer(spec(), bent),
      Catch::Contains("'trunk.1.weight' has shape (21, 10); this schema needs (10, 21)"));
}
