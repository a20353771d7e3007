#include "users/recsim/list_users.h"

#include <array>
#include <cmath>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"

namespace rehearsal::recsim {

namespace {

/// Random words of one list: two of each item, at its id + 1, and one of taking none.
struct Noise {
  std::vector<double> uniform;         // (n_items + 1)
  std::vector<std::uint32_t> amounts;  // (n_items)

  void draw(const Rng& rng, const Turn& turn, std::span<const std::uint32_t> items) {
    uniform.clear();
    amounts.clear();
    std::array<std::uint32_t, 4> words;
    for (const std::uint32_t item : items) {
      rng.fill(Draw::kResponse, turn, item + 1, words);
      uniform.push_back(Stream::to_uniform(words[0]));
      amounts.push_back(words[1]);
    }
    rng.fill(Draw::kResponse, turn, 0, words);
    uniform.push_back(Stream::to_uniform(words[0]));
  }
};

const double* state_of(const RequestBatch& requests, std::size_t i) {
  const RowMatrix& state = requests.latents->state;
  return state.data() + static_cast<Eigen::Index>(i) * state.cols();
}

}  // namespace

std::span<const std::uint32_t> ListUsers::list(const PageBatch& pages, std::size_t i) {
  REHEARSAL_CHECK(pages.n_shown(i) == 1);
  const std::size_t slot = pages.slot_offsets[i];
  return {pages.item.data() + pages.item_offsets[slot],
          pages.item_offsets[slot + 1] - pages.item_offsets[slot]};
}

std::size_t ListUsers::taken(const ResponseBatch& responses, const PageBatch& pages,
                             std::size_t i) {
  const std::size_t first = pages.item_offsets[pages.slot_offsets[i]];
  const std::size_t n = list(pages, i).size();
  std::size_t k = 0;
  while (k < n && responses.item_click[first + k] == 0) ++k;
  return k;
}

void ListUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                        ResponseBatch& responses, TruthBatch* truth) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  responses.click.assign(pages.module.size(), 0);
  responses.impression.assign(pages.item.size(), 1);
  responses.item_click.assign(pages.item.size(), 0);
  if (amounts_.response != nullptr) (responses.*amounts_.response).assign(pages.item.size(), 0);
  if (truth != nullptr) {
    truth->n_latents = n_hidden_;
    truth->latents.clear();
    truth->p_click.assign(pages.module.size(), 0);
    truth->p_item_click.assign(pages.item.size(), 0);
  }
  std::vector<double> p;
  Noise noise;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double* user = state_of(requests, i);
    const std::span<const std::uint32_t> items = list(pages, i);
    const std::size_t slot = pages.slot_offsets[i];
    const std::size_t first = pages.item_offsets[slot];
    p.resize(items.size() + 1);
    outcomes(user, items, p);
    noise.draw(rng, requests.turn(i), items);
    const std::size_t k = chosen_by_item(cascade(), p, noise.uniform);
    if (k < items.size()) {
      responses.click[slot] = responses.item_click[first + k] = 1;
      if (amounts_.response != nullptr)
        (responses.*amounts_.response)[first + k] =
            static_cast<float>(amount(user, items[k], noise.amounts[k]));
    }
    if (truth == nullptr) continue;
    for (std::size_t d = 0; d < n_hidden_; ++d)
      truth->latents.push_back(static_cast<float>(user[d]));
    truth->p_click[slot] = static_cast<float>(1 - p.back());
    for (std::size_t j = 0; j < items.size(); ++j)
      truth->p_item_click[first + j] = static_cast<float>(p[j]);
  }
}

ExpectedBatch ListUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  REHEARSAL_CHECK(requests.latents != nullptr);
  ExpectedBatch out;
  out.click.resize(pages.module.size());
  out.item_click.resize(pages.item.size());
  if (amounts_.expected != nullptr) (out.*amounts_.expected).resize(pages.item.size());
  std::vector<double> p;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double* user = state_of(requests, i);
    const std::span<const std::uint32_t> items = list(pages, i);
    const std::size_t slot = pages.slot_offsets[i];
    const std::size_t first = pages.item_offsets[slot];
    p.resize(items.size() + 1);
    outcomes(user, items, p);
    out.click[slot] = 1 - p.back();
    for (std::size_t j = 0; j < items.size(); ++j) {
      out.item_click[first + j] = p[j];
      if (amounts_.expected != nullptr)
        (out.*amounts_.expected)[first + j] = p[j] * expected_amount(user, items[j]);
    }
  }
  return out;
}

TopicHistory::TopicHistory(const Schema& schema, std::size_t n_topics, std::size_t first)
    : n_topics_(n_topics), first_(first) {
  for (std::size_t k = 0; k < n_topics; ++k)
    feature_.push_back(schema.feature_index(topic_rate_feature(k)));
}

void TopicHistory::add(std::span<const std::uint32_t> topics, std::size_t taken,
                       double* user) const {
  for (const std::uint32_t topic : topics) user[first_ + n_topics_ + topic] += 1;
  if (taken < topics.size()) user[first_ + topics[taken]] += 1;
}

void TopicHistory::observe(RequestBatch& requests) const {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double* clicks = state_of(requests, i) + first_;
    float* context = requests.context.data() + i * requests.n_features;
    for (std::size_t k = 0; k < n_topics_; ++k)
      context[feature_[k]] = static_cast<float>(topic_rate(clicks[k], clicks[n_topics_ + k]));
  }
}

const std::vector<double>& hidden_parameter(const World& world, const std::string& name,
                                            const std::string& type, const PluginConfig& plugin) {
  const auto found = world.parameters().find(name);
  if (found == world.parameters().end())
    plugin.refuse("type", "the world has no parameter '" + name + "'; " + type +
                              " needs a world of type " + type);
  return found->second.values;
}

std::size_t topics_of(const World& world, const std::string& type, const PluginConfig& plugin) {
  return static_cast<std::size_t>(hidden_parameter(world, "n_topics", type, plugin)[0]);
}

std::vector<Video> videos_of(const World& world, const std::string& type,
                             const PluginConfig& plugin) {
  const std::vector<double>& topic = hidden_parameter(world, "item_topic", type, plugin);
  const std::vector<double>& quality = hidden_parameter(world, "item_quality", type, plugin);
  std::vector<Video> out;
  for (std::size_t i = 0; i < topic.size(); ++i)
    out.push_back({static_cast<std::uint32_t>(topic[i]), quality[i]});
  return out;
}

}  // namespace rehearsal::recsim
