#include "sim/outcome_model.h"

#include "sim/module_logistic.h"

namespace rehearsal {

int CrossFitting::fold_of(UserId user) const { return cross_fitting_fold(rng, user, n_folds); }

std::vector<int> CrossFitting::left_out(int model) const {
  std::vector<int> out{model};
  if (spare) out.push_back(spare_fold(model));
  return out;
}

}  // namespace rehearsal
