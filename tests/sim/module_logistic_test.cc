#include "sim/module_logistic.h"

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"

using namespace rehearsal;

namespace {

/// The same problem as one dense design: per module (1, x), then the positions that are not slot 0.
struct DenseRows {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
  Eigen::VectorXd centre;  // of the penalty
};

DenseRows dense_problem(const MadeUpLog& log, bool purchases) {
  const Encoder encoder(log.schema);
  const std::size_t width = 1 + encoder.n_inputs();
  const std::size_t n_modules = log.schema.n_modules();
  std::vector<std::vector<double>> rows;
  std::vector<double> y;
  std::vector<float> inputs(encoder.n_inputs());
  for (const LogBatch& batch : log.shards) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      encoder.encode(batch.requests.features(i), inputs);
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t s = batch.pages.slot_offsets[i] + k;
        std::vector<double> row(n_modules * width + encoder.n_positions(), 0.0);
        const std::size_t first = batch.pages.module[s] * width;
        row[first] = 1;
        for (std::size_t j = 0; j < inputs.size(); ++j) row[first + 1 + j] = inputs[j];
        const std::size_t position = encoder.position(batch.requests.features(i), k);
        if (k > 0) row[n_modules * width + position] = 1;
        rows.push_back(row);
        y.push_back(purchases ? batch.responses.purchase[s] : batch.responses.click[s]);
      }
    }
  }
  DenseRows dense;
  dense.x.resize(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(rows[0].size()));
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      dense.x(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = rows[r][c];
  dense.y = Eigen::Map<Eigen::VectorXd>(y.data(), static_cast<Eigen::Index>(y.size()));
  const double rate = (dense.y.sum() + 0.5) / (static_cast<double>(y.size()) + 1);
  dense.centre.setZero(dense.x.cols());
  for (std::size_t m = 0; m < n_modules; ++m)
    dense.centre[static_cast<Eigen::Index>(m * width)] = std::log(rate / (1 - rate));
  return dense;
}

Eigen::VectorXd dense_newton(const DenseRows& dense, double l2) {
  Eigen::VectorXd theta = dense.centre;
  for (int i = 0; i < 30; ++i) {
    const Eigen::VectorXd p = (1 + (-(dense.x * theta)).array().exp()).inverse();
    const Eigen::VectorXd v = p.array() * (1 - p.array());
    Eigen::MatrixXd h = dense.x.transpose() * v.asDiagonal() * dense.x;
    h.diagonal().array() += l2;
    theta += h.ldlt().solve(dense.x.transpose() * (dense.y - p) - l2 * (theta - dense.centre));
  }
  return theta;
}

Eigen::VectorXd flat(const ModuleLogistic& model) {
  Eigen::VectorXd out(model.coefficients.size() + static_cast<Eigen::Index>(model.position.size()));
  out << Eigen::Map<const Eigen::VectorXd>(model.coefficients.data(), model.coefficients.size()),
      Eigen::Map<const Eigen::VectorXd>(model.position.data(),
                                        static_cast<Eigen::Index>(model.position.size()));
  return out;
}

}  // namespace

TEST_CASE("the arrow-shaped fit equals a dense Newton solution") {
  MadeUpOptions options;
  options.n_users = 300;
  options.users_per_shard = 70;
  const MadeUpLog log = make_up_log(options, 11);
  for (const Objective objective : {Objective::kClick, Objective::kPurchase}) {
    ModuleLogisticSpec spec;
    spec.objective = objective;
    spec.l2 = 0.7;
    const ModuleLogistic model = fit_module_logistic(log.source(), {spec}, Rng(1), {})[0];
    const Eigen::VectorXd dense =
        dense_newton(dense_problem(log, objective == Objective::kPurchase), spec.l2);
    CHECK((flat(model) - dense).cwiseAbs().maxCoeff() < 1e-8);
    CHECK(model.converged);
  }
}

TEST_CASE("a logistic fit finds the coefficients that made the clicks within 4 standard errors") {
  MadeUpOptions options;
  options.n_users = 12000;
  const MadeUpLog log = make_up_log(options, 5);
  ModuleLogisticSpec spec;
  spec.l2 = 1e-3;
  const ModuleLogistic model = fit_module_logistic(log.source(), {spec}, Rng(1), {})[0];
  // inputs: device=mobile, taste, buyer=browser, buyer=buyer
  for (std::size_t m = 0; m < 4; ++m) {
    const double shift = static_cast<double>(m);
    const Eigen::Index row = static_cast<Eigen::Index>(m);
    // Each module has about 27,000 impressions with p(1 - p) near 0.17: s.e. of a slope 0.015 and
    // of a category 0.045 at most.
    CHECK(model.coefficients(row, 2) == Approx(0.5 - 0.3 * shift).margin(4 * 0.018));
    CHECK(model.coefficients(row, 4) == Approx(0.3 * (shift - 1)).margin(4 * 0.045));
    CHECK(model.coefficients(row, 0) == Approx(-1 + 0.25 * shift).margin(4 * 0.04));
  }
  const std::vector<double> positions{0, -0.4, -0.8, 0, -0.6, -1.2};
  for (std::size_t p = 0; p < positions.size(); ++p)
    CHECK(model.position[p] == Approx(positions[p]).margin(4 * 0.03));
}

TEST_CASE("weights count as repeated impressions and folds leave their users out") {
  MadeUpOptions options;
  options.n_users = 200;
  const MadeUpLog log = make_up_log(options, 6);
  const Rng rng(9);
  ModuleLogisticSpec without;
  without.n_folds = 2;
  without.left_out = {1};
  ModuleLogisticSpec weighted;
  weighted.weight = [&](const LogBatch& batch, std::size_t i, std::size_t) {
    return cross_fitting_fold(rng, UserId{batch.requests.user[i]}, 2) == 1 ? 0.0 : 1.0;
  };
  const auto models = fit_module_logistic(log.source(), {without, weighted}, rng, {});
  CHECK((flat(models[0]) - flat(models[1])).cwiseAbs().maxCoeff() < 1e-9);
  CHECK(models[0].n_impressions < 0.65 * models[1].n_impressions);
  CHECK(models[0].n_impressions > 0.35 * models[1].n_impressions);
}

TEST_CASE("a fit without positions has none and given clicks learns the purchase rate") {
  const MadeUpLog log = make_up_log({}, 7);
  ModuleLogisticSpec spec;
  spec.position = false;
  spec.objective = Objective::kPurchaseGivenClick;
  const ModuleLogistic model = fit_module_logistic(log.source(), {spec}, Rng(1), {})[0];
  CHECK(model.position == std::vector<double>(6, 0.0));
  const std::vector<float> origin(4, 0.0f);
  double mean = 0;
  for (std::size_t m = 0; m < 4; ++m) mean += 0.25 / (1 + std::exp(-model.logit(m, origin)));
  // 0.3 by construction; about 5,000 clicked impressions
  CHECK(mean == Approx(0.3).margin(4 * 0.02));
}

TEST_CASE("threads change no byte of a logistic fit, and its arrays give it back") {
  const MadeUpLog log = make_up_log({}, 8);
  ModuleLogisticOptions one, three;
  one.threads = 1;
  three.threads = 3;
  const ModuleLogistic a = fit_module_logistic(log.source(), {{}}, Rng(1), one)[0];
  const ModuleLogistic b = fit_module_logistic(log.source(), {{}}, Rng(1), three)[0];
  CHECK(flat(a) == flat(b));
  const ModuleLogistic c = module_logistic_from(to_arrays(a), 4, Encoder(log.schema));
  CHECK(flat(c) == flat(a));
  CHECK_THROWS_AS(module_logistic_from(to_arrays(a), 5, Encoder(log.schema)), Error);
}

TEST_CASE("a logistic fit says what it cannot learn from") {
  MadeUpLog log = make_up_log({}, 8);
  for (LogBatch& batch : log.shards) batch.responses.purchase.clear();
  ModuleLogisticSpec spec;
  spec.objective = Objective::kPurchase;
  CHECK_THROWS_AS(fit_module_logistic(log.source(), {spec}, Rng(1), {}), Error);
  CHECK_THROWS_AS(
      fit_module_logistic(source_of(log.schema, std::vector<LogBatch>{}), {{}}, Rng(1), {}), Error);
}
