#include "policies/diversity.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace rehearsal {

namespace {

constexpr double kLeastVolume = 1e-12;  // of a choice that those above span already

class Mmr final : public NextChoice {
 public:
  Mmr(std::shared_ptr<const DiverseChoices> choices, double trade_off)
      : choices_(std::move(choices)), trade_off_(trade_off) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const double> relevance = choices_->relevance(i);
    for (std::size_t r = 0; r < prefixes.n; ++r)
      for (std::size_t c = 0; c < relevance.size(); ++c) {
        double nearest = 0;
        for (const std::uint16_t above : prefixes.row(r))
          nearest = std::max(nearest, choices_->similarity(i, above, c));
        out(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
            trade_off_ * relevance[c] - (1 - trade_off_) * nearest;
      }
  }
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    return all_different(choices_->relevance(i).size());
  }

 private:
  std::shared_ptr<const DiverseChoices> choices_;
  double trade_off_;
};

class Dpp final : public NextChoice {
 public:
  Dpp(std::shared_ptr<const DiverseChoices> choices, double trade_off)
      : choices_(std::move(choices)), trade_off_(trade_off) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const double> relevance = choices_->relevance(i);
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      const std::vector<double> volume = volumes(i, prefixes.row(r), relevance.size());
      for (std::size_t c = 0; c < relevance.size(); ++c)
        out(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
            trade_off_ * relevance[c] +
            (1 - trade_off_) * std::log(std::max(volume[c], kLeastVolume));
    }
  }
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    return all_different(choices_->relevance(i).size());
  }

 private:
  /// det S(chosen and c) / det S(chosen) of every choice: what the last diagonal entry of the
  /// Cholesky factor would be, squared.
  std::vector<double> volumes(std::size_t i, std::span<const std::uint16_t> chosen,
                              std::size_t n) const {
    std::vector<double> volume(n, 1.0);
    RowMatrix factor(chosen.size(), n);  // row k: the factor's column k at every choice
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      const auto row = static_cast<Eigen::Index>(k);
      const auto at = static_cast<Eigen::Index>(chosen[k]);
      const double diagonal = std::sqrt(std::max(volume[chosen[k]], kLeastVolume));
      const Eigen::VectorXd own = factor.topRows(row).col(at);
      for (std::size_t c = 0; c < n; ++c) {
        const auto column = static_cast<Eigen::Index>(c);
        const double rest =
            choices_->similarity(i, chosen[k], c) - own.dot(factor.topRows(row).col(column));
        factor(row, column) = rest / diagonal;
      }
      for (std::size_t c = 0; c < n; ++c) {
        const double entry = factor(row, static_cast<Eigen::Index>(c));
        volume[c] -= entry * entry;
      }
    }
    return volume;
  }

  std::shared_ptr<const DiverseChoices> choices_;
  double trade_off_;
};

}  // namespace

void to_relevance(std::span<double> values) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double least = *low;
  const double range = *high - least;
  for (double& value : values) value = range > 0 ? (value - least) / range : 1;
}

std::shared_ptr<const NextChoice> make_mmr(std::shared_ptr<const DiverseChoices> choices,
                                           double trade_off) {
  return std::make_shared<Mmr>(std::move(choices), trade_off);
}

std::shared_ptr<const NextChoice> make_dpp(std::shared_ptr<const DiverseChoices> choices,
                                           double trade_off) {
  return std::make_shared<Dpp>(std::move(choices), trade_off);
}

void DiversityConfig::add_to(Fields& fields) {
  fields.add("trade_off", trade_off, 0, 1, "1: by value alone; 0: by difference alone")
      .add("temperature", temperature, 0, 1e6,
           "0: always the choice of the largest gain; else drawn by softmax(gain / temperature), "
           "place by place");
}

std::unique_ptr<SlateDistribution> DiversityConfig::slates(
    Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
    std::shared_ptr<const NextChoice> next) const {
  if (deterministic())
    return make_beam(std::move(choice_offsets), std::move(n_positions), *next, 1);
  return make_sequential(std::move(choice_offsets), std::move(n_positions), std::move(next),
                         temperature);
}

}  // namespace rehearsal
