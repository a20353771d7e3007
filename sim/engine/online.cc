#include "sim/engine/online.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "sim/engine/table.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

/// Of one round, or of many.
struct Sums {
  double expected = 0;
  double sampled = 0;
  double best = 0;
};

/// What the best pages earn, wave by wave of users: of the first contender's requests.
struct BestWaves {
  std::vector<std::uint64_t> turns;       // fingerprint of who came, and for which time
  std::vector<std::vector<double>> best;  // (waves, who came)
};

/// Regret summed by user, and the moments of those sums, kept up round by round.
class UserRegret {
 public:
  explicit UserRegret(std::size_t n_users) : regret_(n_users), rounds_(n_users) {}

  void add(std::uint32_t user, double regret) {
    double& r = regret_[user];
    double& n = rounds_[user];
    if (n == 0) ++came_;
    rr_ += regret * (2 * r + regret);
    rn_ += r + (n + 1) * regret;
    nn_ += 2 * n + 1;
    r += regret;
    n += 1;
    sum_ += regret;
    all_ += 1;
  }

  double standard_error() const {
    if (came_ < 2) return 0;
    const double mean = sum_ / all_;
    const double squares = rr_ - 2 * mean * rn_ + mean * mean * nn_;
    return std::sqrt(std::max(squares, 0.0) * came_ / (came_ - 1));
  }

  std::vector<double> take() { return std::move(regret_); }

 private:
  std::vector<double> regret_, rounds_;  // (n_users)
  double rr_ = 0, rn_ = 0, nn_ = 0;      // sums of squares and products over users
  double sum_ = 0, all_ = 0, came_ = 0;
};

/// One contender's experiment. Users take turns, so that those who stand in one wave differ.
class Experiment {
 public:
  Experiment(const World& world, const UserModel& users, const OnlineArm& arm, const Rng& rng,
             const OnlineOptions& options, BestWaves& waves)
      : world_(world),
        users_(users),
        arm_(arm),
        rng_(rng),
        options_(options),
        metric_(metrics().at(options.metric)),
        progress_(start_progress(users, rng, 0, world.n_users(), kLiveSession)),
        waves_(waves),
        regret_(world.n_users()) {
    std::fill(progress_.left.begin(), progress_.left.end(),
              std::numeric_limits<std::uint32_t>::max());
  }

  OnlineCurve run() {
    OnlineCurve curve;
    std::deque<LogBatch> late;
    for (std::uint32_t b = 0; b < options_.n_batches; ++b) {
      late.push_back(serve(curve));
      if (late.size() > options_.delay) {
        if (arm_.learns) arm_.policy->update(late.front());
        late.pop_front();
      }
      if (options_.progress != nullptr)
        options_.progress->update("online " + arm_.name,
                                  static_cast<double>(b + 1) / options_.n_batches, "");
    }
    curve.user_regret = regret_.take();
    return curve;
  }

 private:
  /// One batch. Returns: what was played, for those that learn.
  LogBatch serve(OnlineCurve& curve) {
    LogBatch all;
    Sums sums;
    std::uint64_t n_played = 0;
    for (std::uint64_t left = options_.batch_rounds; left > 0;) {
      const std::uint64_t n = std::min<std::uint64_t>(left, world_.n_users());
      std::vector<std::uint32_t> at;
      for (std::uint64_t k = 0; k < n; ++k, next_ = (next_ + 1) % world_.n_users())
        if (progress_.left[next_] > 0) at.push_back(next_);
      wave(at, all, sums);
      n_played += at.size();
      left -= n;
    }
    curve.rounds.push_back(n_played);
    curve.expected.push_back(sums.expected);
    curve.sampled.push_back(sums.sampled);
    curve.best.push_back(sums.best);
    curve.standard_error.push_back(regret_.standard_error());
    return all;
  }

  /// Users who all differ take one round each, chunk by chunk.
  void wave(const std::vector<std::uint32_t>& at, LogBatch& all, Sums& sums) {
    const std::uint64_t turns = fingerprint(at);
    // Where users have no state, who comes for which time says all of a request.
    const bool known =
        users_.n_state() == 0 && wave_ < waves_.turns.size() && waves_.turns[wave_] == turns;
    const std::size_t n_chunks = (at.size() + options_.chunk_rounds - 1) / options_.chunk_rounds;
    std::vector<LogBatch> played(n_chunks);
    // Sums are over rounds, not chunks: additions happen in one order whatever the chunks are.
    std::vector<Sums> of_round(at.size());
    parallel_for(n_chunks, options_.threads, [&](std::size_t c) {
      check_interrupt();
      const std::size_t first = c * options_.chunk_rounds;
      const std::size_t size = std::min(options_.chunk_rounds, at.size() - first);
      chunk(std::span(at).subspan(first, size), !known, std::span(of_round).subspan(first, size),
            played[c]);
    });
    for (const LogBatch& part : played) {
      append(part.requests, all.requests);
      append(part.pages, all.pages);
      append(part.responses, all.responses);
    }
    std::vector<double> best;
    for (const Sums& each : of_round) best.push_back(each.best);
    if (known) best = waves_.best[wave_];
    for (std::size_t k = 0; k < at.size(); ++k) {
      sums.expected += of_round[k].expected;
      sums.sampled += of_round[k].sampled;
      sums.best += best[k];
      regret_.add(at[k], best[k] - of_round[k].expected);
    }
    if (wave_ == waves_.turns.size()) {
      waves_.turns.push_back(turns);
      waves_.best.push_back(std::move(best));
    }
    ++wave_;
  }

  std::uint64_t fingerprint(const std::vector<std::uint32_t>& at) const {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const std::uint32_t u : at) {
      const Turn& turn = progress_.turn[u];
      for (const std::uint64_t part : {std::uint64_t{turn.user.value}, std::uint64_t{turn.session},
                                       std::uint64_t{turn.round}, std::uint64_t{turn.day}})
        hash = (hash ^ part) * 1099511628211ULL;
    }
    return hash;
  }

  void chunk(std::span<const std::uint32_t> at, bool with_best, std::span<Sums> out,
             LogBatch& played) {
    Table table(world_, users_, *arm_.policy, rng_, false);
    table.round(progress_, at);
    Played& now = table.played();
    const auto put = [&](const std::vector<double>& values, const PageBatch& pages,
                         double Sums::*sum) {
      for (std::size_t i = 0; i < out.size(); ++i)
        for (std::size_t k = pages.slot_offsets[i]; k < pages.slot_offsets[i + 1]; ++k)
          out[i].*sum += values[k];
    };
    put(expected(now.requests, now.pages), now.pages, &Sums::expected);
    std::vector<double> sampled;
    slot_rewards(metric_, now.responses, now.pages, sampled);
    put(sampled, now.pages, &Sums::sampled);
    if (with_best) {
      const PageBatch pages = recommend(*options_.best, now.requests, rng_, nullptr);
      put(expected(now.requests, pages), pages, &Sums::best);
    }
    if (!arm_.learns) return;
    played.requests = std::move(now.requests);
    played.requests.latents.reset();  // what learns sees what a site sees
    played.pages = std::move(now.pages);
    played.responses = std::move(now.responses);
  }

  std::vector<double> expected(const RequestBatch& requests, const PageBatch& pages) const {
    std::vector<double> values;
    if (!slot_expectations(metric_, users_.expected(requests, pages), pages, values))
      throw Error(ErrorKind::kInput, "regret needs exact expected " + metric_.name +
                                         ", which this user model does not have in closed form");
    return values;
  }

  const World& world_;
  const UserModel& users_;
  const OnlineArm& arm_;
  const Rng& rng_;
  const OnlineOptions& options_;
  const Metric& metric_;
  Progress progress_;
  BestWaves& waves_;
  UserRegret regret_;
  std::size_t wave_ = 0;
  std::uint32_t next_ = 0;  // user whose turn it is
};

}  // namespace

std::vector<double> OnlineCurve::regret() const {
  std::vector<double> out(best.size());
  double sum = 0;
  for (std::size_t b = 0; b < out.size(); ++b) out[b] = sum += best[b] - expected[b];
  return out;
}

std::vector<OnlineCurve> run_online(const World& world, const UserModel& users,
                                    const std::vector<OnlineArm>& arms, const Rng& rng,
                                    const OnlineOptions& options) {
  REHEARSAL_CHECK(!arms.empty() && options.best != nullptr && options.batch_rounds > 0 &&
                  options.chunk_rounds > 0);
  std::vector<OnlineCurve> curves;
  BestWaves waves;
  for (const OnlineArm& arm : arms)
    curves.push_back(Experiment(world, users, arm, rng, options, waves).run());
  return curves;
}

}  // namespace rehearsal
