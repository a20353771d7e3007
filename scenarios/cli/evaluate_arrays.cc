#include <fmt/format.h>

#include "scenarios/arrays/arrays.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/evaluate.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

std::string table(const std::vector<NamedCase>& cases) {
  std::string text =
      fmt::format("{:<24} {:<36} {:>12} {:>26}\n", "case", "estimator", "value", "interval");
  std::string notes;
  for (const NamedCase& each : cases) {
    for (const ArrayEstimate& e : each.result.estimates)
      text += fmt::format("{:<24} {:<36} {:>12.6g} {:>26}\n", each.name, e.key, e.value,
                          fmt::format("[{:.6g}, {:.6g}]", e.low, e.high));
    for (const std::string& warning : each.result.warnings)
      notes += fmt::format("{}: {}\n", each.name, warning);
  }
  return text + (notes.empty() ? "" : "\n" + notes);
}

}  // namespace

int evaluate_file(const EvaluateCommand& command) {
  const EvaluateOptions plain;
  const EvaluateOptions& how = command.how;
  if (!command.policies.empty() || !command.q_hat.empty() || !command.q_hat_expected.empty() ||
      !command.baseline.empty() || command.behavior != "logged" || command.sessions ||
      command.discount != 1 || command.cdf_points || !how.metrics.empty() ||
      !command.segments.empty() || !command.outcome.empty())
    throw Error(ErrorKind::kInput,
                "--layout: the arrays say what is judged; --policy, --behavior, --q-hat, "
                "--q-hat-expected, --baseline, --metrics, --segments, --outcome, --sessions, "
                "--discount and --cdf serve logs");
  if (how.interval != plain.interval || how.selection != plain.selection ||
      !how.reward_range.empty() || how.max_weight != plain.max_weight ||
      how.columns_of_row != plain.columns_of_row || how.n_bootstrap != plain.n_bootstrap)
    throw Error(
        ErrorKind::kInput,
        "--layout: every case has the intervals and choices of its layout (docs/arrays.md); "
        "--interval, --bootstrap, --reward-range, --max-weight, --columns-of-row and --selection "
        "serve logs");
  ArrayOptions options;
  options.estimators = how.estimators;
  options.confidence = how.confidence;
  options.threads = how.threads;
  const std::vector<NamedCase> cases =
      evaluate_arrays(command.log, array_layouts().at(command.layout, "--layout"), options);
  const std::string json = arrays_to_json(cases);
  write_results(command.out, json);
  print(command.json ? json : table(cases));
  return 0;
}

}  // namespace rehearsal
