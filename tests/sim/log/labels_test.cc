#include "sim/log/labels.h"

#include <fstream>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

RowMatrixF labels(Eigen::Index n, float first) {
  RowMatrixF values(n, 2);
  for (Eigen::Index i = 0; i < values.size(); ++i)
    values.data()[i] = first + 0.25f * static_cast<float>(i);
  if (n > 0) values(0, 1) = std::numeric_limits<float>::quiet_NaN();
  return values;
}

void write(const std::filesystem::path& folder) {
  LabelWriter writer(folder, {{"click", false}, {"trail", true}}, "video day 3");
  writer.write_shard(1, labels(0, 0));
  writer.write_shard(0, labels(5, -1));
  writer.finish();
}

}  // namespace

TEST_CASE("labels come back as they were written, with the teacher's version", "[labels]") {
  const TemporaryFolder folder;
  write(folder.path("labels"));
  const LabelSource source = open_labels(folder.path("labels"));
  CHECK(source.teacher == "video day 3");
  REQUIRE(source.heads.size() == 2);
  CHECK((source.heads[1].name == "trail" && source.heads[1].regression));
  CHECK(source.head_index("trail") == 1);
  const RowMatrixF read = source.read(0);
  REQUIRE((read.rows() == 5 && read.cols() == 2));
  CHECK(std::isnan(read(0, 1)));
  CHECK(read.bottomRows(4) == labels(5, -1).bottomRows(4));
  CHECK(source.read(1).rows() == 0);
  write(folder.path("again"));
  CHECK(bytes_of(folder.path("again/labels_00000.h5")) ==
        bytes_of(folder.path("labels/labels_00000.h5")));
  CHECK(bytes_of(folder.path("again/labels.json")) == bytes_of(folder.path("labels/labels.json")));
}

TEST_CASE("labels are not written twice, and none are read that are not there", "[labels]") {
  const TemporaryFolder folder;
  write(folder.path("labels"));
  CHECK_THROWS_WITH(write(folder.path("labels")), Catch::Contains("holds labels already"));
  const LabelSource source = open_labels(folder.path("labels"));
  CHECK_THROWS_WITH(source.read(2), Catch::Contains("labels of 2 shards"));
  CHECK_THROWS_WITH(source.head_index("clik", "student"),
                    Catch::Contains("student: unknown head") && Catch::Contains("'click'"));
  CHECK_THROWS_AS(open_labels(folder.path("nowhere")), Error);
}

TEST_CASE("a changed or cut file of labels is an error before it is read", "[labels]") {
  const TemporaryFolder folder;
  write(folder.path("labels"));
  const std::filesystem::path file = folder.path("labels/labels_00000.h5");
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(-9, std::ios::end);
    bytes.put('x');
  }
  const LabelSource source = open_labels(folder.path("labels"));
  CHECK_THROWS_WITH(source.read(0), Catch::Contains("labels_00000.h5"));
  std::filesystem::resize_file(file, 100);
  CHECK_THROWS_WITH(source.read(0), Catch::Contains("labels_00000.h5"));
  std::filesystem::remove(folder.path("labels/labels.json"));
  CHECK_THROWS_AS(open_labels(folder.path("labels")), Error);
}
