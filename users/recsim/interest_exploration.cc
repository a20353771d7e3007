#include "users/recsim/interest_exploration.h"

#include <cmath>

#include "sim/core/error.h"

namespace rehearsal::recsim {

std::size_t draw_affinities(const InterestExploration& model, double u_type,
                            std::span<const double> z, std::span<double> affinities) {
  REHEARSAL_CHECK(z.size() == model.n_topics && affinities.size() == model.n_topics);
  const std::size_t type = chosen(model.type_share, u_type);
  for (std::size_t k = 0; k < model.n_topics; ++k)
    affinities[k] =
        std::exp(model.affinity_log_mean[type * model.n_topics + k] + model.affinity_log_sd * z[k]);
  return type;
}

}  // namespace rehearsal::recsim
