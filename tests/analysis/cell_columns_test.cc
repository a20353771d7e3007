#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/analysis/cell_pages.h"
#include "tests/catch.h"

using namespace rehearsal;
using namespace rehearsal::cells;

namespace {

double truth(const PageTables& tables, const Response& response) {
  double sum = 0;
  for (const auto& [page, p] : all_pages(tables))
    for (const double r : response(page)) sum += p * r;
  return sum;
}

EvaluateOptions of(const std::vector<std::string>& estimators) {
  EvaluateOptions options;
  options.metrics = {"engagement"};
  options.estimators = estimators;
  return options;
}

std::map<std::string, Estimate> values(const RoundSource& log, const Policy& policy,
                                       const Policy* behavior, const EvaluateOptions& options) {
  const auto estimates = evaluate(log, {}, {{"judged", &policy}}, behavior, -1, Rng(1), options);
  std::map<std::string, Estimate> out;
  for (const Estimate& each : estimates[0]) out[each.estimator] = each;
  return out;
}

const std::vector<std::string> kAll{"ips",
                                    "page_cascade",
                                    "row_cascade_1",
                                    "row_marginal",
                                    "cell_marginal",
                                    "snpage_cascade",
                                    "snrow_cascade_1",
                                    "snrow_marginal",
                                    "sncell_marginal"};

}  // namespace

TEST_CASE("estimators of cells are exact for what their weights take in and biased beyond it") {
  const PageTables mu = logging(), pi = judged();
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  struct Behavior {
    std::string name;
    Response response;
    std::vector<bool> exact;  // ips, page cascade, row cascade of 1, row, cell
  };
  const std::vector<Behavior> matrix{
      {"cells alone", kCellsAlone, {true, true, true, true, true}},
      {"rows alone", kRowsAlone, {true, true, true, true, false}},
      {"first items above", row_cascade(1), {true, true, true, false, false}},
      {"above and to the left", row_cascade(2), {true, true, false, false, false}},
      {"everything", kEverything, {true, false, false, false, false}}};
  for (const Behavior& each : matrix) {
    const WholeLog log(mu, each.response);
    const auto found = values(log.source(), policy, &behavior, of(kAll));
    const double value = truth(pi, each.response);
    for (std::size_t e = 0; e < kAll.size(); ++e) {
      INFO(each.name << ", " << kAll[e]);
      const bool exact = each.exact[e < 5 ? e : e - 4];  // normalized ones follow but for ips
      if (exact)
        CHECK(found.at(kAll[e]).value == Approx(value).epsilon(1e-6));  // outcomes are floats
      else
        CHECK(std::abs(found.at(kAll[e]).value - value) > 1e-4);
    }
  }
}

TEST_CASE("the log alone suffices for weights of cells, and a mixture's are of the whole mixture") {
  const PageTables mu = logging();
  // One coin for the order of modules and one a list, as in pages: each table is mixed by itself.
  PageTables mixed = judged();
  const auto mix = [](Table& table, const Table& greedy) {
    for (auto& [slate, p] : table) p *= .3;
    for (const auto& [slate, p] : greedy) table.push_back({slate, .7 * p});
  };
  mix(mixed.modules, {{{2, 0}, 1.0}});
  mix(mixed.items[0], {{{1, 2}, 1.0}});
  mix(mixed.items[1], {{{0, 2}, 1.0}});
  const WholeLog log(mu, kRowsAlone);
  const FunctionPolicy policy = mixed.policy();
  const auto found = values(log.source(), policy, nullptr, of({"row_marginal", "snrow_marginal"}));
  CHECK(found.at("row_marginal").value == Approx(truth(mixed, kRowsAlone)).epsilon(1e-6));
  CHECK(found.at("snrow_marginal").value == Approx(truth(mixed, kRowsAlone)).epsilon(1e-6));
}

TEST_CASE("a policy that leaves items as retrieved is judged on a log of random orders") {
  const PageTables mu = logging();
  PageTables as_retrieved = judged();
  as_retrieved.items = {{{{0, 1}, 1.0}}, {{{0, 1}, 1.0}}, kOnly};
  const FunctionPolicy policy = tabular_policy(as_retrieved.modules);
  const FunctionPolicy behavior = mu.policy();
  const WholeLog log(mu, row_cascade(1));
  const double value = truth(as_retrieved, row_cascade(1));
  for (const bool known : {true, false}) {
    const auto found = values(log.source(), policy, known ? &behavior : nullptr,
                              of({"row_cascade", "snrow_cascade_1"}));
    CHECK(found.at("row_cascade_1").value == Approx(value).epsilon(1e-6));
    CHECK(found.at("snrow_cascade_1").value == Approx(value).epsilon(1e-6));
  }
}

TEST_CASE("policies that share a ranker differ by their modules alone") {
  const PageTables mu = logging();
  PageTables pi = judged();
  pi.items = mu.items;
  FunctionPolicy behavior = mu.policy(), policy = tabular_policy(pi.modules);
  policy.set_ranker(behavior.shared_ranker());
  const WholeLog log(mu, kRowsAlone);
  const auto found =
      values(log.source(), policy, &behavior, of({"row_marginal", "cell_marginal", "iips"}));
  for (const std::string name : {"row_marginal", "cell_marginal", "iips"}) {
    CHECK(found.at(name).value == Approx(truth(pi, kRowsAlone)).epsilon(1e-6));
    CHECK(found.at(name).warnings == std::vector<std::string>{"only 8 users: intervals need more"});
  }
}

TEST_CASE("where visible items decide whether a row is looked at they count by columns_of_row") {
  const PageTables mu = logging(), pi = judged();
  const WholeLog log(mu, kVisible);
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  EvaluateOptions options = of({"row_marginal", "page_cascade"});
  const double value = truth(pi, kVisible);
  const auto short_sighted = values(log.source(), policy, &behavior, options);
  options.columns_of_row = 2;
  const auto found = values(log.source(), policy, &behavior, options);
  for (const std::string name : {"row_marginal", "page_cascade"}) {
    CHECK(found.at(name).value == Approx(value).epsilon(1e-6));
    CHECK(std::abs(short_sighted.at(name).value - value) > 1e-4);
  }
}

TEST_CASE("a wider weight is never surer, and row_cascade_inf is page_cascade") {
  const PageTables mu = logging(), pi = judged();
  const WholeLog log(mu, kCellsAlone);
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  const auto found = values(log.source(), policy, &behavior,
                            of({"cell_marginal", "row_marginal", "row_cascade_1", "row_cascade_inf",
                                "page_cascade", "ips"}));
  const auto ess = [&](const std::string& name) { return found.at(name).ess; };
  CHECK(ess("cell_marginal") > ess("row_marginal"));
  CHECK(ess("row_marginal") > ess("row_cascade_1"));
  CHECK(ess("row_cascade_1") > ess("page_cascade"));
  CHECK(ess("page_cascade") == Approx(ess("ips")));
  CHECK(found.at("row_cascade_inf").value == found.at("page_cascade").value);
  CHECK(found.at("cell_marginal").max_weight < found.at("page_cascade").max_weight);
  for (const auto& [name, each] : found) CHECK(each.mean_weight.value == Approx(1));
}

TEST_CASE("lifts and standard errors of cells are users, as those of other estimators") {
  const PageTables mu = logging(), pi = judged();
  WholeLog log(mu, kCellsAlone, 200);
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  const auto estimates = evaluate(log.source(), {}, {{"logging", &behavior}, {"judged", &policy}},
                                  &behavior, 0, Rng(1), of({"cell_marginal", "sncell_marginal"}));
  const double lift = truth(pi, kCellsAlone) / truth(mu, kCellsAlone) - 1;
  for (std::size_t e = 0; e < 2; ++e) {
    CHECK(estimates[0][e].value == Approx(truth(mu, kCellsAlone)).epsilon(1e-6));
    CHECK(estimates[0][e].ess == Approx(1728));
    CHECK(estimates[1][e].lift->value == Approx(lift).epsilon(1e-5));
    CHECK(estimates[1][e].lift_standard_error > 0);
  }
  // Of users' sums of w r, by hand.
  const LogBatch& batch = log.batch();
  const Propensities own = propensities(policy, batch.requests, batch.pages);
  std::vector<double> users(200, 0.0), rounds(200, 0.0);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    rounds[batch.requests.user[i]] += 1;
    for (std::size_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1]; ++s)
      for (std::size_t j = batch.pages.item_offsets[s]; j < batch.pages.item_offsets[s + 1]; ++j)
        users[batch.requests.user[i]] +=
            own.pscore_item_position[s] / batch.propensities.pscore_item_position[s] *
            own.pscore_in_module_position[j] / batch.propensities.pscore_in_module_position[j] *
            batch.responses.engagement[j];
  }
  double square = 0;
  for (std::size_t u = 0; u < users.size(); ++u)
    square += std::pow(users[u] - rounds[u] * estimates[1][0].value, 2);
  CHECK(estimates[1][0].standard_error ==
        Approx(std::sqrt(square * 200 / 199) / 1728).epsilon(1e-9));
}

TEST_CASE("items that the behavior never shows there are said with their place") {
  PageTables mu = logging();
  mu.items[0] = whole({{0, 1}, {0, 2}}, {1, 1});  // never item 1 or 2 first
  const PageTables pi = judged();
  const WholeLog log(mu, kCellsAlone, 200);
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  const auto found = values(log.source(), policy, &behavior, of({"cell_marginal"}));
  double mass = 0, shown = 0, first = 0, second = 0;
  for (const auto& [page, p] : all_pages(pi))
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t k = 0; k < page.items[i].size(); ++k) {
        const bool never =
            page.modules[i] == 0 && (k == 0 ? page.items[i][k] != 0 : page.items[i][k] == 0);
        mass += never ? p : 0;
        (i == 0 && k == 0 ? first : second) += never && k == 0 ? p : 0;
      }
  for (const auto& [page, p] : all_pages(mu))
    shown += p * static_cast<double>(page.items[0].size() + page.items[1].size());
  REQUIRE(first > second);
  const std::string expected = fmt::format(
      "{:.2f} % of its items show what the behavior never shows there (most: slot 0, "
      "position 0, {:.2f} % of pages); the log cannot judge these",
      100 * mass / shown, 100 * first);
  const std::vector<std::string>& said = found.at("cell_marginal").warnings;
  INFO(fmt::format("{}", fmt::join(said, "\n")));
  CHECK(std::find(said.begin(), said.end(), expected) != said.end());
}

TEST_CASE("rows whose length a policy chooses leave every cell's mean weight at 1") {
  // Of the last module one item is shown: policies that prefer it have fewer second items.
  const PageTables mu = logging();
  PageTables pi = judged();
  pi.modules = plackett_luce_table({.1, .1, .8}, 2);
  const WholeLog log(mu, kRowsAlone);
  const FunctionPolicy behavior = mu.policy(), policy = pi.policy();
  EvaluateOptions options = of({"snrow_marginal", "sncell_marginal", "snpage_cascade"});
  for (const auto& [name, each] : values(log.source(), policy, &behavior, options)) {
    INFO(name);
    CHECK(each.mean_weight.value == Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("estimators of cells are refused where pages have none") {
  const PageTables mu = logging();
  const FunctionPolicy behavior = mu.policy(), policy = judged().policy();
  const auto refused = [&](auto&& change, const std::string& estimator, const std::string& why,
                           const std::string& metric = "engagement") {
    WholeLog log(mu, kCellsAlone);
    change(log);
    EvaluateOptions options = of({estimator});
    options.metrics = {metric};
    try {
      values(log.source(), policy, &behavior, options);
      FAIL("not refused: " << why);
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find(why) != std::string::npos);
    }
  };
  const auto nothing = [](WholeLog&) {};
  const auto modules_only = [](WholeLog& log) {
    log.batch().responses.click.assign(log.batch().pages.module.size(), 1);
  };
  refused(modules_only, "cell_marginal", "item by item: there is no response for metric 'ctr'",
          "ctr");
  refused([](WholeLog& log) { log.batch().propensities.pscore_in_module_cascade.clear(); },
          "cell_marginal", "'pscore_in_module_cascade' is missing");
  refused([](WholeLog& log) { log.batch().propensities.pscore_in_module_position[3] = 0; },
          "cell_marginal", "a logged propensity lies in (0, 1]");
  refused([](WholeLog& log) { log.schema().n_positions = 1; }, "cell_marginal",
          "more than 1 items");
  refused([](WholeLog& log) { log.schema().n_positions = 150; }, "sncell_marginal",
          "expected at most 200");
  refused(nothing, "row_cascade_1.5", "expected a whole number or inf");
}

TEST_CASE("a list is a page of one row whose cells weigh what its items do") {
  Schema schema;
  schema.modules = {"list"};
  schema.n_positions = 2;
  schema.n_items = 3;
  const PageTables mu = logging(), pi = judged();
  const auto lists = [](const Table& table) {
    FunctionPolicy out = tabular_policy({{{0}, 1.0}});
    out.set_ranker(std::make_shared<TableRanker>(std::vector<Table>{table}));
    return out;
  };
  LogBatch batch;
  for (const auto& [order, p] : mu.items[0]) {
    batch.requests.user.push_back(static_cast<std::uint32_t>(batch.requests.user.size()));
    batch.requests.session.push_back(0);
    batch.requests.round.push_back(0);
    batch.requests.n_slots.push_back(1);
    batch.requests.n_positions.push_back(2);
    batch.requests.module.push_back(0);
    batch.requests.module_offsets.push_back(batch.requests.user.back() + 1);
    for (const std::uint32_t item : {0u, 1u, 2u}) batch.requests.candidate.push_back(item);
    batch.requests.candidate_offsets.push_back(3 * (batch.requests.user.back() + 1));
    batch.pages.module.push_back(0);
    batch.pages.slot_offsets.push_back(batch.requests.user.back() + 1);
    for (const std::uint16_t item : order) {
      batch.pages.item.push_back(item);
      batch.responses.engagement.push_back(static_cast<float>(item + .5));
    }
    batch.pages.item_offsets.push_back(2 * (batch.requests.user.back() + 1));
  }
  const FunctionPolicy behavior = lists(mu.items[0]), policy = lists(pi.items[0]);
  batch.propensities = propensities(behavior, batch.requests, batch.pages);
  const std::vector<LogBatch> shards{batch};
  const auto found = values(source_of(schema, shards), policy, &behavior,
                            of({"iips", "sniips", "rips", "cell_marginal", "sncell_marginal",
                                "row_marginal", "row_cascade_1", "page_cascade"}));
  CHECK(found.at("cell_marginal").value == found.at("iips").value);
  CHECK(found.at("cell_marginal").ess == found.at("iips").ess);
  CHECK(found.at("sncell_marginal").value == found.at("sniips").value);
  for (const std::string name : {"row_marginal", "row_cascade_1", "page_cascade"})
    CHECK(found.at(name).value == Approx(found.at("rips").value).epsilon(1e-14));
  CHECK(found.at("rips").value != Approx(found.at("iips").value));
}
