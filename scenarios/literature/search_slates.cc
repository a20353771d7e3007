#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "analysis/action_rounds.h"
#include "analysis/cross_fit.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/regression_tree.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"
#include "sim/slate.h"
#include "sim/slate/pseudo_inverse.h"

namespace rehearsal {

namespace {

/// Grades 0 to 4 of a document by its quality, a standard normal number: about as often as in
/// MSLR-WEB (52, 32, 13, 2 and 1 %).
constexpr double kGradeFrom[] = {0.05, 1.0, 1.9, 2.4};
constexpr double kMostGain = 16;  // 2^4: ERR's
constexpr const char* kMetrics[] = {"ndcg", "err"};

struct SearchSlatesConfig {
  std::int64_t rounds = 10000, queries = 50, docs = 100, length = 10, features = 5, training = 5000,
               depth = 6;
  double decay = 1;
  std::string target = "ridge";

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 100000000, "queries of the log, drawn with repetition")
        .add("queries", queries, 1, 100000, "there are")
        .add("docs", docs, 2, 1000, "of a query that may be shown")
        .add("length", length, 1, 50, "of a ranking, without repetition")
        .add("features", features, 1, 100, "of a document's address, and as many of its text")
        .add("decay", decay, 0, 10,
             "the logger draws the document of rank k in proportion to 2^(-decay floor(log2 k)); "
             "0: uniformly")
        .choice("target", target, {"ridge", "tree"}, "how the ranker that is judged scores texts")
        .add("training", training, 10, 10000000, "rounds that direct methods learn from, at most")
        .add("depth", depth, 1, 20, "of their trees");
  }
};

/// What stands for a seed: documents, query by query, and what is made of them.
struct SearchWorld {
  std::vector<double> features;       // (queries, docs, 2 features): address, then text
  std::vector<double> gain;           // (queries, docs) 2^grade - 1
  std::vector<double> best;           // (queries) largest discounted gain of a ranking
  std::vector<std::uint16_t> order;   // (queries, docs) by the logger's score
  std::vector<std::uint16_t> target;  // (queries, length) what is judged, as places in `order`
};

/// Rounds as estimators read them.
struct SearchLog {
  std::vector<std::uint32_t> query;  // (n)
  std::vector<std::uint16_t> slate;  // (n, length) places in the query's `order`
  std::vector<double> value[2];      // (n) of each metric
  std::vector<double> ips, pi;       // (n) weights
};

/// 1, 1, 1 / log2 3, 1 / log2 4 ...: the published code's, which leaves the second rank whole.
double discount(std::size_t k) { return k < 2 ? 1 : 1 / std::log2(static_cast<double>(k + 1)); }

class SearchSlates final : public Benchmark {
 public:
  explicit SearchSlates(const SearchSlatesConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        n_queries_(static_cast<std::size_t>(config.queries)),
        m_(static_cast<std::size_t>(config.docs)),
        l_(static_cast<std::size_t>(std::min(config.length, config.docs))),
        d_(static_cast<std::size_t>(config.features)) {
    const Offsets offsets{0, static_cast<std::uint32_t>(m_)};
    std::vector<double> log_weights(m_);
    for (std::size_t k = 0; k < m_; ++k)
      log_weights[k] = -c_.decay * std::floor(std::log2(static_cast<double>(k + 1))) * std::log(2);
    const std::vector<std::uint16_t> positions{static_cast<std::uint16_t>(l_)};
    logger_ = c_.decay == 0 ? make_uniform(offsets, positions)
                            : make_plackett_luce(offsets, positions, log_weights);
  }

  Trial run(const Rng& rng) const override {
    const SearchWorld world = make_world(rng);
    const SearchLog log = draw(rng, world);
    Trial trial;
    for (std::size_t metric = 0; metric < 2; ++metric) estimate(world, log, metric, trial);
    return trial;
  }

 private:
  SearchWorld make_world(const Rng& rng) const {
    SearchWorld world;
    std::vector<double> grade;
    for (std::uint32_t q = 0; q < n_queries_; ++q) {
      Stream stream = rng.stream(Draw::kWorld, {UserId{q}});
      const double query = 0.5 * normal_from(stream());
      for (std::size_t j = 0; j < m_; ++j) {
        const double quality = normal_from(stream());
        for (std::size_t f = 0; f < 2 * d_; ++f) {
          const double clear = f < d_ ? 0.25 : 0.35;  // texts say more than addresses
          world.features.push_back(clear * (quality + query) +
                                   std::sqrt(1 - clear * clear) * normal_from(stream()));
        }
        double of_doc = 0;
        for (const double from : kGradeFrom) of_doc += quality >= from ? 1 : 0;
        grade.push_back(of_doc);
        world.gain.push_back(std::exp2(of_doc) - 1);
      }
      std::vector<double> gains(world.gain.end() - static_cast<std::ptrdiff_t>(m_),
                                world.gain.end());
      std::sort(gains.rbegin(), gains.rend());
      world.best.push_back(0);
      for (std::size_t k = 0; k < l_; ++k) world.best.back() += discount(k) * gains[k];
    }
    rank(scores(world, grade, 0, "ridge"), scores(world, grade, d_, c_.target), world);
    return world;
  }

  /// Documents' grades by some of their features, as fitted to all of them.
  std::vector<double> scores(const SearchWorld& world, std::span<const double> grade,
                             std::size_t first, const std::string& how) const {
    std::vector<double> x;
    for (std::size_t j = 0; j < grade.size(); ++j)
      x.insert(x.end(), world.features.begin() + static_cast<std::ptrdiff_t>(2 * d_ * j + first),
               world.features.begin() + static_cast<std::ptrdiff_t>(2 * d_ * j + first + d_));
    return fitted(x, d_, grade, x, how, 4);
  }

  /// Fits y to rows of x and predicts rows of z: least squares with a small penalty, where the
  /// published code has a lasso, or a tree.
  static std::vector<double> fitted(std::span<const double> x, std::size_t width,
                                    std::span<const double> y, std::span<const double> z,
                                    const std::string& how, std::size_t depth) {
    std::vector<double> out(z.size() / width);
    if (how == "tree") {
      const std::vector<double> weight(y.size(), 1.0);
      const RegressionTree tree({width, x, y, weight}, depth);
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = tree.predict(z.subspan(i * width, width));
      return out;
    }
    const std::vector<std::uint32_t> same(y.size(), 0);
    std::vector<std::uint32_t> rows(y.size());
    std::iota(rows.begin(), rows.end(), 0U);
    const std::unique_ptr<ActionRegression> model = make_ridge();
    model->fit({1, width, x, same, y}, rows);
    for (std::size_t i = 0; i < out.size(); ++i)
      model->predict(z.subspan(i * width, width), {&out[i], 1});
    return out;
  }

  void rank(std::span<const double> logger, std::span<const double> target,
            SearchWorld& world) const {
    for (std::size_t q = 0; q < n_queries_; ++q) {
      const auto order_by = [&](std::span<const double> score) {
        std::vector<std::uint16_t> order(m_);
        std::iota(order.begin(), order.end(), std::uint16_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return score[q * m_ + a] > score[q * m_ + b]; });
        return order;
      };
      const std::vector<std::uint16_t> own = order_by(logger), judged = order_by(target);
      world.order.insert(world.order.end(), own.begin(), own.end());
      for (std::size_t k = 0; k < l_; ++k)
        world.target.push_back(
            static_cast<std::uint16_t>(std::find(own.begin(), own.end(), judged[k]) - own.begin()));
    }
  }

  /// NDCG or ERR of a ranking. Args: slate: places in the query's order.
  double value(const SearchWorld& world, std::size_t q, std::span<const std::uint16_t> slate,
               std::size_t metric) const {
    double sum = 0, left = 1;
    for (std::size_t k = 0; k < slate.size(); ++k) {
      const double gain = world.gain[q * m_ + world.order[q * m_ + slate[k]]];
      sum +=
          metric == 0 ? discount(k) * gain : left * gain / kMostGain / static_cast<double>(k + 1);
      left *= 1 - gain / kMostGain;
    }
    return metric == 1 ? sum : world.best[q] > 0 ? sum / world.best[q] : 0;
  }

  SearchLog draw(const Rng& rng, const SearchWorld& world) const {
    const RowMatrix& inverse = gamma_inverse();
    const auto cell = [&](std::size_t k, std::uint16_t place) {
      return static_cast<Eigen::Index>(k * m_ + place);
    };
    std::vector<std::uint16_t> ids(m_), slate(l_);
    std::iota(ids.begin(), ids.end(), std::uint16_t{0});
    std::vector<double> prefix(l_);
    SearchLog log;
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      const std::uint32_t q = index_below(rng.stream(Draw::kRequest, turn)(), n_queries_);
      logger_->sample(0, rng, {Draw::kPolicy, turn, ids, 0}, slate);
      logger_->prefix_probabilities(0, slate, prefix);
      const std::span<const std::uint16_t> target = target_of(world, q);
      double weight = 0;
      for (std::size_t j = 0; j < l_; ++j)
        for (std::size_t k = 0; k < l_; ++k)
          weight += inverse(cell(j, target[j]), cell(k, slate[k]));
      log.pi.push_back(weight);
      log.ips.push_back(std::equal(slate.begin(), slate.end(), target.begin()) ? 1 / prefix.back()
                                                                               : 0);
      log.query.push_back(q);
      log.slate.insert(log.slate.end(), slate.begin(), slate.end());
      for (std::size_t metric = 0; metric < 2; ++metric)
        log.value[metric].push_back(value(world, q, slate, metric));
    }
    return log;
  }

  std::span<const std::uint16_t> target_of(const SearchWorld& world, std::size_t q) const {
    return std::span(world.target).subspan(q * l_, l_);
  }

  /// Of places in the logger's order: the same for every query.
  const RowMatrix& gamma_inverse() const {
    std::call_once(inverted_, [this] {
      const auto size = static_cast<Eigen::Index>(l_ * m_);
      RowMatrix gamma(size, size);
      REHEARSAL_CHECK(logger_->pair_marginals(0, gamma));
      inverse_ = pseudo_inverse(gamma);
    });
    return inverse_;
  }

  void estimate(const SearchWorld& world, const SearchLog& log, std::size_t metric,
                Trial& trial) const {
    std::vector<double> of_target;
    for (std::size_t q = 0; q < n_queries_; ++q)
      of_target.push_back(value(world, q, target_of(world, q), metric));
    const auto mean = [](std::span<const double> all) {
      return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    };
    const double truth = mean(of_target);
    const auto add = [&](const std::string& name, double got) {
      trial.add(name + "_" + kMetrics[metric], got, truth);
    };
    std::vector<double> on_policy;
    for (const std::uint32_t q : log.query) on_policy.push_back(of_target[q]);
    add("on_policy", mean(on_policy));
    const Estimator both[] = {parse_estimator("ips"), parse_estimator("snips")};
    ActionRounds rounds;
    rounds.reward = log.value[metric];
    for (const bool pseudo : {false, true}) {
      rounds.weight = pseudo ? log.pi : log.ips;
      const std::vector<PointEstimate> got = estimate_actions(both, rounds);
      add(pseudo ? "pi" : "ips", got[0].value);
      // As published, 0 where nothing logged is what the target shows.
      add(pseudo ? "snpi" : "snips", std::isfinite(got[1].value) ? got[1].value : 0);
    }
    for (const char* how : {"ridge", "tree"}) {
      const std::vector<double> direct = predicted(world, log, metric, how);
      std::vector<double> of_round;
      for (const std::uint32_t q : log.query) of_round.push_back(direct[q]);
      add(std::string("dm_") + how, mean(of_round));
    }
  }

  /// The target's rankings by a model of logged ones, from what stands on each rank: (queries).
  std::vector<double> predicted(const SearchWorld& world, const SearchLog& log, std::size_t metric,
                                const std::string& how) const {
    const std::size_t n = std::min(n_, static_cast<std::size_t>(c_.training));
    std::vector<double> x, z;
    const auto append = [&](std::size_t q, std::span<const std::uint16_t> slate,
                            std::vector<double>& out) {
      for (const std::uint16_t place : slate) {
        const std::size_t doc = q * m_ + world.order[q * m_ + place];
        out.insert(out.end(), world.features.begin() + static_cast<std::ptrdiff_t>(2 * d_ * doc),
                   world.features.begin() + static_cast<std::ptrdiff_t>(2 * d_ * (doc + 1)));
      }
    };
    for (std::size_t i = 0; i < n; ++i)
      append(log.query[i], std::span(log.slate).subspan(i * l_, l_), x);
    for (std::size_t q = 0; q < n_queries_; ++q) append(q, target_of(world, q), z);
    return fitted(x, 2 * d_ * l_, std::span(log.value[metric]).first(n), z, how,
                  static_cast<std::size_t>(c_.depth));
  }

  SearchSlatesConfig c_;
  std::size_t n_, n_queries_, m_, l_, d_;
  std::unique_ptr<SlateDistribution> logger_;  // one decision, over places in a query's order
  mutable std::once_flag inverted_;
  mutable RowMatrix inverse_;
};

}  // namespace

std::unique_ptr<Benchmark> make_search_slates(const PluginConfig& config) {
  return std::make_unique<SearchSlates>(config.read<SearchSlatesConfig>());
}

std::vector<FieldDescription> describe_search_slates() {
  return describe_fields<SearchSlatesConfig>();
}

}  // namespace rehearsal
