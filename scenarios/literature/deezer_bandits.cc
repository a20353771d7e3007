#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "policies/policies.h"
#include "scenarios/literature/makers.h"
#include "sim/core/error.h"
#include "sim/engine/online.h"
#include "users/users.h"

namespace rehearsal {

namespace {

struct DeezerBanditsConfig {
  std::int64_t rounds = 200000, batches = 100, delay = 0;
  std::int64_t users = 20000, items = 862, positions = 12, dimensions = 96, segments = 10;
  double segment_share = 0.9927, taste_sd = 1.05, popularity_sd = 0.754, mean_logit = -5.42;
  std::string report = "share";

  Fields fields() {
    return Fields()
        .add("rounds", rounds, 1, 1'000'000'000, "carousels shown by each policy in all")
        .add("batches", batches, 1, 100000, "policies learn after each of so many equal parts")
        .add("delay", delay, 0, 100000, "batches by which feedback comes late")
        .add("users", users, 1, 10'000'000, "of the world, taking turns")
        .add("items", items, 1, 4095, "playlists, all of which may be shown to everyone")
        .add("positions", positions, 1, 64, "cards of a carousel")
        .add("dimensions", dimensions, 1, 1000, "of users and playlists, besides a constant")
        .add("segments", segments, 1, 10000, "groups of like users")
        .add("segment_share", segment_share, 0, 1, "of the users' spread between segments")
        .add("taste_sd", taste_sd, 0, 10, "of a playlist's logit from user to user")
        .add("popularity_sd", popularity_sd, 0, 10, "of the logit from playlist to playlist")
        .add("mean_logit", mean_logit, -20, 20, "that a playlist is streamed")
        .choice("report", report, {"share", "regret"},
                "cumulated regret at the end as a share of the random policy's, or itself");
  }
};

/// A contender of the paper: its name there, and ours with its keys.
struct Contender {
  const char* name;
  const char* policy;
};

constexpr const char* kRandom = "random";
constexpr Contender kContenders[] = {
    {kRandom, "type: ranked_list, ranker: {type: uniform}"},
    {"etc-seg-explore", "type: explore_then_commit, displays: 100, segments: [segment]"},
    {"etc-seg-exploit", "type: explore_then_commit, displays: 20, segments: [segment]"},
    {"epsilon-greedy-explore", "type: epsilon_greedy, epsilon: 0.1, segments: [segment]"},
    {"epsilon-greedy-exploit", "type: epsilon_greedy, epsilon: 0.01, segments: [segment]"},
    {"kl-ucb-seg", "type: kl_ucb, time: all, segments: [segment]"},
    {"ts-seg-naive", "type: beta_thompson, segments: [segment]"},
    {"ts-seg-pessimistic", "type: beta_thompson, prior_b: 99, segments: [segment]"},
    {"ts-lin-naive", "type: logistic_thompson, inputs: numbers"},
    {"ts-lin-pessimistic", "type: logistic_thompson, inputs: numbers, intercept: -5"},
};

/// A plug-in's configuration that is made here, with what its reader borrows.
struct Made {
  explicit Made(const std::string& yaml) : node(YAML::Load("{" + yaml + "}")) {}
  PluginConfig config() const { return {node, {"deezer_bandits", ""}}; }
  YAML::Node node;
};

class DeezerBandits final : public Benchmark {
 public:
  explicit DeezerBandits(const DeezerBanditsConfig& config) : c_(config) {}

  Trial run(const Rng& rng) const override {
    const Made world_keys(fmt::format(
        "users: {}, items: {}, candidates: {}, positions: {}, dimensions: {}, segments: {}, "
        "segment_share: {}, taste_sd: {}, popularity_sd: {}, mean_logit: {}",
        c_.users, c_.items, c_.items, c_.positions, c_.dimensions, c_.segments, c_.segment_share,
        c_.taste_sd, c_.popularity_sd, c_.mean_logit));
    const auto world = worlds().at("deezer_carousels").make(world_keys.config(), rng);
    const auto users = user_models().at("deezer_carousels").make(Made("").config(), *world, rng);
    PolicyContext context{world->schema(), rng, users.get(), {}};
    const auto policy = [&](const std::string& name, const std::string& keys) {
      return make_policy(YAML::Load("{name: " + name + ", " + keys + "}"), {"deezer_bandits", name},
                         context);
    };
    std::vector<std::shared_ptr<Policy>> serving;
    std::vector<OnlineArm> arms;
    for (const Contender& each : kContenders) {
      const std::string cascade = each.name == kRandom ? "" : ", feedback: cascade";
      serving.push_back(policy(each.name, each.policy + cascade));
      arms.push_back({each.name, serving.back().get(), each.name != kRandom});
    }
    const std::shared_ptr<Policy> best = policy("best", "type: oracle");
    OnlineOptions how;
    how.n_batches = static_cast<std::uint32_t>(c_.batches);
    how.batch_rounds = static_cast<std::uint64_t>(c_.rounds / c_.batches);
    how.delay = static_cast<std::uint32_t>(c_.delay);
    how.best = best.get();
    how.threads = 1;  // trials run side by side
    const std::vector<OnlineCurve> curves = run_online(*world, *users, arms, rng, how);
    const double unit = c_.report == "share" ? curves[0].regret().back() : 1;
    Trial trial;
    for (std::size_t a = 0; a < arms.size(); ++a)
      trial.add(arms[a].name, curves[a].regret().back() / unit, 0);
    return trial;
  }

 private:
  DeezerBanditsConfig c_;
};

}  // namespace

std::unique_ptr<Benchmark> make_deezer_bandits(const PluginConfig& config) {
  const auto read = config.read<DeezerBanditsConfig>();
  if (read.rounds < read.batches) config.refuse("rounds", "is fewer than one a batch");
  if (read.positions > read.items) config.refuse("positions", "is more than items");
  return std::make_unique<DeezerBandits>(read);
}

std::vector<FieldDescription> describe_deezer_bandits() {
  return describe_fields<DeezerBanditsConfig>();
}

}  // namespace rehearsal
