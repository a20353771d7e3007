#include "scenarios/import/obd.h"

#include <map>
#include <nlohmann/json.hpp>

#include "scenarios/action_log.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/obd_fixture.h"
#include "tests/scenarios/program.h"
#include "tests/sim/log/sample_log.h"
#include "tests/support/temporary_folder.h"

using namespace rehearsal;
using namespace rehearsal::testing;
namespace fs = std::filesystem;
using Folder = rehearsal::TemporaryFolder;

namespace {

/// The message of the Error that `body` must throw.
template <class Body>
std::string input_error(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("no error");
  return "";
}

void check_mentions(const std::string& message, const std::vector<std::string>& parts) {
  INFO(message);
  for (const std::string& part : parts) CHECK(message.find(part) != std::string::npos);
}

double value_of(const std::vector<Estimate>& estimates, const std::string& name) {
  for (const Estimate& e : estimates)
    if (e.estimator == name) return e.value;
  FAIL("no estimate " + name);
  return 0;
}

}  // namespace

TEST_CASE("an imported campaign has the rows of its file", "[obd]") {
  const Folder folder;
  const fs::path men = ObdFixture::write(fs::path(folder.path()) / "random");
  // By the campaign's folder and by the one that holds it.
  const fs::path source = GENERATE(true, false) ? men : men.parent_path();
  const LogInfo info = import_obd(source, "", fs::path(folder.path()) / "log");
  CHECK(info.name == "obd_men");
  CHECK(info.behavior_policy == "random");
  CHECK(info.n_rounds == 36);
  CHECK(info.n_impressions == 36);
  const LogReader reader(fs::path(folder.path()) / "log");
  const LogBatch batch = reader.read(0, Columns{true, true, true, true});
  const Schema& schema = reader.schema();
  REQUIRE(schema.n_features() == 1 + 4 + 3);
  CHECK(schema.n_items == 3);
  CHECK(schema.features[0].name == "position");
  CHECK(schema.features[1].levels == std::vector<std::string>{"a", "b"});
  CHECK(schema.features[3].levels[4] == "c,4");
  CHECK(schema.item_features == std::vector<std::string>{"item_feature_0", "item_feature_1"});
  RowMatrixF items(3, 2);
  items << 0.5F, 1, -1.5F, 0, 2, 1;
  CHECK(schema.items == items);
  for (std::size_t i = 0; i < 36; ++i) {
    const int row = static_cast<int>(i);
    CHECK(batch.requests.user[i] == i);
    CHECK(batch.pages.item[i] == i % 3);
    CHECK(batch.requests.features(i)[0] == static_cast<float>((i / 3) % 3));
    CHECK(batch.requests.features(i)[1] == (i % 2 == 0 ? 1.0F : 0.0F));
    CHECK(batch.requests.features(i)[3] == static_cast<float>(i % 5));
    CHECK(batch.requests.features(i)[5] == static_cast<float>(i));
    CHECK(batch.responses.click[i] == (i % 4 == 0 ? 1 : 0));
    CHECK(batch.propensities.pscore[i] == Approx(ObdFixture::propensity(row)).epsilon(1e-12));
  }
}

TEST_CASE("a bad row of a campaign is named by file and line, and leaves no log", "[obd]") {
  const Folder folder;
  const std::string rest = ",a,x,\"c,0\",d,0.0,0.0,1.0\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"7,t,0,1,0,1.5" + rest, "propensity_score: '1.5': expected a probability in (0, 1]"},
      {"7,t,0,1,0,0" + rest, "propensity_score"},
      {"7,t,0,1,0,nan" + rest, "propensity_score: 'nan': expected a number"},
      {"7,t,0,4,0,0.5" + rest, "position: '4': expected a whole number from 1 to 3"},
      {"7,t,3,1,0,0.5" + rest, "item_id: '3': expected a whole number from 0 to 2"},
      {"7,t,0,1,2,0.5" + rest, "click: '2'"},
      {"7,t,0,1,0,0.5,a,x,y,d,zero,0,0\n", "user-item_affinity_0: 'zero'"},
      {"7,t,0,1,0,0.5\n", "has 6 fields, the header has 13"},
  };
  for (const auto& [row, part] : rows) {
    ObdFixture::write(fs::path(folder.path()) / "random", row);
    const std::string message = input_error([&] {
      import_obd(fs::path(folder.path()) / "random", "", fs::path(folder.path()) / "log");
    });
    check_mentions(message, {"men.csv:9: ", part});
    CHECK_FALSE(fs::exists(fs::path(folder.path()) / "log" / "manifest.json"));
  }
}

TEST_CASE("a missing column, file or campaign is named", "[obd]") {
  const Folder folder;
  const fs::path men = ObdFixture::write(fs::path(folder.path()) / "random");
  const fs::path out = fs::path(folder.path()) / "log";
  check_mentions(input_error([&] { import_obd(fs::path(folder.path()) / "none", "", out); }),
                 {"none"});
  check_mentions(input_error([&] { import_obd(men, "women", out); }), {"women"});
  std::ofstream(men / "men.csv") << "item_id,position,click\n0,1,0\n";
  check_mentions(input_error([&] { import_obd(men, "", out); }),
                 {"men.csv:1", "'propensity_score' is missing", "'click'"});
  fs::remove(men / "item_context.csv");
  check_mentions(input_error([&] { import_obd(men, "", out); }), {"item_context.csv"});
}

TEST_CASE("scores of a small log agree with sums done by hand", "[obd]") {
  const Folder folder;
  const fs::path men = ObdFixture::write(fs::path(folder.path()) / "random");
  import_obd(men, "", fs::path(folder.path()) / "log");
  const ActionLog log = read_action_log(LogReader(fs::path(folder.path()) / "log"));
  // pi(a | position) and q(a, position), (3, 3).
  const std::vector<double> pi = {0.5, 0.1, 0.3, 0.2, 0.6, 0.3, 0.3, 0.3, 0.4};
  const std::vector<double> q = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  save_arrays(fs::path(folder.path()) / "p.h5", {{"pi", {{3, 3}, pi}}, {"q", {{3, 3}, q}}});
  const std::string file = (fs::path(folder.path()) / "p.h5").string();
  double ips = 0, weights = 0, direct = 0, residual = 0;
  for (std::size_t i = 0; i < 36; ++i) {
    const std::size_t a = i % 3, p = (i / 3) % 3;
    const double reward = i % 4 == 0 ? 1 : 0;
    const double w = pi[3 * a + p] / ObdFixture::propensity(static_cast<int>(i));
    weights += w;
    ips += w * reward;
    residual += w * (reward - q[3 * a + p]);
    for (std::size_t b = 0; b < 3; ++b) direct += pi[3 * b + p] * q[3 * b + p];
  }
  const ActionTable q_hat(file + ":q", log.shape);
  ActionEvaluation options;
  options.q_hat = &q_hat;
  const auto estimates =
      evaluate_actions(source_of_actions(log), {candidate("pi", file + ":pi", log)}, options)[0];
  CHECK(value_of(estimates, "ips") == Approx(ips / 36).epsilon(1e-12));
  CHECK(value_of(estimates, "snips") == Approx(ips / weights).epsilon(1e-12));
  CHECK(value_of(estimates, "dm") == Approx(direct / 36).epsilon(1e-12));
  CHECK(value_of(estimates, "dr") == Approx((direct + residual) / 36).epsilon(1e-12));
  CHECK(value_of(estimates, "sndr") == Approx(direct / 36 + residual / weights).epsilon(1e-12));
}

TEST_CASE("stored distributions of every accepted shape give the same scores", "[obd]") {
  const Folder folder;
  import_obd(ObdFixture::write(fs::path(folder.path()) / "random"), "",
             fs::path(folder.path()) / "log");
  const ActionLog log = read_action_log(LogReader(fs::path(folder.path()) / "log"));
  const std::vector<double> pi = {0.5, 0.1, 0.3, 0.2, 0.6, 0.3, 0.3, 0.3, 0.4};
  Arrays arrays{
      {"ap", {{3, 3}, pi}}, {"ra", {{36, 3}, {}}}, {"rap", {{36, 3, 3}, {}}}, {"r", {{36}, {}}}};
  for (std::size_t i = 0; i < 36; ++i) {
    const std::size_t p = (i / 3) % 3;
    for (std::size_t a = 0; a < 3; ++a) arrays["ra"].values.push_back(pi[3 * a + p]);
    arrays["rap"].values.insert(arrays["rap"].values.end(), pi.begin(), pi.end());
    arrays["r"].values.push_back(pi[3 * (i % 3) + p]);
  }
  save_arrays(fs::path(folder.path()) / "p.h5", arrays);
  const std::string file = (fs::path(folder.path()) / "p.h5").string() + ":";
  std::vector<ActionCandidate> candidates;
  for (const char* name : {"ap", "ra", "rap", "r"})
    candidates.push_back(candidate(name, file + name, log));
  ActionEvaluation options;
  options.baseline = 0;
  const auto estimates = evaluate_actions(source_of_actions(log), candidates, options);
  for (const auto& of_shape : estimates)
    for (std::size_t e = 0; e < of_shape.size(); ++e) {
      CHECK(of_shape[e].value == estimates[0][e].value);
      CHECK(of_shape[e].lift->value == Approx(0).margin(1e-12));
      CHECK(of_shape[e].lift_standard_error == Approx(0).margin(1e-12));
    }
}

TEST_CASE("shards and threads change no score of single actions", "[obd]") {
  const Folder folder;
  import_obd(ObdFixture::write(fs::path(folder.path()) / "random"), "",
             fs::path(folder.path()) / "log");
  const ActionLog whole = read_action_log(LogReader(fs::path(folder.path()) / "log"));
  Arrays arrays{{"pi", {{36, 3}, {}}}, {"q", {{36, 3}, {}}}, {"r", {{36}, {}}}};
  for (std::size_t i = 0; i < 36; ++i) {
    const double high = 0.3 + 0.005 * static_cast<double>(i);
    for (const double p : {high, 0.7 - high / 2, 0.3 - high / 2}) arrays["pi"].values.push_back(p);
    for (std::size_t a = 0; a < 3; ++a)
      arrays["q"].values.push_back(0.1 * static_cast<double>((i + a) % 7));
    arrays["r"].values.push_back(0.5 - 0.01 * static_cast<double>(i));
  }
  save_arrays(fs::path(folder.path()) / "p.h5", arrays);
  const std::string file = (fs::path(folder.path()) / "p.h5").string() + ":";
  constexpr std::size_t kRows = 7;
  const ActionSource parts{whole.shape, 6, [&](std::size_t shard) {
                             ActionLog part;
                             part.shape = whole.shape;
                             part.first_round = shard * kRows;
                             const std::size_t end = std::min<std::size_t>(36, (shard + 1) * kRows);
                             for (std::size_t i = shard * kRows; i < end; ++i) {
                               part.user.push_back(whole.user[i]);
                               part.action.push_back(whole.action[i]);
                               part.position.push_back(whole.position[i]);
                               part.reward.push_back(whole.reward[i]);
                               part.pscore.push_back(whole.pscore[i]);
                             }
                             return part;
                           }};
  const std::vector<ActionCandidate> candidates{candidate("pi", file + "pi", whole),
                                                {"uniform", ActionTable::uniform(), {}}};
  const ActionTable q_hat(file + "q", whole.shape);
  ActionEvaluation options;
  options.q_hat = &q_hat;
  options.baseline = 1;
  options.estimators = {"ips", "snips", "dm", "dr", "sndr", "auto"};
  // Of standard errors, of resamples and of users' rows.
  options.interval = GENERATE(as<std::string>(), "normal", "bootstrap", "bca_bootstrap");
  options.threads = 1;
  const auto at_once = evaluate_actions(source_of_actions(whole), candidates, options);
  const auto one = evaluate_actions(parts, candidates, options);
  options.threads = 3;
  const auto three = evaluate_actions(parts, candidates, options);
  for (std::size_t e = 0; e < one[0].size(); ++e) {
    CHECK(one[0][e].low == three[0][e].low);
    CHECK(one[0][e].low == Approx(at_once[0][e].low).epsilon(1e-9));
    CHECK(one[0][e].choice.has_value() == (one[0][e].estimator == "auto"));
    if (one[0][e].choice) CHECK(one[0][e].choice->estimator == at_once[0][e].choice->estimator);
    CHECK(one[0][e].value == three[0][e].value);
    CHECK(one[0][e].lift_standard_error == three[0][e].lift_standard_error);
    CHECK(one[0][e].value == Approx(at_once[0][e].value).epsilon(1e-12));
    CHECK(one[0][e].standard_error == Approx(at_once[0][e].standard_error).epsilon(1e-10));
    CHECK(one[0][e].lift->low == Approx(at_once[0][e].lift->low).epsilon(1e-10));
    CHECK(one[0][e].ess == Approx(at_once[0][e].ess).epsilon(1e-12));
  }
}

TEST_CASE("propensities of a policy that changed over time are used round by round", "[obd]") {
  // Two policies one after the other, known round by round alone: action 0 with 1/2, then 1/10.
  ActionLog log;
  log.shape = {4, 2, 1};
  log.user = {0, 1, 2, 3};
  log.action = {0, 1, 0, 1};
  log.position = {0, 0, 0, 0};
  log.reward = {1, 1, 1, 0};
  log.pscore = {0.5, 0.5, 0.1, 0.9};
  ActionEvaluation options;
  options.estimators = {"ips"};
  const auto estimates =
      evaluate_actions(source_of_actions(log), {{"uniform", ActionTable::uniform(), {}}}, options);
  CHECK(estimates[0][0].value == Approx((1 + 1 + 5) / 4.0).epsilon(1e-14));
}

TEST_CASE("a stored distribution that is none is refused by name", "[obd]") {
  const Folder folder;
  import_obd(ObdFixture::write(fs::path(folder.path()) / "random"), "",
             fs::path(folder.path()) / "log");
  const ActionLog log = read_action_log(LogReader(fs::path(folder.path()) / "log"));
  std::vector<double> sums(9, 0.3), nan(9, 1.0 / 3), negative(9, 1.0 / 3);
  nan[4] = std::nan("");
  negative[0] = -1.0 / 3;
  save_arrays(fs::path(folder.path()) / "p.h5", {{"sums", {{3, 3}, sums}},
                                                 {"nan", {{3, 3}, nan}},
                                                 {"negative", {{3, 3}, negative}},
                                                 {"shape", {{9}, sums}},
                                                 {"logged", {{36}, std::vector<double>(36, 0.5)}}});
  const std::string file = (fs::path(folder.path()) / "p.h5").string() + ":";
  const auto score = [&](const std::string& name, const ActionEvaluation& options) {
    evaluate_actions(source_of_actions(log), {candidate("x", file + name, log)}, options);
  };
  check_mentions(input_error([&] { score("sums", {}); }), {"p.h5:sums", "0.8999", "not to 1"});
  check_mentions(input_error([&] { score("nan", {}); }), {"p.h5:nan", "value 4"});
  check_mentions(input_error([&] { score("negative", {}); }), {"p.h5:negative", "probability"});
  check_mentions(input_error([&] { score("shape", {}); }), {"p.h5:shape", "(9)", "(3, 3)"});
  check_mentions(input_error([&] { score("gone", {}); }), {"p.h5:/gone", "logged"});
  ActionEvaluation options;
  options.estimators = {"dm"};
  check_mentions(input_error([&] { score("logged", options); }), {"dm", "--q-hat"});
  const ActionTable q_hat(file + "sums", log.shape);
  options.q_hat = &q_hat;
  check_mentions(input_error([&] { score("logged", options); }), {"--q-hat-expected"});
}

TEST_CASE("the program imports and scores a campaign in the published format", "[obd][program]") {
  const Folder folder;
  const std::string men = ObdFixture::write(fs::path(folder.path()) / "random").string();
  const std::string log = (fs::path(folder.path()) / "log").string();
  CHECK(call_program({"import", "obd", men, "--out", log}).status == 0);
  const auto again = call_program({"import", "obd", men, "--out", log});
  CHECK(again.status == 2);
  check_mentions(again.err, {"holds a log already"});
  const auto scored = call_program({"evaluate", log, "--policy", "random=uniform"});
  CHECK(scored.status == 0);
  check_mentions(scored.out, {"random", "ips", "snips"});
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--policy", "random"},
        {"--policy", "random=uniform", "--baseline", "randon"},
        {"--policy", "random=uniform", "--estimators", "ipz"},
        {"--policy", "random=nowhere.h5:x"}}) {
    std::vector<std::string> arguments = {"evaluate", log};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    CHECK(call_program(arguments).status == 2);
  }
  const auto estimated = call_program(
      {"evaluate", log, "--policy", "random=uniform", "--behavior", "estimated", "--json"});
  INFO(estimated.err);
  REQUIRE(estimated.status == 0);
  const auto ips = nlohmann::json::parse(estimated.out)["policies"][0]["estimates"][0];
  CHECK(ips["warnings"].dump().find("propensities are estimated") != std::string::npos);
  const auto logged = call_program({"evaluate", log, "--policy", "random=uniform", "--json"});
  CHECK(ips["value"] != nlohmann::json::parse(logged.out)["policies"][0]["estimates"][0]["value"]);
  CHECK(call_program({"evaluate", log, "--policy", "random=uniform", "--behavior", "guessed"})
            .status == 2);
  fs::resize_file(fs::path(folder.path()) / "log" / "shard_00000.h5", 100);
  const auto cut = call_program({"evaluate", log, "--policy", "random=uniform"});
  CHECK(cut.status == 2);
  check_mentions(cut.err, {"shard_00000.h5", "cut"});
}
