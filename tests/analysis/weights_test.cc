#include "analysis/weights.h"

#include <map>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

using Slate = std::vector<std::uint16_t>;
/// Mean and second moments of slot rewards given a slate.
struct Rewards {
  std::function<std::vector<double>(const Slate&)> mean;
  /// E[(sum_k a_k r_k)^2 | slate]
  std::function<double(const Slate&, const std::vector<double>&)> second_moment;
};

/// One round a slate of `mu`'s table, with its exact propensities: the whole log space.
LogBatch every_slate(const TabularSlates::Table& mu, std::size_t m, std::size_t l) {
  LogBatch batch;
  for (const auto& [slate, p] : mu) {
    batch.requests.user.push_back(static_cast<std::uint32_t>(batch.requests.user.size()));
    batch.requests.session.push_back(0);
    batch.requests.round.push_back(0);
    batch.requests.n_slots.push_back(static_cast<std::uint16_t>(l));
    for (std::uint16_t c = 0; c < m; ++c) batch.requests.module.push_back(c);
    batch.requests.module_offsets.push_back(
        static_cast<std::uint32_t>(batch.requests.module.size()));
    for (const std::uint16_t c : slate) {
      batch.pages.module.push_back(c);
      batch.pages.item_offsets.push_back(0);
    }
    batch.pages.slot_offsets.push_back(static_cast<std::uint32_t>(batch.pages.module.size()));
  }
  PseudoInverseCache cache;
  const LoggedRounds logged = logged_rounds(batch, nullptr, {}, cache);
  batch.propensities =
      module_propensities(logged, *tabular_policy(mu).distribution(batch.requests));
  return batch;
}

WeightNeeds all_needs() {
  WeightNeeds needs;
  needs.page = needs.cascade = needs.item_position = needs.pseudo_inverse = true;
  needs.direct = needs.support = true;
  return needs;
}

struct WeightMoments {
  double mean = 0;
  double variance = 0;
};

/// An estimator's exact mean and per-round variance over the log space.
class LogSpace {
 public:
  LogSpace(TabularSlates::Table mu, const TabularSlates::Table& pi, std::size_t m, std::size_t l)
      : mu_(std::move(mu)), l_(l), batch_(every_slate(mu_, m, l)) {
    const auto behavior = tabular_policy(mu_).distribution(batch_.requests);
    logged_ = logged_rounds(batch_, behavior.get(), all_needs(), cache_);
    policy_weights(logged_, tabular_policy(pi), all_needs(), weights_);
    q_hat_.assign(logged_.cell_offsets.back(), 0.0);
    for (std::size_t c = 0; c < q_hat_.size(); ++c)
      q_hat_[c] = std::sin(static_cast<double>(c % (m * l)) + 1);  // any, the same every round
    direct_term(logged_, weights_, q_hat_, direct_);
    shown_q_hat(logged_, q_hat_, shown_);
  }

  /// Terms of one reward vector, the same shape for all slates. Args: reward: of each slate.
  std::vector<double> terms(const std::string& name, const std::vector<double>& reward) const {
    WeightedRounds rounds{
        batch_.pages.slot_offsets, reward, weights_.page, weights_.cascade, weights_.item_position,
        weights_.pseudo_inverse,   shown_, direct_};
    const Estimator entry = parse_estimator(name);
    std::vector<double> out(rounds.size() * entry.layout(l_).n_columns);
    entry.terms(rounds, l_, out);
    return out;
  }

  double mean(const std::string& name, const Rewards& rewards) const {
    std::vector<double> all;
    for (const auto& [slate, p] : mu_)
      for (const double r : rewards.mean(slate)) all.push_back(r);
    const std::vector<double> values = terms(name, all);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += mu_[i].second * values[i];
    return sum;
  }

  /// Terms are linear in rewards: their slopes come from unit rewards in one slot.
  double variance(const std::string& name, const Rewards& rewards) const {
    std::vector<std::vector<double>> slope(mu_.size(), std::vector<double>(l_));
    for (std::size_t k = 0; k < l_; ++k) {
      std::vector<double> unit(mu_.size() * l_, 0.0);
      for (std::size_t i = 0; i < mu_.size(); ++i) unit[i * l_ + k] = 1;
      const std::vector<double> values = terms(name, unit);
      for (std::size_t i = 0; i < mu_.size(); ++i) slope[i][k] = values[i];
    }
    double second = 0;
    for (std::size_t i = 0; i < mu_.size(); ++i)
      second += mu_[i].second * rewards.second_moment(mu_[i].first, slope[i]);
    const double first = mean(name, rewards);
    return second - first * first;
  }

  const PolicyWeights& weights() const { return weights_; }
  const LoggedRounds& logged() const { return logged_; }
  const TabularSlates::Table& mu() const { return mu_; }

 private:
  TabularSlates::Table mu_;
  std::size_t l_;
  LogBatch batch_;
  PseudoInverseCache cache_;
  LoggedRounds logged_;
  PolicyWeights weights_;
  std::vector<double> q_hat_, direct_, shown_;
};

/// Independent Bernoulli slots with these means.
Rewards independent_slots(std::function<std::vector<double>(const Slate&)> mean) {
  return {mean, [mean](const Slate& slate, const std::vector<double>& a) {
            const std::vector<double> p = mean(slate);
            double first = 0, spread = 0;
            for (std::size_t k = 0; k < p.size(); ++k) {
              first += a[k] * p[k];
              spread += a[k] * a[k] * p[k] * (1 - p[k]);
            }
            return first * first + spread;
          }};
}

const std::vector<double> kPageAlpha{.5, .3, .2, .4};

Rewards golden_rewards(const std::string& kind) {
  if (kind == "independent")
    return independent_slots([](const Slate& s) {
      return std::vector<double>{kPageAlpha[s[0]], .6 * kPageAlpha[s[1]]};
    });
  if (kind == "standard")
    return independent_slots([](const Slate& s) {
      return std::vector<double>{kPageAlpha[s[0]] * (1 - .5 * kPageAlpha[s[1]]),
                                 kPageAlpha[s[1]] * (1 - .5 * kPageAlpha[s[0]])};
    });
  // cascade: at most one click
  const auto mean = [](const Slate& s) {
    return std::vector<double>{kPageAlpha[s[0]], (1 - kPageAlpha[s[0]]) * kPageAlpha[s[1]]};
  };
  return {mean, [mean](const Slate& s, const std::vector<double>& a) {
            const std::vector<double> p = mean(s);
            return a[0] * a[0] * p[0] + a[1] * a[1] * p[1];
          }};
}

}  // namespace

TEST_CASE("estimators have the exact means and variances of an enumerated Plackett-Luce log") {
  const LogSpace space(plackett_luce_table({1, 2, 3, 4}, 2), plackett_luce_table({4, 3, 2, 1}, 2),
                       4, 2);
  struct Golden {
    const char *rewards, *estimator;
    double mean, variance;
  };
  const std::vector<Golden> golden{
      {"independent", "ips", .581500, 2.891871},  {"independent", "iips", .581500, 1.083153},
      {"independent", "rips", .581500, 1.862113}, {"independent", "pi", .581500, 2.009059},
      {"cascade", "ips", .598667, 2.217064},      {"cascade", "iips", .607658, .973491},
      {"cascade", "rips", .598667, 1.507819},     {"cascade", "pi", .595167, 1.542433},
      {"standard", "ips", .598667, 2.940820},     {"standard", "iips", .605399, 1.043324},
      {"standard", "rips", .600904, 2.013214},    {"standard", "pi", .595167, 2.057260}};
  for (const Golden& each : golden) {
    INFO(each.rewards << " " << each.estimator);
    const Rewards rewards = golden_rewards(each.rewards);
    CHECK(space.mean(each.estimator, rewards) == Approx(each.mean).margin(1e-6));
    CHECK(space.variance(each.estimator, rewards) == Approx(each.variance).margin(1e-6));
  }
}

TEST_CASE("under independent slots every weighted estimator is unbiased on random instances") {
  Stream stream = Rng(4).stream(Draw::kWorld, {});
  for (std::size_t m = 2; m <= 4; ++m) {
    for (std::size_t l = 1; l <= 2; ++l) {
      std::vector<double> w_mu(m), w_pi(m), alpha(m * l);
      for (auto* values : {&w_mu, &w_pi, &alpha})
        for (double& value : *values) value = 0.1 + 0.8 * stream.uniform();
      const TabularSlates::Table pi = plackett_luce_table(w_pi, l);
      const LogSpace space(plackett_luce_table(w_mu, l), pi, m, l);
      const Rewards rewards = independent_slots([&](const Slate& s) {
        std::vector<double> mean(l);
        for (std::size_t k = 0; k < l; ++k) mean[k] = alpha[k * m + s[k]];
        return mean;
      });
      double truth = 0;
      for (const auto& [slate, p] : pi)
        for (const double r : rewards.mean(slate)) truth += p * r;
      for (const std::string name : {"ips", "iips", "rips", "pi", "dr"}) {
        INFO(name << ", m = " << m << ", l = " << l);
        CHECK(space.mean(name, rewards) == Approx(truth).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("whole pages and cascades stay unbiased when slots depend on the slots above") {
  Stream stream = Rng(5).stream(Draw::kWorld, {});
  for (int instance = 0; instance < 5; ++instance) {
    std::vector<double> w_mu(4), w_pi(4);
    for (auto* values : {&w_mu, &w_pi})
      for (double& value : *values) value = 0.1 + stream.uniform();
    std::map<Slate, std::vector<double>> table;
    const TabularSlates::Table pi = plackett_luce_table(w_pi, 2);
    for (const auto& [slate, p] : pi) table[slate] = {0.1 + 0.2 * slate[0], stream.uniform()};
    const Rewards rewards = independent_slots([&](const Slate& s) { return table.at(s); });
    const LogSpace space(plackett_luce_table(w_mu, 2), pi, 4, 2);
    double truth = 0;
    for (const auto& [slate, p] : pi) truth += p * (table[slate][0] + table[slate][1]);
    CHECK(space.mean("ips", rewards) == Approx(truth).epsilon(1e-10));
    CHECK(space.mean("rips", rewards) == Approx(truth).epsilon(1e-10));
    CHECK(std::abs(space.mean("iips", rewards) - truth) > 1e-4);
  }
}

TEST_CASE("each kind of weight has mean one under the behavior and PI keeps its identities") {
  const LogSpace space(plackett_luce_table({1, 2, 3, 4}, 3), plackett_luce_table({5, 1, 2, 1}, 3),
                       4, 3);
  double page = 0, pi = 0, pi_squared = 0, pi_under_target = 0, first = 0, third = 0;
  const TabularSlates::Table target = plackett_luce_table({5, 1, 2, 1}, 3);
  for (std::size_t i = 0; i < space.mu().size(); ++i) {
    const double p = space.mu()[i].second;
    const double w = space.weights().pseudo_inverse[i];
    page += p * space.weights().page[i];
    pi += p * w;
    pi_squared += p * w * w;
    pi_under_target += target[i].second * w;
    first += p * space.weights().item_position[3 * i];
    third += p * space.weights().cascade[3 * i + 2];
  }
  CHECK(page == Approx(1).epsilon(1e-12));
  CHECK(pi == Approx(1).epsilon(1e-10));
  CHECK(pi_squared == Approx(pi_under_target).epsilon(1e-10));
  CHECK(first == Approx(1).epsilon(1e-12));
  CHECK(third == Approx(1).epsilon(1e-12));
}

TEST_CASE("the pseudo-inverse of uniform slates equals its closed form") {
  const std::size_t m = 4, l = 2;
  const TabularSlates::Table pi = plackett_luce_table({6, 1, 3, 2}, l);
  const LogSpace space(plackett_luce_table({1, 1, 1, 1}, l), pi, m, l);
  std::vector<double> marginal(l * m, 0.0);
  for (const auto& [slate, p] : pi)
    for (std::size_t k = 0; k < l; ++k) marginal[k * m + slate[k]] += p;
  for (std::size_t i = 0; i < space.mu().size(); ++i) {
    const Slate& s = space.mu()[i].first;
    double at = 0, anywhere = 0;
    for (std::size_t k = 0; k < l; ++k) {
      at += marginal[k * m + s[k]];
      for (std::size_t j = 0; j < l; ++j) anywhere += marginal[j * m + s[k]];
    }
    const double closed = 3 * at + 3.0 / 2 * anywhere - 4.0 / 2;
    CHECK(space.weights().pseudo_inverse[i] == Approx(closed).margin(1e-12));
  }
  const auto behavior = tabular_policy(space.mu()).distribution(space.logged().batch->requests);
  RowMatrix gamma(8, 8);
  behavior->pair_marginals(0, gamma);
  const RowMatrix inverse = pseudo_inverse(gamma);
  CHECK((gamma * inverse).trace() == Approx(7).margin(1e-9));  // its rank, l m - l + 1
}

TEST_CASE("where the behavior never shows a module at a slot the cell is unsupported") {
  // The behavior never puts module 2 first.
  const TabularSlates::Table mu{{{0, 1}, .5}, {{1, 0}, .3}, {{1, 2}, .2}};
  const LogSpace space(mu, plackett_luce_table({1, 1, 1}, 2), 3, 2);
  const std::vector<std::uint8_t> expected{0, 0, 1, 0, 0, 0};
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(std::vector<std::uint8_t>(
              space.logged().unsupported.begin() + static_cast<std::ptrdiff_t>(6 * i),
              space.logged().unsupported.begin() + static_cast<std::ptrdiff_t>(6 * i + 6)) ==
          expected);
}

TEST_CASE("a log that cannot be weighted is refused") {
  const TabularSlates::Table mu = plackett_luce_table({1, 1, 1}, 2);
  const LogBatch good = every_slate(mu, 3, 2);
  PseudoInverseCache cache;
  WeightNeeds needs;
  needs.page = needs.item_position = true;
  LogBatch zero = good;
  zero.propensities.pscore[2] = 0;
  CHECK_THROWS_AS(logged_rounds(zero, nullptr, needs, cache), Error);
  LogBatch missing = good;
  missing.propensities.pscore_item_position.clear();
  CHECK_THROWS_AS(logged_rounds(missing, nullptr, needs, cache), Error);
  LogBatch stranger = good;
  stranger.pages.module[1] = 9;
  CHECK_THROWS_AS(logged_rounds(stranger, nullptr, needs, cache), Error);
  LogBatch random_items = good;
  random_items.propensities.pscore_items[0] = 0.5;
  CHECK_THROWS_AS(logged_rounds(random_items, nullptr, needs, cache), Error);
  CHECK_NOTHROW(logged_rounds(good, nullptr, needs, cache));
}
