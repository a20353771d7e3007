#include "users/recogym/scores.h"

#include <algorithm>

#include "sim/core/error.h"
#include "users/lanes.h"

namespace rehearsal::recogym {

namespace {

constexpr float kLow = -1e30f;  // the padding's score: weighs nothing

REHEARSAL_INLINE Eight& eight(float* at) { return *reinterpret_cast<Eight*>(at); }

REHEARSAL_INLINE void scores_body(const ScoreTable& table, const float* omega, float* out) {
  for (std::size_t j = 0; j < table.width(); j += kLanes) {
    Eight sum = *reinterpret_cast<const Eight*>(table.mean() + j);
    for (std::size_t k = 0; k < table.n_factors(); ++k)
      sum += omega[k] * *reinterpret_cast<const Eight*>(table.factor(k) + j);
    eight(out + j) = sum;
  }
}

REHEARSAL_INLINE float weights_body(const ScoreTable& table, const float* omega, float* out) {
  scores_body(table, omega, out);
  float highest = out[0];
  for (std::size_t a = 1; a < table.n_products(); ++a) highest = std::max(highest, out[a]);
  for (std::size_t j = 0; j < table.width(); j += kLanes) {
    Eight x = eight(out + j) - highest;
    exponential(x);
    eight(out + j) = x;
  }
  float sum = 0;
  for (std::size_t a = 0; a < table.n_products(); ++a) sum += out[a];
  return sum;
}

REHEARSAL_INLINE void clicks_body(const ScoreTable& table, const float* omega, float* out) {
  scores_body(table, omega, out);
  for (std::size_t j = 0; j < table.width(); j += kLanes) {
    Eight x = 0.3f * eight(out + j);
    logistic(x);
    x = 2.0f * x - 2.0f;
    logistic(x);
    x = 5.0f * x - 6.0f;
    logistic(x);
    eight(out + j) = x;
  }
}

float weights_scalar(const ScoreTable& table, const float* omega, float* out) {
  return weights_body(table, omega, out);
}
REHEARSAL_AVX2 float weights_avx2(const ScoreTable& table, const float* omega, float* out) {
  return weights_body(table, omega, out);
}
void clicks_scalar(const ScoreTable& table, const float* omega, float* out) {
  clicks_body(table, omega, out);
}
REHEARSAL_AVX2 void clicks_avx2(const ScoreTable& table, const float* omega, float* out) {
  clicks_body(table, omega, out);
}

}  // namespace

ScoreTable::ScoreTable(const RowMatrix& factors, const std::vector<double>& mean)
    : n_products_(mean.size()),
      n_factors_(static_cast<std::size_t>(factors.cols())),
      width_(padded_lanes(mean.size())),
      values_((1 + n_factors_) * width_) {
  REHEARSAL_CHECK(static_cast<std::size_t>(factors.rows()) == mean.size());
  std::fill_n(values_.begin(), width_, kLow);
  for (std::size_t a = 0; a < n_products_; ++a) {
    values_[a] = static_cast<float>(mean[a]);
    for (std::size_t k = 0; k < n_factors_; ++k)
      values_[(k + 1) * width_ + a] = static_cast<float>(factors.data()[a * n_factors_ + k]);
  }
}

float view_weights(const ScoreTable& views, std::span<const float> omega, std::span<float> weights,
                   Simd simd) {
  REHEARSAL_CHECK(omega.size() == views.n_factors() && weights.size() >= views.width());
  return simd == Simd::kAvx2 ? weights_avx2(views, omega.data(), weights.data())
                             : weights_scalar(views, omega.data(), weights.data());
}

void click_vector(const ScoreTable& bandit, std::span<const float> omega, std::span<float> clicks,
                  Simd simd) {
  REHEARSAL_CHECK(omega.size() == bandit.n_factors() && clicks.size() >= bandit.width());
  if (simd == Simd::kAvx2)
    clicks_avx2(bandit, omega.data(), clicks.data());
  else
    clicks_scalar(bandit, omega.data(), clicks.data());
}

}  // namespace rehearsal::recogym
