#include <yaml-cpp/yaml.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "users/carousel_page.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

constexpr double kSumTolerance = 1e-9;  // of sums that must be 1

/// Keys and messages of the mapping that a type was read from.
struct Place {
  const PluginConfig& plugin;
  std::string prefix;  // "" or "user_types[i]."

  [[noreturn]] void refuse(const std::string& key, const std::string& message) const {
    if (prefix.empty()) plugin.refuse(key, message);
    plugin.refuse("user_types", prefix + key + " " + message);
  }
};

void check_split(const OutcomeSplit& split, const std::string& key, const Place& place) {
  const double sum = split.go_on + split.leave_row + split.exit;
  if (std::abs(sum - 1) > kSumTolerance)
    place.refuse(key, "sums to " + std::to_string(sum) + "; continue, leave_row and exit sum to 1");
}

void check(const CarouselPageConfig& config, const Place& place) {
  check_split(config.no_click, "no_click", place);
  check_split(config.click, "click", place);
  check_split(config.satisfied_click, "satisfied_click", place);
  if (config.swipe_step > config.visible)
    place.refuse("swipe_step", "is " + std::to_string(config.swipe_step) +
                                   ": a swipe would skip items; at most visible, which is " +
                                   std::to_string(config.visible));
  const RowEntryLogit& logit = config.row_entry_logit;
  if (std::isinf(logit.bias) && (logit.heading != 0 || logit.visible != 0 || logit.position != 0))
    place.refuse("row_entry_logit", "has slopes without a finite bias: they would do nothing");
  for (const auto& [key, list] :
       {std::pair{"row_entry", &config.row_entry}, {"next_row", &config.next_row}})
    if (list->is_list && list->values.empty()) place.refuse(key, "is empty; one number a row");
}

}  // namespace

Fields OutcomeSplit::fields() {
  return Fields()
      .add("continue", go_on, 0, 1, "probability of going on to the next column")
      .add("leave_row", leave_row, 0, 1, "of going back to the vertical scan")
      .add("exit", exit, 0, 1, "of leaving the page");
}

RowEntryLogit::RowEntryLogit() : bias(kInfinity) {}

Fields RowEntryLogit::fields() {
  return Fields()
      .add("bias", bias, -100, kInfinity, "logit of row entry; .inf: every row is entered")
      .add("heading", heading, -100, 100, "its slope on the heading's relevance")
      .add("visible", visible, -100, 100, "on the mean logit of the attraction of visible items")
      .add("position", position, -100, 100, "on the row's place, from 0");
}

Fields PageFold::fields() {
  return Fields()
      .add("rows", rows, 1, 1'000'000, "rows above the fold")
      .add("step", step, 1, 1'000'000, "rows of each scroll")
      .add("probability", probability, 0, 1, "probability of scrolling; times next_row");
}

Fields PageFatigue::fields() {
  return Fields()
      .add("row", row, 0, 1000, "decay, a row, of no_click.continue")
      .add("column", column, 0, 1000, "decay, a column, of no_click.continue");
}

Fields CarouselPageConfig::fields() {
  return Fields()
      .add("row_entry", row_entry, 0, 1, "probability of entering each row; times row_entry_logit")
      .group("row_entry_logit", row_entry_logit.fields(), "row entry by what the row shows")
      .add("next_row", next_row, 0, 1, "probability of looking at the row below, after each row")
      .group("no_click", no_click.fields(), "what follows an item without a click")
      .group("click", click.fields(), "what follows a click that does not satisfy")
      .group("satisfied_click", satisfied_click.fields(), "what follows a click that satisfies")
      .add("visible", visible, 0, 1'000'000, "items of a row visible at first; 0: all")
      .add("swipe_step", swipe_step, 0, 1'000'000, "items of each swipe; 0: as many as visible")
      .add("swipe", swipe, 0, 1, "probability of swiping at a window's end; times continue")
      .group("fold", fold.fields(), "where the next row is below the screen")
      .add("mirror", mirror, 0, 1,
           "probability that a row's swiped windows are read from the right")
      .group("fatigue", fatigue.fields(), "less and less patience down the page and along the row");
}

namespace {

/// The model's keys and its user types, as they stand in a file.
struct CarouselPagePlugin {
  CarouselPageConfig config;
  YAML::Node user_types;

  Fields fields() {
    return config.fields().mappings(
        "user_types", user_types,
        "types of users: each `share` (sum 1) and the keys in which it differs");
  }
};

}  // namespace

std::vector<FieldDescription> describe_carousel_page() {
  return describe_fields<CarouselPagePlugin>();
}

std::vector<CarouselUserType> read_carousel_page(const PluginConfig& plugin) {
  const auto read = plugin.read<CarouselPagePlugin>();
  check(read.config, {plugin, ""});
  if (read.user_types.size() == 0) return {{1, read.config}};
  std::vector<CarouselUserType> types;
  double sum = 0;
  for (std::size_t i = 0; i < read.user_types.size(); ++i) {
    CarouselUserType type{-1, read.config};
    const Source source = plugin.source.child("user_types").child(i);
    type.config.fields()
        .add("share", type.share, 0, 1, "of the users")
        .read(read.user_types[i], source);
    if (type.share < 0) refuse_at(read.user_types[i], source, "the key 'share' is missing");
    check(type.config, {plugin, "user_types[" + std::to_string(i) + "]."});
    sum += type.share;
    types.push_back(std::move(type));
  }
  if (std::abs(sum - 1) > kSumTolerance)
    plugin.refuse("user_types", "shares sum to " + std::to_string(sum) + "; they must sum to 1");
  return types;
}

}  // namespace rehearsal
