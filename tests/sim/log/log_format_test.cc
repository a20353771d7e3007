#include <fstream>
#include <iterator>

#include "sim/log/log.h"
#include "sim/truth.h"
#include "tests/catch.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;

namespace {

std::string level_name(Level level) {
  switch (level) {
    case Level::kRound:
      return "round";
    case Level::kModule:
      return "module";
    case Level::kCandidate:
      return "candidate";
    case Level::kSlot:
      return "slot";
    case Level::kItem:
      return "item";
  }
  return "";
}

template <class T>
std::string type_name(const std::vector<T>& /*column*/) {
  if (std::is_floating_point_v<T>) return "float" + std::to_string(8 * sizeof(T));
  return "uint" + std::to_string(8 * sizeof(T));
}

/// Rows of the table that a batch's columns stand for. Returns: their number.
template <class Batch>
std::size_t check_rows(const std::string& text, const std::string& group) {
  std::size_t n = 0;
  const Batch batch;
  Batch::visit(
      batch, [&](const char* name, Level level, std::size_t, const auto& column, const char* help) {
        const std::string start = "| `" + group + name + "` | " + level_name(level) + " | (";
        const std::size_t at = text.find(start);
        INFO(start);
        REQUIRE(at != std::string::npos);
        const std::string row = text.substr(at, text.find('\n', at) - at);
        CHECK_THAT(row, Catch::Contains("| " + type_name(column) + " |"));
        CHECK_THAT(row, Catch::Contains(help));
        ++n;
      });
  return n;
}

}  // namespace

TEST_CASE("docs/log_format.md lists every column with its level, type and help, and no other") {
  std::ifstream in(testing::source_folder() + "/docs/log_format.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::size_t n =
      check_rows<RequestBatch>(text, "/observed/") + check_rows<PageBatch>(text, "/observed/") +
      check_rows<Propensities>(text, "/observed/") + check_rows<ResponseBatch>(text, "/observed/");
  for (const char* count : {"n_modules", "n_candidates", "n_slots_shown", "n_items"}) {
    CHECK_THAT(text, Catch::Contains("| `/observed/" + std::string(count) + "` | "));
    ++n;
  }
  n += check_rows<TruthBatch>(text, "/truth/");
  std::size_t n_rows = 0;
  for (std::size_t at = text.find("\n| `/"); at != std::string::npos;
       at = text.find("\n| `/", at + 1))
    ++n_rows;
  CHECK(n_rows == n);
}
