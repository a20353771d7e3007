#include "scenarios/fit_users.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "scenarios/yaml_tree.h"
#include "sim/core/error.h"
#include "sim/log/source.h"
#include "users/carousel_page_fit.h"
#include "users/page_users.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostGroups = 12;  // entities with a line of their own
constexpr std::size_t kQuarters = 4;
constexpr std::size_t kParts = 10;  // of the users, for standard errors
constexpr const char* kPageModel = "carousel_page";

/// Values that carousel_page holds.
CarouselPageConfig read_held(const FitUsersOptions& options) {
  if (options.held.empty()) return {};
  const Tree tree = load_tree(options.held);
  const auto refuse = [&](const std::string& message) {
    throw Error(ErrorKind::kInput, options.held + ": users: " + message);
  };
  const YAML::Node users = tree.root["users"];
  if (!users.IsDefined() || !users.IsMap()) refuse("is missing; --held reads what stands there");
  if (options.model != kPageModel) refuse("nothing is held in a fit of " + options.model);
  if (!users["type"].IsDefined() || users["type"].Scalar() != kPageModel)
    refuse("type: expected carousel_page");
  const auto types = read_carousel_page({click_model_keys(users), tree.source.child("users")});
  if (types.size() > 1) refuse("user_types: a fit is of one type of user");
  return types[0].config;
}

/// Reads logs and fits as the model asks.
class Fitting {
 public:
  explicit Fitting(const FitUsersOptions& options) : options_(options), held_(read_held(options)) {}

  ClickSessions read(const RoundSource& log) const {
    return pages() ? read_page_sessions(log) : read_click_sessions(log);
  }
  ClickFit fit(const ClickSessions& sessions) const {
    return pages() ? fit_carousel_page(sessions, held_, options_.threads)
                   : fit_clicks(options_.model, sessions);
  }
  /// Standard errors of fit.fitted: the spread over disjoint parts of the users, by root of parts.
  std::vector<double> standard_errors(const RoundSource& log, const Rng& rng,
                                      const ClickSessions& all) const {
    std::vector<double> sum, square;
    for (std::size_t p = 0; pages() && p < kParts; ++p) {
      const double low = static_cast<double>(p) / kParts;
      const double high = static_cast<double>(p + 1) / kParts;
      ClickSessions part = read(users_between(log, rng, low, high));
      part.n_ranks = all.n_ranks;
      const ClickFit own = fit(part);
      sum.resize(own.fitted.size());
      square.resize(own.fitted.size());
      for (std::size_t k = 0; k < sum.size(); ++k) {
        sum[k] += own.fitted[k].second;
        square[k] += own.fitted[k].second * own.fitted[k].second;
      }
    }
    std::vector<double> out;
    for (std::size_t k = 0; k < sum.size(); ++k) {
      const double variance = (square[k] - sum[k] * sum[k] / kParts) / (kParts - 1);
      out.push_back(std::sqrt(std::max(0.0, variance) / kParts));
    }
    return out;
  }

 private:
  bool pages() const { return options_.model == kPageModel; }

  const FitUsersOptions& options_;
  CarouselPageConfig held_;
};

/// The group of each entity and the groups' names.
struct Groups {
  std::vector<std::size_t> of;  // (n_entities)
  std::vector<std::string> names;
};

Groups group_entities(const ClickFit& fit, const ClickSessions& sessions, const Schema& schema) {
  Groups groups;
  const std::size_t n = sessions.n_entities;
  if (n <= kMostGroups) {
    groups.of.resize(n);
    std::iota(groups.of.begin(), groups.of.end(), std::size_t{0});
    for (std::size_t a = 0; a < n; ++a)
      groups.names.push_back(sessions.modules ? schema.modules[a] : fmt::format("item {}", a));
    return groups;
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return fit.attraction[a] < fit.attraction[b];
  });
  groups.of.resize(n);
  for (std::size_t place = 0; place < n; ++place) groups.of[order[place]] = place * kQuarters / n;
  groups.names = {"least attractive quarter", "second quarter", "third quarter",
                  "most attractive quarter"};
  return groups;
}

/// Mean clicks and mean predictions of the impressions of each class.
std::vector<Fidelity::Pair> means(const std::vector<std::string>& names,
                                  const ClickSessions& sessions, const std::vector<double>& q,
                                  const std::function<std::size_t(std::size_t)>& class_of) {
  std::vector<Fidelity::Pair> pairs;
  for (const std::string& name : names) pairs.push_back({name, 0, 0});
  std::vector<double> shown(names.size(), 0.0);
  for (std::size_t j = 0; j < q.size(); ++j) {
    Fidelity::Pair& pair = pairs[class_of(j)];
    pair.log += sessions.click[j];
    pair.model += q[j];
    ++shown[class_of(j)];
  }
  for (std::size_t c = 0; c < pairs.size(); ++c) {
    if (shown[c] == 0) continue;
    pairs[c].log /= shown[c];
    pairs[c].model /= shown[c];
  }
  return pairs;
}

std::vector<Fidelity::Pair> click_counts(const ClickFit& fit, const ClickSessions& sessions,
                                         double& variance) {
  const std::vector<double> expected = mean_n_clicks(fit, sessions);
  std::vector<Fidelity::Pair> pairs;
  for (std::size_t k = 0; k < expected.size(); ++k)
    pairs.push_back({fmt::format("{}", k), 0, expected[k]});
  double mean = 0, square = 0;
  const double n = static_cast<double>(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const auto begin = sessions.click.begin() + sessions.offsets[i];
    const auto clicks = std::count(begin, sessions.click.begin() + sessions.offsets[i + 1], 1);
    pairs[static_cast<std::size_t>(clicks)].log += 1 / n;
    mean += static_cast<double>(clicks) / n;
    square += static_cast<double>(clicks * clicks) / n;
  }
  variance = square - mean * mean;
  while (pairs.size() > 2 && pairs.back().log == 0 && pairs.back().model < 5e-7) pairs.pop_back();
  return pairs;
}

Fidelity compare(const ClickFit& fit, const ClickSessions& sessions, const LogReader& log) {
  Fidelity fidelity;
  fidelity.log = log.folder().string();
  fidelity.n_impressions = sessions.n_impressions();
  const std::vector<double> q = click_predictions(fit, sessions, false);
  fidelity.ctr = means({"all"}, sessions, q, [](std::size_t) { return std::size_t{0}; })[0];
  std::vector<std::string> ranks;
  for (std::size_t r = 1; r <= sessions.n_ranks; ++r) ranks.push_back(fmt::format("{}", r));
  fidelity.by_rank = means(ranks, sessions, q, [&](std::size_t j) { return sessions.rank[j]; });
  const Groups groups = group_entities(fit, sessions, log.schema());
  fidelity.by_group = means(groups.names, sessions, q,
                            [&](std::size_t j) { return groups.of[sessions.entity[j]]; });
  double variance = 0;
  fidelity.n_clicks = click_counts(fit, sessions, variance);
  const double pages = static_cast<double>(sessions.size());
  fidelity.ctr_stderr = std::sqrt(variance * pages) / static_cast<double>(sessions.n_impressions());
  const double turns = static_cast<double>(sessions.turn_sizes.size());
  fidelity.rounds_per_session = pages / turns;
  return fidelity;
}

void check_same_items(const ClickSessions& ours, const ClickSessions& theirs,
                      const LogReader& other) {
  if (ours.n_entities == theirs.n_entities && ours.modules == theirs.modules &&
      ours.whole_lists == theirs.whole_lists)
    return;
  throw Error(
      ErrorKind::kInput,
      fmt::format("{}: shows other things than the first log: {} {} instead of {} {}",
                  other.folder().string(), theirs.n_entities, theirs.modules ? "modules" : "items",
                  ours.n_entities, ours.modules ? "modules" : "items"));
}

void check_share(const ClickSessions& part, const char* which) {
  if (part.n_impressions() == 0)
    throw Error(ErrorKind::kInput, fmt::format("no users are {}: change --held-out", which));
}

nlohmann::ordered_json to_json(const ClickScore& score) {
  return {{"log_likelihood", score.log_likelihood},
          {"perplexity", score.perplexity},
          {"perplexity_at_rank", score.perplexity_at_rank}};
}

nlohmann::ordered_json to_json(const std::vector<Fidelity::Pair>& pairs) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const Fidelity::Pair& pair : pairs)
    all[pair.name] = {{"log", pair.log}, {"model", pair.model}};
  return all;
}

nlohmann::ordered_json to_json(const Fidelity& fidelity) {
  return {
      {"log", fidelity.log},
      {"impressions", fidelity.n_impressions},
      {"ctr",
       {{"log", fidelity.ctr.log}, {"stderr", fidelity.ctr_stderr}, {"model", fidelity.ctr.model}}},
      {"ctr_by_rank", to_json(fidelity.by_rank)},
      {"ctr_by_group", to_json(fidelity.by_group)},
      {"clicks_on_a_page", to_json(fidelity.n_clicks)},
      {"rounds_per_session", fidelity.rounds_per_session}};
}

std::string pairs_text(const std::string& title, const std::vector<Fidelity::Pair>& pairs) {
  std::string text = fmt::format("  {:<28} {:>10} {:>10}\n", title, "log", "model");
  for (const Fidelity::Pair& pair : pairs)
    text += fmt::format("    {:<26} {:>10.6f} {:>10.6f}\n", pair.name, pair.log, pair.model);
  return text;
}

std::string fidelity_text(const Fidelity& f) {
  return fmt::format(
             "  CTR: log {:.6f} (standard error {:.6f}), model {:.6f} ({:+.2f} standard errors)\n",
             f.ctr.log, f.ctr_stderr, f.ctr.model, (f.ctr.model - f.ctr.log) / f.ctr_stderr) +
         pairs_text("CTR by rank", f.by_rank) + pairs_text("CTR by what is shown", f.by_group) +
         pairs_text("share of pages by clicks", f.n_clicks) +
         fmt::format("  pages a session in the log: {:.3f}; the model ends with the page\n",
                     f.rounds_per_session);
}

}  // namespace

std::vector<std::string> fittable_users() {
  std::vector<std::string> names = fittable_click_models();
  names.emplace_back(kPageModel);
  return names;
}

FitUsersReport fit_users(const LogReader& log, const FitUsersOptions& options) {
  const RoundSource source = source_of(log);
  const Rng rng(options.seed);
  const Fitting fitting(options);
  ClickSessions train = fitting.read(users_between(source, rng, 0, 1 - options.held_out));
  ClickSessions test = fitting.read(users_between(source, rng, 1 - options.held_out, 1));
  check_share(train, "left to fit to");
  check_share(test, "held out");
  ClickSessions all = fitting.read(source);
  train.n_ranks = test.n_ranks = all.n_ranks;
  FitUsersReport report;
  report.log = log.folder().string();
  report.n_train = train.n_impressions();
  report.n_test = test.n_impressions();
  const ClickFit trained = fitting.fit(train);
  report.conditional = score_clicks(click_predictions(trained, test, true), test);
  report.unconditional = score_clicks(click_predictions(trained, test, false), test);
  const std::vector<double> rates = click_rates(train);
  std::vector<double> q;
  for (const std::uint16_t rank : test.rank) q.push_back(rates[rank]);
  report.baseline = score_clicks(q, test);
  ClickSessions other;
  if (options.compare != nullptr) {
    other = fitting.read(source_of(*options.compare));
    check_same_items(all, other, *options.compare);
    if (other.n_ranks > all.n_ranks)
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: has {} ranks, the first log only {}",
                              options.compare->folder().string(), other.n_ranks, all.n_ranks));
  }
  report.fit = fitting.fit(all);
  report.stderrs = fitting.standard_errors(source, rng, all);
  report.own = compare(report.fit, all, log);
  if (options.compare != nullptr) report.other = compare(report.fit, other, *options.compare);
  return report;
}

std::string users_yaml(const FitUsersReport& report) {
  std::string text = fmt::format("# Fitted to {} impressions of {}.\nusers:\n  type: {}\n",
                                 report.n_train + report.n_test, report.log, report.fit.type);
  for (const auto& [key, value] : report.fit.parameters)
    text += fmt::format("  {}: {}\n", key, value);
  return text;
}

std::string to_json(const FitUsersReport& report) {
  nlohmann::ordered_json json;
  json["model"] = report.fit.type;
  for (const auto& [key, value] : report.fit.parameters)
    json["parameters"][key] = nlohmann::json::parse(value);
  for (std::size_t k = 0; k < report.fit.fitted.size(); ++k)
    json["fitted"][report.fit.fitted[k].first] = {{"value", report.fit.fitted[k].second},
                                                  {"stderr", report.stderrs[k]}};
  json["notes"] = report.fit.notes;
  json["log"] = report.log;
  json["impressions"] = {{"fitted", report.n_train}, {"held_out", report.n_test}};
  json["held_out"] = {{"conditional", to_json(report.conditional)},
                      {"unconditional", to_json(report.unconditional)},
                      {"click_rate_by_rank", to_json(report.baseline)}};
  json["fidelity"] = to_json(report.own);
  if (report.other) json["fidelity_other"] = to_json(*report.other);
  return json.dump(2) + "\n";
}

std::string to_text(const FitUsersReport& report) {
  std::string text = fmt::format("{} fitted to {}\n", report.fit.yaml(), report.log);
  for (const std::string& note : report.fit.notes) text += "  " + note + "\n";
  if (!report.fit.fitted.empty())
    text += fmt::format("\n  {:<28} {:>10} {:>14}\n", "fitted", "value", "standard error");
  for (std::size_t k = 0; k < report.fit.fitted.size(); ++k)
    text += fmt::format("    {:<26} {:>10.6f} {:>14.6f}\n", report.fit.fitted[k].first,
                        report.fit.fitted[k].second, report.stderrs[k]);
  text += fmt::format(
      "\nHeld-out users: {} impressions, by a fit to the {} of the others\n"
      "  {:<28} {:>12} {:>12} {:>12}\n",
      report.n_test, report.n_train, "", "conditional", "unconditional", "rank's rate");
  const auto line = [&](const std::string& name, auto&& of) {
    text += fmt::format("  {:<28} {:>12.6f} {:>12.6f} {:>12.6f}\n", name, of(report.conditional),
                        of(report.unconditional), of(report.baseline));
  };
  line("log-likelihood", [](const ClickScore& score) { return score.log_likelihood; });
  line("perplexity", [](const ClickScore& score) { return score.perplexity; });
  for (std::size_t r = 0; r < report.baseline.perplexity_at_rank.size(); ++r)
    line(fmt::format("perplexity at rank {}", r + 1),
         [r](const ClickScore& score) { return score.perplexity_at_rank[r]; });
  text += "\nThe fitted model beside its own log\n" + fidelity_text(report.own);
  if (report.other)
    text += "\nThe same model on the pages of " + report.other->log +
            ", whose clicks it has not seen\n" + fidelity_text(*report.other);
  return text;
}

}  // namespace rehearsal
