#include "sim/metrics.h"

#include <cmath>

#include "sim/user_model.h"

namespace rehearsal {

namespace {

constexpr const char* kOurs = "this project";

std::vector<Metric> table() {
  using R = ResponseBatch;
  using E = ExpectedBatch;
  const auto click = [](const char* name, const char* summary) {
    return Metric{name,           summary, kOurs,     &R::click,     nullptr,
                  &R::item_click, nullptr, &E::click, &E::item_click};
  };
  const auto purchase = [](const char* name, const char* summary) {
    return Metric{name,         summary,      kOurs,
                  &R::purchase, nullptr,      &R::item_purchase,
                  nullptr,      &E::purchase, &E::item_purchase};
  };
  const auto count = [](const char* name, const char* summary, std::vector<std::uint8_t> R::*items,
                        std::vector<double> E::*expected) {
    return Metric{name, summary, kOurs, nullptr, nullptr, items, nullptr, nullptr, expected};
  };
  const auto amount = [](const char* name, const char* summary, std::vector<float> R::*items,
                         std::vector<double> E::*expected) {
    return Metric{name, summary, kOurs, nullptr, nullptr, nullptr, items, nullptr, expected};
  };
  return {
      click("ctr", "clicks a page"),
      click("clicks", "clicks a page"),
      purchase("ptr", "purchases a page"),
      purchase("purchases", "purchases a page"),
      {"revenue", "price of what was purchased, a page", kOurs, nullptr, &R::revenue, nullptr,
       &R::item_revenue, &E::revenue, &E::item_revenue},
      amount("dwell", "time spent on clicked items, a page", &R::dwell, &E::dwell),
      amount("engagement", "what the site values, a page", &R::engagement, &E::engagement),
      count("likes", "likes a page", &R::like, &E::like),
      count("shares", "shares a page", &R::share, &E::share),
      count("hides", "hidden items a page", &R::hide, &E::hide),
      count("carts", "items put into the cart, a page", &R::cart, &E::cart),
      count("continuations", "clicked items followed to their end, a page", &R::continued,
            &E::continued),
      count("discovery", "clicks on items of makers new to the user, a page", &R::discovery,
            &E::discovery),
      count("new_release_engagement", "clicks on items released lately, a page", &R::new_release,
            &E::new_release),
  };
}

[[noreturn]] void not_recorded(const Metric& metric) {
  throw Error(ErrorKind::kInput, "there is no response for metric '" + metric.name +
                                     "': this behaviour, or this log, does not record it");
}

/// Copies a column of the given size. Returns: false where it is not recorded.
template <class Batch, class T>
bool copy(const Batch& batch, std::vector<T> Batch::*column, std::size_t size, const Metric& metric,
          std::vector<double>& out) {
  if (column == nullptr || (batch.*column).size() != size) return false;
  out.assign((batch.*column).begin(), (batch.*column).end());
  for (const double value : out)
    if (!std::isfinite(value))
      throw Error(ErrorKind::kInput,
                  "metric '" + metric.name + "': a value is not a finite number");
  return true;
}

/// Sums items into their slots.
void sum_items(const PageBatch& pages, std::vector<double>& values) {
  std::vector<double> sums(pages.module.size(), 0.0);
  for (std::size_t s = 0; s < sums.size(); ++s)
    for (std::size_t j = pages.item_offsets[s]; j < pages.item_offsets[s + 1]; ++j)
      sums[s] += values[j];
  values.swap(sums);
}

}  // namespace

const Registry<Metric>& metrics() {
  static const Registry<Metric> registry("metric", table());
  return registry;
}

void slot_rewards(const Metric& metric, const ResponseBatch& responses, const PageBatch& pages,
                  std::vector<double>& out) {
  const std::size_t n = pages.module.size();
  if (copy(responses, metric.slot_count, n, metric, out)) return;
  if (copy(responses, metric.slot_amount, n, metric, out)) return;
  item_rewards(metric, responses, pages, out);
  sum_items(pages, out);
}

void item_rewards(const Metric& metric, const ResponseBatch& responses, const PageBatch& pages,
                  std::vector<double>& out) {
  const std::size_t n = pages.item.size();
  if (copy(responses, metric.item_count, n, metric, out)) return;
  if (copy(responses, metric.item_amount, n, metric, out)) return;
  not_recorded(metric);
}

bool slot_expectations(const Metric& metric, const ExpectedBatch& expected, const PageBatch& pages,
                       std::vector<double>& out) {
  if (copy(expected, metric.slot_expected, pages.module.size(), metric, out)) return true;
  if (!copy(expected, metric.item_expected, pages.item.size(), metric, out)) return false;
  sum_items(pages, out);
  return true;
}

}  // namespace rehearsal
