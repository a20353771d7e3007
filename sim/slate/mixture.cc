#include <cmath>

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

/// A mixture with one coin a slate. Parts that are mixtures themselves are taken apart, as one coin
/// must decide among all of them.
class Mixture final : public SlateDistribution, public Restrictable {
 public:
  Mixture(std::vector<std::unique_ptr<SlateDistribution>> parts, const std::vector<double>& weights)
      : SlateDistribution(parts.at(0)->choice_offsets(), positions(*parts[0])) {
    REHEARSAL_CHECK(parts.size() == weights.size() && parts.size() <= 256);
    double total = 0;
    for (std::size_t c = 0; c < parts.size(); ++c) {
      REHEARSAL_CHECK(parts[c]->choice_offsets() == choice_offsets() &&
                      positions(*parts[c]) == positions(*this));
      REHEARSAL_CHECK(weights[c] >= 0);
      total += weights[c];
      add(std::move(parts[c]), weights[c], static_cast<std::uint8_t>(c));
    }
    REHEARSAL_CHECK(std::abs(total - 1) < 1e-9);
  }

  bool deterministic() const override {
    std::size_t n_used = 0;
    bool all = true;
    for (const Part& part : parts_)
      if (part.weight > 0) {
        ++n_used;
        all = all && part.slates->deterministic();
      }
    return n_used == 1 && all;
  }

  std::uint64_t pattern(std::size_t i) const override {
    std::uint64_t pattern = parts_.size();
    for (const Part& part : parts_) {
      const std::uint64_t own = part.slates->pattern(i);
      if (own == 0) return 0;
      pattern = mix_pattern(pattern, own);
    }
    return pattern;
  }

  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const double coin = address_uniform(rng, address.purpose, address.turn, address.item_base);
    std::size_t c = 0;
    double upper = parts_[0].weight;
    while (coin >= upper && c < last_) upper += parts_[++c].weight;
    parts_[c].slates->sample(i, rng, address, slate);
    return parts_[c].component;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    Scratch<double> own(slate.size());
    std::fill_n(out.begin(), slate.size(), 0.0);
    for (const Part& part : parts_) {
      part.slates->prefix_probabilities(i, slate, own.span());
      for (std::size_t k = 0; k < slate.size(); ++k) out[k] += part.weight * own[k];
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    RowMatrix own(out.rows(), out.cols());
    out.setZero();
    for (const Part& part : parts_) {
      part.slates->marginals(i, own);
      out += part.weight * own;
    }
  }

  void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                              std::span<double> out) const override {
    Scratch<double> own(slate.size());
    std::fill_n(out.begin(), slate.size(), 0.0);
    for (const Part& part : parts_) {
      part.slates->position_probabilities(i, slate, own.span());
      for (std::size_t k = 0; k < slate.size(); ++k) out[k] += part.weight * own[k];
    }
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    RowMatrix own(out.rows(), out.cols());
    RowMatrix sum = RowMatrix::Zero(out.rows(), out.cols());
    for (const Part& part : parts_) {
      if (part.weight == 0) continue;
      if (!part.slates->pair_marginals(i, own)) return false;
      sum += part.weight * own;
    }
    out = sum;
    return true;
  }

  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    std::vector<Part> parts;
    for (const Part& part : parts_)
      parts.push_back(
          {restrict_slates(*part.slates, rules, n_positions), part.weight, part.component});
    return std::unique_ptr<SlateDistribution>(new Mixture(std::move(parts), last_));
  }

 private:
  struct Part {
    std::unique_ptr<SlateDistribution> slates;
    double weight;
    std::uint8_t component;  // index into the parts as given
  };

  Mixture(std::vector<Part> parts, std::size_t last)
      : SlateDistribution(parts.at(0).slates->choice_offsets(), positions(*parts[0].slates)),
        parts_(std::move(parts)),
        last_(last) {}

  static std::vector<std::uint16_t> positions(const SlateDistribution& slates) {
    std::vector<std::uint16_t> positions(slates.size());
    for (std::size_t i = 0; i < positions.size(); ++i)
      positions[i] = static_cast<std::uint16_t>(slates.n_positions(i));
    return positions;
  }

  void add(std::unique_ptr<SlateDistribution> slates, double weight, std::uint8_t component) {
    if (auto* nested = dynamic_cast<Mixture*>(slates.get())) {
      for (Part& part : nested->parts_)
        add(std::move(part.slates), weight * part.weight, component);
      return;
    }
    // Where rounding leaves a coin above the sum of the weights, it falls to the last possible one.
    if (weight > 0) last_ = parts_.size();
    parts_.push_back({std::move(slates), weight, component});
  }

  std::vector<Part> parts_;
  std::size_t last_ = 0;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_mixture(
    std::vector<std::unique_ptr<SlateDistribution>> parts, std::vector<double> weights) {
  return std::make_unique<Mixture>(std::move(parts), weights);
}

}  // namespace rehearsal
