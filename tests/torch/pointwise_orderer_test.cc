#include <unistd.h>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"

using namespace rehearsal;

namespace {

/// A log of the small site, written once.
struct Logged {
  Schema schema = small::schema();
  std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                 ("rehearsal_pointwise_" + std::to_string(::getpid()));
  Logged() {
    std::filesystem::remove_all(folder);
    small::write_log(folder, schema, *small::behavior(schema), 4, 15000, Rng(8));
  }
  ~Logged() { std::filesystem::remove_all(folder); }
};

const Logged& logged() {
  static const Logged log;
  return log;
}

std::shared_ptr<Policy> fitted(const std::string& train, ProgressSink* progress = nullptr) {
  const std::shared_ptr<Policy> policy =
      small::policy("{name: dnn, type: pointwise_orderer, train: {" + train +
                        ", hidden: [16], epochs: 4, batch: 256, learning_rate: 0.02}}",
                    logged().schema);
  const LogReader reader(logged().folder);
  policy->fit({source_of(reader), Rng(3), "dnn", progress});
  return policy;
}

/// Expected clicks (and w purchases) a page, exact, over fresh requests.
double page_value(const Policy& policy, double purchase_weight) {
  const RequestBatch requests = small::requests(5000, Rng(77), 1000000);
  const PageBatch pages = recommend(policy, requests, Rng(1), nullptr);
  double value = 0;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::span<const float> x = requests.features(i);
      const std::uint16_t m = pages.shown(i)[k];
      value += small::kExamination[static_cast<int>(x[0])][k] * small::click_rate(x, m) *
               (1 + purchase_weight * small::kPurchase[m]) / 5000;
    }
  return value;
}

/// The best that any order reaches.
double best_value(double purchase_weight) {
  const Schema schema = small::schema();
  const RequestBatch requests = small::requests(5000, Rng(77), 1000000);
  double value = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::span<const float> x = requests.features(i);
    std::vector<double> values;
    for (const std::uint16_t m : requests.eligible(i))
      values.push_back(small::click_rate(x, m) * (1 + purchase_weight * small::kPurchase[m]));
    std::sort(values.rbegin(), values.rend());
    for (std::size_t k = 0; k < std::min<std::size_t>(3, values.size()); ++k)
      value += small::kExamination[static_cast<int>(x[0])][k] * values[k] / 5000;
  }
  return value;
}

bool same_state(const Arrays& a, const Arrays& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, array] : a)
    if (array.shape != b.at(name).shape || array.values != b.at(name).values) return false;
  return true;
}

}  // namespace

TEST_CASE("a network of clicks comes within 1 % of the best pages, from the log alone") {
  const std::shared_ptr<Policy> aware = fitted("tasks: [click], position: additive");
  CHECK(page_value(*aware, 0) > 0.99 * best_value(0));
  const std::shared_ptr<Policy> blind = fitted("tasks: [click], position: none");
  CHECK(page_value(*blind, 0) < page_value(*aware, 0) - 0.005 * best_value(0));
}

TEST_CASE("a network of clicks and purchases comes within 2 % of the best value of both") {
  const std::shared_ptr<Policy> both = fitted("tasks: [click, purchase]");
  CHECK(page_value(*both, 20) > 0.98 * best_value(20));
  const std::shared_ptr<Policy> click = fitted("tasks: [click]");
  CHECK(page_value(*both, 20) > page_value(*click, 20));
}

TEST_CASE("fitting twice gives the same bytes, and a saved state the same pages") {
  const std::shared_ptr<Policy> first = fitted("tasks: [click, purchase]");
  const std::shared_ptr<Policy> second = fitted("tasks: [click, purchase]");
  CHECK(same_state(first->state(), second->state()));
  const std::filesystem::path file = logged().folder / "state.h5";
  save_arrays(file, first->state());
  const std::shared_ptr<Policy> loaded = small::policy(
      "{name: dnn, type: pointwise_orderer, train: {tasks: [click, purchase], hidden: [16]}}",
      logged().schema);
  loaded->set_state(load_arrays(file));
  CHECK(same_state(loaded->state(), first->state()));
  const RequestBatch requests = small::requests(3000, Rng(78));
  CHECK(recommend(*loaded, requests, Rng(1), nullptr).module ==
        recommend(*first, requests, Rng(1), nullptr).module);
}
