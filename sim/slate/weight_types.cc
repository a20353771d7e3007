#include "sim/slate/weight_types.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace rehearsal {

WeightTypes::WeightTypes(std::span<const double> log_weights, std::size_t n_positions)
    : n_positions_(n_positions), n_choices_(log_weights.size()) {
  const double largest = *std::max_element(log_weights.begin(), log_weights.end());
  std::map<double, std::size_t> types;
  for (std::size_t c = 0; c < n_choices_; ++c) {
    const auto [found, is_new] = types.try_emplace(log_weights[c], weight_.size());
    if (is_new) {
      weight_.push_back(std::exp(log_weights[c] - largest));
      members_.emplace_back();
    }
    members_[found->second].push_back(static_cast<std::uint16_t>(c));
  }
}

double WeightTypes::work() const {
  // States after k draws, by how many of each type they hold: one factor 1 + x + ... a type.
  std::vector<double> states(n_positions_, 0.0);
  states[0] = 1;
  for (const auto& members : members_) {
    std::vector<double> longer(n_positions_, 0.0);
    for (std::size_t k = 0; k < n_positions_; ++k)
      for (std::size_t more = 0; more <= members.size() && k + more < n_positions_; ++more)
        longer[k + more] += states[k];
    states = std::move(longer);
  }
  const auto n_types = static_cast<double>(weight_.size());
  double sum = 0;
  for (std::size_t k = 0; k < n_positions_; ++k)
    sum += states[k] * n_types * (1 + static_cast<double>(k) * n_types);
  return sum;
}

std::vector<WeightTypes::Level> WeightTypes::levels() const {
  const std::size_t n_types = weight_.size();
  std::vector<Level> levels(n_positions_ + 1);
  levels[0].used.assign(n_types, 0);
  for (std::size_t k = 0; k < n_positions_; ++k) {
    Level& level = levels[k];
    std::map<std::vector<std::uint16_t>, std::uint32_t> found;
    for (std::size_t s = 0; s < level.size(n_types); ++s) {
      std::vector<std::uint16_t> used(
          level.used.begin() + static_cast<std::ptrdiff_t>(s * n_types),
          level.used.begin() + static_cast<std::ptrdiff_t>((s + 1) * n_types));
      double left = 0;
      for (std::size_t t = 0; t < n_types; ++t)
        left += weight_[t] * static_cast<double>(members_[t].size() - used[t]);
      for (std::size_t t = 0; t < n_types; ++t) {
        const std::size_t n_left = members_[t].size() - used[t];
        level.p.push_back(weight_[t] * static_cast<double>(n_left) / left);
        ++used[t];
        std::uint32_t next = 0;
        if (n_left > 0) {
          next = found.try_emplace(used, static_cast<std::uint32_t>(found.size())).first->second;
          if (next == levels[k + 1].size(n_types))
            levels[k + 1].used.insert(levels[k + 1].used.end(), used.begin(), used.end());
        }
        level.next.push_back(next);
        --used[t];
      }
    }
  }
  return levels;
}

void WeightTypes::add_pair(std::size_t j, std::size_t t, std::size_t k, std::size_t u, double joint,
                           Eigen::Ref<RowMatrix> out) const {
  const auto n_t = static_cast<double>(members_[t].size());
  const double each = joint / (n_t * (t == u ? n_t - 1 : static_cast<double>(members_[u].size())));
  for (const std::uint16_t a : members_[t])
    for (const std::uint16_t b : members_[u]) {
      if (a == b) continue;
      const auto row = static_cast<Eigen::Index>(j * n_choices_ + a);
      const auto column = static_cast<Eigen::Index>(k * n_choices_ + b);
      out(row, column) = out(column, row) = each;
    }
}

void WeightTypes::pair_marginals(Eigen::Ref<RowMatrix> out) const {
  const std::size_t n_types = weight_.size();
  const std::vector<Level> levels = this->levels();
  const auto moved = [&](const Level& level, std::span<const double> mass, std::size_t n_next,
                         std::size_t first, std::size_t last) {
    std::vector<double> next(n_next, 0.0);
    for (std::size_t s = 0; s < mass.size(); ++s)
      for (std::size_t t = first; t < last; ++t)
        next[level.next[s * n_types + t]] += mass[s] * level.p[s * n_types + t];
    return next;
  };
  std::vector<double> mass{1};
  for (std::size_t j = 0; j < n_positions_; ++j) {
    const std::size_t n_next = levels[j + 1].size(n_types);
    for (std::size_t t = 0; t < n_types; ++t) {
      std::vector<double> with = moved(levels[j], mass, n_next, t, t + 1);
      double marginal = 0;
      for (const double each : with) marginal += each;
      for (const std::uint16_t a : members_[t]) {
        const auto at = static_cast<Eigen::Index>(j * n_choices_ + a);
        out(at, at) = marginal / static_cast<double>(members_[t].size());
      }
      for (std::size_t k = j + 1; k < n_positions_; ++k) {
        for (std::size_t u = 0; u < n_types; ++u) {
          double joint = 0;
          for (std::size_t s = 0; s < with.size(); ++s)
            joint += with[s] * levels[k].p[s * n_types + u];
          if (joint > 0) add_pair(j, t, k, u, joint, out);
        }
        with = moved(levels[k], with, levels[k + 1].size(n_types), 0, n_types);
      }
    }
    mass = moved(levels[j], mass, n_next, 0, n_types);
  }
}

}  // namespace rehearsal
