#include <filesystem>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

Called validate(const std::string& file, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"validate", file});
  return call_program(more);
}

}  // namespace

TEST_CASE("validate: every file under scenarios is what its folder says") {
  const std::string root = testing::source_folder() + "/scenarios";
  std::size_t n_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".yaml") continue;
    const Called called = validate(entry.path().string());
    INFO(entry.path() << ": " << called.out << called.err);
    CHECK(called.status == 0);
    ++n_files;
  }
  CHECK(n_files > 20);
}

TEST_CASE("validate: studies, benchmarks and suites are checked down to their scenarios") {
  const TemporaryFolder folder;
  const std::string tiny = testing::source_folder() + "/tests/scenarios/tiny.yaml";
  const std::string study =
      folder.write("study.yaml", "name: s\nscenario: " + tiny + "\ngrid: {log.pages: [10, 20]}\n");
  CHECK_THAT(validate(study).out, Catch::Contains("a valid study, 's', with 2 jobs"));
  CHECK(validate(study, {"--set", "lgo.pages=1"}).status == 2);
  CHECK(validate(study, {"--resolved"}).status == 2);
  CHECK(validate(folder.write("wrong.yaml",
                              "name: s\nscenario: " + tiny + "\ngrid: {lgo.pages: [10]}\n"))
            .status == 2);
  CHECK(validate(folder.write("benchmark.yaml", "name: b\nbenchmark: {type: nothing}\n")).status ==
        2);
  const Called suite = validate(folder.write(
      "suite.yaml", "name: t\ncases:\n  - {name: a, scenario: none.yaml, checks: []}\n"));
  CHECK(suite.status == 2);
  CHECK_THAT(suite.err, Catch::Contains("none.yaml: no such file"));
}
