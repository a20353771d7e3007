#include "analysis/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/intervals.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

void check_candidates(std::span<const double> theta, std::span<const double> cnf) {
  if (theta.empty() || theta.size() != cnf.size())
    throw Error(ErrorKind::kInput, fmt::format("selection: {} estimates with {} half widths",
                                               theta.size(), cnf.size()));
  for (std::size_t i = 0; i < theta.size(); ++i)
    if (!std::isfinite(theta[i]) || !std::isfinite(cnf[i]))
      throw Error(ErrorKind::kInput,
                  fmt::format("selection: candidate {} is {} +- {}", i, theta[i], cnf[i]));
}

/// Widest first; of equals the one given later first, so that of settings that shrink nothing alike
/// the one given first is the last to be accepted.
std::vector<std::size_t> by_width(std::span<const double> cnf) {
  std::vector<std::size_t> order(cnf.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cnf[a] < cnf[b]; });
  std::reverse(order.begin(), order.end());
  return order;
}

/// Where a search ended, and what ended it.
struct Found {
  std::size_t index = 0;
  std::optional<Disagreement> stop;
};

/// The last candidate before the first that does not agree with all before it.
template <class Agree>
Found last_in_agreement(std::span<const std::size_t> order, Agree&& agree) {
  for (std::size_t i = 1; i < order.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (!agree(order[i], order[j])) return {order[i - 1], Disagreement{order[i], order[j]}};
  return {order.back(), std::nullopt};
}

Found by_slope(std::span<const double> theta, std::span<const double> cnf) {
  check_candidates(theta, cnf);
  // All intervals share a point when every two of them do.
  return last_in_agreement(by_width(cnf), [&](std::size_t i, std::size_t j) {
    return std::abs(theta[i] - theta[j]) <= 2 * (cnf[i] + cnf[j]);
  });
}

/// Whether candidate i agrees with j, which stayed before it.
auto agree_plus_plus(std::span<const double> theta, std::span<const double> cnf) {
  return [theta, cnf](std::size_t i, std::size_t j) {
    return std::abs(theta[i] - theta[j]) <= cnf[i] + (std::sqrt(6.0) - 1) * cnf[j];
  };
}

Found by_slope_plus_plus(std::span<const double> theta, std::span<const double> cnf) {
  check_candidates(theta, cnf);
  return last_in_agreement(by_width(cnf), agree_plus_plus(theta, cnf));
}

void check_columns(const Residuals& logged, std::span<const double> shrunken) {
  const std::size_t n = logged.weight.size();
  if (n == 0 || logged.residual.size() != n || shrunken.size() != n)
    throw Error(
        ErrorKind::kInput,
        fmt::format("selection: columns of {} weights, {} residuals and {} shrunken weights", n,
                    logged.residual.size(), shrunken.size()));
}

/// "2 (0.31 +- 0.004)".
std::string member_text(std::span<const ScoredMember> members, std::size_t i) {
  return fmt::format("{} ({:.4g} +- {:.2g})", members[i].name, members[i].theta, members[i].cnf);
}

std::string reason_of_slope(const std::string& family, std::span<const ScoredMember> members,
                            const Selection& chosen) {
  const double widest = *std::max_element(chosen.cnf.begin(), chosen.cnf.end());
  const std::string stop = chosen.stop ? fmt::format("; the next, {}, is too far from {}",
                                                     member_text(members, chosen.stop->rejected),
                                                     member_text(members, chosen.stop->against))
                                       : "; no narrower one is left";
  return fmt::format(
      "{}{}{}: the narrowest of {} settings whose estimate ({:.4g} +- {:.2g}) still agrees with "
      "all "
      "wider ones (up to +- {:.2g}), so that no bias shows in it{}",
      family, family.empty() ? "" : " ", members[chosen.index].name, members.size(),
      chosen.theta[chosen.index], chosen.cnf[chosen.index], widest, stop);
}

std::string reason_of_mse(const std::string& family, std::span<const FamilyMember> members,
                          const Selection& chosen, double bias) {
  return fmt::format(
      "{} {}: the least estimated mean squared error of {} settings, {:.3g}, from a standard error "
      "of {:.2g} and a bias of at most about {:.2g}",
      family, members[chosen.index].name, members.size(), chosen.score[chosen.index],
      std::sqrt(std::max(0.0, chosen.score[chosen.index] - bias * bias)), bias);
}

}  // namespace

std::size_t slope(std::span<const double> theta, std::span<const double> cnf) {
  return by_slope(theta, cnf).index;
}

std::size_t slope_plus_plus(std::span<const double> theta, std::span<const double> cnf) {
  return by_slope_plus_plus(theta, cnf).index;
}

std::size_t slope_plus_plus_in_order(std::span<const double> theta, std::span<const double> cnf) {
  check_candidates(theta, cnf);
  std::vector<std::size_t> order(theta.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return last_in_agreement(order, agree_plus_plus(theta, cnf)).index;
}

double slope_half_width(std::span<const double> terms, double delta) {
  const Moments moments = moments_of(terms);
  return moments.mean - student_t_lower(moments, delta);
}

double direct_bias(const Residuals& logged, std::span<const double> shrunken) {
  check_columns(logged, shrunken);
  double sum = 0;
  for (std::size_t i = 0; i < shrunken.size(); ++i)
    sum += (logged.weight[i] - shrunken[i]) * logged.residual[i];
  return std::abs(sum) / static_cast<double>(shrunken.size());
}

double bias_bound(const Residuals& logged, std::span<const double> shrunken, double delta,
                  BiasSpread spread) {
  check_columns(logged, shrunken);
  if (!(delta > 0 && delta < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("selection: delta {} is not between 0 and 1", delta));
  double squares = 0, most = 0;
  for (std::size_t i = 0; i < shrunken.size(); ++i) {
    const double w = spread == BiasSpread::kWeights ? logged.weight[i]
                                                    : std::abs(logged.weight[i] - shrunken[i]);
    squares += w * w;
    most = std::max(most, w);
  }
  const double n = static_cast<double>(shrunken.size());
  const double log_term = std::log(2 / delta);
  return direct_bias(logged, shrunken) + std::sqrt(2 * squares / n * log_term / n) +
         2 * most * log_term / (3 * n);
}

Selection select(const std::string& family, std::span<const ScoredMember> members, SelectBy by) {
  REHEARSAL_CHECK(by == SelectBy::kSlope || by == SelectBy::kSlopePlusPlus);
  if (members.empty())
    throw Error(ErrorKind::kInput, "selection: " + family + " has no settings to choose from");
  Selection out;
  for (const ScoredMember& member : members) {
    out.theta.push_back(member.theta);
    out.cnf.push_back(member.cnf);
  }
  const Found found = by == SelectBy::kSlope ? by_slope(out.theta, out.cnf)
                                             : by_slope_plus_plus(out.theta, out.cnf);
  out.index = found.index;
  out.stop = found.stop;
  out.value = out.theta[out.index];
  out.reason = reason_of_slope(family, members, out);
  return out;
}

Selection select(const std::string& family, std::span<const FamilyMember> members,
                 const Residuals& logged, const SelectOptions& options) {
  if (members.empty())
    throw Error(ErrorKind::kInput, "selection: " + family + " has no settings to choose from");
  std::vector<Moments> moments;
  for (const FamilyMember& member : members) {
    moments.push_back(moments_of(member.terms));
    if (member.terms.size() != members[0].terms.size())
      throw Error(ErrorKind::kInput,
                  "selection: settings of " + family + " have different numbers of rounds");
  }
  if (options.by == SelectBy::kSlope || options.by == SelectBy::kSlopePlusPlus) {
    std::vector<ScoredMember> scored;
    for (std::size_t i = 0; i < members.size(); ++i)
      scored.push_back({members[i].name, moments[i].mean,
                        moments[i].mean - student_t_lower(moments[i], options.delta)});
    return select(family, scored, options.by);
  }
  Selection out;
  std::vector<double> bias;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::span<const double> shrunken = members[i].shrunken;
    out.theta.push_back(moments[i].mean);
    bias.push_back(options.by == SelectBy::kMseDirectBias
                       ? direct_bias(logged, shrunken)
                       : bias_bound(logged, shrunken, options.delta, options.spread));
    // The variance of the terms is divided by n, not n - 1, as in the published figures.
    const double variance = moments[i].variance * (moments[i].n - 1) / moments[i].n;
    out.score.push_back(variance / moments[i].n + bias.back() * bias.back());
  }
  const auto least = std::min_element(out.score.begin(), out.score.end());
  out.index = static_cast<std::size_t>(least - out.score.begin());
  out.reason = reason_of_mse(family, members, out, bias[out.index]);
  out.value = out.theta[out.index];
  return out;
}

}  // namespace rehearsal
