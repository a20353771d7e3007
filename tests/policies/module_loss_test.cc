#include "policies/module_loss.h"

#include "sim/core/scalars.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Three pages of 4 modules: clicks with and without purchase, two weights, three positions.
PageExamples examples() {
  PageExamples batch;
  batch.page = {0, 0, 1, 1, 2, 2, 2};
  batch.module = {3, 1, 0, 2, 1, 3, 0};
  batch.position = {0, 1, 0, 1, 0, 1, 2};
  batch.click = {1, 0, 1, 0, 0, 1, 0};
  batch.purchase = {1, 0, 0, 0, 0, 1, 0};
  batch.weight = {1, 2.5f, 1, 0.5f, 1, 3, 1};
  return batch;
}

RowMatrixF logits() {
  RowMatrixF z(3, 8);
  for (Eigen::Index i = 0; i < z.size(); ++i)
    z.data()[i] = static_cast<float>(1.5 * std::sin(1.0 + 2.3 * static_cast<double>(i)));
  return z;
}

const std::vector<float> kPosition{0.25f, -0.5f, -1.25f};

/// The same loss written out as products of probabilities.
double plain_loss(const PageExamples& batch, const RowMatrixF& z, std::span<const float> position,
                  bool purchase) {
  const Eigen::Index n_modules = z.cols() / (purchase ? 2 : 1);
  double total = 0;
  for (std::size_t i = 0; i < batch.page.size(); ++i) {
    const double g = position.empty() ? 0 : position[static_cast<std::size_t>(batch.position[i])];
    const double ctr = logistic(z(batch.page[i], batch.module[i]) + g);
    double loss = -std::log(batch.click[i] > 0 ? ctr : 1 - ctr);
    if (purchase) {
      const double ptr = ctr * logistic(z(batch.page[i], n_modules + batch.module[i]));
      CHECK(ptr <= ctr);
      loss -= std::log(batch.purchase[i] > 0 ? ptr : 1 - ptr);
    }
    total += batch.weight[i] * loss;
  }
  return total;
}

}  // namespace

TEST_CASE("the loss is the cross-entropy of clicks, and of purchases as pCTR * pCVR",
          "[module_loss]") {
  const PageExamples batch = examples();
  const RowMatrixF z = logits();
  for (const bool purchase : {false, true}) {
    const RowMatrixF used = purchase ? z : RowMatrixF(z.leftCols(4));
    CHECK(module_loss(batch, used, kPosition, purchase, nullptr, nullptr) ==
          Approx(plain_loss(batch, used, kPosition, purchase)).epsilon(1e-12));
    CHECK(module_loss(batch, used, {}, purchase, nullptr, nullptr) ==
          Approx(plain_loss(batch, used, {}, purchase)).epsilon(1e-12));
  }
}

TEST_CASE("the gradient of the loss agrees with finite differences", "[module_loss]") {
  const PageExamples batch = examples();
  RowMatrixF z = logits();
  RowMatrixF gradient;
  std::vector<float> by_position;
  module_loss(batch, z, kPosition, true, &gradient, &by_position);
  constexpr float kStep = 1.0f / 64;  // exact in floats; the error left is O(step^2)
  for (Eigen::Index i = 0; i < z.size(); ++i) {
    const float at = z.data()[i];
    z.data()[i] = at + kStep;
    const double up = module_loss(batch, z, kPosition, true, nullptr, nullptr);
    z.data()[i] = at - kStep;
    const double down = module_loss(batch, z, kPosition, true, nullptr, nullptr);
    z.data()[i] = at;
    CHECK(gradient.data()[i] == Approx((up - down) / (2 * kStep)).margin(2e-4));
  }
  for (std::size_t k = 0; k < kPosition.size(); ++k) {
    std::vector<float> position = kPosition;
    position[k] += kStep;
    const double up = module_loss(batch, z, position, true, nullptr, nullptr);
    position[k] -= 2 * kStep;
    const double down = module_loss(batch, z, position, true, nullptr, nullptr);
    CHECK(by_position[k] == Approx((up - down) / (2 * kStep)).margin(2e-4));
  }
}

TEST_CASE("the gradient by the purchase logit is (pPTR - y) / (1 - pPTR) * (1 - pCVR)",
          "[module_loss]") {
  PageExamples batch;
  batch.page = {0};
  batch.module = {0};
  batch.position = {0};
  batch.click = {1};
  batch.weight = {1};
  RowMatrixF z(1, 2);
  z << 0.75f, -1.5f;
  const double ctr = logistic(0.75);
  const double cvr = logistic(-1.5);
  for (const double y : {0.0, 1.0}) {
    batch.purchase = {static_cast<float>(y)};
    RowMatrixF gradient;
    module_loss(batch, z, {}, true, &gradient, nullptr);
    const double by_log_p = (ctr * cvr - y) / (1 - ctr * cvr);
    CHECK(gradient(0, 1) == Approx(by_log_p * (1 - cvr)).epsilon(1e-6));
    CHECK(gradient(0, 0) == Approx(by_log_p * (1 - ctr) + ctr - 1).epsilon(1e-6));
  }
}

TEST_CASE("the loss and its gradient stay finite and right for extreme logits", "[module_loss]") {
  PageExamples batch = examples();
  for (const float scale : {30.0f, 60.0f, 300.0f}) {
    RowMatrixF gradient;
    const double loss = module_loss(batch, scale * logits(), kPosition, true, &gradient, nullptr);
    CHECK(std::isfinite(loss));
    CHECK(gradient.allFinite());
  }
  // Sure of both, and nothing was bought: the loss is -log(1 - p), p = 1 / (1 + e^-40)^2.
  batch.page = batch.module = batch.position = {0};
  batch.click = batch.weight = {1};
  batch.purchase = {0};
  RowMatrixF sure(1, 2);
  sure << 40, 40;
  CHECK(module_loss(batch, sure, {}, true, nullptr, nullptr) ==
        Approx(40 - std::log(2.0)).epsilon(1e-9));
}
