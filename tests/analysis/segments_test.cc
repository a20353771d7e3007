#include "analysis/segments.h"

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

struct SegmentPages {
  MadeUpLog log = make_up_log(options(), 5);
  FunctionPolicy uniform{[](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  }};
  FunctionPolicy ordered{[](Offsets offsets, std::vector<std::uint16_t> n_positions) {
                           std::vector<double> scores(offsets.back());
                           for (std::size_t c = 0; c < scores.size(); ++c)
                             scores[c] = static_cast<double>(c);
                           return make_deterministic(std::move(offsets), std::move(n_positions),
                                                     scores);
                         },
                         true};

  static MadeUpOptions options() {
    MadeUpOptions out;
    out.n_users = 1500;
    return out;
  }

  std::vector<std::vector<SegmentEstimates>> run(const std::vector<std::string>& features) const {
    EvaluateOptions how;
    how.metrics = {"ctr"};
    how.estimators = {"iips", "sniips"};
    return evaluate_segments(log.source(), {}, {{"uniform", &uniform}, {"ordered", &ordered}},
                             &uniform, 0, Rng(2), how,
                             segment_features(log.schema, features, "segments"));
  }
};

}  // namespace

TEST_CASE("a segment's estimates are those of its rounds alone", "[segments]") {
  const SegmentPages pages;
  const auto segments = pages.run({"device", "buyer"});
  REQUIRE(segments.size() == 2);
  REQUIRE(segments[1].size() == 2 + 3);
  CHECK(segments[1][3].feature == "buyer");
  CHECK(segments[1][3].level == "browser");
  double clicks = 0, rounds = 0, all = 0;
  for (const LogBatch& batch : pages.log.shards)
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch.requests.features(i)[2] != 1) continue;
      rounds += 1;
      for (std::size_t k = 0; k < batch.pages.n_shown(i); ++k) {
        const std::size_t s = batch.pages.slot_offsets[i] + k;
        all += batch.responses.click[s];
        if (batch.pages.module[s] == 3 - k) clicks += 4.0 * batch.responses.click[s];
      }
    }
  CHECK(static_cast<double>(segments[1][3].rounds) == rounds);
  CHECK(segments[1][3].estimates[0].value == Approx(clicks / rounds).epsilon(1e-10));
  CHECK(segments[0][3].estimates[0].value == Approx(all / rounds).epsilon(1e-10));
  CHECK(segments[1][3].estimates[0].lift->value == Approx(clicks / all - 1).epsilon(1e-9));
}

TEST_CASE("p-values of lifts are corrected for every level of every feature", "[segments]") {
  const auto segments = SegmentPages().run({"device", "buyer"});
  double least = 1, least_adjusted = 1;
  for (const SegmentEstimates& segment : segments[1]) {
    REQUIRE(segment.estimates[0].lift_test);
    const LiftTest& test = *segment.estimates[0].lift_test;
    CHECK(test.comparisons == 5);
    CHECK(test.correction == "holm");
    CHECK(test.p_adjusted >= test.p_value);
    if (test.p_value < least) {
      least = test.p_value;
      least_adjusted = test.p_adjusted;
    }
  }
  CHECK(least_adjusted == Approx(std::min(1.0, 5 * least)).epsilon(1e-12));
  CHECK_FALSE(segments[0][0].estimates[0].lift_test);  // the baseline
}

TEST_CASE("segments are levels of categories, each named once", "[segments]") {
  const MadeUpLog log = make_up_log({}, 5);
  CHECK_THROWS_WITH(segment_features(log.schema, {"taste"}, "segments"),
                    Catch::Contains("'taste' is a number"));
  CHECK_THROWS_WITH(segment_features(log.schema, {"devise"}, "segments"),
                    Catch::Contains("did you mean 'device'"));
  CHECK_THROWS_WITH(segment_features(log.schema, {"device", "device"}, "segments"),
                    Catch::Contains("twice"));
  CHECK(SegmentPages().run({})[0].empty());
}
