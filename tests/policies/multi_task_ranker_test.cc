#include "policies/multi_task_ranker.h"

#include "policies/distillation.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_items.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

const std::string kRankerTasks =
    "tasks: [{name: click, label: item_click}, {name: trail, kind: regression, label: dwell, "
    "given: item_click, transform: log1p}, {name: buy, kind: esmm, label: item_purchase, given: "
    "item_click}]";
const std::string kInputs =
    "inputs: [context.taste, context.device=mobile, item.age, "
    "candidate.plays, place.slot, place.position, module.fresh]";

std::shared_ptr<Policy> ranker(const std::string& more, const Schema& schema) {
  return small::policy("{name: net, type: multi_task_ranker, " + more + "}", schema);
}

std::string all(const std::string& more = "") { return kInputs + ", " + kRankerTasks + more; }

FitContext context_of(const Schema& schema, const std::vector<LogBatch>& shards,
                      std::uint64_t seed = 4) {
  return {source_of(schema, shards), Rng(seed), "net"};
}

bool same(const Arrays& a, const Arrays& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.shape == y.second.shape &&
           x.second.values == y.second.values;
  });
}

/// A site, its log in two shards, a teacher's labels of it that know the truth.
struct RankerSite {
  Schema schema = small::item_schema();
  std::vector<LogBatch> shards = small::item_shards(2, 800, 50, schema);
  std::vector<LogBatch> test = small::item_shards(1, 400, 90, schema);
  LabelSource labels;

  RankerSite() {
    std::vector<RowMatrixF> stored;
    for (const LogBatch& batch : shards) {
      RowMatrixF values(static_cast<Eigen::Index>(batch.pages.item.size()), 2);
      Eigen::Index row = 0;
      for (std::size_t i = 0; i < batch.size(); ++i)
        for (std::size_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1]; ++s)
          for (std::size_t j = batch.pages.item_offsets[s]; j < batch.pages.item_offsets[s + 1];
               ++j, ++row) {
            const std::uint32_t user = batch.requests.user[i];
            const std::uint32_t item = batch.pages.item[j];
            values(row, 0) =
                static_cast<float>(small::click_logit(user, item, batch.requests.features(i)[0]));
            values(row, 1) = small::likes(user, item) ? 4.1f : 3.0f;
          }
      stored.push_back(std::move(values));
    }
    labels = labels_of({{"click", false}, {"trail", true}}, "truth", std::move(stored));
  }
  FitContext context(std::uint64_t seed = 4) const {
    FitContext context = context_of(schema, shards, seed);
    context.labels["teacher"] = labels;
    return context;
  }
};

const RankerSite& ranker_site() {
  static const RankerSite once;
  return once;
}

double click_auc(const Policy& policy, std::size_t task = 0) {
  const MultiTaskRanker& net = as_multi_task_ranker(policy, "net");
  RowMatrixF outputs, labels;
  net.predict(ranker_site().test[0], outputs);
  net.observe(ranker_site().test[0], labels);
  return small::auc(outputs, labels, static_cast<Eigen::Index>(task));
}

}  // namespace

TEST_CASE("a ranker of items learns who likes what from ids alone", "[multi_task]") {
  const auto net = ranker(
      "tasks: [{name: click, label: item_click}], train: {epochs: 12, batch: "
      "64, learning_rate: 0.02}",
      ranker_site().schema);
  net->fit(ranker_site().context());
  CHECK(click_auc(*net) > 0.66);
  // The truth's own AUC on these rounds is about 0.76 with the taste, which this one cannot see.
  const auto seeing = ranker(
      "inputs: [context.taste], tasks: [{name: click, label: item_click}], "
      "train: {epochs: 12, batch: 64, learning_rate: 0.02}",
      ranker_site().schema);
  seeing->fit(ranker_site().context());
  CHECK(click_auc(*seeing) > click_auc(*net));
}

TEST_CASE("every architecture trains all kinds of tasks, twice to the same bytes", "[multi_task]") {
  for (const std::string architecture : {"shared_bottom", "mmoe", "ple"}) {
    INFO(architecture);
    const std::string config = all(", network: {architecture: " + architecture +
                                   ", tower: [4]}, train: {batch: 64, epochs: 8}");
    const auto net = ranker(config, ranker_site().schema);
    net->fit(ranker_site().context());
    CHECK(click_auc(*net) > 0.55);
    CHECK(click_auc(*net, 2) > 0.53);
    const auto again = ranker(config, ranker_site().schema);
    again->fit(ranker_site().context());
    CHECK(same(net->state(), again->state()));
    again->fit(ranker_site().context(5));
    CHECK_FALSE(same(net->state(), again->state()));
    RowMatrixF hidden;
    as_multi_task_ranker(*net, "net").represent(ranker_site().test[0], hidden);
    CHECK(hidden.cols() == 16);
  }
}

TEST_CASE("batches of whole lists train too", "[multi_task]") {
  const auto net = ranker(all(", train: {unit: lists, batch: 100}"), ranker_site().schema);
  net->fit(ranker_site().context());
  CHECK(click_auc(*net) > 0.55);
}

TEST_CASE("what is served is bit-identical without the distillation heads", "[multi_task]") {
  const auto net =
      ranker(all(", distill: [{type: auxiliary, heads: [click, trail]}, {type: non_serving, heads: "
                 "[click]}, {type: affine, heads: [click]}]"),
             ranker_site().schema);
  net->fit(ranker_site().context());
  const MultiTaskRanker& taught = as_multi_task_ranker(*net, "net");
  CHECK(taught.training_state().size() == net->state().size() + 8);
  const auto served = ranker(all(), ranker_site().schema);
  served->set_state(net->state());
  RowMatrixF with, without;
  taught.predict(ranker_site().test[0], with);
  as_multi_task_ranker(*served, "net").predict(ranker_site().test[0], without);
  CHECK(with == without);
  const RequestBatch requests = small::item_requests(200, Rng(7), ranker_site().schema);
  const PageBatch pages = recommend(*net, requests, Rng(1), nullptr);
  CHECK(recommend(*served, requests, Rng(1), nullptr).item == pages.item);
  CHECK(served->state().size() == net->state().size());
}

TEST_CASE("labels of a teacher that knows the truth help, permuted ones do not", "[multi_task]") {
  const std::string base =
      "inputs: [context.taste], tasks: [{name: click, label: item_click}], "
      "train: {epochs: 6, batch: 64, learning_rate: 0.02}";
  const auto fitted = [&](const std::string& method) {
    const auto net = ranker(base + ", distill: [" + method + "]", ranker_site().schema);
    net->fit(ranker_site().context());
    return click_auc(*net);
  };
  const double control = fitted("");
  CHECK(fitted("{type: auxiliary, weight: 4}") > control + 0.005);
  CHECK(fitted("{type: direct, weight: 4}") > control + 0.005);
  CHECK(fitted("{type: soft_logit, share: 0.8}") > control + 0.005);
  CHECK(fitted("{type: privileged, share: 0.8}") > control + 0.005);
  CHECK(fitted("{type: noisy, sd: 0.5, weight: 4}") > control + 0.005);
  CHECK(fitted("{type: placebo}") < control + 0.005);
  CHECK(fitted("{type: auxiliary, weight: 0}") == control);
}

TEST_CASE("every method of distillation trains by its name, and learns its teacher's order",
          "[multi_task]") {
  // A teacher's hidden layer: what the truth depends on.
  RankerSite taught;
  taught.labels.heads.push_back({"hidden_0", true});
  taught.labels.heads.push_back({"hidden_1", true});
  taught.labels.read = [labels = ranker_site().labels.read](std::size_t shard) {
    const RowMatrixF own = labels(shard);
    RowMatrixF wide(own.rows(), 4);
    wide << own, own.col(1).array() - 3.5f, own.col(0).array() + 1.0f;
    return wide;
  };
  for (const DistillationEntry& entry : distillations().entries()) {
    INFO(entry.name);
    const std::string heads = entry.name == "non_serving" ? ", heads: [click]" : "";
    const auto net = ranker(
        "inputs: [context.taste], tasks: [{name: click, label: item_click}], train: {unit: lists, "
        "epochs: 4, batch: 64, learning_rate: 0.02}, distill: [{type: " +
            entry.name + heads + "}]",
        taught.schema);
    FitContext context = taught.context();
    context.other_domain = source_of(taught.schema, taught.test);
    net->fit(context);
    CHECK(click_auc(*net) > 0.6);
  }
}

TEST_CASE("examples of another domain are mixed in, what it lacks at its default", "[multi_task]") {
  const Schema source = small::item_schema(true);
  std::vector<LogBatch> there = small::item_shards(2, 800, 20, source);
  for (LogBatch& batch : there) batch.responses.item_purchase.clear();
  const std::string config =
      "inputs: [context.taste, candidate.plays], tasks: [{name: click, label: item_click}, {name: "
      "buy, kind: esmm, label: item_purchase, given: item_click}], train: {epochs: 6, batch: 64, "
      "learning_rate: 0.02}, distill: [{type: mix_in, share: ";
  const auto fitted = [&](const std::string& share) {
    const auto net = ranker(config + share + "}]", ranker_site().schema);
    FitContext context = ranker_site().context();
    context.other_domain = source_of(source, there);
    net->fit(context);
    return net;
  };
  const auto mixed = fitted("0.5");
  CHECK(click_auc(*mixed) > click_auc(*fitted("0.0")) + 0.005);
  CHECK(same(mixed->state(), fitted("0.5")->state()));
  CHECK_THROWS_WITH(ranker(config + "0.5}]", ranker_site().schema)->fit(ranker_site().context()),
                    Catch::Contains("another domain"));
}

TEST_CASE("a teacher of one site labels another, where it lacks what it declares", "[multi_task]") {
  const Schema source = small::item_schema(true);
  const std::string config =
      "inputs: [context.taste, item.age, context.visit, context.visit2], "
      "may_lack: [context.visit], " +
      kRankerTasks;
  CHECK_THROWS_WITH(ranker(config, source),
                    Catch::Contains("visit2") && Catch::Contains("did you mean 'visit'"));
  const std::string good =
      "inputs: [context.taste, item.age, context.visit], may_lack: [context.visit]";
  const auto teacher = ranker(good, source);
  const std::vector<LogBatch> logs = small::item_shards(1, 400, 20, source);
  teacher->fit(context_of(source, logs));
  CHECK(as_multi_task_ranker(*teacher, "teacher").missing_inputs() == 0);
  const auto there = ranker(good, ranker_site().schema);
  CHECK(as_multi_task_ranker(*there, "teacher").missing_inputs() == Approx(1.0 / 3));
  CHECK_THROWS_WITH(there->fit(ranker_site().context()),
                    Catch::Contains("lacks the inputs context.visit"));
  there->set_state(teacher->state());

  const TemporaryFolder folder;
  const MultiTaskRanker& labeller = as_multi_task_ranker(*there, "teacher");
  write_teacher_labels(labeller, "v1", source_of(ranker_site().schema, ranker_site().shards),
                       folder.path("labels"), true);
  const LabelSource labels = open_labels(folder.path("labels"));
  CHECK(labels.heads.size() == 1 + 16);
  RowMatrixF outputs, hidden;
  labeller.predict(ranker_site().shards[1], outputs);
  labeller.represent(ranker_site().shards[1], hidden);
  CHECK(labels.read(1).leftCols(1) == outputs);
  CHECK(labels.read(1).rightCols(16) == hidden);

  // A stated default is what the input would be if it were recorded so.
  const auto stated = ranker(good + ", defaults: {context.visit: 0.25}", ranker_site().schema);
  stated->set_state(teacher->state());
  Schema with = ranker_site().schema;
  with.features.push_back({"visit", {}, ""});
  LogBatch recorded = ranker_site().test[0];
  recorded.requests.n_features = 3;
  recorded.requests.context.clear();
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    const auto old = ranker_site().test[0].requests.features(i);
    recorded.requests.context.insert(recorded.requests.context.end(), {old[0], old[1], 0.25f});
  }
  const auto seeing = ranker(good, with);
  seeing->set_state(teacher->state());
  RowMatrixF a, b;
  as_multi_task_ranker(*stated, "s").predict(ranker_site().test[0], a);
  as_multi_task_ranker(*seeing, "s").predict(recorded, b);
  CHECK(a == b);
}

TEST_CASE("pages come by the value of items, modules by the sum of what they place",
          "[multi_task]") {
  const auto net = ranker("inputs: [context.taste, item.age, candidate.plays], " + kRankerTasks +
                              ", score: {task: click, powers: {trail: 0.5}, bonuses: {buy: 2}}",
                          ranker_site().schema);
  net->fit(ranker_site().context());
  const RequestBatch requests = small::item_requests(40, Rng(7), ranker_site().schema);
  const PageBatch pages = recommend(*net, requests, Rng(1), nullptr);
  // All candidates as if they were shown.
  LogBatch shown;
  shown.requests = requests;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m) {
      shown.pages.module.push_back(requests.module[m]);
      shown.pages.item_offsets.push_back(requests.candidate_offsets[m + 1]);
    }
    shown.pages.slot_offsets.push_back(static_cast<std::uint32_t>(shown.pages.module.size()));
  }
  shown.pages.item = requests.candidate;
  RowMatrixF outputs;
  as_multi_task_ranker(*net, "net").predict(shown, outputs);
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::pair<double, std::vector<std::uint32_t>>> modules;
    for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m) {
      std::vector<std::pair<double, std::uint32_t>> values;
      for (std::size_t c = requests.candidate_offsets[m]; c < requests.candidate_offsets[m + 1];
           ++c) {
        const float* out = outputs.row(static_cast<Eigen::Index>(c)).data();
        const double trail = std::expm1(static_cast<double>(out[1]));
        values.push_back(
            {sigma(out[0]) * std::sqrt(trail) * (1 + 2 * sigma(out[2])), requests.candidate[c]});
      }
      std::sort(values.rbegin(), values.rend());
      modules.push_back({values[0].first + values[1].first + values[2].first,
                         {values[0].second, values[1].second, values[2].second}});
    }
    std::sort(modules.rbegin(), modules.rend());
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t slot = pages.slot_offsets[i] + k;
      CHECK(std::vector<std::uint32_t>(pages.item.begin() + pages.item_offsets[slot],
                                       pages.item.begin() + pages.item_offsets[slot + 1]) ==
            modules[k].second);
    }
  }
}

TEST_CASE("exploration shows every order with the chance that is logged", "[multi_task]") {
  const auto net = ranker(all(", exploration: 0.2"), ranker_site().schema);
  net->fit(ranker_site().context());
  CHECK_FALSE(net->deterministic());
  const RequestBatch requests = small::item_requests(400, Rng(7), ranker_site().schema);
  Propensities own;
  const PageBatch pages = recommend(*net, requests, Rng(1), &own);
  const Propensities again = propensities(*net, requests, pages);
  CHECK(own.pscore == again.pscore);
  // Orders: 2 of modules, 4 * 3 * 2 of the items of each.
  const double greedy = (0.8 + 0.2 / 2) * std::pow(0.8 + 0.2 / 24, 2);
  const double rarest = 0.2 / 2 * std::pow(0.2 / 24, 2);
  const auto [low, high] = std::minmax_element(own.pscore.begin(), own.pscore.end());
  CHECK(*high == Approx(greedy));
  CHECK(*low >= rarest * 0.999);
}

TEST_CASE("what a multi-task ranker cannot do with its configuration or log is said",
          "[multi_task]") {
  const Schema& schema = ranker_site().schema;
  const auto refused = [&](const std::string& more, const std::string& message) {
    CHECK_THROWS_WITH(ranker(more, schema), Catch::Contains(message));
  };
  refused("inputs: [context.device]", "is a category");
  refused("inputs: [context.device=tablet]", "unknown level 'tablet'");
  refused("inputs: [place.row]", "unknown place 'row'");
  refused("inputs: [taste]", "expected context.NAME");
  refused("inputs: [context.taste], may_lack: [context.tast]", "did you mean 'context.taste'");
  refused("tasks: [{name: click}]", "label");
  refused("tasks: [{name: click, label: item_clicks}]", "did you mean 'item_click'");
  refused("tasks: [{name: buy, kind: esmm, label: item_purchase, given: item_click}]", "esmm");
  refused("tasks: [{name: a, label: item_click, transform: log1p}]", "regression");
  refused("network: {architecture: shared_bottom, experts: 3}", "mmoe or ple");
  refused("network: {architecture: mmoe, task_experts: 3}", "ple only");
  refused("distill: [{type: auxilary}]", "did you mean 'auxiliary'");
  refused("distill: [{type: direct, wieght: 2}]", "wieght");
  refused("distill: [{type: direct, heads: [clik]}]", "did you mean 'click'");
  refused("score: {task: clik}", "did you mean 'click'");
  refused("score: {powers: {click: 1}}", "no regression");
  const auto taught = ranker("distill: [{type: direct, labels: video}]", schema);
  CHECK_THROWS_WITH(taught->fit(ranker_site().context()),
                    Catch::Contains("unknown labels 'video'"));
  const auto other = ranker("distill: [{type: direct, heads: [click=watch]}]", schema);
  CHECK_THROWS_WITH(other->fit(ranker_site().context()), Catch::Contains("'watch'"));
  FitContext wrong = ranker_site().context();
  wrong.labels["teacher"].read = [](std::size_t) { return RowMatrixF(3, 2); };
  CHECK_THROWS_WITH(ranker("distill: [{type: direct}]", schema)->fit(wrong),
                    Catch::Contains("of other rounds"));
  const auto untrained = ranker("", schema);
  CHECK_THROWS_WITH(untrained->distribution(small::item_requests(40, Rng(7), schema)),
                    Catch::Contains("has learnt nothing yet"));
  CHECK_THROWS_WITH(as_multi_task_ranker(*small::policy("{name: u, type: uniform}", schema), "u"),
                    Catch::Contains("'u' is no multi_task_ranker"));
}
