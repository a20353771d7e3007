#include "analysis/outcome.h"

#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

OutcomeOptions how(std::unique_ptr<OutcomeTrainer> trainer, std::int64_t folds = 2,
                   const std::string& calibrate = "none") {
  return {std::move(trainer), folds, calibrate};
}

std::vector<double> predictions(const MadeUpLog& log, const std::string& metric,
                                const OutcomeOptions& options, const RequestBatch& of) {
  std::vector<double> out;
  fit_outcome_models(log.source(), {metric}, Rng(4), options, 1, nullptr)[0]->predict(of, out);
  return out;
}

/// A family whose model f predicts a value that tells who taught it: 0.5 for everything, but for
/// what `skew` does to it.
class Fixed final : public OutcomeTrainer {
 public:
  explicit Fixed(double value) : value_(value) {}
  bool of_events() const override { return true; }
  std::vector<FoldModels> fit(const RoundSource&, const std::vector<std::string>& names,
                              const CrossFitting& folds, int, ProgressSink*) const override {
    FoldModels models;
    for (int f = 0; f < folds.n_folds; ++f) models.push_back(std::make_shared<Model>(value_ + f));
    return std::vector<FoldModels>(names.size(), models);
  }

 private:
  struct Model final : OutcomeModel {
    explicit Model(double v) : value(v) {}
    void predict(const RequestBatch& requests, std::vector<double>& out) const override {
      out.clear();
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::size_t n = requests.n_eligible(i);
        out.resize(out.size() + n * std::min<std::size_t>(n, requests.n_slots[i]), value);
      }
    }
    double value;
  };
  double value_;
};

double mean_click(const MadeUpLog& log) {
  double n = 0, clicks = 0;
  for (const LogBatch& batch : log.shards)
    for (const std::uint8_t click : batch.responses.click) {
      clicks += click;
      n += 1;
    }
  return clicks / n;
}

}  // namespace

TEST_CASE("folds part the users, and a model learns neither from its own nor from its spare one",
          "[outcome]") {
  for (const bool spare : {false, true}) {
    const CrossFitting folds{Rng(4), 4, spare};
    std::vector<int> users(4);
    for (std::uint32_t u = 0; u < 4000; ++u)
      ++users[static_cast<std::size_t>(folds.fold_of(UserId{u}))];
    for (const int n : users) CHECK(std::abs(n - 1000) < 4 * std::sqrt(4000 * 0.25 * 0.75));
    for (int model = 0; model < 4; ++model) {
      CHECK(folds.left_out(model).size() == (spare ? 2U : 1U));
      for (int fold = 0; fold < 4; ++fold) {
        const std::vector<int> out = folds.left_out(model);
        CHECK(folds.learns_from(model, fold) ==
              (std::find(out.begin(), out.end(), fold) == out.end()));
      }
      CHECK_FALSE(folds.learns_from(model, model));
    }
  }
}

TEST_CASE("a user's predictions do not change with the user's own rewards, calibrated or not",
          "[outcome]") {
  MadeUpOptions options;
  options.n_users = 200;
  options.users_per_shard = 100;
  options.vary_eligible = true;
  const MadeUpLog log = make_up_log(options, 8);
  MadeUpLog changed = log;
  constexpr std::uint32_t kUser = 17;
  for (std::size_t i = 0; i < changed.shards[0].size(); ++i)
    if (changed.shards[0].requests.user[i] == kUser)
      for (std::uint32_t s = changed.shards[0].pages.slot_offsets[i];
           s < changed.shards[0].pages.slot_offsets[i + 1]; ++s) {
        changed.shards[0].responses.click[s] ^= 1;
        changed.shards[0].responses.purchase[s] = changed.shards[0].responses.click[s];
        changed.shards[0].responses.revenue[s] = 50;
      }
  std::vector<std::uint32_t> own, others;
  for (std::uint32_t i = 0; i < log.shards[0].size(); ++i)
    (log.shards[0].requests.user[i] == kUser ? own : others).push_back(i);
  const RequestBatch of_user = gather(log.shards[0].requests, own);
  const RequestBatch of_others = gather(log.shards[0].requests, others);
  for (const auto make : {make_logistic_outcome, make_ridge_outcome})
    for (const auto& [metric, calibrate] : std::vector<std::pair<std::string, std::string>>{
             {"ctr", "none"}, {"ctr", "platt"}, {"ptr", "isotonic"}, {"revenue", "none"}}) {
      INFO(metric << " " << calibrate);
      const std::int64_t folds = calibrate == "none" ? 2 : 3;
      CHECK(predictions(log, metric, how(make(), folds, calibrate), of_user) ==
            predictions(changed, metric, how(make(), folds, calibrate), of_user));
      CHECK(predictions(log, metric, how(make(), folds, calibrate), of_others) !=
            predictions(changed, metric, how(make(), folds, calibrate), of_others));
    }
}

TEST_CASE("predictions of a batch are those of its rounds one by one, in place", "[outcome]") {
  MadeUpOptions options;
  options.n_users = 60;
  options.vary_eligible = true;
  const MadeUpLog log = make_up_log(options, 9);
  for (const auto make : {make_logistic_outcome, make_ridge_outcome}) {
    const auto model =
        fit_outcome_models(log.source(), {"revenue"}, Rng(4), how(make(), 5), 1, nullptr)[0];
    std::vector<double> together, alone, joined;
    model->predict(log.shards[0].requests, together);
    for (std::uint32_t i = 0; i < log.shards[0].size(); ++i) {
      model->predict(gather(log.shards[0].requests, std::vector<std::uint32_t>{i}), alone);
      joined.insert(joined.end(), alone.begin(), alone.end());
    }
    CHECK(together == joined);
  }
}

TEST_CASE("ridge is the pooled mean where contexts are equal, and pulls a rare module to it",
          "[outcome]") {
  // One slot, two modules, contexts of zeros: module 0 is shown n times and clicked half of the
  // time, module 1 is never shown.
  MadeUpOptions options;
  options.n_slots = 1;
  options.n_modules = 2;
  options.n_users = 400;
  options.rounds_per_user = 1;
  MadeUpLog log = make_up_log(options, 10);
  for (LogBatch& batch : log.shards) {
    std::fill(batch.requests.context.begin(), batch.requests.context.end(), 0.0F);
    std::fill(batch.pages.module.begin(), batch.pages.module.end(), std::uint16_t{0});
  }
  const CrossFitting folds{Rng(4), 2};
  std::vector<double> clicks(2), n(2);
  for (const LogBatch& batch : log.shards)
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto fold = static_cast<std::size_t>(folds.fold_of(UserId{batch.requests.user[i]}));
      clicks[fold] += batch.responses.click[i];
      n[fold] += 1;
    }
  const RequestBatch& requests = log.shards[0].requests;
  const std::vector<double> q = predictions(log, "ctr", how(make_ridge_outcome()), requests);
  REQUIRE(q.size() == 2 * requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto taught = static_cast<std::size_t>(1 - folds.fold_of(UserId{requests.user[i]}));
    CHECK(q[2 * i] == Approx(clicks[taught] / n[taught]).epsilon(1e-9));
    CHECK(q[2 * i + 1] == Approx(clicks[taught] / n[taught]).epsilon(1e-9));
  }
}

TEST_CASE("logistic regression comes near the true click rates, ridge as near as lines can",
          "[outcome]") {
  MadeUpOptions options;
  options.n_users = 8000;
  const MadeUpLog log = make_up_log(options, 11);
  const RequestBatch& requests = log.shards[0].requests;
  std::vector<double> truth;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t k = 0; k < options.n_slots; ++k)
      for (std::size_t m = 0; m < options.n_modules; ++m)
        truth.push_back(1 / (1 + std::exp(-made_up_logit(options, requests.features(i), m, k))));
  const auto error = [&](const OutcomeOptions& how_fitted) {
    const std::vector<double> q = predictions(log, "ctr", how_fitted, requests);
    REQUIRE(q.size() == truth.size());
    double sum = 0;
    for (std::size_t j = 0; j < q.size(); ++j) sum += (q[j] - truth[j]) * (q[j] - truth[j]);
    return std::sqrt(sum / static_cast<double>(q.size()));
  };
  CHECK(error(how(make_logistic_outcome())) < 0.02);
  CHECK(error(how(make_ridge_outcome())) < 0.04);
  CHECK(error(how(make_logistic_outcome(), 3, "platt")) < 0.025);
  CHECK(error(how(make_logistic_outcome(), 3, "isotonic")) < 0.03);
}

TEST_CASE("calibration takes a constant prediction to the mean reward of its spare fold",
          "[outcome]") {
  MadeUpOptions options;
  const MadeUpLog log = make_up_log(options, 12);
  const CrossFitting folds{Rng(4), 3, true};
  std::vector<double> clicks(3), n(3);
  for (const LogBatch& batch : log.shards)
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::uint32_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1];
           ++s) {
        const auto fold = static_cast<std::size_t>(folds.fold_of(UserId{batch.requests.user[i]}));
        clicks[fold] += batch.responses.click[s];
        n[fold] += 1;
      }
  const RequestBatch& requests = log.shards[0].requests;
  for (const std::string calibrate : {"platt", "isotonic"}) {
    const std::vector<double> q =
        predictions(log, "ctr", how(std::make_unique<Fixed>(0.001), 3, calibrate), requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto spare =
          static_cast<std::size_t>(folds.spare_fold(folds.fold_of(UserId{requests.user[i]})));
      CHECK(q[12 * i] == Approx(clicks[spare] / n[spare]).epsilon(1e-3));
    }
  }
}

TEST_CASE("estimates state how the reward model's predictions agree with what was shown",
          "[outcome]") {
  const MadeUpLog log = make_up_log({}, 13);
  const FunctionPolicy uniform([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = {"dm", "dr", "iips"};
  const auto estimates = [&](const OutcomeOptions& outcome) {
    options.outcome = outcome;
    return evaluate(log.source(), {}, {{"uniform", &uniform}}, &uniform, 0, Rng(4), options)[0];
  };
  const auto raw = estimates(how(std::make_unique<Fixed>(0.5), 2));
  REQUIRE(raw[0].q_hat.has_value());
  REQUIRE(raw[1].q_hat.has_value());
  CHECK_FALSE(raw[2].q_hat.has_value());
  CHECK(raw[0].q_hat->mean_reward == Approx(mean_click(log)));
  CHECK(raw[0].q_hat->mean_prediction == Approx(1).margin(0.03));  // 0.5 and 1.5, half each
  CHECK(raw[0].q_hat->ece == Approx(raw[0].q_hat->mean_prediction - mean_click(log)).epsilon(1e-9));
  const auto calibrated = estimates(how(std::make_unique<Fixed>(0.5), 3, "isotonic"));
  CHECK(calibrated[0].q_hat->ece < 0.02);
  CHECK(calibrated[0].q_hat->mean_prediction == Approx(mean_click(log)).margin(0.01));
  CHECK(calibrated[0].value == Approx(3 * mean_click(log)).margin(0.03));
}

TEST_CASE("outcome models that cannot be are refused", "[outcome]") {
  const MadeUpLog log = make_up_log({}, 14);
  const auto refused = [&](const OutcomeOptions& options, const std::string& metric,
                           const std::string& words) {
    CHECK_THROWS_WITH(fit_outcome_models(log.source(), {metric}, Rng(4), options, 1, nullptr),
                      Catch::Contains(words));
  };
  refused(how(nullptr, 1), "ctr", "folds: 1 is not in [2, 100]");
  refused(how(nullptr, 2, "platt"), "ctr", "folds: 2 is not in [3, 100]");
  refused(how(nullptr, 3, "beta"), "ctr", "'beta' is not one of none, platt, isotonic");
  refused(how(make_ridge_outcome(), 3, "platt"), "revenue", "isotonic takes any");
  MadeUpOptions one;
  one.n_users = 1;
  const MadeUpLog lonely = make_up_log(one, 15);
  for (const auto make : {make_logistic_outcome, make_ridge_outcome})
    CHECK_THROWS_AS(fit_outcome_models(lonely.source(), {"ctr"}, Rng(4), how(make()), 1, nullptr),
                    Error);
}
