#pragma once

#include <cmath>

#include "policies/off_policy/objectives.h"
#include "policies/off_policy/plackett_luce_gradient.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"

// What tests of off-policy learners enumerate and learn from.
namespace rehearsal::small {

using Slate = std::vector<std::uint16_t>;

/// Every ordered selection of `length` of n choices.
inline std::vector<Slate> all_slates(std::uint16_t n, std::size_t length) {
  std::vector<Slate> slates{{}};
  for (std::size_t k = 0; k < length; ++k) {
    std::vector<Slate> longer;
    for (const Slate& slate : slates)
      for (std::uint16_t c = 0; c < n; ++c)
        if (std::find(slate.begin(), slate.end(), c) == slate.end()) {
          longer.push_back(slate);
          longer.back().push_back(c);
        }
    slates = std::move(longer);
  }
  return slates;
}

inline std::vector<double> prefixes(const std::vector<double>& logits, const Slate& slate) {
  std::vector<double> out(slate.size());
  step_log_probabilities(logits, slate, out);
  for (std::size_t k = 1; k < out.size(); ++k) out[k] += out[k - 1];
  for (double& value : out) value = std::exp(value);
  return out;
}

/// Central differences of f at x.
template <class F>
inline std::vector<double> differences(std::vector<double> x, F&& f, double h = 1e-5) {
  std::vector<double> out(x.size());
  for (std::size_t c = 0; c < x.size(); ++c) {
    const double at = x[c];
    x[c] = at + h;
    const double above = f(x);
    x[c] = at - h;
    out[c] = (above - f(x)) / (2 * h);
    x[c] = at;
  }
  return out;
}

inline void check_equal(const std::vector<double>& a, const std::vector<double>& b, double margin) {
  REQUIRE(a.size() == b.size());
  for (std::size_t c = 0; c < a.size(); ++c) CHECK(a[c] == Approx(b[c]).margin(margin));
}

// Four modules, two slots: a reward that depends on the place and on what stands above.
inline const std::vector<double> kBehavior{0.4, -0.3, 0.1, 0.0};
inline const std::vector<double> kTarget{-0.2, 0.5, 0.3, -0.6};

inline double reward(const Slate& slate, std::size_t k) {
  return 0.1 * (1 + slate[k]) + (k > 0 && slate[k - 1] > slate[k] ? 0.3 : 0.0);
}

/// Every page once, with its rewards and the behaviour policy's propensities; one input, 1.
inline LoggedPages every_page(std::size_t n_slots = 2) {
  LoggedPages pages;
  const std::vector<Slate> slates = all_slates(4, n_slots);
  pages.inputs = RowMatrixF::Ones(static_cast<Eigen::Index>(slates.size()), 1);
  for (const Slate& slate : slates) {
    const std::vector<double> pscore = prefixes(kBehavior, slate);
    for (std::uint16_t m = 0; m < 4; ++m) pages.eligible.push_back(m);
    for (std::size_t k = 0; k < n_slots; ++k) {
      pages.choice.push_back(slate[k]);
      pages.position.push_back(static_cast<std::uint16_t>(k));
      pages.reward.push_back(reward(slate, k));
      pages.pscore_cascade.push_back(pscore[k]);
      pages.pscore_position.push_back(0.25);
    }
    pages.eligible_offsets.push_back(static_cast<std::uint32_t>(pages.eligible.size()));
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.choice.size()));
  }
  return pages;
}

/// sum over pages of mu(page) times the objective's gradient on it.
inline std::vector<double> expected_gradient(const PageObjective& objective,
                                             const LoggedPages& pages) {
  std::vector<double> out(4, 0.0);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    std::vector<double> own(4, 0.0);
    objective.gradient(pages, i, kTarget, 0, own);
    for (std::size_t c = 0; c < 4; ++c) out[c] += pages.of(pages.pscore_cascade, i).back() * own[c];
  }
  return out;
}

/// E_mu[value(w, r)] as a function of the target's logits.
template <class Value>
inline auto expectation(const LoggedPages& pages, Value value) {
  return [&pages, value](const std::vector<double>& logits) {
    double total = 0;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const Slate slate(pages.of(pages.choice, i).begin(), pages.of(pages.choice, i).end());
      const std::vector<double> pi = prefixes(logits, slate);
      const std::span<const double> mu = pages.of(pages.pscore_cascade, i);
      double page = 0;
      for (std::size_t k = 0; k < 2; ++k)
        page += value(k, pi[k] / mu[k], pages.of(pages.reward, i)[k]);
      total += mu[1] * page;
    }
    return total;
  };
}

/// The target's true value: sum over its own pages.
inline double true_value(const std::vector<double>& logits) {
  double total = 0;
  for (const Slate& slate : all_slates(4, 2))
    total += prefixes(logits, slate)[1] * (reward(slate, 0) + reward(slate, 1));
  return total;
}

/// One log for all learners: 20,000 pages of the default mixture.
struct Logged {
  explicit Logged(std::uint32_t n = 10000, std::uint16_t n_slots = 3)
      : schema(small::schema(n_slots)),
        behavior(small::behavior(schema, 0.5)),
        batches{small::log(n, 0, *behavior, Rng(21), n_slots),
                small::log(n, n, *behavior, Rng(21), n_slots)} {}

  Schema schema;
  std::shared_ptr<Policy> behavior;
  std::vector<LogBatch> batches;

  std::shared_ptr<Policy> fitted(const std::string& type) const {
    auto policy = small::policy("{name: learner, type: " + type + "}", schema);
    policy->fit({source_of(schema, batches), Rng(2), "learner"});
    return policy;
  }
};

inline const Logged& logged() {
  static const Logged once;
  return once;
}

/// Expected clicks a page of the made-up users, over 4,000 of them: their closed form.
inline double value_of(const Policy& policy, std::uint16_t n_slots = 3) {
  const RequestBatch requests = small::requests(4000, Rng(5), 50000, n_slots);
  const PageBatch pages = recommend(policy, requests, Rng(6), nullptr);
  double clicks = 0;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t k = 0; k < pages.n_shown(i); ++k)
      clicks += small::kExamination[static_cast<int>(requests.features(i)[0])][k] *
                small::click_rate(requests.features(i), pages.shown(i)[k]);
  return clicks / static_cast<double>(requests.size());
}

}  // namespace rehearsal::small
