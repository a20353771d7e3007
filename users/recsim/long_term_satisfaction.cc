#include "users/recsim/long_term_satisfaction.h"

namespace rehearsal::recsim {

LogEngagement log_engagement(const LongTermSatisfaction& model, double clickbait,
                             double satisfied) {
  const double mean = (clickbait * model.choc_mean + (1 - clickbait) * model.kale_mean) * satisfied;
  const double stddev = clickbait * model.choc_stddev + (1 - clickbait) * model.kale_stddev;
  if (model.means_of_engagement) return {std::log(mean) - 0.5 * stddev * stddev, stddev};
  return {mean, stddev};
}

Exposure exposure_after(const LongTermSatisfaction& model, double first, double clickbait,
                        int steps) {
  const double memory = std::pow(model.memory_discount, steps);
  const double push = next_exposure(model, 0, clickbait, 0);
  const double left = 1 - model.memory_discount;
  Exposure out;
  out.mean = memory * first + push * (1 - memory) / left;
  out.variance = model.innovation_stddev * model.innovation_stddev * (1 - memory * memory) /
                 (left * (1 + model.memory_discount));
  return out;
}

}  // namespace rehearsal::recsim
