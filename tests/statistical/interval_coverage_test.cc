// How often each interval holds the truth, over 2,000 logs of 1,000 rounds with light-tailed
// weights.

#include <fmt/format.h>

#include <cmath>

#include "analysis/bootstrap.h"
#include "analysis/confidence_sequences.h"
#include "analysis/intervals.h"
#include "analysis/ratio.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr int kLogs = 2000;
constexpr std::size_t kRounds = 1000;
constexpr double kConfidence = 0.95;

// Four actions logged uniformly; weights are 4 pi, at most 2.
constexpr double kPi[4] = {0.5, 0.3, 0.15, 0.05};
constexpr double kReward[4] = {0.3, 0.2, 0.4, 0.1};
constexpr double kModel[4] = {0.25, 0.25, 0.3, 0.2};  // wrong, but not by much
constexpr double kMaxWeight = 2;

struct Log {
  std::vector<double> weight, reward, q_hat, term;  // term: w r
  double successes = 0;
};

Log make_log(std::uint32_t index) {
  Stream stream = Rng(2024).stream(Draw::kResponse, Turn{UserId{index}});
  Log log;
  for (std::size_t i = 0; i < kRounds; ++i) {
    const auto a = static_cast<std::size_t>(4 * stream.uniform());
    log.weight.push_back(4 * kPi[a]);
    log.reward.push_back(stream.uniform() < kReward[a] ? 1 : 0);
    log.q_hat.push_back(kModel[a]);
    log.term.push_back(log.weight.back() * log.reward.back());
    log.successes += log.reward.back();
  }
  return log;
}

double truth() {
  double value = 0;
  for (int a = 0; a < 4; ++a) value += kPi[a] * kReward[a];
  return value;
}

double direct() {
  double value = 0;
  for (int a = 0; a < 4; ++a) value += kPi[a] * kModel[a];
  return value;
}

double mean_reward() {
  double value = 0;
  for (const double q : kReward) value += q / 4;
  return value;
}

enum class Claim { kExact, kAsymptotic, kAllTimes, kAllTimesAsymptotic };

struct Row {
  Claim claim;
  int covered = 0;
  double width = 0;  // mean, at the end
};

class Table {
 public:
  void add(const std::string& name, Claim claim, const Interval& interval, double value,
           bool always = true) {
    Row& row = rows_.try_emplace(name, Row{claim}).first->second;
    row.covered += always && interval.low <= value && value <= interval.high ? 1 : 0;
    row.width += (interval.high - interval.low) / kLogs;
  }

  std::string text() const {
    std::string out =
        fmt::format("{:<34} {:>9} {:>9}  {}\n", "interval", "covers", "width", "claim");
    for (const auto& [name, row] : rows_)
      out += fmt::format("{:<34} {:>7.2f} % {:>9.4f}  {}\n", name, 100.0 * row.covered / kLogs,
                         row.width,
                         row.claim == Claim::kExact        ? "at least 95 %"
                         : row.claim == Claim::kAsymptotic ? "95 % as n grows"
                         : row.claim == Claim::kAllTimes   ? "at least 95 %, always"
                                                           : "95 %, always, later");
    return out;
  }

  void check() const {
    for (const auto& [name, row] : rows_) {
      INFO(name);
      const double share = static_cast<double>(row.covered) / kLogs;
      CHECK(share >= (row.claim == Claim::kAsymptotic ? 0.92 : 0.94));
      if (row.claim == Claim::kAsymptotic) CHECK(share <= 0.97);
    }
  }

 private:
  std::map<std::string, Row> rows_;
};

/// One-sided bounds as intervals that are open above.
Interval above(double lower) { return {lower, lower, 1}; }

void add_fixed(const Log& log, Table& table) {
  const double v = truth(), n = kRounds, delta = 1 - kConfidence;
  const Moments terms = moments_within(log.term, {0, kMaxWeight});
  const Range range{0, kMaxWeight};
  table.add("normal", Claim::kAsymptotic,
            normal_interval(terms.mean, terms.standard_error(), kConfidence), v);
  table.add("Student t", Claim::kAsymptotic, student_t_interval(terms, kConfidence), v);
  table.add("Student t, lower", Claim::kAsymptotic, above(student_t_lower(terms, delta)), v);
  table.add("Hoeffding", Claim::kExact, hoeffding_interval(terms, range, kConfidence), v);
  table.add("empirical Bernstein", Claim::kExact,
            empirical_bernstein_interval(terms, range, kConfidence), v);
  table.add("HCOPE, lower", Claim::kExact, above(hcope_lower(log.term, delta)), v);
  table.add("Clopper-Pearson (on-policy)", Claim::kExact,
            clopper_pearson_interval(log.successes, n, kConfidence), mean_reward());
  const Ratio ratio = per_round(log.term, log.weight, std::vector<double>(kRounds, 1.0));
  table.add("delta method (self-normalized)", Claim::kAsymptotic,
            normal_interval(ratio.value, ratio.standard_error, kConfidence), v);
}

void add_bootstraps(const Log& log, std::uint64_t seed, Table& table) {
  RowMatrix units(kRounds, 2);
  for (std::size_t i = 0; i < kRounds; ++i) {
    units(static_cast<Eigen::Index>(i), 0) = log.term[i];
    units(static_cast<Eigen::Index>(i), 1) = log.weight[i];
  }
  BootstrapOptions options;
  options.n_resamples = 500;
  const Resampler resampler = addressed_resampler(Rng(seed));
  const auto run = [&](const Statistic& statistic, BootstrapKind kind) {
    options.kind = kind;
    return bootstrap_interval(units, statistic, options, resampler).interval;
  };
  const Statistic mean = mean_statistic(kRounds);
  table.add("bootstrap, percentile", Claim::kAsymptotic, run(mean, BootstrapKind::kPercentile),
            truth());
  table.add("bootstrap, BCa", Claim::kAsymptotic, run(mean, BootstrapKind::kBca), truth());
  table.add("bootstrap, BCa (self-normalized)", Claim::kAsymptotic,
            run(ratio_statistic, BootstrapKind::kBca), truth());
}

/// Feeds a sequence and looks after every round.
template <class Sequence, class Feed>
void add_sequence(const std::string& name, Claim claim, Sequence sequence, double value,
                  Table& table, std::size_t first_look, Feed&& feed) {
  bool always = true;
  Interval now;
  for (std::size_t i = 0; i < kRounds; ++i) {
    feed(sequence, i);
    if (i + 1 < first_look) continue;
    now = sequence.interval();
    always = always && now.low <= value && value <= now.high;
  }
  table.add(name, claim, now, value, always);
}

/// Lower sequences as intervals.
struct GammaExponential : GammaExponentialLower {
  using GammaExponentialLower::GammaExponentialLower;
  Interval interval() const { return above(lower()); }
};

void add_sequences(const Log& log, Table& table) {
  const double alpha = 1 - kConfidence, v = truth();
  const auto scaled = [&](auto& s, std::size_t i) { s.add(log.term[i] / kMaxWeight); };
  const auto plain = [&](auto& s, std::size_t i) { s.add(log.term[i]); };
  const double u = v / kMaxWeight;
  // The betting interval keeps what it ruled out: one look at the end sees every time.
  add_sequence("hedged betting (of w r / 2)", Claim::kAllTimes, HedgedBetting(alpha, 250), u, table,
               kRounds, scaled);
  add_sequence("empirical Bernstein CS (of w r / 2)", Claim::kAllTimes,
               EmpiricalBernsteinSequence(alpha), u, table, 1, scaled);
  add_sequence("normal mixture (of w r / 2)", Claim::kAllTimes, NormalMixture(0.5, 500, alpha), u,
               table, 1, scaled);
  add_sequence("asymptotic CS (of w r)", Claim::kAllTimesAsymptotic, AsymptoticSequence(500, alpha),
               v, table, 50, plain);
  add_sequence("gamma-exponential, lower (of w r)", Claim::kAllTimes, GammaExponential(alpha), v,
               table, 1, plain);
  add_sequence("doubly robust CS", Claim::kAllTimes, DoublyRobustSequence(alpha, kMaxWeight), v,
               table, 1, [&](auto& s, std::size_t i) {
                 s.add({log.weight[i], log.reward[i], log.q_hat[i], direct()});
               });
}

}  // namespace

TEST_CASE("every interval holds the truth as often as it claims, in 2,000 logs of 1,000 rounds",
          "[.slow]") {
  Table table;
  for (std::uint32_t index = 0; index < kLogs; ++index) {
    const Log log = make_log(index);
    add_fixed(log, table);
    add_bootstraps(log, 77 + index, table);
    add_sequences(log, table);
  }
  WARN(table.text());
  table.check();
}
