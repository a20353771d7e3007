#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "scenarios/literature/literature_study.h"

namespace rehearsal {

namespace {

using nlohmann::ordered_json;

ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

std::string csv(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

}  // namespace

std::string to_text(const LiteratureStudy& study, const LiteratureReport& report) {
  std::string text = fmt::format(
      "{}: {} cells at {} seeds; {}{}\n", study.name, report.cells.size(), study.seeds.size(),
      study.measure, study.measure == "ratio" ? " of MSE to that of " + study.reference : "");
  std::size_t cell = report.cells.size();
  for (const LiteratureRow& row : report.rows) {
    if (row.cell != cell) {
      cell = row.cell;
      text += fmt::format("\n{}\n  {:<22} {:>11} {:>11} {:>12} {:>12} {:>11}\n",
                          report.cells[cell].empty() ? "as it is" : report.cells[cell], "estimator",
                          "measured", "published", "bias", "MSE", "truth");
    }
    text += fmt::format("  {:<22} {:>11.4g} {:>11} {:>12.4g} {:>12.4g} {:>11.4g}\n", row.estimator,
                        row.measured, row.published ? fmt::format("{:.4g}", *row.published) : "",
                        row.accuracy.bias, row.accuracy.mse, row.truth);
  }
  if (!report.claims.empty()) text += "\nshape\n";
  for (const ClaimResult& claim : report.claims) {
    text += fmt::format("  {:<7} {} ({} of {})\n", claim.n_held == claim.n ? "holds" : "MISSED",
                        claim.text, claim.n_held, claim.n);
    if (!claim.missed.empty()) text += "          not at " + claim.missed + "\n";
  }
  return text;
}

std::string to_json(const LiteratureStudy& study, const LiteratureReport& report) {
  ordered_json rows = ordered_json::array();
  for (const LiteratureRow& row : report.rows)
    rows.push_back({{"cell", row.cell},
                    {"estimator", row.estimator},
                    {"measured", number(row.measured)},
                    {"published", row.published ? number(*row.published) : ordered_json(nullptr)},
                    {"bias", number(row.accuracy.bias)},
                    {"bias_stderr", number(row.accuracy.bias_standard_error)},
                    {"mse", number(row.accuracy.mse)},
                    {"mse_stderr", number(row.accuracy.mse_standard_error)},
                    {"truth", number(row.truth)}});
  ordered_json claims = ordered_json::array();
  for (const ClaimResult& claim : report.claims)
    claims.push_back(
        {{"text", claim.text}, {"held", claim.n_held}, {"of", claim.n}, {"missed", claim.missed}});
  const ordered_json all{{"schema", "rehearsal.benchmark/1"},
                         {"name", study.name},
                         {"type", study.type},
                         {"n_seeds", study.seeds.size()},
                         {"measure", study.measure},
                         {"cells", report.cells},
                         {"rows", rows},
                         {"shape", claims}};
  return all.dump(2) + "\n";
}

std::string to_csv(const LiteratureReport& report) {
  std::string text = "cell,estimator,measured,published,bias,mse,mse_stderr,truth\n";
  for (const LiteratureRow& row : report.rows)
    text += fmt::format("\"{}\",{},{},{},{},{},{},{}\n", report.cells[row.cell], row.estimator,
                        csv(row.measured), row.published ? csv(*row.published) : "",
                        csv(row.accuracy.bias), csv(row.accuracy.mse),
                        csv(row.accuracy.mse_standard_error), csv(row.truth));
  return text;
}

}  // namespace rehearsal
