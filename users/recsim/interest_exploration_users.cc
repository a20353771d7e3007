#include <fmt/format.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/makers.h"
#include "users/recsim/interest_exploration.h"
#include "users/recsim/list_users.h"

namespace rehearsal {

namespace {

using namespace recsim;

constexpr const char* kExploration = "recsim_interest_exploration";
// No standard normal number that comes from one 32-bit word is larger.
constexpr double kLargestNormal = 6.5;

struct ExplorationUsersConfig {
  ChoiceConfig choice{"multinomial_logit", 5, 0, 1, 1, "constant"};
  std::vector<double> type_share{0.3, 0.7};
  std::vector<double> affinity_log_mean{0.1, 0.7, 0.7, 0.1};
  double affinity_log_sd = 0.1;

  Fields fields() {
    return choice.add_to(
        Fields()
            .add("type_share", type_share, 0, 1, "share of each hidden type of users")
            .add("affinity_log_mean", affinity_log_mean, -10, 10,
                 "mean log affinity to each topic, type after type")
            .add("affinity_log_sd", affinity_log_sd, 0, 10, "standard deviation of log affinity"));
  }
  InterestExploration model(std::size_t n_topics) const {
    return {choice.model(), n_topics, type_share, affinity_log_mean, affinity_log_sd};
  }
};

/// A user: affinities, which stay, and what the site has seen. Sessions do not end.
class ExplorationUsers final : public ListUsers {
 public:
  ExplorationUsers(const InterestExploration& model, std::vector<Video> documents,
                   const World& world)
      : ListUsers({}, model.n_topics),
        model_(model),
        documents_(std::move(documents)),
        history_(world.schema(), model.n_topics, model.n_topics) {}

  void observe(RequestBatch& requests) const override { history_.observe(requests); }
  std::size_t n_state() const override { return 3 * model_.n_topics; }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  void outcomes(const double* user, std::span<const std::uint32_t> items,
                std::span<double> out) const override;
  bool cascade() const override { return model_.choice.cascade(); }

  InterestExploration model_;
  std::vector<Video> documents_;  // (n_items)
  TopicHistory history_;
};

void ExplorationUsers::start(std::span<const UserId> users, const Rng& rng,
                             RowMatrix& state) const {
  state.setZero();
  std::vector<double> z(model_.n_topics);
  for (std::size_t u = 0; u < users.size(); ++u) {
    Stream draws = rng.stream(Draw::kPopulation, {users[u], 0, 0});
    const double u_type = draws.uniform();
    for (double& value : z) value = normal_from(draws());
    draw_affinities(model_, u_type, z,
                    {state.row(static_cast<Eigen::Index>(u)).data(), model_.n_topics});
  }
}

void ExplorationUsers::outcomes(const double* user, std::span<const std::uint32_t> items,
                                std::span<double> out) const {
  for (std::size_t j = 0; j < items.size(); ++j) {
    const Video& document = documents_[items[j]];
    out[j] = exploration_score({user, model_.n_topics}, document.topic, document.quality);
  }
  choice_probabilities(model_.choice, out.first(items.size()), out);
}

void ExplorationUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                               const ResponseBatch& responses, const Rng& /*rng*/, RowMatrix& state,
                               std::span<std::uint16_t> gap) const {
  std::vector<std::uint32_t> topics;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    topics.clear();
    for (const std::uint32_t item : list(pages, i)) topics.push_back(documents_[item].topic);
    history_.add(topics, taken(responses, pages, i),
                 state.row(static_cast<Eigen::Index>(i)).data());
    gap[i] = 0;
  }
}

void check(const ExplorationUsersConfig& config, const std::vector<Video>& documents,
           std::size_t n_topics, const PluginConfig& plugin) {
  double sum = 0;
  for (const double share : config.type_share) sum += share;
  if (std::abs(sum - 1) > 1e-9)
    plugin.refuse("type_share", fmt::format("the shares sum to {}, not to 1", sum));
  if (config.affinity_log_mean.size() != config.type_share.size() * n_topics)
    plugin.refuse("affinity_log_mean",
                  fmt::format("has {} entries; {} types and the world's {} topics need {}",
                              config.affinity_log_mean.size(), config.type_share.size(), n_topics,
                              config.type_share.size() * n_topics));
  const auto [low, high] =
      std::minmax_element(config.affinity_log_mean.begin(), config.affinity_log_mean.end());
  const auto [poor, good] =
      std::minmax_element(documents.begin(), documents.end(),
                          [](const Video& a, const Video& b) { return a.quality < b.quality; });
  const double spread = kLargestNormal * config.affinity_log_sd;
  check_choice(config.choice, std::exp(*low - spread) + poor->quality,
               std::exp(*high + spread) + good->quality, plugin);
}

std::unique_ptr<UserModel> make_exploration_users(const PluginConfig& plugin, const World& world,
                                                  const Rng&) {
  const auto config = plugin.read<ExplorationUsersConfig>();
  const std::size_t n_topics = topics_of(world, kExploration, plugin);
  std::vector<Video> documents = videos_of(world, kExploration, plugin);
  check(config, documents, n_topics, plugin);
  return std::make_unique<ExplorationUsers>(config.model(n_topics), std::move(documents), world);
}

}  // namespace

UserModelEntry recsim_interest_exploration_users() {
  return {kExploration,
          "one document of a list is clicked by hidden affinity to its topic and by quality",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), interest_exploration",
          describe_fields<ExplorationUsersConfig>, make_exploration_users};
}

}  // namespace rehearsal
