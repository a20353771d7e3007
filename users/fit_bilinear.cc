#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>

#include "sim/core/error.h"
#include "users/fitters.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostSweeps = 2000;
constexpr double kSweepTolerance = 1e-8;

/// All impressions of one entity in one bucket (a rank; for ubm also the last click above it).
struct Tally {
  std::uint32_t entity;
  std::uint32_t bucket;
  double shown;
  double clicked;
};

/// P(click) = examination_b (low_b + (high_b - low_b) attraction).
struct Bucket {
  double examination = 0.5;
  double low = 0;
  double high = 1;
  double shown = 0;

  double slope() const { return high - low; }
};

std::size_t bucket_of(std::size_t rank, std::size_t last) { return rank * (rank + 1) / 2 + last; }

std::vector<Tally> tally(const ClickSessions& sessions, bool by_last_click) {
  std::vector<std::uint64_t> keys;  // entity, bucket, click
  keys.reserve(sessions.n_impressions());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    std::size_t last = 0;
    for (std::size_t j = sessions.offsets[i]; j < sessions.offsets[i + 1]; ++j) {
      const std::size_t r = sessions.rank[j];
      const std::uint64_t bucket = by_last_click ? bucket_of(r, last) : r;
      keys.push_back(std::uint64_t{sessions.entity[j]} << 32 | bucket << 1 | sessions.click[j]);
      if (sessions.click[j] != 0) last = r + 1;
    }
  }
  std::sort(keys.begin(), keys.end());
  std::vector<Tally> rows;
  for (const std::uint64_t key : keys) {
    const auto entity = static_cast<std::uint32_t>(key >> 32);
    const auto bucket = static_cast<std::uint32_t>(key) >> 1;
    if (rows.empty() || rows.back().entity != entity || rows.back().bucket != bucket)
      rows.push_back({entity, bucket, 0, 0});
    ++rows.back().shown;
    rows.back().clicked += static_cast<double>(key & 1);
  }
  return rows;
}

/// First and second derivative of a log-likelihood.
struct Slope {
  double first = 0;
  double second = 0;

  /// Adds `clicked` of `shown`, each with probability q, where dq/dx = rate.
  void add(double shown, double clicked, double q, double rate) {
    const double p = std::clamp(q, 1e-12, 1 - 1e-12);
    first += rate * (clicked / p - (shown - clicked) / (1 - p));
    second -= rate * rate * (clicked / (p * p) + (shown - clicked) / ((1 - p) * (1 - p)));
  }
};

/// The maximum in (0, 1) of a concave function, by Newton steps kept inside a shrinking interval.
template <class SlopeAt>
double maximum(double x, SlopeAt&& slope_at) {
  double low = 0, high = 1;
  for (int step = 0; step < 60; ++step) {
    const Slope slope = slope_at(x);
    (slope.first > 0 ? low : high) = x;
    double next = x - slope.first / slope.second;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (std::abs(next - x) < 1e-12) break;
    x = next;
  }
  return x;
}

class Bilinear {
 public:
  Bilinear(const std::string& model, const ClickSessions& sessions, const Shrinkage& shrinkage)
      : model_(model),
        shrinkage_(shrinkage),
        rows_(tally(sessions, model == "ubm")),
        buckets_(model == "ubm" ? bucket_of(sessions.n_ranks, 0) : sessions.n_ranks),
        rows_of_(buckets_.size()),
        attraction_(sessions.n_entities, 0.5) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      rows_of_[rows_[i].bucket].push_back(i);
      buckets_[rows_[i].bucket].shown += rows_[i].shown;
    }
    buckets_[0].examination = 1;
    if (model_ == "trust_bias") set_trust(1);
  }

  ClickFit fit() {
    std::size_t round = 0;
    for (double change = 1; round < kMostSweeps && change > kSweepTolerance; ++round) {
      fit_attraction();
      change = model_ == "trust_bias" ? fit_eta() : fit_examination();
    }
    ClickFit result;
    result.type = model_;
    result.iterations = round;
    result.attraction = attraction_;
    describe(result);
    return result;
  }

 private:
  double q(const Tally& row, double attraction) const {
    const Bucket& b = buckets_[row.bucket];
    return b.examination * (b.low + b.slope() * attraction);
  }
  void add(const Tally& row, double attraction, Slope& slope) const {
    const Bucket& b = buckets_[row.bucket];
    slope.add(row.shown, row.clicked, q(row, attraction), b.examination * b.slope());
  }
  void set_trust(double eta) {
    eta_ = eta;
    for (std::size_t r = 0; r < buckets_.size(); ++r) {
      const double k = static_cast<double>(r + 1);
      buckets_[r].examination = std::pow(k, -eta);
      buckets_[r].high = 1 - (std::min(k, 20.0) + 1) / 100;
      buckets_[r].low = 0.65 / std::min(k, 10.0);
    }
  }

  void fit_attraction() {
    mean_ = maximum(mean_, [&](double a) {
      Slope slope;
      for (const Tally& row : rows_) add(row, a, slope);
      return slope;
    });
    double shown = 0, sensitivity = 0;
    for (const Bucket& b : buckets_) {
      shown += b.shown;
      sensitivity += b.shown * b.examination * b.slope();
    }
    const double strength = shrinkage_.strength(mean_, sensitivity / shown);
    std::fill(attraction_.begin(), attraction_.end(), mean_);
    if (std::isinf(strength)) return;
    for (std::size_t begin = 0, end = 0; begin < rows_.size(); begin = end) {
      while (end < rows_.size() && rows_[end].entity == rows_[begin].entity) ++end;
      double& own = attraction_[rows_[begin].entity];
      own = maximum(own, [&](double a) {
        Slope slope;
        slope.add(strength, strength * mean_, a, 1);
        for (std::size_t i = begin; i < end; ++i) add(rows_[i], a, slope);
        return slope;
      });
    }
  }

  /// Each bucket's own, but the first rank's: only products with attraction are seen.
  /// Returns: the largest change.
  double fit_examination() {
    double change = 0;
    for (std::size_t b = 1; b < buckets_.size(); ++b) {
      if (rows_of_[b].empty()) continue;
      const double before = buckets_[b].examination;
      buckets_[b].examination = maximum(before, [&](double theta) {
        Slope slope;
        for (const std::size_t i : rows_of_[b]) {
          const double a = attraction_[rows_[i].entity];
          slope.add(rows_[i].shown, rows_[i].clicked, theta * a, a);
        }
        return slope;
      });
      change = std::max(change, std::abs(buckets_[b].examination - before));
    }
    return change;
  }

  double fit_eta() {
    const double before = eta_;
    const auto loss = [&](double eta) {
      set_trust(eta);
      double sum = 0;
      for (const Tally& row : rows_) {
        const double p = q(row, attraction_[row.entity]);
        sum -= row.clicked * std::log(p) + (row.shown - row.clicked) * std::log1p(-p);
      }
      return sum;
    };
    set_trust(boost::math::tools::brent_find_minima(loss, 0.0, 10.0, 30).first);
    return std::abs(eta_ - before) > 1e-6 ? 1 : 0;
  }

  void describe(ClickFit& result) const {
    std::vector<double> examination;
    for (const Bucket& bucket : buckets_) examination.push_back(bucket.examination);
    if (model_ == "trust_bias") {
      result.parameters = {{"eta", fmt::format("{:.6g}", eta_)}};
      result.notes.push_back("the trust of each rank is the published constant; eta is fitted");
      return;
    }
    result.notes.push_back("examination of rank 1 is 1 by definition");
    if (model_ == "pbm") {
      result.parameters = {{"examination", fmt::format("[{:.6g}]", fmt::join(examination, ", "))}};
      return;
    }
    std::vector<std::string> lists;
    std::size_t unseen = 0;
    for (std::size_t r = 0; bucket_of(r, 0) < buckets_.size(); ++r) {
      std::vector<double> list;
      for (std::size_t l = 0; l <= r; ++l) {
        const bool seen = buckets_[bucket_of(r, l)].shown > 0;
        unseen += seen ? 0 : 1;
        list.push_back(examination[bucket_of(r, seen ? l : 0)]);
      }
      lists.push_back(fmt::format("[{:.6g}]", fmt::join(list, ", ")));
    }
    result.parameters = {{"gamma", fmt::format("[{}]", fmt::join(lists, ", "))}};
    if (unseen > 0)
      result.notes.push_back(
          fmt::format("{} pairs of rank and last click never occur in the log and "
                      "have the examination of no click",
                      unseen));
  }

  std::string model_;
  Shrinkage shrinkage_;
  std::vector<Tally> rows_;  // by entity, bucket
  std::vector<Bucket> buckets_;
  std::vector<std::vector<std::size_t>> rows_of_;  // (n_buckets)
  std::vector<double> attraction_;                 // (n_entities)
  double mean_ = 0.5;
  double eta_ = 0;
};

}  // namespace

ClickFit fit_bilinear(const std::string& model, const ClickSessions& sessions,
                      const Shrinkage& shrinkage) {
  return Bilinear(model, sessions, shrinkage).fit();
}

}  // namespace rehearsal
