#include "policies/module_loss.h"

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// log(1 + e^z)
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

double sigmoid(double z) {
  const double e = std::exp(-std::abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
}

struct Term {
  double loss = 0;
  double by_click = 0;     // derivative by the click logit
  double by_purchase = 0;  // by the purchase logit
};

Term click_term(double a, double click) { return {softplus(a) - click * a, sigmoid(a) - click, 0}; }

Term purchase_term(double a, double c, double purchase) {
  const double log_p = -softplus(-a) - softplus(-c);
  const double one_minus_p = -std::expm1(log_p);
  // log(1 - e^l): each form is exact where the other cancels (Maechler 2012).
  const double log_one_minus_p =
      log_p > -M_LN2 ? std::log(one_minus_p) : std::log1p(-std::exp(log_p));
  const double by_log_p = -purchase + (1 - purchase) * std::exp(log_p) / one_minus_p;
  return {-purchase * log_p - (1 - purchase) * log_one_minus_p, by_log_p * sigmoid(-a),
          by_log_p * sigmoid(-c)};
}

}  // namespace

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
    Term term = click_term(a, batch.click[i]);
    if (purchase) {
      const double c = logits(batch.page[i], n_modules + batch.module[i]);
      const Term second = purchase_term(a, c, batch.purchase[i]);
      term.loss += second.loss;
      term.by_click += second.by_click;
      term.by_purchase = second.by_purchase;
    }
    const double weight = batch.weight[i];
    total += weight * term.loss;
    if (!position_logits.empty()) by_position[position] += weight * term.by_click;
    if (logit_gradient == nullptr) continue;
    (*logit_gradient)(batch.page[i], batch.module[i]) += static_cast<float>(weight * term.by_click);
    if (purchase)
      (*logit_gradient)(batch.page[i], n_modules + batch.module[i]) +=
          static_cast<float>(weight * term.by_purchase);
  }
  if (position_gradient != nullptr)
    position_gradient->assign(by_position.begin(), by_position.end());
  return total;
}

}  // namespace rehearsal
