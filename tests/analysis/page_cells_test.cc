#include "analysis/page_cells.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/slate/pseudo_inverse.h"
#include "tests/catch.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::size_t kModules = 3, kItems = 3, kRows = 2, kColumns = 2;

using Ids = std::vector<std::uint16_t>;

/// A page of two rows of two: modules, and each row's items.
struct Page {
  Ids modules;
  std::vector<Ids> items;
};

/// Modules by Plackett-Luce, and items by Plackett-Luce inside each module.
struct PagePolicy {
  TabularSlates::Table modules;
  std::vector<TabularSlates::Table> items;  // by module

  explicit PagePolicy(Stream& stream) {
    const auto weights = [&](std::size_t n) {
      std::vector<double> w(n);
      for (double& each : w) each = .2 + stream.uniform();
      return w;
    };
    modules = plackett_luce_table(weights(kModules), kRows);
    for (std::size_t m = 0; m < kModules; ++m)
      items.push_back(plackett_luce_table(weights(kItems), kColumns));
  }

  static double prefix(const TabularSlates::Table& table, const Ids& ids, std::size_t n) {
    double sum = 0;
    for (const auto& [other, p] : table)
      if (std::equal(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), other.begin()))
        sum += p;
    return sum;
  }
  static double marginal(const TabularSlates::Table& table, const Ids& ids, std::size_t k) {
    double sum = 0;
    for (const auto& [other, p] : table)
      if (other[k] == ids[k]) sum += p;
    return sum;
  }

  std::vector<std::pair<Page, double>> pages() const {
    std::vector<std::pair<Page, double>> all;
    for (const auto& [order, p] : modules)
      for (const auto& [first, p_first] : items[order[0]])
        for (const auto& [second, p_second] : items[order[1]])
          all.push_back({{order, {first, second}}, p * p_first * p_second});
    return all;
  }
};

using MeanCells = std::function<std::vector<double>(const Page&)>;

/// The expectation of the weighted cells' sum under the logging policy.
class PageSpace {
 public:
  explicit PageSpace(Stream& stream) : mu_(stream), pi_(stream), pages_(mu_.pages()) {}

  double truth(const MeanCells& mean) const {
    double sum = 0;
    for (const auto& [page, p] : pi_.pages())
      for (const double r : mean(page)) sum += p * r;
    return sum;
  }

  double mean(CellWeight kind, const CellWeightOptions& options, const MeanCells& rewards) const {
    double sum = 0;
    for (const auto& [page, p] : pages_) {
      const std::vector<double> w = weights(page, kind, options), r = rewards(page);
      for (std::size_t c = 0; c < w.size(); ++c) sum += p * w[c] * r[c];
    }
    return sum;
  }

  std::vector<double> weights(const Page& page, CellWeight kind,
                              const CellWeightOptions& options) const {
    std::vector<double> module_prefix, module_marginal, item_prefix, item_marginal;
    for (std::size_t i = 0; i < kRows; ++i) {
      const auto& pi_items = pi_.items[page.modules[i]];
      const auto& mu_items = mu_.items[page.modules[i]];
      module_prefix.push_back(PagePolicy::prefix(pi_.modules, page.modules, i + 1) /
                              PagePolicy::prefix(mu_.modules, page.modules, i + 1));
      module_marginal.push_back(PagePolicy::marginal(pi_.modules, page.modules, i) /
                                PagePolicy::marginal(mu_.modules, page.modules, i));
      for (std::size_t k = 0; k < kColumns; ++k) {
        item_prefix.push_back(PagePolicy::prefix(pi_items, page.items[i], k + 1) /
                              PagePolicy::prefix(mu_items, page.items[i], k + 1));
        item_marginal.push_back(PagePolicy::marginal(pi_items, page.items[i], k) /
                                PagePolicy::marginal(mu_items, page.items[i], k));
      }
    }
    std::vector<double> out(kRows * kColumns);
    cell_weights({offsets_, module_prefix, module_marginal, item_prefix, item_marginal,
                  module_pseudo_inverse(page.modules)},
                 kind, options, out);
    return out;
  }

  const std::vector<std::pair<Page, double>>& pages() const { return pages_; }

 private:
  /// q_pi' Gamma^+ 1_s over (slot, module).
  double module_pseudo_inverse(const Ids& order) const {
    const auto indicator = [](const Ids& modules) {
      Eigen::VectorXd one = Eigen::VectorXd::Zero(kRows * kModules);
      for (std::size_t i = 0; i < kRows; ++i)
        one[static_cast<Eigen::Index>(i * kModules + modules[i])] = 1;
      return one;
    };
    RowMatrix gamma = RowMatrix::Zero(kRows * kModules, kRows * kModules);
    Eigen::VectorXd q = Eigen::VectorXd::Zero(kRows * kModules);
    for (const auto& [modules, p] : mu_.modules)
      gamma += p * indicator(modules) * indicator(modules).transpose();
    for (const auto& [modules, p] : pi_.modules) q += p * indicator(modules);
    return q.dot(pseudo_inverse(gamma) * indicator(order));
  }

  PagePolicy mu_, pi_;
  std::vector<std::pair<Page, double>> pages_;
  std::vector<std::uint32_t> offsets_{0, 2, 4};
};

/// Attraction of an item of a module, in (0, 1).
double attraction(std::uint16_t module, std::uint16_t item) {
  return .15 + .2 * module + .1 * item;
}

double of(const Page& page, std::size_t i, std::size_t k) {
  return attraction(page.modules[i], page.items[i][k]);
}

/// A cascade over the page: what is above and to the left lowers the chance to be looked at.
/// Args: columns_above: items of the rows above that do.
MeanCells cascade(std::size_t columns_above) {
  return [columns_above](const Page& page) {
    std::vector<double> mean;
    double reached = 1;
    for (std::size_t i = 0; i < kRows; ++i) {
      double here = reached;
      for (std::size_t k = 0; k < kColumns; ++k) {
        mean.push_back(here * of(page, i, k));
        here *= 1 - of(page, i, k);
      }
      for (std::size_t k = 0; k < columns_above; ++k) reached *= 1 - .8 * of(page, i, k);
    }
    return mean;
  };
}

/// A row is entered by its visible items and rows do not matter to each other.
std::vector<double> entered_by_all(const Page& page) {
  std::vector<double> mean;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double entry = of(page, i, 0) * (1 - of(page, i, 1));
    mean.push_back(entry);
    mean.push_back(entry * (1 - of(page, i, 0)));
  }
  return mean;
}

std::vector<double> rows_alone(const Page& page) {
  std::vector<double> mean;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double examined = i == 0 ? 1 : .5;
    mean.push_back(examined * of(page, i, 0));
    mean.push_back(examined * (1 - of(page, i, 0)) * of(page, i, 1));
  }
  return mean;
}

std::vector<double> cells_alone(const Page& page) {
  std::vector<double> mean;
  for (std::size_t i = 0; i < kRows; ++i)
    for (std::size_t k = 0; k < kColumns; ++k)
      mean.push_back((i == 0 ? 1 : .5) * (k == 0 ? 1 : .7) * of(page, i, k));
  return mean;
}

/// All that is on the page matters to each cell.
std::vector<double> everything(const Page& page) {
  std::vector<double> mean;
  const double last = of(page, 1, 1);
  for (std::size_t c = 0; c < 4; ++c) mean.push_back(of(page, c / 2, c % 2) * (1 - .5 * last));
  return mean;
}

struct Named {
  std::string name;
  CellWeight kind;
  CellWeightOptions options;
};

const std::vector<Named> kWeights{{"page", CellWeight::kPage, {}},
                                  {"page cascade", CellWeight::kPageCascade, {}},
                                  {"row cascade", CellWeight::kRowCascade, {1, 0}},
                                  {"row marginal", CellWeight::kRowMarginal, {}},
                                  {"cell marginal", CellWeight::kCellMarginal, {}}};

}  // namespace

TEST_CASE("cell weights are unbiased for what they take in and biased beyond it on 2 x 2 pages") {
  Stream stream = Rng(41).stream(Draw::kWorld, {});
  const PageSpace space(stream);
  struct Behavior {
    std::string name;
    MeanCells mean;
    std::vector<bool> unbiased;  // by kWeights
  };
  const std::vector<Behavior> matrix{
      {"cells alone", cells_alone, {true, true, true, true, true}},
      {"rows alone", rows_alone, {true, true, true, true, false}},
      {"first column of the rows above", cascade(1), {true, true, true, false, false}},
      {"above and to the left", cascade(2), {true, true, false, false, false}},
      {"everything", everything, {true, false, false, false, false}}};
  for (const Behavior& behavior : matrix) {
    const double truth = space.truth(behavior.mean);
    for (std::size_t w = 0; w < kWeights.size(); ++w) {
      INFO(behavior.name << ", " << kWeights[w].name);
      const double mean = space.mean(kWeights[w].kind, kWeights[w].options, behavior.mean);
      if (behavior.unbiased[w])
        CHECK(mean == Approx(truth).epsilon(1e-10));
      else
        CHECK(std::abs(mean - truth) > 1e-4);
    }
  }
}

TEST_CASE(
    "the pseudo-inverse of module orders times the rows items is unbiased where rows add up") {
  Stream stream = Rng(44).stream(Draw::kWorld, {});
  for (int instance = 0; instance < 3; ++instance) {
    const PageSpace space(stream);
    const auto bias = [&](const MeanCells& rewards) {
      return space.mean(CellWeight::kPseudoInverse, {}, rewards) - space.truth(rewards);
    };
    CHECK(bias(cells_alone) == Approx(0).margin(1e-10));
    CHECK(bias(rows_alone) == Approx(0).margin(1e-10));
    CHECK(bias(entered_by_all) == Approx(0).margin(1e-10));
    CHECK(std::abs(bias(cascade(2))) > 1e-6);
    CHECK(std::abs(bias(everything)) > 1e-6);
  }
}

TEST_CASE("where visible items decide whether a row is entered they belong to its cells weights") {
  Stream stream = Rng(42).stream(Draw::kWorld, {});
  const PageSpace space(stream);
  const double truth = space.truth(entered_by_all);
  CHECK(space.mean(CellWeight::kRowMarginal, {kColumns, 2}, entered_by_all) ==
        Approx(truth).epsilon(1e-10));
  CHECK(std::abs(space.mean(CellWeight::kRowMarginal, {}, entered_by_all) - truth) > 1e-4);
}

TEST_CASE("every cell weight has mean one and takes in less variance the less it takes in") {
  Stream stream = Rng(43).stream(Draw::kWorld, {});
  const PageSpace space(stream);
  std::vector<double> spread;
  for (const Named& weight : kWeights) {
    INFO(weight.name);
    std::vector<double> first(4, 0.0), second(4, 0.0);
    for (const auto& [page, p] : space.pages()) {
      const std::vector<double> w = space.weights(page, weight.kind, weight.options);
      for (std::size_t c = 0; c < 4; ++c) {
        first[c] += p * w[c];
        second[c] += p * w[c] * w[c];
      }
    }
    for (const double mean : first) CHECK(mean == Approx(1).epsilon(1e-12));
    spread.push_back(second[3]);
  }
  CHECK(spread[0] == Approx(spread[1]));  // the last cell's cascade is the page
  for (std::size_t w = 2; w < spread.size(); ++w) CHECK(spread[w] < spread[w - 1]);
}

TEST_CASE("rows of other lengths and a limit beyond a row count what is there") {
  const std::vector<std::uint32_t> offsets{0, 1, 3};
  const std::vector<double> modules{2, 3}, marginals{5, 7}, prefix{.5, 4, 8}, items{1, 2, 3};
  std::vector<double> out(3);
  const PageRatios page{offsets, modules, marginals, prefix, items};
  cell_weights(page, CellWeight::kRowCascade, {9, 0}, out);
  CHECK(out == std::vector<double>{2 * .5, 3 * .5 * 4, 3 * .5 * 8});
  cell_weights(page, CellWeight::kRowCascade, {0, 9}, out);
  CHECK(out == std::vector<double>{2 * .5, 3 * 8, 3 * 8});
  cell_weights(page, CellWeight::kPage, {}, out);
  CHECK(out == std::vector<double>(3, 3 * .5 * 8));
  cell_weights(page, CellWeight::kCellMarginal, {}, out);
  CHECK(out == std::vector<double>{5, 14, 21});
}
