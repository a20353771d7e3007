#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/kuaisim_features.h"
#include "sim/world/world.h"
#include "users/kuaisim/rules.h"
#include "users/list_page.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

using namespace kuaisim;

// Where a user's state holds what; interests follow.
constexpr std::size_t kTemper = 0;
constexpr std::size_t kDays = 1;
constexpr std::size_t kClicks = 2;
constexpr std::size_t kHead = 3;

// Feedbacks that have a column of their own, by their place in kFeedbacks.
constexpr std::size_t kClick = 0;
constexpr std::size_t kLike = 2;
constexpr std::size_t kForward = 4;
constexpr std::size_t kHate = 6;

struct KuaiSimUsersConfig {
  std::string link = "double_sigmoid";
  std::vector<double> logit{0, -1, -3, -4.5, -4.5, -4.5, -5};
  std::vector<double> slope{6, 6, 6, 6, 6, 6, -6};
  double feedback_spread = 0.5;
  double history = 0.05;
  double item_correlation = 0.2;
  std::string similarity = "mean";
  std::vector<double> weights{1, 0, 0, 0, 0, 0, 0};
  std::string leave = "reward";
  double initial_temper = 10;
  double temper_discount = 2;
  double next_day_return_bias = 0.4;
  double feedback_influence_on_return = 0.1;
  std::int64_t max_return_day = 10;
  double personal_sd = 0.05;

  Fields fields() {
    return Fields()
        .choice("link", link, {"double_sigmoid", "sigmoid"},
                "from logits to probabilities. double_sigmoid: as published for whole sessions, "
                "all inside (.5, .731); sigmoid: across sessions, and as meant")
        .add("logit", logit, -30, 30,
             "mean logits of is_click, long_view, is_like, is_comment, is_forward, is_follow, "
             "is_hate")
        .add("slope", slope, -100, 100,
             "their slopes on the mean product of user and item encodings")
        .add("feedback_spread", feedback_spread, 0, 10,
             "how far a feedback's taste lies from the user's own")
        .add("history", history, 0, 1,
             "share of a user's interests that the items clicked in a list replace")
        .add("item_correlation", item_correlation, 0, 1,
             "probability lost per unit of an item's similarity to its list")
        .choice("similarity", similarity, {"mean", "cosine"},
                "mean: as published, equal items are 1 / dimensions alike; cosine: 1")
        .add("weights", weights, -100, 100, "reward of each feedback, for temper and return")
        .choice("leave", leave, {"reward", "discount", "step"},
                "how temper falls: by 2 - reward inside [0, 2]; by temper_discount (2 - reward), "
                "at least 0; by 1. A user leaves below 1")
        .add("initial_temper", initial_temper, 1, 10000, "temper at the start of a session")
        .add("temper_discount", temper_discount, 0, 1000, "for leave: discount")
        .add("next_day_return_bias", next_day_return_bias, 0, 1,
             "probability of coming back the next day, without feedback")
        .add("feedback_influence_on_return", feedback_influence_on_return, -10, 10,
             "what a unit of the last list's reward adds to it")
        .add("max_return_day", max_return_day, 1, 365, "the latest day of coming back")
        .add("personal_sd", personal_sd, 0, 1,
             "standard deviation of what a user's own habit adds to it");
  }
};

/// Users of KuaiSim. Its learned transformer is replaced by a synthetic response: a feedback's
/// logit is linear in the mean product of the item's encoding and the user's interests, which move
/// towards the items clicked. Link, similarity, temper and return are the published rules.
/// State: temper, days since the last session, the last list's click share, interests.
class KuaiSimUsers final : public UserModel {
 public:
  KuaiSimUsers(const KuaiSimUsersConfig& config, const World& world, const Rng& rng);

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  void observe(RequestBatch& requests) const override;
  std::size_t n_state() const override { return kHead + dimensions(); }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override;
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  std::size_t dimensions() const { return static_cast<std::size_t>(items_.cols()); }
  /// P(feedback) of every item of a list. Args: out: (n_items, kFeedbackCount).
  void probabilities(const double* user, const ListPage& page, RowMatrix& out) const;
  void move_interests(const ListPage& page, const ResponseBatch& responses, double* user) const;
  std::uint16_t return_day(const Turn& turn, double reward, const Rng& rng) const;

  KuaiSimUsersConfig config_;
  Link link_;
  Similarity similarity_;
  Temper temper_;
  Return return_;
  RowMatrix items_;     // (n_items, dimensions)
  RowMatrix tastes_;    // (n_users, dimensions)
  RowMatrix feedback_;  // (kFeedbackCount, dimensions) added to a user's interests
  std::size_t days_feature_;
  std::size_t clicks_feature_;
};

RowMatrix matrix_of(const Array& array) {
  return Eigen::Map<const RowMatrix>(array.values.data(), static_cast<Eigen::Index>(array.shape[0]),
                                     static_cast<Eigen::Index>(array.shape[1]));
}

/// Mean 0 and variance 1.
void norm_layer(Eigen::Ref<Eigen::RowVectorXd> row) {
  row.array() -= row.mean();
  row /= std::sqrt(std::max(row.squaredNorm() / static_cast<double>(row.size()), 1e-12));
}

TemperRule rule_of(const std::string& leave) {
  if (leave == "reward") return TemperRule::kReward;
  return leave == "discount" ? TemperRule::kDiscount : TemperRule::kStep;
}

KuaiSimUsers::KuaiSimUsers(const KuaiSimUsersConfig& config, const World& world, const Rng& rng)
    : config_(config),
      link_(config.link == "sigmoid" ? Link::kSigmoid : Link::kDoubleSigmoid),
      similarity_(config.similarity == "mean" ? Similarity::kMean : Similarity::kCosine),
      temper_{rule_of(config.leave), static_cast<float>(config.initial_temper),
              static_cast<float>(config.temper_discount)},
      return_{config.next_day_return_bias, config.feedback_influence_on_return,
              static_cast<std::size_t>(config.max_return_day)},
      items_(matrix_of(world.parameters().at("item_encoding"))),
      tastes_(matrix_of(world.parameters().at("user_taste"))),
      feedback_(kFeedbackCount, items_.cols()),
      days_feature_(world.schema().feature_index(kDaysAway)),
      clicks_feature_(world.schema().feature_index(kRecentClicks)) {
  Stream stream = rng.stream(Draw::kBehaviorModel, Turn{});
  for (Eigen::Index j = 0; j < feedback_.size(); ++j)
    feedback_.data()[j] = config.feedback_spread * normal_from(stream());
}

void KuaiSimUsers::probabilities(const double* user, const ListPage& page, RowMatrix& out) const {
  const auto n = static_cast<Eigen::Index>(page.items.size());
  const Eigen::Map<const Eigen::RowVectorXd> interests(user + kHead, items_.cols());
  RowMatrix shown(n, items_.cols());
  for (Eigen::Index k = 0; k < n; ++k)
    shown.row(k) = items_.row(static_cast<Eigen::Index>(page.items[static_cast<std::size_t>(k)]));
  std::vector<double> similarity(page.items.size());
  intra_slate_similarity(shown, similarity_, similarity);
  out.resize(n, kFeedbackCount);
  Eigen::RowVectorXd taste(items_.cols());
  for (std::size_t f = 0; f < kFeedbackCount; ++f) {
    const auto column = static_cast<Eigen::Index>(f);
    taste = interests + feedback_.row(column);
    norm_layer(taste);
    for (Eigen::Index k = 0; k < n; ++k) {
      const double product = shown.row(k).dot(taste) / static_cast<double>(taste.size());
      out(k, column) = response_probability(config_.logit[f] + config_.slope[f] * product,
                                            similarity[static_cast<std::size_t>(k)],
                                            config_.item_correlation, link_);
    }
  }
}

void KuaiSimUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                           ResponseBatch& responses, TruthBatch* truth) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  responses.click.assign(pages.module.size(), 0);
  for (auto* column : {&responses.impression, &responses.item_click, &responses.like,
                       &responses.share, &responses.hide})
    column->assign(pages.item.size(), 0);
  responses.engagement.assign(pages.item.size(), 0);
  if (truth != nullptr) {
    truth->n_latents = kHead - 1;
    truth->latents.clear();
    truth->p_item_click.resize(pages.item.size());
    truth->p_click.assign(pages.module.size(), 0);
  }
  RowMatrix p;
  std::array<std::uint32_t, 8> words;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ListPage page(pages, i);
    const double* user = requests.latents->state.row(static_cast<Eigen::Index>(i)).data();
    probabilities(user, page, p);
    if (truth != nullptr)
      for (const std::size_t j : {kTemper, kDays})
        truth->latents.push_back(static_cast<float>(user[j]));
    for (std::size_t k = 0; k < page.items.size(); ++k) {
      rng.fill(Draw::kResponse, requests.turn(i), 2 * page.items[k], words);
      const double* own = p.row(static_cast<Eigen::Index>(k)).data();
      std::array<std::uint8_t, kFeedbackCount> gives;
      double reward = 0;
      for (std::size_t f = 0; f < kFeedbackCount; ++f) {
        gives[f] = Stream::to_uniform(words[f]) < own[f];
        reward += gives[f] * config_.weights[f];
      }
      const std::size_t at = page.first + k;
      responses.impression[at] = 1;
      responses.item_click[at] = gives[kClick];
      responses.like[at] = gives[kLike];
      responses.share[at] = gives[kForward];
      responses.hide[at] = gives[kHate];
      responses.engagement[at] = static_cast<float>(reward);
      responses.click[page.slot] =
          static_cast<std::uint8_t>(responses.click[page.slot] + gives[kClick]);
      if (truth == nullptr) continue;
      truth->p_item_click[at] = static_cast<float>(own[kClick]);
      truth->p_click[page.slot] += static_cast<float>(own[kClick]);
    }
  }
}

ExpectedBatch KuaiSimUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  ExpectedBatch out;
  out.click.assign(pages.module.size(), 0);
  RowMatrix p;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ListPage page(pages, i);
    probabilities(requests.latents->state.row(static_cast<Eigen::Index>(i)).data(), page, p);
    for (Eigen::Index k = 0; k < p.rows(); ++k) {
      out.click[page.slot] += p(k, kClick);
      out.item_click.push_back(p(k, kClick));
      out.like.push_back(p(k, kLike));
      out.share.push_back(p(k, kForward));
      out.hide.push_back(p(k, kHate));
      double reward = 0;
      for (std::size_t f = 0; f < kFeedbackCount; ++f)
        reward += config_.weights[f] * p(k, static_cast<Eigen::Index>(f));
      out.engagement.push_back(reward);
    }
  }
  return out;
}

void KuaiSimUsers::observe(RequestBatch& requests) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double* user = requests.latents->state.row(static_cast<Eigen::Index>(i)).data();
    float* context = requests.context.data() + i * requests.n_features;
    context[days_feature_] = static_cast<float>(std::log(user[kDays]));
    context[clicks_feature_] = static_cast<float>(user[kClicks] - 0.5);
  }
}

void KuaiSimUsers::start(std::span<const UserId> users, const Rng& /*rng*/,
                         RowMatrix& state) const {
  for (std::size_t u = 0; u < users.size(); ++u) {
    auto row = state.row(static_cast<Eigen::Index>(u));
    row[kTemper] = double{temper_.initial};
    row[kDays] = 1;
    row[kClicks] = 0.5;
    row.tail(items_.cols()) = tastes_.row(static_cast<Eigen::Index>(users[u].value));
  }
}

void KuaiSimUsers::move_interests(const ListPage& page, const ResponseBatch& responses,
                                  double* user) const {
  Eigen::RowVectorXd clicked = Eigen::RowVectorXd::Zero(items_.cols());
  double n = 0;
  for (std::size_t k = 0; k < page.items.size(); ++k)
    if (responses.item_click[page.first + k] != 0) {
      clicked += items_.row(static_cast<Eigen::Index>(page.items[k]));
      ++n;
    }
  user[kClicks] = page.items.empty() ? 0.5 : n / static_cast<double>(page.items.size());
  if (n == 0 || config_.history == 0) return;
  Eigen::Map<Eigen::RowVectorXd> interests(user + kHead, items_.cols());
  interests = (1 - config_.history) * interests + config_.history / n * clicked;
  norm_layer(interests);
}

std::uint16_t KuaiSimUsers::return_day(const Turn& turn, double reward, const Rng& rng) const {
  Stream habit = rng.stream(Draw::kPopulation, {turn.user, 0, 0});
  const double personal = config_.personal_sd * normal_from(habit());
  const std::vector<double> law = return_.day_law(personal, reward);
  double left = rng.stream(Draw::kAdvance, turn).uniform();
  std::size_t day = 0;
  while (day + 1 < law.size() && (left -= law[day]) >= 0) ++day;
  return static_cast<std::uint16_t>(day + 1);
}

void KuaiSimUsers::advance(const RequestBatch& requests, const PageBatch& pages,
                           const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                           std::span<std::uint16_t> gap) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ListPage page(pages, i);
    double* user = state.row(static_cast<Eigen::Index>(i)).data();
    float sum = 0;
    for (std::size_t k = 0; k < page.items.size(); ++k) sum += responses.engagement[page.first + k];
    const float reward = page.items.empty() ? 0 : sum / static_cast<float>(page.items.size());
    move_interests(page, responses, user);
    const float temper = temper_.after(static_cast<float>(user[kTemper]), reward);
    user[kTemper] = double{temper};
    gap[i] = 0;
    if (!Temper::leaves(temper)) continue;
    gap[i] = return_day(requests.turn(i), double{reward}, rng);
    user[kTemper] = double{temper_.initial};
    user[kDays] = gap[i];
  }
}

std::unique_ptr<UserModel> make(const PluginConfig& plugin, const World& world, const Rng& rng) {
  const auto config = plugin.read<KuaiSimUsersConfig>();
  for (const char* name : {"item_encoding", "user_taste"})
    if (!world.parameters().contains(name))
      plugin.refuse("type", std::string("the world has no parameter '") + name +
                                "'; kuaisim needs a world of type kuaisim");
  for (const auto& [name, list] :
       {std::pair{"logit", config.logit}, {"slope", config.slope}, {"weights", config.weights}})
    if (list.size() != kFeedbackCount)
      plugin.refuse(name, "has " + std::to_string(list.size()) +
                              " entries, not one for each of 7 "
                              "feedbacks");
  return std::make_unique<KuaiSimUsers>(config, world, rng);
}

}  // namespace

UserModelEntry kuaisim_users() {
  return {"kuaisim",
          "seven feedbacks on every item of a list, temper that ends sessions, days until the next",
          "Zhao et al., KuaiSim, NeurIPS 2023 (arXiv 2309.12645), with a synthetic response in the "
          "place of its learned one",
          describe_fields<KuaiSimUsersConfig>, make};
}

}  // namespace rehearsal
