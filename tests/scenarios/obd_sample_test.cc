// The Open Bandit Dataset's small sample, where it is there: our scores are the pipeline's.
#include <map>
#include <nlohmann/json.hpp>

#include "scenarios/action_log.h"
#include "scenarios/import/obd.h"
#include "tests/catch.h"
#include "tests/scenarios/obd_fixture.h"
#include "tests/scenarios/program.h"
#include "tests/sim/log/sample_log.h"
#include "tests/support/shared_files.h"
#include "tests/support/temporary_folder.h"

using namespace rehearsal;
using namespace rehearsal::testing;
namespace fs = std::filesystem;
using Folder = rehearsal::TemporaryFolder;

namespace {

/// The sample's folder, or "" where it is not there.
std::string sample_folder() {
  return shared_file("data/obd/obd_reference.h5").empty() ? "" : shared_file("data/obd");
}

/// Places of the reference's rounds in the log. The pipeline sorts by time, unstably: two
/// neighbours of one instant stand the other way round in its per-round columns.
std::vector<std::size_t> rows_in_log(const ActionLog& log, const Array& action,
                                     const Array& position) {
  const auto same = [&](std::size_t theirs, std::size_t ours) {
    return log.action[ours] == action.values[theirs] &&
           log.position[ours] == position.values[theirs];
  };
  std::vector<std::size_t> rows(log.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = i;
    if (same(i, i)) continue;
    REQUIRE((i + 1 < rows.size() && same(i, i + 1) && same(i + 1, i)));
    rows[i] = i + 1;
    rows[i + 1] = i;
    ++i;
  }
  return rows;
}

/// A per-round dataset of the reference in the log's order.
Array in_log_order(const std::string& reference, const std::vector<std::size_t>& rows) {
  const Array theirs = load_dataset(reference);
  REQUIRE(theirs.values.size() == rows.size());
  Array ours = theirs;
  for (std::size_t i = 0; i < rows.size(); ++i) ours.values[rows[i]] = theirs.values[i];
  return ours;
}

/// The largest |a / b - 1|: readers of decimal numbers differ in the last bit.
double largest_ratio_error(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] / b[i] - 1));
  return largest;
}

void check_against_pipeline(const std::vector<Estimate>& estimates, const std::string& at,
                            const std::string& q) {
  const std::map<std::string, std::string> names = {{"ips", "ipw"},
                                                    {"snips", "snipw"},
                                                    {"dm", "dm_" + q},
                                                    {"dr", "dr_" + q},
                                                    {"sndr", "sndr_" + q}};
  REQUIRE(estimates.size() == names.size());
  for (const Estimate& e : estimates) {
    const std::string theirs = at + names.at(e.estimator);
    INFO(theirs);
    CHECK(e.value == Approx(load_dataset(theirs + "/estimate").values[0]).epsilon(1e-9));
    // Of ratios the pipeline's standard error leaves out the denominator's own noise.
    if (e.estimator == "snips" || e.estimator == "sndr") continue;
    CHECK(e.standard_error == Approx(load_dataset(theirs + "/std_err").values[0]).epsilon(1e-9));
  }
}

}  // namespace

TEST_CASE("the sample's scores agree with the Open Bandit Pipeline's", "[obd]") {
  const std::string sample = sample_folder();
  if (sample.empty()) return;
  const std::string reference = sample + "/obd_reference.h5:men/";
  const Folder folder;
  for (const std::string source : {"random", "bts"}) {
    import_obd(fs::path(sample) / source / "men", "", fs::path(folder.path()) / source);
    const ActionLog log = read_action_log(LogReader(fs::path(folder.path()) / source));
    REQUIRE(log.size() == 10000);
    const std::string own = reference + "log_" + source + "/";
    const auto rows =
        rows_in_log(log, load_dataset(own + "action"), load_dataset(own + "position"));
    CHECK(largest_ratio_error(in_log_order(own + "pscore", rows).values, log.pscore) < 1e-12);
    CHECK(in_log_order(own + "reward", rows).values == log.reward);
    const std::string stored = (fs::path(folder.path()) / (source + ".h5")).string();
    Arrays arrays{{"q_lr", in_log_order(own + "q_lr_factual", rows)}};
    for (const char* policy : {"dm_term_lr_random", "dm_term_lr_bts"})
      arrays[policy] = in_log_order(own + policy, rows);
    save_arrays(stored, arrays);
    for (const std::string policy : {"random", "bts"})
      for (const std::string q : {"tab", "lr"}) {
        ActionCandidate judged = candidate(policy, reference + "action_dist_" + policy, log);
        if (q == "lr") judged.expected_q_hat.emplace(stored + ":dm_term_lr_" + policy, log.shape);
        const ActionTable q_hat(q == "lr" ? stored + ":q_lr" : own + "q_tabular", log.shape);
        ActionEvaluation options;
        options.q_hat = &q_hat;
        check_against_pipeline(evaluate_actions(source_of_actions(log), {judged}, options)[0],
                               reference + "log_" + source + "__eval_" + policy + "/", q);
      }
  }
}

TEST_CASE("the program imports the sample and scores it", "[obd][program]") {
  const std::string sample = sample_folder();
  if (sample.empty()) return;
  const Folder folder;
  const std::string log = (fs::path(folder.path()) / "log").string();
  const std::string reference = sample + "/obd_reference.h5:men/";
  const auto imported = call_program({"import", "obd", sample + "/random/men", "--out", log});
  INFO(imported.err);
  REQUIRE(imported.status == 0);
  const auto scored =
      call_program({"evaluate", log, "--policy", "bts=" + reference + "action_dist_bts", "--policy",
                    "random=uniform", "--baseline", "random", "--estimators", "ipw,snipw,dm,dr",
                    "--q-hat", reference + "log_random/q_tabular", "--json", "--out",
                    (fs::path(folder.path()) / "out").string()});
  INFO(scored.err);
  REQUIRE(scored.status == 0);
  const auto results = nlohmann::json::parse(scored.out);
  CHECK(read_text(fs::path(folder.path()) / "out" / "results.json") == scored.out);
  const auto& estimates = results["policies"][0]["estimates"];
  const std::vector<std::string> theirs = {"ipw", "snipw", "dm_tab", "dr_tab"};
  REQUIRE(estimates.size() == 4);
  for (std::size_t e = 0; e < 4; ++e) {
    const double expected =
        load_dataset(reference + "log_random__eval_bts/" + theirs[e] + "/estimate").values[0];
    CHECK(estimates[e]["value"].get<double>() == Approx(expected).epsilon(1e-9));
  }
  const auto bad = call_program({"evaluate", log, "--policy", "x=" + reference + "prior_alpha"});
  CHECK(bad.status == 2);
  CHECK_THAT(bad.err, Catch::Contains("prior_alpha") && Catch::Contains("has shape (34)"));
}
