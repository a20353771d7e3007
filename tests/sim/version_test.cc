#include "sim/core/version.h"

#include <regex>

#include "tests/catch.h"

namespace rehearsal {
namespace {

TEST_CASE("the version is three numbers and, in a checkout, the commit it was built from") {
  CHECK(std::regex_match(version(), std::regex(R"(\d+\.\d+\.\d+(\+[0-9a-f]{7,40}(-dirty)?)?)")));
}

}  // namespace
}  // namespace rehearsal
