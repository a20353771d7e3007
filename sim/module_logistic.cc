#include "sim/module_logistic.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstring>

#include "sim/core/error.h"
#include "sim/core/kernels.h"
#include "sim/core/scalars.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

constexpr std::uint32_t kFoldItem = 0xC05F;  // apart from other assignments of users

using Vector = Eigen::VectorXd;

/// Sizes that all models of a fit share.
struct DesignShape {
  std::size_t n_modules;
  std::size_t n_inputs;
  std::size_t width;  // 1 + n_inputs, padded to a multiple of 4 for the kernels
  std::size_t n_positions;
};

/// What one pass sums for one model: the penalty is added later.
struct Sums {
  double loss = 0;
  double weight = 0;
  double success = 0;
  double n_impressions = 0;
  std::vector<double> gradient;           // (n_modules, width)
  std::vector<double> hessian;            // (n_modules, width, width), lower
  std::vector<double> border;             // (n_modules, n_positions, width)
  std::vector<double> position_gradient;  // (n_positions)
  std::vector<double> position_hessian;   // (n_positions), diagonal

  explicit Sums(const DesignShape& shape)
      : gradient(shape.n_modules * shape.width),
        hessian(shape.n_modules * shape.width * shape.width),
        border(shape.n_modules * shape.n_positions * shape.width),
        position_gradient(shape.n_positions),
        position_hessian(shape.n_positions) {}

  void add(const Sums& other) {
    loss += other.loss;
    weight += other.weight;
    success += other.success;
    n_impressions += other.n_impressions;
    const auto add_all = [](std::vector<double>& to, const std::vector<double>& from) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add_all(gradient, other.gradient);
    add_all(hessian, other.hessian);
    add_all(border, other.border);
    add_all(position_gradient, other.position_gradient);
    add_all(position_hessian, other.position_hessian);
  }
};

/// A model under way. Coefficients: (n_modules, width), then (n_positions).
struct Fit {
  const ModuleLogisticSpec* spec;
  double pooled_logit = 0;
  Vector theta;
  Vector step;  // that led to theta
  double loss = std::numeric_limits<double>::infinity();
  ModuleLogistic result;
  bool done = false;
};

const std::vector<std::uint8_t>& outcome(const ModuleLogisticSpec& spec, const LogBatch& batch) {
  return spec.objective == Objective::kClick ? batch.responses.click : batch.responses.purchase;
}

void check_columns(const ModuleLogisticSpec& spec, const LogBatch& batch) {
  const auto check = [&](const std::vector<std::uint8_t>& column, const char* name) {
    if (column.size() != batch.pages.module.size())
      throw Error(ErrorKind::kInput,
                  std::string("logistic regression needs the log's column '") + name + "'");
  };
  if (spec.objective != Objective::kPurchase) check(batch.responses.click, "click");
  if (spec.objective != Objective::kClick) check(batch.responses.purchase, "purchase");
}

/// Calls f(round, slot index, weight, success) for the impressions that a model learns from.
template <class F>
void each_impression(const ModuleLogisticSpec& spec, const LogBatch& batch, std::size_t round,
                     F&& f) {
  const std::vector<std::uint8_t>& y = outcome(spec, batch);
  const std::uint32_t first = batch.pages.slot_offsets[round];
  for (std::uint32_t s = first; s < batch.pages.slot_offsets[round + 1]; ++s) {
    if (spec.objective == Objective::kPurchaseGivenClick && batch.responses.click[s] == 0) continue;
    const double weight = spec.weight ? spec.weight(batch, round, s - first) : 1.0;
    f(s, s - first, weight, y[s] > 0);
  }
}

class Pass {
 public:
  Pass(const RoundSource& rounds, const Encoder& encoder, const DesignShape& shape, const Rng& rng)
      : rounds_(rounds), encoder_(encoder), shape_(shape), rng_(rng) {}

  /// Args: counting: only how many impressions and successes there are.
  std::vector<Sums> run(const std::vector<Fit>& fits, bool counting, int threads) const {
    std::vector<Sums> total;
    for (std::size_t f = 0; f < fits.size(); ++f) total.emplace_back(shape_);
    ordered_reduce(
        rounds_.n_shards, threads,
        [&](std::size_t shard) { return sum_shard(shard, fits, counting); },
        [&](std::size_t, std::vector<Sums>&& sums) {
          for (std::size_t f = 0; f < fits.size(); ++f) total[f].add(sums[f]);
        });
    return total;
  }

 private:
  bool left_out(const ModuleLogisticSpec& spec, UserId user) const {
    if (spec.n_folds == 0) return false;
    const int fold = cross_fitting_fold(rng_, user, spec.n_folds);
    return std::find(spec.left_out.begin(), spec.left_out.end(), fold) != spec.left_out.end();
  }

  std::vector<Sums> sum_shard(std::size_t shard, const std::vector<Fit>& fits,
                              bool counting) const {
    Columns columns;
    for (const Fit& fit : fits) columns.propensities |= static_cast<bool>(fit.spec->weight);
    const LogBatch batch = rounds_.read(shard, columns);
    std::vector<Sums> sums;
    for (const Fit& fit : fits) {
      check_columns(*fit.spec, batch);
      sums.emplace_back(shape_);
    }
    std::vector<float> inputs(shape_.n_inputs);
    std::vector<double> z(shape_.width, 0.0);
    z[0] = 1;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      encoder_.encode(batch.requests.features(i), inputs);
      std::copy(inputs.begin(), inputs.end(), z.begin() + 1);
      for (std::size_t f = 0; f < fits.size(); ++f) {
        if (fits[f].done || left_out(*fits[f].spec, UserId{batch.requests.user[i]})) continue;
        if (counting)
          count(*fits[f].spec, batch, i, sums[f]);
        else
          add_round(fits[f], batch, i, z, sums[f]);
      }
    }
    return sums;
  }

  void count(const ModuleLogisticSpec& spec, const LogBatch& batch, std::size_t round,
             Sums& sums) const {
    each_impression(spec, batch, round, [&](std::size_t s, std::size_t, double weight, bool y) {
      const std::size_t module = batch.pages.module[s];
      sums.weight += weight;
      sums.success += y ? weight : 0.0;
      sums.n_impressions += 1;
      sums.gradient[module * shape_.width] += y ? weight : 0.0;
      sums.hessian[module * shape_.width * shape_.width] += weight;
    });
  }

  void add_round(const Fit& fit, const LogBatch& batch, std::size_t round,
                 const std::vector<double>& z, Sums& sums) const {
    const std::size_t width = shape_.width;
    const double* position_logit = fit.theta.data() + shape_.n_modules * width;
    each_impression(
        *fit.spec, batch, round, [&](std::size_t s, std::size_t slot, double weight, bool y) {
          const std::size_t module = batch.pages.module[s];
          const double* coefficients = fit.theta.data() + module * width;
          double logit = 0;
          for (std::size_t j = 0; j < width; ++j) logit += coefficients[j] * z[j];
          const std::size_t position = encoder_.position(batch.requests.features(round), slot);
          // Slot 0 is the reference: it has no logit of its own.
          const bool placed = fit.spec->position && slot > 0;
          if (placed) logit += position_logit[position];
          const double p = logistic(logit);
          const double slope = weight * ((y ? 1.0 : 0.0) - p);
          const double curvature = weight * p * (1 - p);
          sums.loss += weight * softplus(y ? -logit : logit);
          double* gradient = sums.gradient.data() + module * width;
          for (std::size_t j = 0; j < width; ++j) gradient[j] += slope * z[j];
          add_outer(curvature, z.data(), width, sums.hessian.data() + module * width * width);
          if (!placed) return;
          double* border = sums.border.data() + (module * shape_.n_positions + position) * width;
          for (std::size_t j = 0; j < width; ++j) border[j] += curvature * z[j];
          sums.position_gradient[position] += slope;
          sums.position_hessian[position] += curvature;
        });
  }

  const RoundSource& rounds_;
  const Encoder& encoder_;
  const DesignShape& shape_;
  const Rng& rng_;
};

/// Starts every module at its own smoothed rate.
void start(const DesignShape& shape, const Sums& counts, Fit& fit) {
  if (counts.weight <= 0)
    throw Error(ErrorKind::kInput, "logistic regression: the log has no impressions to learn from");
  const double rate = (counts.success + 0.5) / (counts.weight + 1);
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  constexpr double kSmoothing = 20;
  fit.pooled_logit = logit(rate);
  fit.result.n_impressions = counts.n_impressions;
  fit.theta.setZero(static_cast<Eigen::Index>(shape.n_modules * shape.width + shape.n_positions));
  for (std::size_t m = 0; m < shape.n_modules; ++m) {
    const double success = counts.gradient[m * shape.width];
    const double weight = counts.hessian[m * shape.width * shape.width];
    fit.theta[static_cast<Eigen::Index>(m * shape.width)] =
        logit((success + kSmoothing * rate) / (weight + kSmoothing));
  }
}

double penalty(const DesignShape& shape, const Fit& fit) {
  Vector centred = fit.theta;
  for (std::size_t m = 0; m < shape.n_modules; ++m)
    centred[static_cast<Eigen::Index>(m * shape.width)] -= fit.pooled_logit;
  return 0.5 * fit.spec->l2 * centred.squaredNorm();
}

/// Solves the arrow-shaped system by eliminating the modules' blocks (Schur complement of the
/// positions). Padding has a unit diagonal and stays 0.
Vector newton_step(const DesignShape& shape, const Fit& fit, const Sums& sums) {
  using Index = Eigen::Index;
  const double l2 = fit.spec->l2;
  const auto width = static_cast<Index>(shape.width);
  const auto n_positions = static_cast<Index>(shape.n_positions);
  const Index positions_at = static_cast<Index>(shape.n_modules) * width;
  Eigen::MatrixXd schur = Eigen::MatrixXd::Zero(n_positions, n_positions);
  Vector right(n_positions);
  for (Index p = 0; p < n_positions; ++p) {
    const double curvature = sums.position_hessian[static_cast<std::size_t>(p)] + l2;
    schur(p, p) = curvature > 0 ? curvature : 1;
    right[p] =
        sums.position_gradient[static_cast<std::size_t>(p)] - l2 * fit.theta[positions_at + p];
  }
  std::vector<Eigen::MatrixXd> eliminated(shape.n_modules);
  std::vector<Vector> own(shape.n_modules);
  for (std::size_t m = 0; m < shape.n_modules; ++m) {
    const auto first = static_cast<Index>(m) * width;
    Eigen::MatrixXd block = Eigen::Map<const RowMatrix>(
                                sums.hessian.data() + m * shape.width * shape.width, width, width)
                                .selfadjointView<Eigen::Lower>();
    Vector gradient = Eigen::Map<const Vector>(sums.gradient.data() + m * shape.width, width) -
                      l2 * fit.theta.segment(first, width);
    gradient[0] += l2 * fit.pooled_logit;
    for (Index j = 0; j < width; ++j) {
      block(j, j) += l2;
      if (!(block(j, j) > 0)) block(j, j) = 1;
    }
    const Eigen::LDLT<Eigen::MatrixXd> solver(block);
    const Eigen::MatrixXd border =
        Eigen::Map<const RowMatrix>(sums.border.data() + m * shape.n_positions * shape.width,
                                    n_positions, width)
            .transpose();
    eliminated[m] = solver.solve(border);
    own[m] = solver.solve(gradient);
    schur.noalias() -= border.transpose() * eliminated[m];
    right.noalias() -= border.transpose() * own[m];
  }
  Vector step(fit.theta.size());
  const Vector positions = schur.ldlt().solve(right);
  step.tail(n_positions) = positions;
  for (std::size_t m = 0; m < shape.n_modules; ++m)
    step.segment(static_cast<Index>(m) * width, width) = own[m] - eliminated[m] * positions;
  return step;
}

/// Newton with step halving: a step that made the loss worse is taken back by half.
void advance(const DesignShape& shape, const Sums& sums, double tolerance, Fit& fit) {
  const double loss = sums.loss + penalty(shape, fit);
  ++fit.result.n_iterations;
  if (loss > fit.loss + 1e-9 * (1 + std::abs(fit.loss))) {
    fit.step *= 0.5;
    fit.theta -= fit.step;
    return;
  }
  fit.loss = loss;
  fit.step = newton_step(shape, fit, sums);
  if (!fit.step.allFinite())
    throw Error(ErrorKind::kInput,
                "logistic regression: the normal equations are singular; "
                "raise l2 above 0");
  fit.theta += fit.step;
  fit.done = fit.step.cwiseAbs().maxCoeff() < tolerance;
}

ModuleLogistic finish(const DesignShape& shape, Fit& fit) {
  if (!fit.done)
    throw Error(ErrorKind::kInput, "logistic regression did not converge in " +
                                       std::to_string(fit.result.n_iterations) +
                                       " passes; raise l2");
  ModuleLogistic& model = fit.result;
  model.converged = true;
  model.loss = fit.loss;
  const auto n_modules = static_cast<Eigen::Index>(shape.n_modules);
  const Eigen::Map<const RowMatrix> all(fit.theta.data(), n_modules,
                                        static_cast<Eigen::Index>(shape.width));
  model.coefficients = all.leftCols(static_cast<Eigen::Index>(1 + shape.n_inputs));
  const double* positions = fit.theta.data() + shape.n_modules * shape.width;
  model.position.assign(positions, positions + shape.n_positions);
  return model;
}

}  // namespace

double ModuleLogistic::logit(std::size_t module, std::span<const float> inputs) const {
  const double* row = coefficients.data() + module * (1 + inputs.size());
  double sum = row[0];
  for (std::size_t j = 0; j < inputs.size(); ++j) sum += row[1 + j] * inputs[j];
  return sum;
}

int cross_fitting_fold(const Rng& rng, UserId user, int n_folds) {
  const double u = rng.stream(Draw::kAssignment, Turn{user, 0, 0}, kFoldItem).uniform();
  return static_cast<int>(u * n_folds);
}

std::vector<ModuleLogistic> fit_module_logistic(const RoundSource& rounds,
                                                const std::vector<ModuleLogisticSpec>& specs,
                                                const Rng& rng,
                                                const ModuleLogisticOptions& options) {
  const Encoder encoder(*rounds.schema);
  const DesignShape shape{rounds.schema->n_modules(), encoder.n_inputs(),
                          (1 + encoder.n_inputs() + 3) / 4 * 4, encoder.n_positions()};
  const Pass pass(rounds, encoder, shape, rng);
  std::vector<Fit> fits;
  for (const ModuleLogisticSpec& spec : specs) {
    fits.emplace_back();
    fits.back().spec = &spec;
  }
  const std::vector<Sums> counts = pass.run(fits, true, options.threads);
  for (std::size_t f = 0; f < fits.size(); ++f) start(shape, counts[f], fits[f]);
  const auto all_done = [&] {
    return std::all_of(fits.begin(), fits.end(), [](const Fit& fit) { return fit.done; });
  };
  for (int i = 0; i < options.max_iterations && !all_done(); ++i) {
    if (options.progress != nullptr) {
      constexpr double kUsualPasses = 8;
      options.progress->update(options.task, std::min(0.95, i / kUsualPasses),
                               "pass " + std::to_string(i + 1));
    }
    const std::vector<Sums> sums = pass.run(fits, false, options.threads);
    for (std::size_t f = 0; f < fits.size(); ++f)
      if (!fits[f].done) advance(shape, sums[f], options.tolerance, fits[f]);
  }
  std::vector<ModuleLogistic> models;
  for (Fit& fit : fits) models.push_back(finish(shape, fit));
  if (options.progress != nullptr) options.progress->update(options.task, 1, "");
  return models;
}

Arrays to_arrays(const ModuleLogistic& model) {
  const RowMatrix& c = model.coefficients;
  Arrays arrays;
  arrays["coefficients"] = {
      {static_cast<std::size_t>(c.rows()), static_cast<std::size_t>(c.cols())},
      {c.data(), c.data() + c.size()}};
  arrays["position"] = {{model.position.size()}, model.position};
  return arrays;
}

ModuleLogistic module_logistic_from(const Arrays& arrays, std::size_t n_modules,
                                    const Encoder& encoder) {
  const auto take = [&](const std::string& name, const std::vector<std::size_t>& shape) {
    const auto found = arrays.find(name);
    if (found == arrays.end())
      throw Error(ErrorKind::kInput, "logistic state: array '" + name + "' is missing");
    if (found->second.shape != shape)
      throw Error(ErrorKind::kInput, "logistic state: array '" + name +
                                         "' has another shape than the schema asks for");
    return found->second.values;
  };
  const std::size_t width = 1 + encoder.n_inputs();
  const std::vector<double> values = take("coefficients", {n_modules, width});
  ModuleLogistic model;
  model.coefficients = Eigen::Map<const RowMatrix>(
      values.data(), static_cast<Eigen::Index>(n_modules), static_cast<Eigen::Index>(width));
  model.position = take("position", {encoder.n_positions()});
  model.converged = true;
  return model;
}

}  // namespace rehearsal
