#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/recsim_documents.h"
#include "sim/world/world.h"
#include "users/makers.h"
#include "users/recsim/list_users.h"
#include "users/recsim/long_term_satisfaction.h"

namespace rehearsal {

namespace {

using namespace recsim;

constexpr const char* kSatisfaction = "recsim_long_term_satisfaction";

// Columns of the state.
enum Column : Eigen::Index { kExposure, kSteps, kRecent, kLast, kColumns };

struct SatisfactionUsersConfig {
  double memory_discount = 0.7;
  double sensitivity = 0.01;
  double innovation_stddev = 0.05;
  double choc_mean = 5;
  double choc_stddev = 1;
  double kale_mean = 4;
  double kale_stddev = 1;
  std::int64_t time_budget = 60;
  std::string means = "log_engagement";
  std::string clickbait = "lowers";

  Fields fields() {
    return Fields()
        .add("memory_discount", memory_discount, 0, 0.999999,
             "share of the net positive exposure that is left after a page")
        .add("sensitivity", sensitivity, 0, 1e3,
             "slope of satisfaction's logit on the exposure; at 0.01 it hardly leaves 1/2")
        .add("innovation_stddev", innovation_stddev, 0, 1e3,
             "standard deviation of what else moves the exposure")
        .add("choc_mean", choc_mean, 0.000001, 100,
             "engagement with pure clickbait at full "
             "satisfaction: mean of its log")
        .add("choc_stddev", choc_stddev, 0, 10, "standard deviation of its log")
        .add("kale_mean", kale_mean, 0.000001, 100, "the same without any clickbait")
        .add("kale_stddev", kale_stddev, 0, 10, "standard deviation of its log")
        .add("time_budget", time_budget, 1, 0xffff, "pages of a session")
        .choice("means", means, {"log_engagement", "engagement"},
                "what the means are of: log engagement as the published code has it, engagement "
                "as its docstring does")
        .choice("clickbait", clickbait, {"lowers", "raises"},
                "what clickbait does to the exposure: lowers it as the published code has it, "
                "raises it as its docstring does");
  }
};

/// A user: exposure, pages of the session, and what the site has seen. The first document is
/// clicked, always; what differs is how long that engages.
class SatisfactionUsers final : public ListUsers {
 public:
  SatisfactionUsers(const SatisfactionUsersConfig& config, const PluginConfig& plugin,
                    const World& world);

  void observe(RequestBatch& requests) const override;
  std::size_t n_state() const override { return kColumns; }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  void outcomes(const double* /*user*/, std::span<const std::uint32_t> /*items*/,
                std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
    out[0] = 1;
  }
  bool cascade() const override { return true; }
  double amount(const double* user, std::uint32_t item, std::uint32_t word) const override {
    return engagement(law(user, item), normal_from(word));
  }
  double expected_amount(const double* user, std::uint32_t item) const override {
    return expected_engagement(law(user, item));
  }
  LogEngagement law(const double* user, std::uint32_t item) const {
    return log_engagement(model_, clickbait_[item], satisfaction(model_, user[kExposure]));
  }
  void begin_session(const Turn& turn, const Rng& rng, double* user) const;

  LongTermSatisfaction model_;
  double time_budget_;
  std::vector<double> clickbait_;       // (n_items)
  std::array<std::size_t, 3> feature_;  // columns of the context
};

SatisfactionUsers::SatisfactionUsers(const SatisfactionUsersConfig& config,
                                     const PluginConfig& plugin, const World& world)
    : ListUsers({&ResponseBatch::engagement, &ExpectedBatch::engagement}, 1),
      model_{config.memory_discount, config.sensitivity,           config.innovation_stddev,
             config.choc_mean,       config.choc_stddev,           config.kale_mean,
             config.kale_stddev,     config.means == "engagement", config.clickbait == "raises"},
      time_budget_(static_cast<double>(config.time_budget)),
      clickbait_(hidden_parameter(world, "item_clickbait", kSatisfaction, plugin)),
      feature_{world.schema().feature_index(kRecentClickbait),
               world.schema().feature_index(kLastEngagement),
               world.schema().feature_index(kSessionShare)} {}

void SatisfactionUsers::begin_session(const Turn& turn, const Rng& rng, double* user) const {
  std::fill_n(user, kColumns, 0.0);
  user[kExposure] = first_exposure(model_, rng.stream(Draw::kPopulation, turn).uniform());
}

void SatisfactionUsers::start(std::span<const UserId> users, const Rng& rng,
                              RowMatrix& state) const {
  for (std::size_t u = 0; u < users.size(); ++u)
    begin_session({users[u], 0, 0}, rng, state.row(static_cast<Eigen::Index>(u)).data());
}

void SatisfactionUsers::observe(RequestBatch& requests) const {
  const RowMatrix& state = requests.latents->state;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto user = state.row(static_cast<Eigen::Index>(i));
    float* context = requests.context.data() + i * requests.n_features;
    context[feature_[0]] = static_cast<float>(user[kRecent]);
    context[feature_[1]] = static_cast<float>(user[kLast]);
    context[feature_[2]] = static_cast<float>(user[kSteps] / time_budget_ - 0.5);
  }
}

void SatisfactionUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                                const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                                std::span<std::uint16_t> gap) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double* user = state.row(static_cast<Eigen::Index>(i)).data();
    const Turn turn = requests.turn(i);
    const std::size_t k = taken(responses, pages, i);
    REHEARSAL_CHECK(k < list(pages, i).size());
    const std::uint32_t item = list(pages, i)[k];
    const std::size_t at = pages.item_offsets[pages.slot_offsets[i]] + k;
    user[kExposure] = next_exposure(model_, user[kExposure], clickbait_[item],
                                    normal_from(rng.stream(Draw::kAdvance, turn)()));
    user[kRecent] = model_.memory_discount * user[kRecent] + clickbait_[item] - 0.5;
    user[kLast] = std::log(static_cast<double>(responses.engagement[at])) - 2.25;
    user[kSteps] += 1;
    gap[i] = user[kSteps] >= time_budget_;
    if (gap[i] != 0)
      begin_session({turn.user, static_cast<std::uint16_t>(turn.session + 1), 0}, rng, user);
  }
}

std::unique_ptr<UserModel> make_satisfaction_users(const PluginConfig& plugin, const World& world,
                                                   const Rng&) {
  return std::make_unique<SatisfactionUsers>(plugin.read<SatisfactionUsersConfig>(), plugin, world);
}

}  // namespace

UserModelEntry recsim_long_term_satisfaction_users() {
  return {kSatisfaction,
          "the first document engages, the more the more clickbait; which costs satisfaction",
          "Ie et al., RecSim, 2019 (arXiv 1909.04847), long_term_satisfaction",
          describe_fields<SatisfactionUsersConfig>, make_satisfaction_users};
}

}  // namespace rehearsal
