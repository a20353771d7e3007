#include "policies/module_loss.h"

#include "policies/losses.h"

namespace rehearsal {

double module_loss(const PageExamples& batch, const RowMatrixF& logits,
                   std::span<const float> position_logits, bool purchase,
                   RowMatrixF* logit_gradient, std::vector<float>* position_gradient) {
  const Eigen::Index n_modules = logits.cols() / (purchase ? 2 : 1);
  if (logit_gradient != nullptr) logit_gradient->setZero(logits.rows(), logits.cols());
  std::vector<double> by_position(position_logits.size(), 0.0);
  double total = 0;
  for (std::size_t i = 0; i < batch.page.size(); ++i) {
    const auto position = static_cast<std::size_t>(batch.position[i]);
    double a = logits(batch.page[i], batch.module[i]);
    if (!position_logits.empty()) a += position_logits[position];
    LossTerm term = cross_entropy(a, batch.click[i]);
    if (purchase) {
      const double c = logits(batch.page[i], n_modules + batch.module[i]);
      const LossTerm second = product_cross_entropy(a, c, batch.purchase[i]);
      term.loss += second.loss;
      term.by_first += second.by_first;
      term.by_second = second.by_second;
    }
    const double weight = batch.weight[i];
    total += weight * term.loss;
    if (!position_logits.empty()) by_position[position] += weight * term.by_first;
    if (logit_gradient == nullptr) continue;
    (*logit_gradient)(batch.page[i], batch.module[i]) += static_cast<float>(weight * term.by_first);
    if (purchase)
      (*logit_gradient)(batch.page[i], n_modules + batch.module[i]) +=
          static_cast<float>(weight * term.by_second);
  }
  if (position_gradient != nullptr)
    position_gradient->assign(by_position.begin(), by_position.end());
  return total;
}

}  // namespace rehearsal
