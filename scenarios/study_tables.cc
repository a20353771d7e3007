#include "scenarios/study_tables.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace rehearsal {

namespace {

using nlohmann::ordered_json;

std::string points(double value, const char* format = "{:>+8.2f}") {
  return std::isfinite(value) ? fmt::format(fmt::runtime(format), 100 * value)
                              : fmt::format("{:>8}", "-");
}

std::string plain(double value, const char* format) {
  return std::isfinite(value) ? fmt::format(fmt::runtime(format), value) : std::string("-");
}

/// Both metrics of a policy on one line.
std::string arms_text(const StudySummary& summary, std::size_t cell) {
  std::string text = fmt::format("  {:<26} {:<9} {:>9} {:>9} {:>8} {:>5}\n", "policy", "metric",
                                 "lift, %", "sd", "t", "n");
  for (const ArmRow& row : summary.arms)
    if (row.cell == cell)
      text += fmt::format("  {:<26} {:<9} {:>9} {:>9} {:>8} {:>5}\n", row.policy, row.metric,
                          points(row.lift.mean), points(row.lift.sd, "{:>8.2f}"),
                          plain(row.lift.t(), "{:.2f}"), row.lift.n);
  return text;
}

std::string pairs_text(const StudySummary& summary, std::size_t cell) {
  std::string text;
  for (const PairRow& row : summary.pairs)
    if (row.cell == cell)
      text += fmt::format("  {:<54} {:<9} {:>9} {:>9} {:>8} {:>5}\n",
                          row.first + " - " + row.second, row.metric, points(row.difference.mean),
                          points(row.difference.sd, "{:>8.2f}"),
                          plain(row.difference.t(), "{:.2f}"), row.difference.n);
  if (text.empty()) return "";
  return fmt::format("\n  {:<54} {:<9} {:>9} {:>9} {:>8} {:>5}\n", "paired by seed", "metric",
                     "points", "sd", "t", "n") +
         text;
}

std::string coverage_text(const StudySummary& summary, std::size_t cell) {
  std::string text;
  for (const CoverageRow& row : summary.coverage)
    if (row.cell == cell && row.policy.empty())
      text += fmt::format("  {:<10} {:<9} {:>8} {:>7} {:>8} {:>7} {:>10} {:>10} {:>10}\n",
                          row.estimator, row.metric, plain(100 * row.value_coverage, "{:.1f}"),
                          row.n_values, plain(100 * row.lift_coverage, "{:.1f}"), row.n_lifts,
                          points(row.lift_error.mean), points(row.lift_error.sd, "{:>8.2f}"),
                          points(row.lift_standard_error, "{:>8.2f}"));
  if (text.empty()) return "";
  return fmt::format("\n  {:<10} {:<9} {:>8} {:>7} {:>8} {:>7} {:>10} {:>10} {:>10}\n", "estimator",
                     "metric", "value, %", "n", "lift, %", "n", "bias, pts", "sd, pts", "claimed") +
         text + "  (shares of intervals that hold the exact truth, over all policies)\n";
}

std::string gate_text(const StudySummary& summary, std::size_t cell) {
  std::string text;
  for (const GateRow& row : summary.gate)
    if (row.cell == cell)
      text += fmt::format("  {:<26} {:>9.2f} {:>9} {:>9} {:>9.2f} {:>5}\n",
                          row.policy.empty() ? "(any candidate)" : row.policy, row.promote,
                          row.policy.empty() ? "" : fmt::format("{:.2f}", row.hold),
                          row.policy.empty() ? "" : fmt::format("{:.2f}", row.reject), row.wrong,
                          row.n);
  if (text.empty()) return "";
  return fmt::format("\n  {:<26} {:>9} {:>9} {:>9} {:>9} {:>5}\n", "offline gate, shares",
                     "promote", "hold", "reject", "wrong", "n") +
         text + "  (wrong: promoted from the log, rejected by the exact truth)\n";
}

std::string regret_text(const StudySummary& summary, std::size_t cell) {
  std::string text;
  for (const RegretRow& row : summary.regret)
    if (row.cell == cell)
      text += fmt::format("  {:<54} {:<10} {:>11} {:>9} {:>8} {:>5}\n",
                          row.policy + (row.minus.empty() ? "" : " - " + row.minus), row.measure,
                          plain(row.value.mean, row.measure == "share" ? "{:.3f}" : "{:.1f}"),
                          plain(row.value.sd, row.measure == "share" ? "{:.3f}" : "{:.1f}"),
                          row.minus.empty() ? "" : plain(row.value.t(), "{:.2f}"), row.value.n);
  if (text.empty()) return "";
  return fmt::format("\n  {:<54} {:<10} {:>11} {:>9} {:>8} {:>5}\n", "online", "measure", "mean",
                     "sd", "t", "n") +
         text + "  (share: of the first policy's regret; last_tenth: of the batches)\n";
}

/// NaN has no place in JSON.
ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json spread_json(const Spread& spread) {
  return {{"n", spread.n},
          {"mean", number(spread.mean)},
          {"sd", number(spread.sd)},
          {"t", number(spread.t())}};
}

ordered_json regret_json(const StudySummary& summary) {
  ordered_json rows = ordered_json::array();
  for (const RegretRow& row : summary.regret)
    rows.push_back({{"cell", row.cell},
                    {"policy", row.policy},
                    {"minus", row.minus},
                    {"measure", row.measure},
                    {"value", spread_json(row.value)}});
  return rows;
}

/// A field of a CSV file, quoted where it must be.
std::string csv(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

std::string csv(const Spread& spread) {
  return fmt::format("{},{},{},{}", spread.n, csv(spread.mean), csv(spread.sd), csv(spread.t()));
}

}  // namespace

std::string to_text(const StudySummary& summary) {
  std::string text = fmt::format("{}: {} cells at {} seeds\n", summary.name, summary.cells.size(),
                                 summary.n_seeds);
  for (std::size_t c = 0; c < summary.cells.size(); ++c) {
    text += "\n" + (summary.cells[c].empty() ? "the scenario as it is" : summary.cells[c]) + "\n";
    text += arms_text(summary, c) + pairs_text(summary, c) + coverage_text(summary, c) +
            gate_text(summary, c) + regret_text(summary, c) + decisions_text(summary.decided, c);
  }
  return text;
}

std::string to_json(const StudySummary& summary) {
  ordered_json arms = ordered_json::array();
  for (const ArmRow& row : summary.arms)
    arms.push_back({{"cell", row.cell},
                    {"policy", row.policy},
                    {"metric", row.metric},
                    {"lift", spread_json(row.lift)}});
  ordered_json pairs = ordered_json::array();
  for (const PairRow& row : summary.pairs)
    pairs.push_back({{"cell", row.cell},
                     {"first", row.first},
                     {"second", row.second},
                     {"metric", row.metric},
                     {"difference", spread_json(row.difference)}});
  ordered_json coverage = ordered_json::array();
  for (const CoverageRow& row : summary.coverage)
    coverage.push_back({{"cell", row.cell},
                        {"policy", row.policy},
                        {"estimator", row.estimator},
                        {"metric", row.metric},
                        {"n_values", row.n_values},
                        {"value_coverage", number(row.value_coverage)},
                        {"n_lifts", row.n_lifts},
                        {"lift_coverage", number(row.lift_coverage)},
                        {"lift_error", spread_json(row.lift_error)},
                        {"lift_standard_error", number(row.lift_standard_error)}});
  ordered_json gate = ordered_json::array();
  for (const GateRow& row : summary.gate)
    gate.push_back({{"cell", row.cell},
                    {"policy", row.policy},
                    {"n", row.n},
                    {"promote", row.promote},
                    {"hold", row.hold},
                    {"reject", row.reject},
                    {"wrong", row.wrong}});
  ordered_json decisions = ordered_json::array();
  for (const DecisionRow& row : summary.decided.decisions)
    decisions.push_back({{"cell", row.cell},
                         {"estimator", row.estimator},
                         {"pages", row.pages},
                         {"n", row.n},
                         {"right", row.right},
                         {"wrong_promote", row.wrong_promote},
                         {"wrong_reject", row.wrong_reject},
                         {"hold", row.hold},
                         {"regret", row.regret}});
  ordered_json pages = ordered_json::array();
  for (const PagesRow& row : summary.decided.pages)
    pages.push_back({{"cell", row.cell},
                     {"estimator", row.estimator},
                     {"found", number(row.found)},
                     {"projected", number(row.projected)},
                     {"factor", number(row.factor)}});
  ordered_json all{
      {"schema", "rehearsal.study/1"}, {"name", summary.name}, {"n_seeds", summary.n_seeds},
      {"cells", summary.cells},        {"arms", arms},         {"pairs", pairs},
      {"coverage", coverage},          {"gate", gate}};
  if (!summary.regret.empty()) all["regret"] = regret_json(summary);
  if (!summary.decided.decisions.empty()) {
    all["decisions"] = decisions;
    all["pages_for_80_percent"] = pages;
  }
  return all.dump(2) + "\n";
}

std::map<std::string, std::string> to_csv(const StudySummary& summary) {
  std::string arms = "cell,policy,metric,n,mean,sd,t\n";
  for (const ArmRow& row : summary.arms)
    arms += fmt::format("{},{},{},{}\n", csv(summary.cells[row.cell]), row.policy, row.metric,
                        csv(row.lift));
  std::string pairs = "cell,first,second,metric,n,mean,sd,t\n";
  for (const PairRow& row : summary.pairs)
    pairs += fmt::format("{},{},{},{},{}\n", csv(summary.cells[row.cell]), row.first, row.second,
                         row.metric, csv(row.difference));
  std::string coverage =
      "cell,policy,estimator,metric,n_values,value_coverage,n_lifts,lift_coverage,"
      "error_n,error_mean,error_sd,error_t,lift_standard_error\n";
  for (const CoverageRow& row : summary.coverage)
    coverage +=
        fmt::format("{},{},{},{},{},{},{},{},{},{}\n", csv(summary.cells[row.cell]), row.policy,
                    row.estimator, row.metric, row.n_values, csv(row.value_coverage), row.n_lifts,
                    csv(row.lift_coverage), csv(row.lift_error), csv(row.lift_standard_error));
  std::string gate = "cell,policy,n,promote,hold,reject,wrong\n";
  for (const GateRow& row : summary.gate)
    gate += fmt::format("{},{},{},{},{},{},{}\n", csv(summary.cells[row.cell]), row.policy, row.n,
                        csv(row.promote), csv(row.hold), csv(row.reject), csv(row.wrong));
  std::map<std::string, std::string> files{
      {"arms.csv", arms}, {"pairs.csv", pairs}, {"coverage.csv", coverage}, {"gate.csv", gate}};
  std::string regret = "cell,policy,minus,measure,n,mean,sd,t\n";
  for (const RegretRow& row : summary.regret)
    regret += fmt::format("{},{},{},{},{}\n", csv(summary.cells[row.cell]), row.policy, row.minus,
                          row.measure, csv(row.value));
  if (!summary.regret.empty()) files["regret.csv"] = regret;
  std::vector<std::string> cells;
  for (const std::string& cell : summary.cells) cells.push_back(csv(cell));
  add_decisions_csv(summary.decided, cells, files);
  return files;
}

}  // namespace rehearsal
