#include "analysis/results.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kResultsSchema = "rehearsal.results/1";

// --- writing -----------------------------------------------------------------

Json interval(const Interval& i) { return {{"value", i.value}, {"low", i.low}, {"high", i.high}}; }

Json choice(const Choice& c) {
  Json out{{"estimator", c.estimator},
           {"rule", c.rule},
           {"reason", c.reason},
           {"measure", c.measure},
           {"considered", Json::array()}};
  for (const Considered& each : c.considered)
    out["considered"].push_back(
        {{"estimator", each.estimator}, {"value", each.value}, {c.measure, each.score}});
  return out;
}

Json lift_test(const LiftTest& t) {
  return {{"p_value", t.p_value},
          {"p_adjusted", t.p_adjusted},
          {"correction", t.correction},
          {"comparisons", t.comparisons}};
}

Json estimate(const Estimate& e) {
  Json out{{"estimator", e.estimator},   {"metric", e.metric}, {"value", e.value},
           {"stderr", e.standard_error}, {"low", e.low},       {"high", e.high},
           {"confidence", e.confidence}};
  if (e.lift) {
    out["lift"] = interval(*e.lift);
    out["lift"]["stderr"] = e.lift_standard_error;
    if (e.lift_test) out["lift"]["test"] = lift_test(*e.lift_test);
  }
  out["ess"] = e.ess;
  out["max_weight"] = e.max_weight;
  out["mean_weight"] = interval(e.mean_weight);
  out["zero_weight_share"] = e.zero_weight_share;
  if (e.pareto_k) out["pareto_k"] = *e.pareto_k;
  if (e.q_hat)
    out["q_hat"] = {{"mean_prediction", e.q_hat->mean_prediction},
                    {"mean_reward", e.q_hat->mean_reward},
                    {"ece", e.q_hat->ece}};
  out["warnings"] = e.warnings;
  if (e.choice) out["choice"] = choice(*e.choice);
  if (e.cdf)
    out["cdf"] = {
        {"at", e.cdf->at}, {"value", e.cdf->value}, {"low", e.cdf->low}, {"high", e.cdf->high}};
  return out;
}

Json segment(const SegmentEstimates& s) {
  Json out{{"feature", s.feature}, {"level", s.level}, {"rounds", s.rounds}};
  out["estimates"] = Json::array();
  for (const Estimate& e : s.estimates) out["estimates"].push_back(estimate(e));
  return out;
}

Json live_lift(const LiveLift& l) {
  Json out = interval(l.lift);
  out["exact_paired_stderr"] = l.exact_paired_standard_error;
  out["sampled_paired_stderr"] = l.sampled_paired_standard_error;
  out["sampled_unpaired_stderr"] = l.sampled_unpaired_standard_error;
  out["ab"] = interval(l.ab);
  return out;
}

Json policy(const PolicyResult& p) {
  Json out{{"name", p.name}, {"type", p.type}};
  out["offline"] = Json::object();
  for (const auto& [name, value] : p.offline) out["offline"][name] = value;
  out["estimates"] = Json::array();
  for (const Estimate& e : p.estimates) out["estimates"].push_back(estimate(e));
  for (const SegmentEstimates& s : p.segments) out["segments"].push_back(segment(s));
  out["live"] = Json::object();
  for (const auto& [metric, live] : p.live)
    out["live"][metric] = {
        {"value", live.value}, {"stderr", live.standard_error}, {"exact", live.exact}};
  out["lift"] = Json::object();
  for (const auto& [metric, lift] : p.lift) out["lift"][metric] = live_lift(lift);
  out["judged"] = p.judged;
  if (p.judged)
    out["verdict"] = {{"offline", to_string(p.offline_verdict)},
                      {"live", to_string(p.live_verdict)}};
  out["reason"] = p.reason;
  return out;
}

Json online(const OnlineResults& o) {
  Json out{{"metric", o.metric},       {"best", o.best},   {"pages", o.pages},
           {"batches", o.batches},     {"delay", o.delay}, {"confidence", o.confidence},
           {"policies", Json::array()}};
  for (const OnlineResult& p : o.policies) {
    Json share = interval(p.share);
    share["stderr"] = p.share_standard_error;
    out["policies"].push_back({{"name", p.name},
                               {"learns", p.learns},
                               {"rounds", p.rounds},
                               {"expected", p.expected},
                               {"sampled", p.sampled},
                               {"best", p.best},
                               {"regret", p.regret},
                               {"regret_stderr", p.regret_standard_error},
                               {"total", interval(p.total)},
                               {"share_of_first", share}});
  }
  return out;
}

// --- reading -----------------------------------------------------------------

/// A place in the text, for messages.
struct Place {
  const Json& node;
  std::string file;
  std::string path;

  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(ErrorKind::kInput,
                file + ": " + (path.empty() ? "top level" : path) + ": " + message);
  }
  bool has(const std::string& key) const { return node.is_object() && node.contains(key); }
  Place at(const std::string& key) const {
    const std::string inner = path.empty() ? key : path + "." + key;
    if (!has(key)) throw Error(ErrorKind::kInput, file + ": " + inner + ": is missing");
    return {node.at(key), file, inner};
  }
  std::string text(const std::string& key) const {
    const Place value = at(key);
    if (!value.node.is_string()) value.refuse("is not a text");
    return value.node.get<std::string>();
  }
  /// JSON has no NaN: null stands for it.
  double number(const std::string& key) const {
    const Place value = at(key);
    if (value.node.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.node.is_number()) value.refuse("is not a number");
    return value.node.get<double>();
  }
  std::uint64_t count(const std::string& key) const {
    const Place value = at(key);
    if (!value.node.is_number_unsigned()) value.refuse("is not a count");
    return value.node.get<std::uint64_t>();
  }
  bool flag(const std::string& key) const {
    const Place value = at(key);
    if (!value.node.is_boolean()) value.refuse("is not true or false");
    return value.node.get<bool>();
  }
  std::vector<double> numbers(const std::string& key) const {
    const Place list = at(key);
    std::vector<double> out;
    list.each([&](const Place& value) {
      if (!value.node.is_number()) value.refuse("is not a number");
      out.push_back(value.node.get<double>());
    });
    return out;
  }
  template <class F>
  void each(F&& f) const {
    if (!node.is_array()) refuse("is not a list");
    for (std::size_t i = 0; i < node.size(); ++i)
      f(Place{node[i], file, path + "[" + std::to_string(i) + "]"});
  }
  template <class F>
  void each_key(F&& f) const {
    if (!node.is_object()) refuse("is not a mapping");
    for (const auto& item : node.items())
      f(item.key(), Place{item.value(), file, path + "." + item.key()});
  }
};

Interval interval_from(const Place& p) {
  return {p.number("value"), p.number("low"), p.number("high")};
}

Choice choice_from(const Place& p) {
  Choice out{p.text("estimator"), p.text("rule"), p.text("reason"), p.text("measure"), {}};
  p.at("considered").each([&](const Place& each) {
    out.considered.push_back(
        {each.text("estimator"), each.number("value"), each.number(out.measure)});
  });
  return out;
}

LiftTest lift_test_from(const Place& p) {
  return {p.number("p_value"), p.number("p_adjusted"), p.text("correction"),
          p.count("comparisons")};
}

Estimate estimate_from(const Place& p) {
  Estimate e;
  e.estimator = p.text("estimator");
  e.metric = p.text("metric");
  e.value = p.number("value");
  e.standard_error = p.number("stderr");
  e.low = p.number("low");
  e.high = p.number("high");
  e.confidence = p.number("confidence");
  if (p.has("lift")) {
    e.lift = interval_from(p.at("lift"));
    e.lift_standard_error = p.at("lift").number("stderr");
    if (p.at("lift").has("test")) e.lift_test = lift_test_from(p.at("lift").at("test"));
  }
  e.ess = p.number("ess");
  e.max_weight = p.number("max_weight");
  e.mean_weight = interval_from(p.at("mean_weight"));
  e.zero_weight_share = p.number("zero_weight_share");
  if (p.has("pareto_k")) e.pareto_k = p.number("pareto_k");
  if (p.has("q_hat")) {
    const Place q = p.at("q_hat");
    e.q_hat = {q.number("mean_prediction"), q.number("mean_reward"), q.number("ece")};
  }
  p.at("warnings").each([&](const Place& w) {
    if (!w.node.is_string()) w.refuse("is not a text");
    e.warnings.push_back(w.node.get<std::string>());
  });
  if (p.has("choice")) e.choice = choice_from(p.at("choice"));
  if (p.has("cdf")) {
    const Place cdf = p.at("cdf");
    e.cdf = {cdf.numbers("at"), cdf.numbers("value"), cdf.numbers("low"), cdf.numbers("high")};
  }
  return e;
}

SegmentEstimates segment_from(const Place& p) {
  SegmentEstimates out{p.text("feature"), p.text("level"), p.count("rounds"), {}};
  p.at("estimates").each([&](const Place& e) { out.estimates.push_back(estimate_from(e)); });
  return out;
}

LiveLift live_lift_from(const Place& p) {
  LiveLift l;
  l.lift = interval_from(p);
  l.exact_paired_standard_error = p.number("exact_paired_stderr");
  l.sampled_paired_standard_error = p.number("sampled_paired_stderr");
  l.sampled_unpaired_standard_error = p.number("sampled_unpaired_stderr");
  l.ab = interval_from(p.at("ab"));
  return l;
}

Verdict verdict_from(const Place& p, const std::string& key) {
  const std::string text = p.text(key);
  for (const Verdict verdict : {Verdict::kPromote, Verdict::kHold, Verdict::kReject})
    if (text == to_string(verdict)) return verdict;
  p.at(key).refuse("'" + text + "' is not one of promote, hold, reject");
}

PolicyResult policy_from(const Place& p) {
  PolicyResult out;
  out.name = p.text("name");
  out.type = p.text("type");
  p.at("offline").each_key([&](const std::string& key, const Place&) {
    out.offline[key] = p.at("offline").number(key);
  });
  p.at("estimates").each([&](const Place& e) { out.estimates.push_back(estimate_from(e)); });
  if (p.has("segments"))
    p.at("segments").each([&](const Place& s) { out.segments.push_back(segment_from(s)); });
  p.at("live").each_key([&](const std::string& metric, const Place& live) {
    out.live[metric] = {live.number("value"), live.number("stderr"), live.flag("exact")};
  });
  p.at("lift").each_key([&](const std::string& metric, const Place& lift) {
    out.lift[metric] = live_lift_from(lift);
  });
  out.judged = p.flag("judged");
  if (out.judged) {
    out.offline_verdict = verdict_from(p.at("verdict"), "offline");
    out.live_verdict = verdict_from(p.at("verdict"), "live");
  }
  out.reason = p.text("reason");
  return out;
}

OnlineResults online_from(const Place& p) {
  OnlineResults out{p.text("metric"),
                    p.text("best"),
                    p.count("pages"),
                    p.count("batches"),
                    p.count("delay"),
                    p.number("confidence"),
                    {}};
  p.at("policies").each([&](const Place& each) {
    OnlineResult& policy = out.policies.emplace_back();
    policy.name = each.text("name");
    policy.learns = each.flag("learns");
    for (const double n : each.numbers("rounds"))
      policy.rounds.push_back(static_cast<std::uint64_t>(n));
    policy.expected = each.numbers("expected");
    policy.sampled = each.numbers("sampled");
    policy.best = each.numbers("best");
    policy.regret = each.numbers("regret");
    policy.regret_standard_error = each.numbers("regret_stderr");
    policy.total = interval_from(each.at("total"));
    policy.share = interval_from(each.at("share_of_first"));
    policy.share_standard_error = each.at("share_of_first").number("stderr");
  });
  return out;
}

}  // namespace

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPromote:
      return "promote";
    case Verdict::kHold:
      return "hold";
    case Verdict::kReject:
      return "reject";
  }
  REHEARSAL_CHECK(false);
}

std::string to_json(const Results& results) {
  Json out{{"schema", kResultsSchema},
           {"scenario", {{"name", results.scenario}, {"seed", results.seed}}},
           {"version", results.version},
           {"log",
            {{"rounds", results.log_rounds},
             {"impressions", results.log_impressions},
             {"behavior_policy", results.behavior_policy}}},
           {"baseline", results.baseline},
           {"policies", Json::array()}};
  for (const PolicyResult& p : results.policies) out["policies"].push_back(policy(p));
  if (results.online) out["online"] = online(*results.online);
  return out.dump(2) + "\n";
}

Results from_json(const std::string& text, const std::string& file) {
  Json root;
  try {
    root = Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kInput, file + ": is not JSON: " + error.what());
  }
  const Place top{root, file, ""};
  const std::string schema = top.text("schema");
  if (schema != kResultsSchema)
    top.at("schema").refuse("'" + schema + "' is not " + std::string(kResultsSchema));
  Results out;
  out.scenario = top.at("scenario").text("name");
  out.seed = top.at("scenario").count("seed");
  out.version = top.text("version");
  out.log_rounds = top.at("log").count("rounds");
  out.log_impressions = top.at("log").count("impressions");
  out.behavior_policy = top.at("log").text("behavior_policy");
  out.baseline = top.text("baseline");
  top.at("policies").each([&](const Place& p) { out.policies.push_back(policy_from(p)); });
  if (top.has("online")) out.online = online_from(top.at("online"));
  return out;
}

}  // namespace rehearsal
