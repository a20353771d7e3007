#include <cmath>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/recogym_products.h"
#include "sim/world/world.h"
#include "users/list_page.h"
#include "users/makers.h"
#include "users/recogym/environment.h"

namespace rehearsal {

namespace {

constexpr const char* kSource = "Rohde et al., RecoGym, REVEAL 2018 (arXiv 1808.00720)";

struct TransitionsConfig {
  std::string rules = "published";
  recogym::Transitions chain;

  Fields add_to(Fields fields) {
    return fields
        .choice("rules", rules, {"published", "corrected"},
                "published: leave_organic ends bandit sessions, too, and a product may be flipped "
                "with itself; corrected: neither")
        .add("organic_to_bandit", chain.organic_to_bandit, 0.001, 1,
             "probability that recommendations begin after a view")
        .add("bandit_to_organic", chain.bandit_to_organic, 0, 1,
             "probability that views begin after a recommendation")
        .add("leave_organic", chain.leave_organic, 0, 1, "probability of leaving after a view")
        .add("leave_bandit", chain.leave_bandit, 0, 1,
             "probability of leaving after a recommendation");
  }
  recogym::Rules which() const {
    return rules == "published" ? recogym::Rules::kPublished : recogym::Rules::kCorrected;
  }
  void check(const PluginConfig& plugin) const {
    if (which() == recogym::Rules::kPublished && chain.leave_bandit != chain.leave_organic)
      plugin.refuse("leave_bandit",
                    "the published rules never read it: set it to leave_organic, or rules to "
                    "corrected");
    const double leave =
        which() == recogym::Rules::kPublished ? chain.leave_organic : chain.leave_bandit;
    if (chain.organic_to_bandit + chain.leave_organic > 1)
      plugin.refuse("organic_to_bandit", "with leave_organic it is above 1");
    if (chain.bandit_to_organic + leave > 1)
      plugin.refuse("bandit_to_organic", "with the probability of leaving it is above 1");
  }
};

struct V1Config {
  TransitionsConfig transitions;
  recogym::DriftOptions drift;
  std::int64_t number_of_flips = 0;
  bool normalize_beta = false;

  Fields fields() {
    return transitions.add_to(
        Fields()
            .add("sigma_omega_initial", drift.sigma_omega_initial, 0, 100,
                 "standard deviation of a new user's interests")
            .add("sigma_omega", drift.sigma_omega, 0, 100,
                 "standard deviation of their drift, a step into an organic session")
            .add("change_omega_for_bandits", drift.for_bandits,
                 "interests drift after recommendations, too")
            .add("number_of_flips", number_of_flips, 0, 4095,
                 "pairs of like products whose clicks follow each other's views")
            .add("normalize_beta", normalize_beta, "click vectors of products have length 1"));
  }
};

struct V0Config {
  TransitionsConfig transitions;
  Fields fields() { return transitions.add_to(Fields()); }
};

/// Users of RecoGym between their organic sessions: a round is a bandit event, a session a whole
/// published user, who starts anew with other interests. One who leaves before anything is
/// recommended has no round. State: last view, views of each product, interests.
class RecoGymUsers final : public UserModel {
 public:
  RecoGymUsers(std::unique_ptr<recogym::Environment> environment, const Schema& schema,
               std::size_t n_factors)
      : environment_(std::move(environment)),
        n_factors_(n_factors),
        last_viewed_(schema.feature_index(recogym::kLastViewed)) {
    for (std::size_t a = 0; a < environment_->n_products(); ++a)
      views_.push_back(schema.feature_index(recogym::views_feature(a)));
  }

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  void observe(RequestBatch& requests) const override;
  std::size_t n_state() const override { return 1 + views_.size() + n_factors_; }
  void start(std::span<const UserId> users, const Rng& rng, RowMatrix& state) const override {
    for (std::size_t u = 0; u < users.size(); ++u)
      begin({users[u], 0, 0}, rng, state.row(static_cast<Eigen::Index>(u)).data());
  }
  void advance(const RequestBatch& requests, const PageBatch& pages, const ResponseBatch& responses,
               const Rng& rng, RowMatrix& state, std::span<std::uint16_t> gap) const override;

 private:
  /// The words of events, one after the other, at one turn.
  struct Events {
    const Rng& rng;
    Draw purpose;
    Turn turn;
    std::vector<std::uint32_t> words;
    std::uint32_t item = 0;

    const std::uint32_t* next() {
      rng.fill(purpose, turn, item, words);
      item += static_cast<std::uint32_t>(words.size() / 4);
      return words.data();
    }
  };
  Events events(const Rng& rng, Draw purpose, const Turn& turn) const {
    return {rng, purpose, turn, std::vector<std::uint32_t>(environment_->n_words())};
  }
  double click_probability(const RequestBatch& requests, const PageBatch& pages,
                           std::size_t i) const;
  recogym::User unpack(const double* state) const;
  void pack(const recogym::User& user, double* state) const;
  void begin(const Turn& turn, const Rng& rng, double* state) const;
  void browse(recogym::User& user, Events& events, double* state) const;

  std::unique_ptr<recogym::Environment> environment_;
  std::size_t n_factors_;
  std::size_t last_viewed_;         // column of the context
  std::vector<std::size_t> views_;  // (n_products) columns of the context
};

recogym::User RecoGymUsers::unpack(const double* state) const {
  recogym::User user;
  user.phase = recogym::Phase::kBandit;
  user.last_view = static_cast<std::uint32_t>(state[0]);
  for (std::size_t k = 0; k < n_factors_; ++k)
    user.omega[k] = static_cast<float>(state[1 + views_.size() + k]);
  return user;
}

void RecoGymUsers::pack(const recogym::User& user, double* state) const {
  state[0] = user.last_view;
  for (std::size_t k = 0; k < n_factors_; ++k) state[1 + views_.size() + k] = double{user.omega[k]};
}

/// Views until recommendations begin or the user stops.
void RecoGymUsers::browse(recogym::User& user, Events& events, double* state) const {
  while (user.phase == recogym::Phase::kOrganic) {
    environment_->organic_event(user, events.next());
    state[1 + user.last_view] += 1;
  }
}

/// A new published user, the first whose organic session leads to recommendations.
void RecoGymUsers::begin(const Turn& turn, const Rng& rng, double* state) const {
  Events draws = events(rng, Draw::kPopulation, turn);
  recogym::User user;
  do {
    std::fill_n(state + 1, views_.size(), 0.0);
    user = environment_->start(draws.next());
    browse(user, draws, state);
  } while (user.phase == recogym::Phase::kStop);
  pack(user, state);
}

void RecoGymUsers::observe(RequestBatch& requests) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double* state = requests.latents->state.row(static_cast<Eigen::Index>(i)).data();
    float* context = requests.context.data() + i * requests.n_features;
    context[last_viewed_] = static_cast<float>(state[0]);
    for (std::size_t a = 0; a < views_.size(); ++a)
      context[views_[a]] = static_cast<float>(std::log1p(state[1 + a]));
  }
}

double RecoGymUsers::click_probability(const RequestBatch& requests, const PageBatch& pages,
                                       std::size_t i) const {
  const ListPage page(pages, i);
  REHEARSAL_CHECK(page.items.size() == 1);
  return environment_->click_probability(
      unpack(requests.latents->state.row(static_cast<Eigen::Index>(i)).data()), page.items[0]);
}

void RecoGymUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                           ResponseBatch& responses, TruthBatch* truth) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  const std::size_t n = requests.size();
  responses.click.assign(n, 0);
  responses.item_click.assign(n, 0);
  if (truth != nullptr) {
    truth->n_latents = n_factors_;
    truth->latents.clear();
    truth->p_click.resize(n);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double p = click_probability(requests, pages, i);
    const std::uint32_t item = ListPage(pages, i).items[0];
    const bool click = rng.stream(Draw::kResponse, requests.turn(i), item).uniform() < p;
    responses.click[i] = responses.item_click[i] = click;
    if (truth == nullptr) continue;
    const auto state = requests.latents->state.row(static_cast<Eigen::Index>(i));
    for (std::size_t k = 0; k < n_factors_; ++k)
      truth->latents.push_back(static_cast<float>(state.data()[1 + views_.size() + k]));
    truth->p_click[i] = static_cast<float>(p);
  }
}

ExpectedBatch RecoGymUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  ExpectedBatch out;
  for (std::size_t i = 0; i < requests.size(); ++i)
    out.click.push_back(click_probability(requests, pages, i));
  out.item_click = out.click;
  return out;
}

void RecoGymUsers::advance(const RequestBatch& requests, const PageBatch& /*pages*/,
                           const ResponseBatch& responses, const Rng& rng, RowMatrix& state,
                           std::span<std::uint16_t> gap) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double* own = state.row(static_cast<Eigen::Index>(i)).data();
    const Turn turn = requests.turn(i);
    Events draws = events(rng, Draw::kAdvance, turn);
    recogym::User user = unpack(own);
    environment_->after_bandit(user, responses.click[i] != 0, draws.next());
    browse(user, draws, own);
    gap[i] = user.phase == recogym::Phase::kStop;
    if (gap[i] != 0)
      begin({turn.user, static_cast<std::uint16_t>(turn.session + 1), 0}, rng, own);
    else
      pack(user, own);
  }
}

/// A hidden matrix of the world.
RowMatrix hidden_matrix(const World& world, const std::string& name, const std::string& type,
                        const PluginConfig& plugin) {
  const auto found = world.parameters().find(name);
  if (found == world.parameters().end())
    plugin.refuse("type", "the world has no parameter '" + name + "'; " + type +
                              " needs a world of type " + type);
  const Array& array = found->second;
  RowMatrix out(static_cast<Eigen::Index>(array.shape[0]),
                static_cast<Eigen::Index>(array.shape.size() > 1 ? array.shape[1] : 1));
  std::copy(array.values.begin(), array.values.end(), out.data());
  return out;
}

std::unique_ptr<UserModel> make_v1(const PluginConfig& plugin, const World& world, const Rng&) {
  const auto config = plugin.read<V1Config>();
  config.transitions.check(plugin);
  RowMatrix gamma = hidden_matrix(world, "gamma", "recogym", plugin);
  const auto n_factors = static_cast<std::size_t>(gamma.cols());
  recogym::CatalogueOptions options;
  options.n_flips = static_cast<std::size_t>(config.number_of_flips);
  options.normalize_beta = config.normalize_beta;
  options.rules = config.transitions.which();
  const recogym::Catalogue catalogue =
      recogym::complete(std::move(gamma), world.parameters().at("mu").values, options);
  return std::make_unique<RecoGymUsers>(
      recogym::make_v1(config.transitions.chain, options.rules, catalogue, config.drift),
      world.schema(), n_factors);
}

std::unique_ptr<UserModel> make_v0(const PluginConfig& plugin, const World& world, const Rng&) {
  const auto config = plugin.read<V0Config>();
  config.transitions.check(plugin);
  const RowMatrix phi = hidden_matrix(world, "phi", "recogym_v0", plugin);
  const auto n_products = static_cast<std::size_t>(phi.rows());
  const auto n_clusters = static_cast<std::size_t>(world.parameters().at("n_clusters").values[0]);
  const RowMatrix clicks =
      recogym::cluster_clicks(recogym::cluster_transitions(n_products, n_clusters), phi);
  return std::make_unique<RecoGymUsers>(
      recogym::make_v0(config.transitions.chain, config.transitions.which(), n_clusters, clicks),
      world.schema(), 0);
}

}  // namespace

UserModelEntry recogym_users() {
  return {"recogym",
          "organic sessions of views, then recommendations clicked by drifting interests (v1)",
          kSource, describe_fields<V1Config>, make_v1};
}

UserModelEntry recogym_v0_users() {
  return {"recogym_v0",
          "organic sessions of views, then recommendations clicked by the last view's cluster (v0)",
          kSource, describe_fields<V0Config>, make_v0};
}

}  // namespace rehearsal
