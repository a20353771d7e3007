#include "analysis/slate_weights.h"

#include <numeric>

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "sim/slate/pseudo_inverse.h"
#include "tests/catch.h"
#include "tests/support/enumerated_slates.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

const std::vector<double> kSlateAlpha{.5, .3, .2, .4};

EnumeratedSlates golden_space() {
  return {plackett_luce_table({1, 2, 3, 4}, 2), plackett_luce_table({4, 3, 2, 1}, 2), 4};
}

std::vector<double> cascade_mean(const Slate& s) {
  return {kSlateAlpha[s[0]], (1 - kSlateAlpha[s[0]]) * kSlateAlpha[s[1]]};
}

/// q_pi' Gamma^+ 1_s of every logged slate.
std::vector<double> pseudo_inverse_weights(const EnumeratedSlates& space) {
  const auto n = static_cast<Eigen::Index>(space.l() * space.m());
  RowMatrix gamma(n, n);
  space.distribution(space.mu()).pair_marginals(0, gamma);
  const RowMatrix q = marginals_of(space, space.pi());
  const Eigen::VectorXd row =
      pseudo_inverse(gamma) * Eigen::Map<const Eigen::VectorXd>(q.data(), n);
  std::vector<double> weights;
  for (const auto& [slate, p] : space.mu()) {
    double w = 0;
    for (std::size_t k = 0; k < slate.size(); ++k)
      w += row[static_cast<Eigen::Index>(k * space.m() + slate[k])];
    weights.push_back(w);
  }
  return weights;
}

/// Sum of the rewards of each logged slate.
std::vector<double> slate_rewards(const EnumeratedSlates& space, const MeanRewards& mean) {
  std::vector<double> sums;
  for (const auto& [slate, p] : space.mu()) {
    const std::vector<double> r = mean(slate);
    sums.push_back(std::accumulate(r.begin(), r.end(), 0.0));
  }
  return sums;
}

std::vector<double> times(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> product(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) product[i] = a[i] * b[i];
  return product;
}

/// Rewards of a random instance: by own item; by the items down to the position; by all items.
struct RandomRewards {
  std::map<std::vector<std::uint16_t>, std::vector<double>> cascade, standard;
  std::vector<double> own;
  std::size_t m;

  RandomRewards(const TabularSlates::Table& mu, std::size_t m_, std::size_t l, Stream& stream)
      : m(m_) {
    for (std::size_t c = 0; c < m * l; ++c) own.push_back(stream.uniform());
    std::map<Slate, double> of_prefix;
    for (const auto& [slate, p] : mu)
      for (std::size_t k = 0; k < l; ++k) {
        const Slate prefix(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k) + 1);
        if (of_prefix.count(prefix) == 0) of_prefix[prefix] = stream.uniform();
        cascade[slate].push_back(of_prefix[prefix]);
        standard[slate].push_back(stream.uniform());
      }
  }
  MeanRewards independent() const {
    return [this](const Slate& s) {
      std::vector<double> mean(s.size());
      for (std::size_t k = 0; k < s.size(); ++k) mean[k] = own[k * m + s[k]];
      return mean;
    };
  }
  MeanRewards by_prefix() const {
    return [this](const Slate& s) { return cascade.at(s); };
  }
  MeanRewards by_slate() const {
    return [this](const Slate& s) { return standard.at(s); };
  }
};

}  // namespace

TEST_CASE("the cascade doubly robust estimator has the exact mean and variance of each model") {
  EnumeratedSlates space = golden_space();
  const auto variance_with = [&](const std::function<double(const Slate&, std::uint16_t)>& q) {
    space.set_q(q);
    CHECK(space.mean("cascade_dr", cascade_mean) == Approx(.598667).margin(1e-6));
    return space.variance("cascade_dr", cascade_mean, true);
  };
  const auto immediate = [](const Slate& prefix, std::uint16_t a) {
    return prefix.empty() ? kSlateAlpha[a] : (1 - kSlateAlpha[prefix[0]]) * kSlateAlpha[a];
  };
  CHECK(variance_with([](const Slate&, std::uint16_t) { return 0.0; }) ==
        Approx(1.507819).margin(1e-6));
  CHECK(variance_with([](const Slate& prefix, std::uint16_t) {
          return prefix.empty() ? .5 : .2;
        }) == Approx(.912176).margin(1e-6));
  CHECK(variance_with(immediate) == Approx(.881301).margin(1e-6));
  const std::vector<double> w{4, 3, 2, 1};
  CHECK(variance_with([&](const Slate& prefix, std::uint16_t a) {
          if (!prefix.empty()) return immediate(prefix, a);
          double later = 0;
          for (std::uint16_t b = 0; b < 4; ++b)
            if (b != a) later += w[b] / (10 - w[a]) * immediate({a}, b);
          return kSlateAlpha[a] + later;
        }) == Approx(.850469).margin(1e-6));
}

TEST_CASE("slate estimators have the exact means and variances of an enumerated log") {
  const EnumeratedSlates space = golden_space();
  CHECK(space.mean("sips", cascade_mean) == Approx(.598667).margin(1e-6));
  CHECK(space.mean("iips", cascade_mean) == Approx(.607658).margin(1e-6));
  CHECK(space.variance("sips", cascade_mean, true) == Approx(2.217064).margin(1e-6));
  CHECK(space.variance("iips", cascade_mean, true) == Approx(.973491).margin(1e-6));
  CHECK(space.variance("rips", cascade_mean, true) == Approx(1.507819).margin(1e-6));
  const auto standard = [](const Slate& s) {
    return std::vector<double>{kSlateAlpha[s[0]] * (1 - .5 * kSlateAlpha[s[1]]),
                               kSlateAlpha[s[1]] * (1 - .5 * kSlateAlpha[s[0]])};
  };
  CHECK(space.mean("rips", standard) == Approx(.600904).margin(1e-6));
  CHECK(space.variance("rips", standard, false) == Approx(2.013214).margin(1e-6));
  CHECK(space.variance("sips", standard, false) == Approx(2.940820).margin(1e-6));
}

TEST_CASE("who is unbiased depends on what rewards depend on and all others err") {
  Stream stream = Rng(31).stream(Draw::kWorld, {});
  for (std::size_t m = 3; m <= 5; ++m) {
    for (std::size_t l = 2; l <= 3; ++l) {
      EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                             plackett_luce_table(random_weights(m, stream), l), m);
      // The same prefix must have the same value, whichever slate it stands in.
      std::map<std::pair<Slate, std::uint16_t>, double> q;
      space.set_q([&](const Slate& prefix, std::uint16_t a) {
        return q.try_emplace({prefix, a}, stream.uniform()).first->second;
      });
      const RandomRewards rewards(space.mu(), m, l, stream);
      const std::vector<double> pi_weight = pseudo_inverse_weights(space);
      const auto pi = [&](const MeanRewards& mean) {
        return space.expectation(times(pi_weight, slate_rewards(space, mean)));
      };
      INFO("m = " << m << ", l = " << l);
      struct Row {
        MeanRewards mean;
        std::vector<std::string> unbiased, biased;
        bool pi_unbiased;
      };
      const std::vector<Row> matrix{
          {rewards.independent(), {"sips", "iips", "rips", "cascade_dr"}, {}, true},
          {rewards.by_prefix(), {"sips", "rips", "cascade_dr"}, {"iips"}, false},
          {rewards.by_slate(), {"sips"}, {"iips", "rips", "cascade_dr"}, false}};
      for (const Row& row : matrix) {
        const double truth = space.truth(row.mean);
        for (const std::string& name : row.unbiased)
          CHECK(space.mean(name, row.mean) == Approx(truth).epsilon(1e-10));
        for (const std::string& name : row.biased)
          CHECK(std::abs(space.mean(name, row.mean) - truth) > 1e-5);
        if (row.pi_unbiased)
          CHECK(pi(row.mean) == Approx(truth).epsilon(1e-9));
        else
          CHECK(std::abs(pi(row.mean) - truth) > 1e-5);
      }
    }
  }
}

TEST_CASE("the variance of the cascade doubly robust estimator follows its formula") {
  Stream stream = Rng(32).stream(Draw::kWorld, {});
  const std::size_t m = 4, l = 3;
  EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                         plackett_luce_table(random_weights(m, stream), l), m);
  const RandomRewards rewards(space.mu(), m, l, stream);
  const TabularSlates pi = space.distribution(space.pi()), mu = space.distribution(space.mu());
  const auto prefix_p = [](const TabularSlates& slates, const Slate& s) {
    std::vector<double> p(s.size() + 1, 1.0);
    slates.prefix_probabilities(0, s, {p.data(), s.size()});
    return s.empty() ? 1.0 : p[s.size() - 1];
  };
  std::map<Slate, double> immediate, chosen;  // by prefix
  for (const auto& [slate, p] : space.mu())
    for (std::size_t k = 0; k < l; ++k)
      immediate[Slate(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k) + 1)] =
          rewards.cascade.at(slate)[k];
  for (const auto& [prefix, r] : immediate) chosen[prefix] = stream.uniform();
  const std::function<double(const Slate&)> true_q = [&](const Slate& s) {
    double q = immediate.at(s);
    for (std::uint16_t b = 0; s.size() < l && b < m; ++b) {
      Slate longer = s;
      longer.push_back(b);
      if (immediate.count(longer) > 0) q += prefix_p(pi, longer) / prefix_p(pi, s) * true_q(longer);
    }
    return q;
  };
  space.set_q([&](const Slate& prefix, std::uint16_t a) {
    Slate longer = prefix;
    longer.push_back(a);
    const auto found = chosen.find(longer);
    return found == chosen.end() ? 0.0 : found->second;
  });
  double expected = 0;
  for (const auto& [s, r] : immediate) {
    const double w = prefix_p(pi, s) / prefix_p(mu, s);
    expected += prefix_p(mu, s) * w * w * r * (1 - r);
  }
  std::map<Slate, std::array<double, 2>> moments;  // of the step's own weighted error, by prefix
  for (const auto& [s, r] : immediate) {
    const Slate above(s.begin(), s.end() - 1);
    const double p_mu = prefix_p(mu, s) / prefix_p(mu, above);
    const double p_pi = prefix_p(pi, s) / prefix_p(pi, above);
    const double x = p_pi / p_mu * (true_q(s) - chosen.at(s));
    moments[above][0] += p_mu * x;
    moments[above][1] += p_mu * x * x;
  }
  for (const auto& [above, moment] : moments) {
    const double w = prefix_p(pi, above) / prefix_p(mu, above);
    expected += prefix_p(mu, above) * w * w * (moment[1] - moment[0] * moment[0]);
  }
  CHECK(space.variance("cascade_dr", rewards.by_prefix(), false) == Approx(expected).epsilon(1e-9));
}

TEST_CASE("pseudo-inverse weights keep their identities and have closed forms") {
  Stream stream = Rng(33).stream(Draw::kWorld, {});
  for (std::size_t m = 2; m <= 5; ++m)
    for (std::size_t l = 1; l <= std::min<std::size_t>(3, m); ++l) {
      INFO("m = " << m << ", l = " << l);
      const EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                                   plackett_luce_table(random_weights(m, stream), l), m);
      const std::vector<double> w = pseudo_inverse_weights(space);
      CHECK(space.expectation(std::vector<double>(w.size(), 1.0)) == Approx(1));
      CHECK(space.expectation(w) == Approx(1).epsilon(1e-9));
      const RowMatrix q = marginals_of(space, space.pi());
      for (std::size_t k = 0; k < l; ++k)
        for (std::size_t a = 0; a < m; ++a) {
          double sum = 0;
          for (std::size_t i = 0; i < w.size(); ++i)
            if (space.mu()[i].first[k] == a) sum += space.mu()[i].second * w[i];
          CHECK(
              sum ==
              Approx(q(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(a))).epsilon(1e-8));
        }
      double under_pi = 0;  // tables list the slates in the same order
      for (std::size_t i = 0; i < w.size(); ++i) under_pi += space.pi()[i].second * w[i];
      CHECK(space.expectation(times(w, w)) == Approx(under_pi).epsilon(1e-8));

      const EnumeratedSlates uniform(plackett_luce_table(std::vector<double>(m, 1.0), l),
                                     space.pi(), m);
      const std::vector<double> general = pseudo_inverse_weights(uniform);
      for (std::size_t i = 0; i < general.size(); ++i)
        CHECK(uniform_pseudo_inverse(q, uniform.mu()[i].first) == Approx(general[i]).margin(1e-9));
    }
}

TEST_CASE("product logging has the closed pseudo-inverse and control variates lower its variance") {
  Stream stream = Rng(34).stream(Draw::kWorld, {});
  const std::size_t m = 3, l = 3;
  std::vector<std::vector<double>> p(l), q(l);
  for (auto* table : {&p, &q})
    for (std::vector<double>& row : *table) {
      row = random_weights(m, stream);
      const double sum = std::accumulate(row.begin(), row.end(), 0.0);
      for (double& each : row) each /= sum;
    }
  const EnumeratedSlates space(product_table(p), product_table(q), m);
  const std::vector<double> general = pseudo_inverse_weights(space);
  const auto n = static_cast<Eigen::Index>(general.size());
  RowMatrix controls(n, static_cast<Eigen::Index>(l)), single(n, 1);
  std::vector<double> probability;
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto& [slate, mass] = space.mu()[static_cast<std::size_t>(i)];
    std::vector<double> ratio(l);
    for (std::size_t k = 0; k < l; ++k) {
      ratio[k] = q[k][slate[k]] / p[k][slate[k]];
      controls(i, static_cast<Eigen::Index>(k)) = ratio[k] - 1;
    }
    CHECK(product_pseudo_inverse(ratio) ==
          Approx(general[static_cast<std::size_t>(i)]).margin(1e-9));
    single(i, 0) = general[static_cast<std::size_t>(i)] - 1;
    probability.push_back(mass);
  }
  const RandomRewards rewards(space.mu(), m, l, stream);
  const std::vector<double> terms = times(general, slate_rewards(space, rewards.by_slate()));
  const auto variance = [&](const std::vector<double>& t) {
    const double mean = space.expectation(t);
    return space.expectation(times(t, t)) - mean * mean;
  };
  const std::vector<double> many = control_coefficients(terms, controls, probability);
  const std::vector<double> one = control_coefficients(terms, single, probability);
  for (std::size_t k = 0; k < l; ++k) {  // independent controls: each on its own
    double cross = 0, square = 0;
    for (Eigen::Index i = 0; i < n; ++i) {
      const double u = controls(i, static_cast<Eigen::Index>(k));
      cross += probability[static_cast<std::size_t>(i)] * u * terms[static_cast<std::size_t>(i)];
      square += probability[static_cast<std::size_t>(i)] * u * u;
    }
    CHECK(many[k] == Approx(cross / square).epsilon(1e-9));
  }
  const double plain = space.expectation(terms);
  CHECK(space.expectation(controlled_terms(terms, controls, many)) == Approx(plain).epsilon(1e-10));
  CHECK(space.expectation(controlled_terms(terms, controls, std::vector<double>{.3, -2, 1})) ==
        Approx(plain).epsilon(1e-10));
  CHECK(variance(controlled_terms(terms, controls, many)) <
        variance(controlled_terms(terms, single, one)));
  CHECK(variance(controlled_terms(terms, single, one)) < variance(terms));
}

TEST_CASE("control coefficients of other folds do not see their own rows") {
  const std::vector<double> terms{1, 2, 3, 4};
  RowMatrix controls(4, 1);
  controls << 1, -1, 2, 1;
  const std::vector<double> out = cross_fitted_terms(terms, controls, 2);
  const double odd = (-2. + 4) / 2, even = (1. + 6) / 5;  // E[u t] / E[u u] of rows 1, 3 and 0, 2
  CHECK(out[0] == Approx(1 - odd * 1));
  CHECK(out[2] == Approx(3 - odd * 2));
  CHECK(out[1] == Approx(2 + even));
  CHECK(out[3] == Approx(4 - even));
}

TEST_CASE("the doubly robust pseudo-inverse is unbiased by additivity or by a right model") {
  Stream stream = Rng(35).stream(Draw::kWorld, {});
  const std::size_t m = 4, l = 2;
  const EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                               plackett_luce_table(random_weights(m, stream), l), m);
  const RandomRewards rewards(space.mu(), m, l, stream);
  const std::vector<double> w = pseudo_inverse_weights(space);
  const auto mean_with = [&](const MeanRewards& truth, const MeanRewards& model) {
    const std::vector<double> direct(w.size(), space.truth(model));
    return space.expectation(
        doubly_robust_terms(w, slate_rewards(space, truth), slate_rewards(space, model), direct));
  };
  const MeanRewards additive = rewards.independent(), any = rewards.by_slate();
  const MeanRewards wrong_but_additive = [&](const Slate& s) {
    return std::vector<double>{.1 * s[0], .7 - .1 * s[1]};
  };
  CHECK(mean_with(additive, wrong_but_additive) == Approx(space.truth(additive)).epsilon(1e-9));
  CHECK(mean_with(any, any) == Approx(space.truth(any)).epsilon(1e-9));
  CHECK(std::abs(mean_with(any, wrong_but_additive) - space.truth(any)) > 1e-4);
}
