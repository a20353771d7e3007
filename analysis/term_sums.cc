#include "analysis/term_sums.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/simd.h"

namespace rehearsal {

namespace {

/// Adds (n, N) rows, in four partial sums: no addition waits for the one before.
template <std::size_t N>
void add_rows(const double* rows, std::size_t n, const double* shift, double* sums,
              double* moments) {
  Four s[N] = {}, m[N * N] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const double* row = rows + i * N;
    Four d[N];
    for (std::size_t j = 0; j < N; ++j)
      d[j] = Four{row[j], row[N + j], row[2 * N + j], row[3 * N + j]} - shift[j];
    for (std::size_t j = 0; j < N; ++j) s[j] += d[j];
    for (std::size_t j = 0; j < N; ++j)
      for (std::size_t k = 0; k <= j; ++k) m[j * N + k] += d[j] * d[k];
  }
  for (; i < n; ++i)
    for (std::size_t j = 0; j < N; ++j) {
      s[j][0] += rows[i * N + j] - shift[j];
      for (std::size_t k = 0; k <= j; ++k)
        m[j * N + k][0] += (rows[i * N + j] - shift[j]) * (rows[i * N + k] - shift[k]);
    }
  const auto total = [](const Four& four) { return (four[0] + four[1]) + (four[2] + four[3]); };
  for (std::size_t j = 0; j < N; ++j) sums[j] += total(s[j]);
  for (std::size_t j = 0; j < N * N; ++j) moments[j] += total(m[j]);
}

/// Adds (n, width) rows of any width.
void add_wide(const double* rows, std::size_t n, std::size_t width, const double* shift,
              double* sums, double* moments) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto columns = static_cast<Eigen::Index>(width);
  const Eigen::Map<const Rows> terms(rows, static_cast<Eigen::Index>(n), columns);
  const Eigen::Map<const Eigen::RowVectorXd> center(shift, columns);
  const Rows moved = terms.rowwise() - center;
  Eigen::Map<Eigen::RowVectorXd>(sums, columns) += moved.colwise().sum();
  Eigen::Map<Rows>(moments, columns, columns)
      .selfadjointView<Eigen::Lower>()
      .rankUpdate(moved.transpose());
}

}  // namespace

TermSums::TermSums(TermLayout layout)
    : layout_(std::move(layout)),
      shift_(layout_.n_columns),
      sums_(layout_.n_columns),
      moments_(layout_.n_columns * layout_.n_columns) {}

void TermSums::add(std::span<const double> terms) {
  const std::size_t width = layout_.n_columns, n = terms.size() / width;
  REHEARSAL_CHECK(terms.size() == n * width);
  if (n_ == 0 && n > 0) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < width; ++j) shift_[j] += terms[i * width + j];
    for (double& shift : shift_) shift /= static_cast<double>(n);
  }
  n_ += static_cast<double>(n);
  if (width > 3) {
    add_wide(terms.data(), n, width, shift_.data(), sums_.data(), moments_.data());
    return;
  }
  const auto add_all = width == 1 ? add_rows<1> : width == 2 ? add_rows<2> : add_rows<3>;
  add_all(terms.data(), n, shift_.data(), sums_.data(), moments_.data());
}

void TermSums::add(const TermSums& other) {
  REHEARSAL_CHECK(other.n_columns() == n_columns());
  if (n_ == 0) {
    *this = other;
    return;
  }
  const std::size_t width = layout_.n_columns;
  std::vector<double> moved(width);  // between the points that both are summed about
  for (std::size_t j = 0; j < width; ++j) moved[j] = other.shift_[j] - shift_[j];
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t k = 0; k <= j; ++k)
      moments_[j * width + k] += other.moments_[j * width + k] + moved[j] * other.sums_[k] +
                                 moved[k] * other.sums_[j] + other.n_ * moved[j] * moved[k];
  for (std::size_t j = 0; j < width; ++j) sums_[j] += other.sums_[j] + other.n_ * moved[j];
  n_ += other.n_;
}

TermSums TermSums::with(TermLayout layout) const {
  const std::size_t width = n_columns();
  REHEARSAL_CHECK(layout.n_columns >= width);
  TermSums out(std::move(layout));
  out.n_ = n_;
  std::copy(shift_.begin(), shift_.end(), out.shift_.begin());
  std::copy(sums_.begin(), sums_.end(), out.sums_.begin());
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t k = 0; k <= j; ++k)
      out.moments_[j * out.n_columns() + k] = moments_[j * width + k];
  return out;
}

double TermSums::mean(std::size_t column) const { return shift_[column] + sums_[column] / n_; }

double TermSums::moment(std::size_t j, std::size_t k) const {
  return moments_[std::max(j, k) * n_columns() + std::min(j, k)] - sums_[j] * sums_[k] / n_;
}

PointEstimate TermSums::estimate() const {
  const std::size_t width = layout_.n_columns;
  std::vector<double> totals(width), gradient(width + 1);
  for (std::size_t j = 0; j < width; ++j) totals[j] = sums_[j] + n_ * shift_[j];
  ratio_gradient(layout_, totals, n_, gradient);
  double squares = 0;  // of the rounds' first-order effects on the value
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t k = 0; k < width; ++k) squares += gradient[j] * gradient[k] * moment(j, k);
  const double unbiased = n_ > 1 ? n_ / (n_ - 1) : 0.0;
  return {ratio_value(layout_, totals, n_), std::sqrt(std::max(0.0, squares) * unbiased)};
}

}  // namespace rehearsal
