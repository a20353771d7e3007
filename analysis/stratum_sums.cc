#include "analysis/stratum_sums.h"

#include <cmath>
#include <vector>

namespace rehearsal {

namespace {

const TermLayout kColumns{2, {{0, RatioPart::kRounds}, {1, RatioPart::kRounds}}};

double variance_of(const TermSums& stratum) {
  return (stratum.moment(0, 0) + 2 * stratum.moment(0, 1) + stratum.moment(1, 1)) /
         stratum.n_rounds();
}

}  // namespace

void StratumSums::add(std::span<const double> direct, std::span<const double> weighted,
                      std::span<const std::uint32_t> stratum) {
  std::map<std::uint32_t, std::vector<double>> terms;
  for (std::size_t i = 0; i < weighted.size(); ++i) {
    std::vector<double>& own = terms[stratum[i]];
    own.push_back(direct.empty() ? 0.0 : direct[i]);
    own.push_back(weighted[i]);
  }
  for (const auto& [id, own] : terms) strata_.try_emplace(id, kColumns).first->second.add(own);
}

void StratumSums::add(const StratumSums& other) {
  for (const auto& [id, sums] : other.strata_)
    strata_.try_emplace(id, kColumns).first->second.add(sums);
}

bool StratumSums::varies() const {
  // Equal terms leave a variance of about 1e-32 times their square when they are summed.
  constexpr double kRounding = 1e-24;
  for (const auto& [id, sums] : strata_) {
    const double mean = sums.mean(0) + sums.mean(1);
    if (!(variance_of(sums) > kRounding * mean * mean)) return false;
  }
  return true;
}

PointEstimate StratumSums::estimate() const {
  double n = 0, precision = 0;
  for (const auto& [id, sums] : strata_) {
    n += sums.n_rounds();
    precision += sums.n_rounds() / variance_of(sums);
  }
  const auto weight = [&](const TermSums& sums) { return n / (variance_of(sums) * precision); };
  double value = 0, squares = 0;
  for (const auto& [id, sums] : strata_)
    value += sums.n_rounds() / n * (sums.mean(0) + weight(sums) * sums.mean(1));
  for (const auto& [id, sums] : strata_) {
    const double w = weight(sums), off = sums.mean(0) + w * sums.mean(1) - value;
    squares += sums.moment(0, 0) + 2 * w * sums.moment(0, 1) + w * w * sums.moment(1, 1) +
               sums.n_rounds() * off * off;
  }
  return {value, n > 1 ? std::sqrt(squares / (n * (n - 1))) : 0.0};
}

}  // namespace rehearsal
