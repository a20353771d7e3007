#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/minimize.h"
#include "analysis/slate_estimators.h"
#include "scenarios/literature/makers.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"
#include "sim/core/scalars.h"
#include "sim/slate.h"

namespace rehearsal {

namespace {

const std::vector<std::string> kExaminations{"position", "segment", "ranking"};

struct EdDrConfig {
  std::int64_t rounds = 4000, items = 10, length = 5, features = 5, truth_rounds = 20000;
  std::string examination = "position";
  double power = 1, attraction = 1, epsilon = 0.2, temperature = 1, spread = 1;

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 10, 10000000, "slates of the log")
        .add("items", items, 2, 100, "of which a slate shows some, without repetition")
        .add("length", length, 1, 20, "positions")
        .add("features", features, 1, 100, "of the context, standard normal")
        .choice("examination", examination, kExaminations,
                "what moves it: the position; the position, more or less so by the sign of the "
                "first feature; the position and the relevance of what stands above")
        .add("power", power, 0, 10, "examination of position k is 1 / k to this power")
        .add("attraction", attraction, 0, 10, "of what stands above, for ranking")
        .add("epsilon", epsilon, 1e-6, 1, "share of uniform slates of the evaluation policy")
        .add("spread", spread, 0.01, 100, "of relevance: deviation of its logits over contexts")
        .add("temperature", temperature, 0.01, 100, "of the Plackett-Luce logging policy")
        .add("truth_rounds", truth_rounds, 100, 100000000,
             "contexts that the true value is taken on");
  }
};

/// Examination of position k (1-based): k^-power exp(-attraction * relevance above).
struct Examination {
  double power[2] = {1, 1};  // by the sign of the first feature
  double attraction = 0;

  double at(std::size_t k, double first_feature, double above) const {
    return std::exp(-power[first_feature < 0 ? 0 : 1] * std::log(static_cast<double>(k + 1)) -
                    attraction * above);
  }
};

/// Items' relevance: logistic in the context.
using Coefficients = std::vector<double>;  // (items, 1 + features)

/// A log in columns.
struct DocumentLog {
  std::vector<double> context, relevance, reward;  // (n, d), (n, items), (n, length)
  std::vector<std::uint16_t> slate;                // (n, length)
  std::vector<double> mu, pi;                      // (n, length) of the item at its position
};

/// What a model says of one context.
struct Looked {
  std::vector<double> mass;  // (length, items): P(item at position and looked at), evaluation
  std::vector<double> pi;    // (length, items): P(item at position)
};

class EdDr final : public Benchmark {
 public:
  explicit EdDr(const EdDrConfig& config)
      : c_(config),
        n_(static_cast<std::size_t>(config.rounds)),
        m_(static_cast<std::size_t>(config.items)),
        l_(static_cast<std::size_t>(std::min(config.length, config.items))),
        d_(static_cast<std::size_t>(config.features)) {}

  Trial run(const Rng& rng) const override {
    Stream world = rng.stream(Draw::kWorld, {});
    const double deviation = 1 / std::sqrt(static_cast<double>(d_));
    const std::vector<double> scores = normals(world, m_ * d_, deviation);
    const Coefficients liked = normals(world, m_ * (d_ + 1), c_.spread * deviation);
    const Examination truth = true_examination();
    const DocumentLog log = draw(rng, scores, liked, truth);
    return estimate(log, value(rng, liked, truth));
  }

 private:
  Examination true_examination() const {
    if (c_.examination == "segment") return {{c_.power / 2, c_.power * 2}, 0};
    return {{c_.power, c_.power}, c_.examination == "ranking" ? c_.attraction : 0};
  }

  std::vector<double> relevance(std::span<const double> x, const Coefficients& c) const {
    std::vector<double> out(m_);
    for (std::size_t a = 0; a < m_; ++a) {
      const double* own = c.data() + a * (d_ + 1);
      out[a] = logistic(std::inner_product(x.begin(), x.end(), own + 1, own[0]));
    }
    return out;
  }

  /// The evaluation policy shows the most relevant first, or a uniform slate.
  std::vector<std::uint16_t> greedy(std::span<const double> relevance) const {
    std::vector<std::uint16_t> order(m_);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return relevance[a] > relevance[b]; });
    order.resize(l_);
    return order;
  }

  DocumentLog draw(const Rng& rng, std::span<const double> scores, const Coefficients& liked,
                   const Examination& truth) const {
    DocumentLog log;
    std::vector<double> logits;
    for (std::uint32_t i = 0; i < n_; ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 0, 0});
      const std::vector<double> x = normals(request, d_), r = relevance(x, liked);
      for (std::size_t a = 0; a < m_; ++a)
        logits.push_back(std::inner_product(x.begin(), x.end(),
                                            scores.begin() + static_cast<std::ptrdiff_t>(a * d_),
                                            0.0) /
                         c_.temperature);
      log.context.insert(log.context.end(), x.begin(), x.end());
      log.relevance.insert(log.relevance.end(), r.begin(), r.end());
    }
    Offsets offsets(n_ + 1);
    for (std::size_t i = 0; i <= n_; ++i) offsets[i] = static_cast<std::uint32_t>(i * m_);
    const auto mu = make_plackett_luce(
        offsets, std::vector<std::uint16_t>(n_, static_cast<std::uint16_t>(l_)), logits);
    std::vector<std::uint16_t> ids(m_), slate(l_);
    std::iota(ids.begin(), ids.end(), std::uint16_t{0});
    std::vector<double> p(l_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Turn turn{UserId{i}, 0, 0};
      mu->sample(i, rng, {Draw::kPolicy, turn, ids, 0}, slate);
      mu->position_probabilities(i, slate, p);
      log.mu.insert(log.mu.end(), p.begin(), p.end());
      log.slate.insert(log.slate.end(), slate.begin(), slate.end());
      const std::span<const double> r(log.relevance.data() + i * m_, m_);
      const std::vector<std::uint16_t> best = greedy(r);
      Stream response = rng.stream(Draw::kResponse, turn);
      double above = 0;
      for (std::size_t k = 0; k < l_; ++k) {
        const double e = truth.at(k, log.context[i * d_], above);
        log.reward.push_back(response.uniform() < e * r[slate[k]] ? 1 : 0);
        log.pi.push_back(c_.epsilon / static_cast<double>(m_) +
                         (best[k] == slate[k] ? 1 - c_.epsilon : 0));
        above += r[slate[k]];
      }
    }
    return log;
  }

  /// Exact: of a uniform slate, what stands above an item is a uniform subset of the others, so
  /// that its mean of exp(-attraction * sum) is an elementary symmetric polynomial.
  /// Args: relevance: by the model.  best: what the evaluation policy shows but for epsilon.
  Looked looked(const Examination& e, double first_feature, std::span<const double> relevance,
                std::span<const std::uint16_t> best) const {
    Looked out{std::vector<double>(l_ * m_), std::vector<double>(l_ * m_)};
    const double each = c_.epsilon / static_cast<double>(m_);
    for (std::size_t a = 0; a < m_; ++a) {
      std::vector<double> mean(l_, 0.0);  // of products over subsets of k of the items so far
      mean[0] = 1;
      std::size_t others = 0;
      for (std::size_t j = 0; j < m_; ++j) {
        if (j == a) continue;
        ++others;
        for (std::size_t k = std::min(others, l_ - 1); k > 0; --k) {
          const double share = static_cast<double>(k) / static_cast<double>(others);
          mean[k] =
              (1 - share) * mean[k] + share * mean[k - 1] * std::exp(-e.attraction * relevance[j]);
        }
      }
      for (std::size_t k = 0; k < l_; ++k) {
        out.pi[k * m_ + a] = each;
        out.mass[k * m_ + a] = each * e.at(k, first_feature, 0) * mean[k];
      }
    }
    double above = 0;
    for (std::size_t k = 0; k < l_; ++k) {
      out.pi[k * m_ + best[k]] += 1 - c_.epsilon;
      out.mass[k * m_ + best[k]] += (1 - c_.epsilon) * e.at(k, first_feature, above);
      above += relevance[best[k]];
    }
    return out;
  }

  double value(const Rng& rng, const Coefficients& liked, const Examination& truth) const {
    double sum = 0;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(c_.truth_rounds); ++i) {
      Stream request = rng.stream(Draw::kRequest, {UserId{i}, 1, 0});
      const std::vector<double> x = normals(request, d_), r = relevance(x, liked);
      const Looked all = looked(truth, x[0], r, greedy(r));
      for (std::size_t s = 0; s < l_ * m_; ++s) sum += all.mass[s] * r[s % m_];
    }
    return sum / static_cast<double>(c_.truth_rounds);
  }

  struct Model {
    Examination examination;
    Coefficients liked;
  };

  /// By the likelihood of the clicks, which the published EM climbs too. Where relevance above
  /// matters, it is that of the fit before. Args: fold: what is left out of rounds dealt in turn.
  Model fit(const DocumentLog& log, const std::string& assumed, std::size_t fold) const {
    const std::size_t n_liked = m_ * (d_ + 1);
    Eigen::VectorXd x = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(n_liked + 3));
    x.tail(3).setConstant(-0.5);  // logs of both powers and of the attraction
    Model model;
    for (int pass = 0; pass < (assumed == "ranking" ? 3 : 1); ++pass) {
      const std::vector<double> above = relevance_above(log, model.liked);
      minimize(
          [&](const Eigen::VectorXd& at, Eigen::VectorXd& gradient) {
            return misfit(log, assumed, fold, above, at, gradient);
          },
          x, {60, 10, 1e-6});
      model.liked.assign(x.data(), x.data() + n_liked);
      model.examination = examination_of(x.tail(3), assumed);
    }
    return model;
  }

  static Examination examination_of(const Eigen::Vector3d& logs, const std::string& assumed) {
    return {{std::exp(logs[0]), std::exp(logs[assumed == "segment" ? 1 : 0])},
            assumed == "ranking" ? std::exp(logs[2]) : 0};
  }

  /// (n, length). Args: liked: empty before anything is fitted, when all is liked by half.
  std::vector<double> relevance_above(const DocumentLog& log, const Coefficients& liked) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::vector<double> r = liked.empty()
                                        ? std::vector<double>(m_, 0.5)
                                        : relevance({log.context.data() + i * d_, d_}, liked);
      double above = 0;
      for (std::size_t k = 0; k < l_; ++k) {
        out.push_back(above);
        above += r[log.slate[i * l_ + k]];
      }
    }
    return out;
  }

  /// Minus the mean log likelihood, with a ridge that only keeps it finite.
  double misfit(const DocumentLog& log, const std::string& assumed, std::size_t fold,
                std::span<const double> above, const Eigen::VectorXd& at,
                Eigen::VectorXd& gradient) const {
    const double ridge = 1e-5, scale = 2 / static_cast<double>(n_ * l_);
    const auto end = static_cast<Eigen::Index>(m_ * (d_ + 1));
    const Examination e = examination_of(at.tail(3), assumed);
    double sum = ridge / 2 * at.squaredNorm();
    gradient = ridge * at;
    for (std::size_t i = 1 - fold; i < n_; i += 2) {
      const double* x = log.context.data() + i * d_;
      for (std::size_t k = 0; k < l_; ++k) {
        const std::size_t s = i * l_ + k;
        const auto own = static_cast<Eigen::Index>(log.slate[s] * (d_ + 1));
        double logit = at[own];
        for (std::size_t f = 0; f < d_; ++f)
          logit += x[f] * at[own + 1 + static_cast<Eigen::Index>(f)];
        const double r = logistic(logit), p = std::min(e.at(k, x[0], above[s]) * r, 1 - 1e-9);
        sum -= scale * (log.reward[s] > 0 ? std::log(p) : std::log1p(-p));
        const double by_log_p = -scale * (log.reward[s] - p) / (1 - p);
        const double by_logit = by_log_p * (1 - r);
        gradient[own] += by_logit;
        for (std::size_t f = 0; f < d_; ++f)
          gradient[own + 1 + static_cast<Eigen::Index>(f)] += by_logit * x[f];
        const std::size_t sign = x[0] < 0 ? 0 : 1;
        gradient[end + (assumed == "segment" && sign == 1 ? 1 : 0)] -=
            by_log_p * e.power[sign] * std::log(static_cast<double>(k + 1));
        gradient[end + 2] -= by_log_p * e.attraction * above[s];
      }
    }
    return sum;
  }

  Trial estimate(const DocumentLog& log, double truth) const {
    std::vector<std::uint32_t> offsets(n_ + 1);
    for (std::size_t i = 0; i <= n_; ++i) offsets[i] = static_cast<std::uint32_t>(i * l_);
    SlateColumns slates;
    slates.slate_offsets = offsets;
    slates.reward = log.reward;
    slates.item_position = {log.pi, log.mu};
    Trial trial;
    const auto add = [&](const std::string& entry, const std::string& name) {
      trial.add(name, estimate_slates(slate_estimators().at(entry), slates).value, truth);
    };
    add("iips", "iips");
    for (const std::string& assumed : kExaminations) {
      std::vector<double> shown, evaluation, relevances, baseline;
      const Model models[2] = {fit(log, assumed, 0), fit(log, assumed, 1)};
      for (std::size_t i = 0; i < n_; ++i) {
        const Model& model = models[i % 2];
        const std::span<const double> x(log.context.data() + i * d_, d_);
        const std::vector<double> r = relevance(x, model.liked);
        const Looked all =
            looked(model.examination, x[0], r, greedy({log.relevance.data() + i * m_, m_}));
        double above = 0;
        for (std::size_t k = 0; k < l_; ++k) {
          const std::size_t a = log.slate[i * l_ + k], cell = k * m_ + a;
          shown.push_back(model.examination.at(k, x[0], above));
          evaluation.push_back(all.mass[cell] / all.pi[cell]);
          relevances.push_back(r[a]);
          baseline.push_back(std::inner_product(
              r.begin(), r.end(), all.mass.begin() + static_cast<std::ptrdiff_t>(k * m_), 0.0));
          above += r[a];
        }
      }
      slates.examination = {shown, evaluation, relevances, baseline};
      add("le_iips", "le_iips_" + assumed);
      add("ed_dr", "ed_dr_" + assumed);
    }
    return trial;
  }

  EdDrConfig c_;
  std::size_t n_, m_, l_, d_;
};

}  // namespace

std::unique_ptr<Benchmark> make_ed_dr(const PluginConfig& config) {
  return std::make_unique<EdDr>(config.read<EdDrConfig>());
}

std::vector<FieldDescription> describe_ed_dr() { return describe_fields<EdDrConfig>(); }

}  // namespace rehearsal
