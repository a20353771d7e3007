#include "policies/module_examples.h"

#include <set>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"

using namespace rehearsal;

namespace {

MadeUpOptions small_log() {
  MadeUpOptions options;
  options.n_users = 300;
  options.users_per_shard = 70;
  options.vary_eligible = true;
  return options;
}

ModuleExamplesOptions batches_of(std::size_t batch) {
  ModuleExamplesOptions options;
  options.batch = batch;
  options.validation_share = 0.25;
  options.purchase = true;
  return options;
}

/// All of a pass: one line of numbers an impression, the page's inputs included.
std::vector<std::vector<float>> drain(ModuleExamples& examples, std::size_t batch) {
  std::vector<std::vector<float>> lines;
  PageExamples got;
  while (examples.next(got)) {
    CHECK(got.features.rows() <= static_cast<Eigen::Index>(batch));
    REQUIRE(got.module.size() == got.page.size());
    for (std::size_t i = 0; i < got.page.size(); ++i) {
      const float* x = got.features.row(got.page[i]).data();
      std::vector<float> line(x, x + got.features.cols());
      for (const auto value :
           {static_cast<float>(got.module[i]), static_cast<float>(got.position[i]), got.click[i],
            got.purchase[i], got.weight[i]})
        line.push_back(value);
      lines.push_back(line);
    }
  }
  return lines;
}

/// What the log holds, in the same form.
std::vector<std::vector<float>> expected_lines(const MadeUpLog& log,
                                               const ModuleExamples& examples) {
  std::vector<std::vector<float>> lines;
  const Encoder& encoder = examples.encoder();
  for (const LogBatch& shard : log.shards)
    for (std::size_t i = 0; i < shard.size(); ++i)
      for (std::size_t k = 0; k < shard.pages.n_shown(i); ++k) {
        const std::size_t at = shard.pages.slot_offsets[i] + k;
        std::vector<float> line(encoder.n_inputs());
        encoder.encode(shard.requests.features(i), line);
        examples.scale().apply(line);
        line.push_back(shard.pages.module[at]);
        line.push_back(shard.requests.features(i)[0] * 3 + static_cast<float>(k));
        line.push_back(shard.responses.click[at]);
        line.push_back(shard.responses.purchase[at]);
        line.push_back(1);
        lines.push_back(line);
      }
  return lines;
}

}  // namespace

TEST_CASE("training and validation passes together give every shown module once",
          "[module_examples]") {
  const MadeUpLog log = make_up_log(small_log(), 5);
  ModuleExamples examples(log.source(), batches_of(64), Rng(3), "train");
  examples.start_training(0);
  std::vector<std::vector<float>> lines = drain(examples, 64);
  const std::size_t n_train = lines.size();
  examples.start_validation();
  for (const auto& line : drain(examples, 64)) lines.push_back(line);
  CHECK(n_train == Approx(0.75 * 900 * 3).epsilon(0.1));
  CHECK(3 * examples.n_train_pages() == n_train);
  std::vector<std::vector<float>> expected = expected_lines(log, examples);
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  CHECK(lines == expected);
}

TEST_CASE("every epoch has the same examples in another order, and always the same one",
          "[module_examples]") {
  const MadeUpLog log = make_up_log(small_log(), 5);
  ModuleExamples examples(log.source(), batches_of(50), Rng(3), "train");
  const auto epoch = [&](int e) {
    examples.start_training(e);
    return drain(examples, 50);
  };
  const auto first = epoch(0);
  auto second = epoch(1);
  CHECK(first != second);
  CHECK(first == epoch(0));
  ModuleExamples again(log.source(), batches_of(7), Rng(3), "train");
  again.start_training(0);
  CHECK(first == drain(again, 7));
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  std::sort(second.begin(), second.end());
  CHECK(sorted == second);
}

TEST_CASE("a user is for training or for validation, whatever the shards", "[module_examples]") {
  MadeUpOptions options = small_log();
  const MadeUpLog log = make_up_log(options, 5);
  options.users_per_shard = 11;
  const MadeUpLog finer = make_up_log(options, 5);
  const auto validation = [&](const MadeUpLog& of) {
    ModuleExamples examples(of.source(), batches_of(64), Rng(3), "train");
    examples.start_validation();
    return drain(examples, 64);
  };
  CHECK(validation(log) == validation(finer));
}

TEST_CASE("training inputs are standardised: mean 0, standard deviation 1", "[module_examples]") {
  const MadeUpLog log = make_up_log(small_log(), 5);
  ModuleExamples examples(log.source(), batches_of(10000), Rng(3), "train");
  examples.start_training(0);
  PageExamples batch;
  REQUIRE(examples.next(batch));
  REQUIRE(batch.features.rows() == static_cast<Eigen::Index>(examples.n_train_pages()));
  const RowMatrix x = batch.features.cast<double>();
  for (Eigen::Index j = 0; j < x.cols(); ++j) {
    CHECK(x.col(j).mean() == Approx(0).margin(1e-5));
    CHECK(x.col(j).squaredNorm() / static_cast<double>(x.rows()) == Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("weights go by position", "[module_examples]") {
  const MadeUpLog log = make_up_log(small_log(), 5);
  ModuleExamplesOptions options = batches_of(64);
  options.weight = {1, 1.5, 2, 2.5, 3, 3.5};
  ModuleExamples examples(log.source(), options, Rng(3), "train");
  examples.start_training(0);
  PageExamples batch;
  std::set<std::int64_t> seen;
  while (examples.next(batch))
    for (std::size_t i = 0; i < batch.page.size(); ++i) {
      seen.insert(batch.position[i]);
      CHECK(batch.weight[i] == 1 + 0.5f * static_cast<float>(batch.position[i]));
    }
  CHECK(seen.size() == 6);
}

TEST_CASE("a log without purchases or clicks, or of one user, is refused with a reason",
          "[module_examples]") {
  MadeUpLog log = make_up_log(small_log(), 5);
  for (LogBatch& shard : log.shards) shard.responses.purchase.clear();
  CHECK_THROWS_WITH(ModuleExamples(log.source(), batches_of(64), Rng(3), "train dnn"),
                    Catch::Contains("train dnn: the log has no purchases"));
  for (LogBatch& shard : log.shards) shard.responses.click.clear();
  CHECK_THROWS_WITH(ModuleExamples(log.source(), batches_of(64), Rng(3), "train dnn"),
                    Catch::Contains("clicks on modules are not recorded"));
  MadeUpOptions one = small_log();
  one.n_users = 1;
  const MadeUpLog lonely = make_up_log(one, 5);
  CHECK_THROWS_WITH(ModuleExamples(lonely.source(), batches_of(64), Rng(3), "train dnn"),
                    Catch::Contains("both need some users"));
}
