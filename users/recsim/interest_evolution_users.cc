#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/makers.h"
#include "users/recsim/interest_evolution.h"
#include "users/recsim/list_users.h"

namespace rehearsal {

namespace {

using namespace recsim;

constexpr const char* kEvolution = "recsim_interest_evolution";

struct EvolutionUsersConfig {
  ChoiceConfig choice{"multinomial_proportional", 1, -1, 0.65, 0.05, "constant"};
  double time_budget = 200;
  double step_penalty = 0.5;
  double user_update_alpha = 0.9 / 3.4;
  double user_quality_factor = 0;
  double document_quality_factor = 1;
  double alpha_x_intercept = 1;
  double alpha_y_intercept = 0.3;
  bool interests_last = false;

  Fields fields() {
    return choice.add_to(
        Fields()
            .add("time_budget", time_budget, 0.001, 1e9, "time of a session")
            .add("step_penalty", step_penalty, 0, 1e9, "time that a list without a click costs")
            .add("user_update_alpha", user_update_alpha, -1e3, 1e3,
                 "time won back, per watched time and received utility")
            .add("user_quality_factor", user_quality_factor, -1e3, 1e3,
                 "weight of the user's own score in the received utility")
            .add("document_quality_factor", document_quality_factor, -1e3, 1e3,
                 "weight of the video's quality in the received utility")
            .add("alpha_x_intercept", alpha_x_intercept, 1e-3, 1e3,
                 "size of an interest that no longer moves")
            .add("alpha_y_intercept", alpha_y_intercept, 0, 10, "step of an interest of 0")
            .add("interests_last", interests_last,
                 "interests go on to the next session; as published, each session has new ones"));
  }
};

/// A user: time left, interests, and what the site has seen.
class EvolutionUsers final : public ListUsers {
 public:
  EvolutionUsers(const EvolutionUsersConfig& config, const PluginConfig& plugin,
                 const World& world);

  void observe(RequestBatch& requests) const override { history_.observe(requests); }
  std::size_t n_state() const override { return 1 + 3 * n_topics_; }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  void outcomes(const double* user, std::span<const std::uint32_t> items,
                std::span<double> out) const override;
  bool cascade() const override { return model_.choice.cascade(); }
  double amount(const double* user, std::uint32_t /*item*/, std::uint32_t /*word*/) const override {
    return watch_time(user[0], length_);
  }
  double expected_amount(const double* user, std::uint32_t /*item*/) const override {
    return watch_time(user[0], length_);
  }
  void begin_session(const Turn& turn, const Rng& rng, double* user) const;
  void watch(std::uint32_t item, double u_interest, double* user) const;

  InterestEvolution model_;
  bool interests_last_;
  std::size_t n_topics_;
  double length_;
  std::vector<Video> videos_;  // (n_items)
  TopicHistory history_;
};

EvolutionUsers::EvolutionUsers(const EvolutionUsersConfig& config, const PluginConfig& plugin,
                               const World& world)
    : ListUsers({&ResponseBatch::dwell, &ExpectedBatch::dwell},
                1 + topics_of(world, kEvolution, plugin)),
      model_{config.choice.model(),          config.step_penalty,
             config.user_update_alpha,       config.user_quality_factor,
             config.document_quality_factor, config.alpha_x_intercept,
             config.alpha_y_intercept,       config.time_budget},
      interests_last_(config.interests_last),
      n_topics_(topics_of(world, kEvolution, plugin)),
      length_(hidden_parameter(world, "video_length", kEvolution, plugin)[0]),
      videos_(videos_of(world, kEvolution, plugin)),
      history_(world.schema(), n_topics_, 1 + n_topics_) {}

void EvolutionUsers::begin_session(const Turn& turn, const Rng& rng, double* user) const {
  user[0] = model_.time_budget;
  Stream draws = rng.stream(Draw::kPopulation, turn);
  for (std::size_t k = 1; k <= n_topics_; ++k) user[k] = 2 * draws.uniform() - 1;
  std::fill_n(user + 1 + n_topics_, 2 * n_topics_, 0.0);
}

void EvolutionUsers::start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const {
  for (std::size_t u = 0; u < users.size(); ++u)
    begin_session({users[u], 0, 0}, rng, state.row(static_cast<Eigen::Index>(u)).data());
}

void EvolutionUsers::outcomes(const double* user, std::span<const std::uint32_t> items,
                              std::span<double> out) const {
  // Scores stand where their probabilities will.
  for (std::size_t j = 0; j < items.size(); ++j) out[j] = user[1 + videos_[items[j]].topic];
  choice_probabilities(model_.choice, out.first(items.size()), out);
}

/// A video is watched: time goes and comes, the interest in its topic moves.
void EvolutionUsers::watch(std::uint32_t item, double u_interest, double* user) const {
  const Video& video = videos_[item];
  double& interest = user[1 + video.topic];
  const double score = model_.user_quality_factor == 0 ? 0 : lone_score(model_.choice, interest);
  user[0] = budget_after_click(model_, user[0], watch_time(user[0], length_), score, video.quality);
  interest = evolved_interest(model_, interest, u_interest);
}

void EvolutionUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                             const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                             std::span<std::uint16_t> gap) const {
  std::vector<std::uint32_t> topics;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double* user = state.row(static_cast<Eigen::Index>(i)).data();
    const std::span<const std::uint32_t> items = list(pages, i);
    const std::size_t k = taken(responses, pages, i);
    topics.clear();
    for (const std::uint32_t item : items) topics.push_back(videos_[item].topic);
    history_.add(topics, k, user);
    const Turn turn = requests.turn(i);
    if (k < items.size())
      watch(items[k], rng.stream(Draw::kAdvance, turn).uniform(), user);
    else
      user[0] = budget_after_no_click(model_, user[0]);
    gap[i] = user[0] <= 0;
    if (gap[i] == 0) continue;
    if (interests_last_)
      user[0] = model_.time_budget;
    else
      begin_session({turn.user, static_cast<std::uint16_t>(turn.session + 1), 0}, rng, user);
  }
}

std::unique_ptr<UserModel> make_evolution_users(const PluginConfig& plugin, const World& world,
                                                const Rng&) {
  const auto config = plugin.read<EvolutionUsersConfig>();
  check_choice(config.choice, -1, 1, plugin);
  return std::make_unique<EvolutionUsers>(config, plugin, world);
}

}  // namespace

UserModelEntry recsim_interest_evolution_users() {
  return {kEvolution,
          "one video of a list is watched, which moves the interest in its topic and costs time",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), interest_evolution",
          describe_fields<EvolutionUsersConfig>, make_evolution_users};
}

}  // namespace rehearsal
