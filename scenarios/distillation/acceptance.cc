#include "scenarios/distillation/acceptance.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "scenarios/distillation/comparison.h"
#include "scenarios/study_tables.h"

namespace rehearsal {

namespace {

const char* const kHome = "homepage";
const char* const kRadio = "radio";

std::string text_of(const Spread& spread, const char* unit) {
  if (spread.n == 0) return "not run";
  if (spread.n == 1) return fmt::format("{:+.3f}{} (one world)", spread.mean, unit);
  return fmt::format("{:+.3f}{} (sd {:.3f}, t {:.2f}, {} worlds)", spread.mean, unit, spread.sd,
                     spread.t(), spread.n);
}

/// Whether a paired t is at least so large; of one world nothing can be said.
std::optional<bool> significant(const Spread& spread, double t) {
  if (spread.n < 2) return std::nullopt;
  return spread.mean > 0 && spread.t() >= t;
}

/// All of several; unknown where one is.
std::optional<bool> all(const std::vector<std::optional<bool>>& parts) {
  bool holds = true;
  for (const std::optional<bool>& part : parts) {
    if (!part) return std::nullopt;
    holds = holds && *part;
  }
  return holds;
}

std::optional<bool> known(const Spread& spread, bool holds) {
  return spread.n == 0 ? std::nullopt : std::optional(holds);
}

Spread gain(const Runs& runs, const char* student, const char* arm, const char* metric) {
  const double scale = std::string(metric).find("_auc") != std::string::npos ? 100 : 1;
  return difference(runs, {student, arm, metric, scale}, {student, "control", metric, scale});
}

Point teacher_is_worse(const Runs& runs) {
  const Spread click = gain(runs, kHome, "teacher", "click_auc");
  const Spread trail = gain(runs, kHome, "teacher", "trail_r2");
  return {1, "the zero-shot teacher is below the control: click AUC by 1 point, trail R2",
          "click " + text_of(click, " points") + ", trail " + text_of(trail, ""),
          all({known(click, click.mean <= -1), known(trail, trail.mean < 0)})};
}

Point auxiliary_gains(const Runs& runs) {
  const Spread click = gain(runs, kHome, "auxiliary", "click_auc");
  const Spread trail = gain(runs, kHome, "auxiliary", "trail_r2");
  const Spread discovery = gain(runs, kHome, "auxiliary", "discovery_auc");
  return {2,
          "auxiliary heads gain on click and trail (t >= 3) and on discovery, not distilled (t >= "
          "2)",
          "click " + text_of(click, " points") + ", trail " + text_of(trail, "") + ", discovery " +
              text_of(discovery, " points"),
          all({significant(click, 3), significant(trail, 3), significant(discovery, 2)})};
}

Point radio_gains(const Runs& runs) {
  const Spread engagement = gain(runs, kRadio, "non_serving", "engagement_auc");
  return {2, "a head that nothing serves gains on the radio's engagement (t >= 3)",
          text_of(engagement, " points"), significant(engagement, 3)};
}

Point releases_gain_most(const Runs& runs) {
  const Spread all_items = gain(runs, kHome, "auxiliary", "click_auc");
  const Spread of_new = gain(runs, kHome, "auxiliary", "click_auc_new");
  return {3, "the gain on new releases exceeds the overall gain",
          "new " + text_of(of_new, " points") + ", all " + text_of(all_items, " points"),
          known(of_new, of_new.mean > all_items.mean)};
}

Point direct_is_off(const Runs& runs) {
  const Spread bias = spread_of_runs(runs, [](const Results& run) {
    const auto off = [&](const char* arm) {
      return std::abs(value_of(run, {kHome, arm, "click_calibration", 1}) - 1);
    };
    return off("direct") - off("control");
  });
  const Spread behind =
      difference(runs, {kHome, "direct", "click_auc", 100}, {kHome, "auxiliary", "click_auc", 100});
  return {4,
          "one logit for both labels: mean prediction / mean label off by 0.05 more than the "
          "control's, click AUC below auxiliary heads'",
          "off by " + text_of(bias, "") + " more, behind by " + text_of(behind, " points"),
          all({known(bias, bias.mean >= 0.05), known(behind, behind.mean < 0)})};
}

Point placebo_is_nothing(const Runs& runs) {
  const Spread click = gain(runs, kHome, "placebo", "click_auc");
  return {5, "permuted labels stay within 0.1 points of the control", text_of(click, " points"),
          known(click, std::abs(click.mean) <= 0.1)};
}

Point heads_serve_nothing(const Runs& runs) {
  std::size_t n = 0, same = 0;
  for (const Results* run : runs)
    for (const PolicyResult& policy : run->policies)
      if (const auto found = policy.offline.find("served_identical");
          found != policy.offline.end()) {
        ++n;
        same += found->second == 1 ? 1 : 0;
      }
  return {7, "what is served is bit-identical without the distillation heads",
          fmt::format("{} of {} arms", same, n), n == 0 ? std::nullopt : std::optional(same == n)};
}

Point live_lifts(const Runs& runs) {
  const auto lift = [&](const char* metric) {
    return spread_of_runs(
        runs, [&](const Results& run) { return 100 * lift_of(run, kHome, "auxiliary", metric); });
  };
  const Spread engagement = lift("engagement");
  const Spread discovery = lift("discovery");
  const Spread fresh = lift("new_release_engagement");
  return {8, "live: engagement up, discovery about twice as much, new releases by far the most",
          "engagement " + text_of(engagement, " %") + ", discovery " + text_of(discovery, " %") +
              ", new releases " + text_of(fresh, " %"),
          known(engagement, engagement.mean > 0 && discovery.mean > 1.5 * engagement.mean &&
                                discovery.mean < 3 * engagement.mean &&
                                fresh.mean > 2 * discovery.mean)};
}

}  // namespace

std::vector<Point> points_of(const Runs& runs) {
  return {teacher_is_worse(runs),    auxiliary_gains(runs), radio_gains(runs),
          releases_gain_most(runs),  direct_is_off(runs),   placebo_is_nothing(runs),
          heads_serve_nothing(runs), live_lifts(runs)};
}

Point data_point(const Runs& once, const Runs& hundredfold) {
  const Spread one = gain(once, kHome, "auxiliary", "click_auc");
  const Spread hundred = gain(hundredfold, kHome, "auxiliary", "click_auc");
  return {6, "a teacher of 1x data gains nothing (t < 2), one of 100x at least 0.2 points more",
          "1x " + text_of(one, " points") + ", 100x " + text_of(hundred, " points"),
          all({one.n < 2 ? std::nullopt : std::optional(one.t() < 2),
               known(hundred, hundred.mean - one.mean >= 0.2)})};
}

std::string to_text(const std::vector<Point>& points) {
  std::string text;
  for (const Point& point : points)
    text += fmt::format("  {}  {:<8} {}\n              {}\n", point.number,
                        !point.holds   ? "unknown"
                        : *point.holds ? "holds"
                                       : "FAILS",
                        point.claim, point.statistic);
  return text;
}

std::string with_points(const std::string& json, const std::vector<Point>& points) {
  using Json = nlohmann::ordered_json;
  Json root = Json::parse(json);
  Json list = Json::array();
  for (const Point& point : points)
    list.push_back({{"point", point.number},
                    {"claim", point.claim},
                    {"statistic", point.statistic},
                    {"holds", point.holds ? Json(*point.holds) : Json(nullptr)}});
  root["distillation"] = {{"points", list}};
  return root.dump(2) + "\n";
}

}  // namespace rehearsal
