#include "sim/core/fields.h"

#include <yaml-cpp/yaml.h>

#include <limits>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

struct Inner {
  std::int64_t epochs = 3;
  std::vector<std::string> tasks{"click"};
  Fields fields() {
    return Fields()
        .add("epochs", epochs, 1, 100, "passes over the log")
        .choices("tasks", tasks, {"click", "purchase"}, "what is learnt");
  }
};

struct Config {
  double rate = 0.1;
  double any = 1e-3;
  std::int64_t count = 5;
  bool on = false;
  std::string label = "plain";
  std::string mode = "fast";
  std::vector<double> weights{1, 0.5};
  std::vector<std::int64_t> hidden{64, 32};
  std::vector<std::string> order;
  std::map<std::string, double> of;
  Inner train;
  Fields fields() {
    return Fields()
        .add("rate", rate, 0, 1, "a probability")
        .add("any", any, -1e300, std::numeric_limits<double>::infinity(), "any number")
        .add("count", count, 0, std::numeric_limits<std::int64_t>::max(), "a count")
        .add("on", on, "a switch")
        .add("label", label, "a text")
        .choice("mode", mode, {"fast", "slow"}, "how")
        .add("weights", weights, 0, 10, "weights")
        .add("hidden", hidden, 1, 4096, "widths")
        .add("order", order, "names")
        .add("of", of, 0, 1, "parts")
        .group("train", train.fields(), "training");
  }
};

Config read(const std::string& text) {
  Config config;
  config.fields().read(YAML::Load(text), {"scene.yaml", "policies[2]"});
  return config;
}

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("accepted: " << text);
  return "";
}

}  // namespace

TEST_CASE("fields read every type of value and keep the defaults of absent keys") {
  const Config config = read(R"(
rate: 0.25
count: 1e6
on: true
label: "7"
mode: slow
weights: [0, 2.5]
hidden: [8]
order: [b, a]
of: {x: 0.25, y: 0.75}
train: {epochs: 9, tasks: [purchase, click]}
)");
  CHECK(config.rate == 0.25);
  CHECK(config.any == 1e-3);
  CHECK(config.count == 1000000);
  CHECK(config.on);
  CHECK(config.label == "7");
  CHECK(config.mode == "slow");
  CHECK(config.weights == std::vector<double>{0, 2.5});
  CHECK(config.hidden == std::vector<std::int64_t>{8});
  CHECK(config.order == std::vector<std::string>{"b", "a"});
  CHECK(config.of == std::map<std::string, double>{{"x", 0.25}, {"y", 0.75}});
  CHECK(config.train.epochs == 9);
  CHECK(config.train.tasks == std::vector<std::string>{"purchase", "click"});
  CHECK(read("").count == 5);
  CHECK(read("train:").train.epochs == 3);
}

TEST_CASE("an unknown key is refused with its place, the nearest key and all known ones") {
  const std::string error = error_of("rate: 0.5\n  # a comment\nwieghts: [1]\n");
  CHECK_THAT(error, Catch::StartsWith("scene.yaml:3:1: policies[2].wieghts: unknown key"));
  CHECK_THAT(error, Catch::Contains("did you mean 'weights'?"));
  CHECK_THAT(error, Catch::Contains("Known: rate, any, count, on, label"));
  CHECK_THAT(error_of("train: {epoch: 3}"),
             Catch::StartsWith("scene.yaml:1:9: policies[2].train.epoch: unknown key") &&
                 Catch::Contains("did you mean 'epochs'?"));
}

TEST_CASE("a key that stands twice in a mapping is refused") {
  CHECK_THAT(error_of("rate: 0.5\ncount: 1\nrate: 0.5\n"),
             Catch::StartsWith("scene.yaml:3:1: policies[2].rate:") && Catch::Contains("twice"));
  CHECK_THAT(error_of("of: {a: 1, a: 0}"), Catch::Contains("policies[2].of.a"));
}

TEST_CASE("wrong types are refused, naming what was expected and what was found") {
  CHECK_THAT(error_of("rate: high"), Catch::StartsWith("scene.yaml:1:7: policies[2].rate: expected "
                                                       "a number [0, 1], found 'high'"));
  CHECK_THAT(error_of("rate: \"0.5\""), Catch::Contains("found '0.5'"));
  CHECK_THAT(error_of("rate: [1]"), Catch::Contains("found a list"));
  CHECK_THAT(error_of("rate:"), Catch::Contains("found nothing"));
  CHECK_THAT(error_of("count: 1.5"), Catch::Contains("expected an integer >= 0"));
  CHECK_THAT(error_of("count: 99999999999999999999"), Catch::Contains("expected an integer"));
  CHECK_THAT(error_of("count: 3x"), Catch::Contains("expected an integer"));
  CHECK_THAT(error_of("on: 1"), Catch::Contains("expected a boolean"));
  CHECK_THAT(error_of("label: {a: 1}"), Catch::Contains("found a mapping"));
  CHECK_THAT(error_of("mode: fats"), Catch::Contains("did you mean 'fast'?"));
  CHECK_THAT(error_of("weights: 3"), Catch::Contains("expected a list of numbers"));
  CHECK_THAT(error_of("weights: [1, x]"), Catch::Contains("policies[2].weights[1]"));
  CHECK_THAT(error_of("of: [1]"), Catch::Contains("expected a mapping of names to numbers"));
  CHECK_THAT(error_of("train: 3"), Catch::Contains("expected a mapping"));
  CHECK_THAT(error_of("train: {tasks: [clik]}"), Catch::Contains("policies[2].train.tasks[0]"));
  CHECK_THAT(error_of("[1, 2]"), Catch::Contains("expected a mapping, found a list"));
}

TEST_CASE("NaN, infinity and values out of range are refused at both ends") {
  for (const char* text :
       {"rate: -0.001", "rate: 1.001", "rate: .nan", "rate: nan", "rate: .inf", "rate: inf",
        "rate: 1e999", "any: .nan", "any: -.inf", "count: -1", "hidden: [0]", "hidden: [4097]",
        "weights: [10.5]", "of: {a: -0.1}", "train: {epochs: 0}"})
    CHECK_THAT(error_of(text), Catch::StartsWith("scene.yaml:1:"));
  CHECK(read("rate: 0").rate == 0);
  CHECK(read("rate: 1").rate == 1);
  CHECK(read("any: .inf").any == std::numeric_limits<double>::infinity());
}

TEST_CASE("resolved configuration has every key and reads back bit for bit") {
  Config config =
      read("{rate: 0.1, any: 1.2345678901234567e-300, label: 'a: #b', order: ['null']}");
  config.of = {{"x", 1.0 / 3}, {"y", 2.0 / 3}};
  config.weights = {0.1, 1e-17};
  config.label = "null";
  const YAML::Node once = config.fields().resolved();
  const std::string text = YAML::Dump(once);
  INFO(text);
  Config again = read(text);
  CHECK(again.any == config.any);
  CHECK(again.of == config.of);
  CHECK(again.weights == config.weights);
  CHECK(again.label == "null");
  CHECK(again.order == std::vector<std::string>{"null"});
  CHECK(YAML::Dump(again.fields().resolved()) == text);
  CHECK(once.size() == 11);
}

TEST_CASE("descriptions carry type, default, allowed values and help, nested keys by path") {
  const std::vector<FieldDescription> all = describe_fields<Config>();
  REQUIRE(all.size() == 13);
  CHECK(all[0].name == "rate");
  CHECK(all[0].default_value == "0.1");
  CHECK(all[0].allowed == "[0, 1]");
  CHECK(all[2].allowed == ">= 0");
  CHECK(all[5].allowed == "one of fast, slow");
  CHECK(all[7].default_value == "[64, 32]");
  CHECK(all[11].name == "train.epochs");
  CHECK(all[11].default_value == "3");
  CHECK(all[11].help == "passes over the log");
}

TEST_CASE("keys of the enclosing reader are ignored, and its refusals point at the key") {
  const YAML::Node node = YAML::Load("name: me\ntype: thing\ntrain:\n  epochs: 7\n");
  const PluginConfig plugin{node, {"scene.yaml", "policies[0]"}};
  CHECK(plugin.read<Config>().train.epochs == 7);
  CHECK_THROWS_WITH(plugin.refuse("train.epochs", "too many"),
                    "scene.yaml:4:11: policies[0].train.epochs: too many");
  CHECK_THROWS_WITH(plugin.refuse("absent", "is needed"),
                    "scene.yaml:1:1: policies[0].absent: is needed");
}

TEST_CASE("a value set elsewhere is reported with where it came from") {
  auto origins = std::make_shared<std::map<std::string, std::string>>();
  (*origins)["users"] = "base.yaml";
  (*origins)["users.rate"] = "--set users.rate=2";
  Config config;
  const Source source{"scene.yaml", "users", origins};
  CHECK_THROWS_WITH(config.fields().read(YAML::Load("rate: 2"), source),
                    Catch::StartsWith("--set users.rate=2: users.rate: expected a number"));
  CHECK_THROWS_WITH(config.fields().read(YAML::Load("count: x"), source),
                    Catch::StartsWith("base.yaml:1:8: users.count: expected an integer"));
}

TEST_CASE("a list may be given as one allowed word, and is written back as that word") {
  std::vector<std::string> order{"curated"};
  Fields fields = Fields().add_list_or("order", order, {"curated"}, "names");
  fields.read(YAML::Load("order: [b, curated]"), {});
  CHECK(order == std::vector<std::string>{"b", "curated"});
  CHECK(YAML::Dump(fields.resolved()) == "order: [b, curated]");
  fields.read(YAML::Load("order: curated"), {});
  CHECK(order == std::vector<std::string>{"curated"});
  CHECK(YAML::Dump(fields.resolved()) == "order: curated");
  CHECK_THROWS_AS(fields.read(YAML::Load("order: other"), {}), Error);
  CHECK_THROWS_AS(fields.read(YAML::Load("order: {a: 1}"), {}), Error);
}

TEST_CASE("a list of lists of numbers is read, checked, described and written back") {
  std::vector<std::vector<double>> rows;
  Fields fields;
  fields.add("rows", rows, 0, 1, "by rank");
  fields.read(YAML::Load("rows: [[1], [0.5, 0.25], []]"), {"scene.yaml", "users"});
  CHECK(rows == std::vector<std::vector<double>>{{1}, {0.5, 0.25}, {}});
  CHECK(YAML::Dump(fields.resolved()) == "rows: [[1], [0.5, 0.25], []]");
  CHECK(fields.describe()[0].type == "a list of lists of numbers");
  const auto message = [&](const std::string& text) {
    try {
      fields.read(YAML::Load(text), {"scene.yaml", "users"});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message("rows: 1").find("users.rows: expected a list of lists") != std::string::npos);
  CHECK(message("rows: [1]").find("users.rows[0]: expected a list of numbers") !=
        std::string::npos);
  CHECK(message("rows: [[1], [0, 2]]")
            .find("scene.yaml:1:16: users.rows[1][1]: expected a number "
                  "[0, 1], found '2'") != std::string::npos);
  CHECK(rows.size() == 3);
}
