#include "scenarios/literature/literature_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "scenarios/run.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

const std::vector<std::string> kMeasures{
    "mse", "root_mse", "relative_mse", "ratio", "relative_error", "bias", "mean"};

void read_published(LiteratureStudy& study, const YAML::Node& root, const Source& source) {
  const YAML::Node published = root["published"];
  if (!published.IsDefined()) return;
  const Source place = source.child("published");
  check_mapping(published, place);
  const std::size_t n = study.cells().size();
  for (const auto& pair : published) {
    const std::string name = pair.first.Scalar();
    if (!pair.second.IsSequence() || pair.second.size() != n)
      refuse_at(pair.second, place.child(name),
                fmt::format("expected a list of {} figures, one a cell; ~ for none", n));
    for (const YAML::Node& each : pair.second) {
      double value = 0;
      if (!each.IsNull()) {
        YAML::Node alone(YAML::NodeType::Map);
        alone[name] = each;
        Fields().add(name, value, -1e300, 1e300, "figure").read(alone, place);
      }
      study.published[name].push_back(each.IsNull() ? std::nullopt : std::optional(value));
    }
  }
}

ShapeClaim claim_from(const LiteratureStudy& study, const YAML::Node& node, const Source& source) {
  ShapeClaim claim;
  Fields()
      .add("text", claim.text, "the statement")
      .add("order", claim.order, "estimators by rising measure")
      .add("slack", claim.slack, 1, 100, "factor by which the order may be missed")
      .add("rises", claim.rises, "estimator that is larger at the end of `along`")
      .add("falls", claim.falls, "estimator that is smaller there")
      .add("along", claim.along, "grid key")
      .add("least_tau", claim.least_tau, -1, 1,
           "Kendall's tau of ours and the published figures, at least")
      .add("by", claim.by, 1, 1e300, "least and most factor by which it rises or falls")
      .add("at_most", claim.at_most, -1e300, 1e300, "bounds of the measure")
      .add("at_least", claim.at_least, -1e300, 1e300, "bounds of the measure")
      .read(node, source, {"where"});
  const auto check_key = [&](const std::string& key, const std::string& at) {
    std::vector<std::string> known;
    for (const auto& [name, values] : study.grid) known.push_back(name);
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse_at(node, source.child(at), unknown_name("grid key", key, known));
  };
  const bool moves = !claim.rises.empty() || !claim.falls.empty();
  if (moves) check_key(claim.along, "along");
  if (!claim.by.empty() && (!moves || claim.by.size() != 2))
    refuse_at(node, source.child("by"), "expected [least, most], beside rises or falls");
  claim.ranks = node["least_tau"].IsDefined();
  if (!moves && claim.order.size() < 2 && claim.at_most.empty() && claim.at_least.empty() &&
      !claim.ranks)
    refuse_at(node, source,
              "expected an order of two, rises, falls, at_most, at_least or least_tau");
  if (!node["where"].IsDefined()) return claim;
  check_mapping(node["where"], source.child("where"));
  for (const auto& pair : node["where"]) {
    check_key(pair.first.Scalar(), "where");
    for (const YAML::Node& value : pair.second)
      claim.where[pair.first.Scalar()].push_back(value.Scalar());
  }
  return claim;
}

void read_shape(LiteratureStudy& study, const YAML::Node& root, const Source& source) {
  const YAML::Node shape = root["shape"];
  if (!shape.IsDefined()) return;
  if (!shape.IsSequence())
    refuse_at(shape, source.child("shape"), "expected a list, found " + seen(shape));
  for (std::size_t i = 0; i < shape.size(); ++i)
    study.shape.push_back(claim_from(study, shape[i], source.child("shape").child(i)));
}

std::unique_ptr<Benchmark> make_cell(const LiteratureStudy& study, const StudyCell& cell) {
  YAML::Node node = YAML::Clone(study.benchmark);
  for (const auto& [key, value] : cell) node[key] = YAML::Load(value);
  return benchmarks()
      .at(study.type, where(study.benchmark, study.source.child("type")))
      .make(PluginConfig{node, study.source});
}

double measure_of(const std::string& name, const EstimatorAccuracy& a, double reference_mse) {
  if (name == "mse") return a.mse;
  if (name == "root_mse") return a.root_mse;
  if (name == "relative_mse") return a.relative_mse;
  if (name == "relative_error") return a.relative_error;
  if (name == "bias") return a.bias;
  return a.mse / reference_mse;
}

/// One cell's rows. Args: trials: of its seeds.
std::vector<LiteratureRow> rows_of(const LiteratureStudy& study, std::size_t cell,
                                   std::span<const Trial> trials) {
  std::vector<LiteratureRow> rows;
  double reference_mse = 0;
  for (std::size_t e = 0; e < trials.front().scored.size(); ++e) {
    std::vector<double> estimates, truths;
    for (const Trial& trial : trials) {
      estimates.push_back(trial.scored.at(e).estimate);
      truths.push_back(trial.scored.at(e).truth);
    }
    LiteratureRow row;
    row.cell = cell;
    row.estimator = trials.front().scored[e].estimator;
    row.accuracy = estimator_accuracy(estimates, truths);
    for (const double truth : truths) row.truth += truth / static_cast<double>(truths.size());
    if (row.estimator == study.reference) reference_mse = row.accuracy.mse;
    const auto published = study.published.find(row.estimator);
    if (published != study.published.end()) row.published = published->second[cell];
    rows.push_back(std::move(row));
  }
  for (LiteratureRow& row : rows)
    row.measured = study.measure == "mean" ? row.truth + row.accuracy.bias
                                           : measure_of(study.measure, row.accuracy, reference_mse);
  return rows;
}

/// Raises: Error(kInput) for an estimator that the file names and the benchmark lacks.
void check_names(const LiteratureStudy& study, const std::vector<LiteratureRow>& rows) {
  std::vector<std::string> known, named;
  for (const LiteratureRow& row : rows)
    if (row.cell == 0) known.push_back(row.estimator);
  if (study.measure == "ratio") named.push_back(study.reference);
  for (const auto& [name, values] : study.published) named.push_back(name);
  for (const ShapeClaim& claim : study.shape) {
    named.insert(named.end(), claim.order.begin(), claim.order.end());
    for (const auto* bounds : {&claim.at_most, &claim.at_least})
      for (const auto& [name, bound] : *bounds) named.push_back(name);
    for (const std::string& name : {claim.rises, claim.falls})
      if (!name.empty()) named.push_back(name);
  }
  for (const std::string& name : named)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorKind::kInput, study.file + ": " + unknown_name("estimator", name, known));
}

/// Puts one claim to the rows of a report.
class ClaimCheck {
 public:
  ClaimCheck(const LiteratureStudy& study, const LiteratureReport& report, const ShapeClaim& claim)
      : cells_(study.cells()), report_(report), claim_(claim) {
    result_.text = claim.text;
  }

  ClaimResult run() {
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      if (!counts(cells_[c])) continue;
      for (std::size_t e = 1; e < claim_.order.size(); ++e)
        note(at(c, claim_.order[e - 1]) <= claim_.slack * at(c, claim_.order[e]), c);
      for (const auto& [name, bound] : claim_.at_most) note(at(c, name) <= bound, c);
      for (const auto& [name, bound] : claim_.at_least) note(at(c, name) >= bound, c);
      if (claim_.ranks) note_ranks(c);
      if (claim_.along.empty()) continue;
      const std::size_t last = last_along(c);
      if (last == c) continue;
      if (!claim_.rises.empty()) note(grows(at(c, claim_.rises), at(last, claim_.rises)), last);
      if (!claim_.falls.empty()) note(grows(at(last, claim_.falls), at(c, claim_.falls)), last);
    }
    return result_;
  }

 private:
  bool counts(const StudyCell& cell) const {
    return std::all_of(cell.begin(), cell.end(), [&](const auto& pair) {
      const auto found = claim_.where.find(pair.first);
      return found == claim_.where.end() || std::find(found->second.begin(), found->second.end(),
                                                      pair.second) != found->second.end();
    });
  }

  bool grows(double from, double to) const {
    return from < to &&
           (claim_.by.empty() || (claim_.by[0] * from <= to && to <= claim_.by[1] * from));
  }

  /// The last cell that differs from the first of its row in `along` alone; c itself elsewhere.
  std::size_t last_along(std::size_t c) const {
    std::size_t last = c;
    for (std::size_t other = 0; other < cells_.size(); ++other) {
      bool same = counts(cells_[other]);
      for (std::size_t k = 0; k < cells_[c].size(); ++k)
        same &= cells_[c][k].first == claim_.along || cells_[c][k] == cells_[other][k];
      if (same && other < c) return c;
      if (same) last = other;
    }
    return last;
  }

  double at(std::size_t cell, const std::string& estimator) const {
    for (const LiteratureRow& row : report_.rows)
      if (row.cell == cell && row.estimator == estimator) return row.measured;
    REHEARSAL_CHECK(false);
  }

  /// Pairs of estimators that both have a published figure, in the same order or not.
  void note_ranks(std::size_t cell) {
    double concordant = 0, pairs = 0;
    std::string swapped;
    for (const LiteratureRow& a : report_.rows)
      for (const LiteratureRow& b : report_.rows) {
        if (a.cell != cell || b.cell != cell || !a.published || !b.published) continue;
        if (!(*a.published < *b.published)) continue;
        ++pairs;
        concordant += a.measured < b.measured ? 1 : 0;
        if (!(a.measured < b.measured))
          swapped +=
              fmt::format("{}{} and {}", swapped.empty() ? "" : ", ", a.estimator, b.estimator);
      }
    const double tau = pairs == 0 ? 1 : 2 * concordant / pairs - 1;
    result_.text +=
        fmt::format("; tau {:.2f}{}{}", tau, swapped.empty() ? "" : ", swapped: ", swapped);
    note(tau >= claim_.least_tau, cell);
  }

  void note(bool held, std::size_t cell) {
    ++result_.n;
    result_.n_held += held ? 1 : 0;
    if (!held) result_.missed += (result_.missed.empty() ? "" : "; ") + report_.cells[cell];
  }

  std::vector<StudyCell> cells_;
  const LiteratureReport& report_;
  const ShapeClaim& claim_;
  ClaimResult result_;
};

}  // namespace

bool is_literature_study(const std::string& file) {
  return load_tree(file).root["benchmark"].IsDefined();
}

LiteratureStudy load_literature_study(const std::string& file, bool full,
                                      const std::vector<std::string>& assignments) {
  Tree tree = load_tree(file);
  if (full) take_full(tree);
  for (const std::string& assignment : assignments) set_assignment(tree, assignment);
  LiteratureStudy study;
  study.file = file;
  study.text = read_text(file);
  Fields()
      .add("name", study.name, "what the study is called")
      .choice("measure", study.measure, kMeasures, "what is compared")
      .add("reference", study.reference, "estimator that ratios are relative to")
      .read(tree.root, tree.source, {"benchmark", "grid", "seeds", "published", "shape", "full"});
  study.read(tree.root, tree.source);
  study.benchmark = tree.root["benchmark"];
  study.source = tree.source.child("benchmark");
  check_mapping(study.benchmark, study.source);
  if (!study.benchmark["type"].IsDefined())
    refuse_at(study.benchmark, study.source.child("type"), "is missing");
  study.type = study.benchmark["type"].Scalar();
  read_published(study, tree.root, tree.source);
  read_shape(study, tree.root, tree.source);
  for (const StudyCell& cell : study.cells()) make_cell(study, cell);
  return study;
}

LiteratureReport run_literature(const LiteratureStudy& study, int threads, ProgressSink* progress) {
  const std::vector<StudyCell> cells = study.cells();
  std::vector<std::unique_ptr<Benchmark>> made;
  for (const StudyCell& cell : cells) made.push_back(make_cell(study, cell));
  const std::size_t n_seeds = study.seeds.size();
  std::vector<Trial> trials(cells.size() * n_seeds);
  std::atomic<std::size_t> done{0};
  parallel_for(trials.size(), threads, [&](std::size_t t) {
    check_interrupt();
    const Rng rng(static_cast<std::uint64_t>(study.seeds[t % n_seeds]));
    trials[t] = made[t / n_seeds]->run(rng);
    if (progress != nullptr)
      progress->update("study " + study.name,
                       static_cast<double>(++done) / static_cast<double>(trials.size()), "");
  });
  LiteratureReport report;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::string text;
    for (const auto& [key, value] : cells[c])
      text += (text.empty() ? "" : ", ") + key + "=" + value;
    report.cells.push_back(text);
    const std::vector<LiteratureRow> rows =
        rows_of(study, c, std::span(trials).subspan(c * n_seeds, n_seeds));
    report.rows.insert(report.rows.end(), rows.begin(), rows.end());
  }
  check_names(study, report.rows);
  for (const ShapeClaim& claim : study.shape)
    report.claims.push_back(ClaimCheck(study, report, claim).run());
  return report;
}

}  // namespace rehearsal
