#include <array>

#include "sim/core/error.h"
#include "sim/truth.h"
#include "sim/world/world.h"
#include "users/deezer/carousel.h"
#include "users/deezer/streams.h"
#include "users/list_page.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct CarouselUsersConfig {
  std::int64_t l_init = 3;
  double swipe = 1;
  std::string seen = "published";

  Fields fields() {
    return Fields()
        .add("l_init", l_init, 1, 64, "cards visible at first")
        .add("swipe", swipe, 0, 1,
             "probability of looking beyond them, one draw a carousel; 1 as published, where how "
             "many are visible changes nothing")
        .choice("seen", seen, {"published", "paper"},
                "cards recorded as impressions. published: up to the stream, all without one; "
                "paper: max(l_init, stream), the visible ones without one");
  }
};

/// Users who stream the first card of a carousel that they like, if any. A session is one carousel.
class CarouselUsers final : public UserModel {
 public:
  CarouselUsers(const CarouselUsersConfig& config, const World& world);

  void respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
               ResponseBatch& responses, TruthBatch* truth) const override;
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override;
  void advance(const RequestBatch& /*requests*/, const PageBatch& /*pages*/,
               const ResponseBatch& /*responses*/, const Rng& /*rng*/, RowMatrix& /*state*/,
               std::span<std::uint16_t> gap) const override {
    std::fill(gap.begin(), gap.end(), std::uint16_t{1});
  }

 private:
  /// What holds for the cards of one carousel, exactly.
  struct Cards {
    std::array<float, deezer::kMostCards> like;          // P(stream | seen)
    std::array<double, deezer::kMostCards> examination;  // P(seen)
    std::array<double, deezer::kMostCards> stream;
  };
  void cards(std::uint32_t user, const ListPage& page, Cards& out) const;
  /// Returns: the card streamed, none without.
  std::optional<std::size_t> draw(const Turn& turn, const ListPage& page, const Cards& cards,
                                  const Rng& rng, bool& swiped) const;

  std::size_t l_init_;
  double swipe_;
  deezer::SeenRule seen_;
  deezer::PaddedRows users_;
  deezer::PaddedRows playlists_;
};

deezer::PaddedRows rows_of(const Array& array) {
  deezer::PaddedRows rows(array.shape[0], array.shape[1]);
  const double* from = array.values.data();
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (float& value : rows.fill(i)) value = static_cast<float>(*from++);
  return rows;
}

CarouselUsers::CarouselUsers(const CarouselUsersConfig& config, const World& world)
    : l_init_(static_cast<std::size_t>(config.l_init)),
      swipe_(config.swipe),
      seen_(config.seen == "published" ? deezer::SeenRule::kPublished : deezer::SeenRule::kPaper),
      users_(rows_of(world.parameters().at("user_features"))),
      playlists_(rows_of(world.parameters().at("playlist_weights"))) {}

void CarouselUsers::cards(std::uint32_t user, const ListPage& page, Cards& out) const {
  const std::size_t n = page.items.size();
  REHEARSAL_CHECK(n <= deezer::kMostCards);
  deezer::slate_probabilities(users_.row(user), playlists_, page.items,
                              std::span(out.like).first(n));
  double seen = 1;
  for (std::size_t k = 0; k < n; ++k) {
    if (k == l_init_) seen *= swipe_;
    out.examination[k] = seen;
    out.stream[k] = seen * double{out.like[k]};
    seen *= 1 - double{out.like[k]};
  }
}

std::optional<std::size_t> CarouselUsers::draw(const Turn& turn, const ListPage& page,
                                               const Cards& cards, const Rng& rng,
                                               bool& swiped) const {
  std::array<std::uint32_t, 4> words;
  rng.fill(Draw::kResponse, turn, 0, words);
  swiped = Stream::to_uniform(words[0]) < swipe_;
  const std::size_t reach = swiped ? page.items.size() : std::min(l_init_, page.items.size());
  for (std::size_t k = 0; k < reach; ++k) {
    rng.fill(Draw::kResponse, turn, page.items[k] + 1, words);
    if (Stream::to_uniform(words[0]) < double{cards.like[k]}) return k;
  }
  return std::nullopt;
}

void CarouselUsers::respond(const RequestBatch& requests, const PageBatch& pages, const Rng& rng,
                            ResponseBatch& responses, TruthBatch* truth) const {
  responses.click.assign(pages.module.size(), 0);
  responses.impression.assign(pages.item.size(), 0);
  responses.item_click.assign(pages.item.size(), 0);
  if (truth != nullptr) {
    truth->p_click.assign(pages.module.size(), 0);
    truth->item_examined.assign(pages.item.size(), 0);
    truth->p_item_examination.resize(pages.item.size());
    truth->p_item_click.resize(pages.item.size());
  }
  Cards own;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ListPage page(pages, i);
    const std::size_t n = page.items.size();
    cards(requests.user[i], page, own);
    bool swiped = true;
    const std::optional<std::size_t> stream = draw(requests.turn(i), page, own, rng, swiped);
    if (stream) responses.click[page.slot] = responses.item_click[page.first + *stream] = 1;
    const auto first = static_cast<std::ptrdiff_t>(page.first);
    std::fill_n(responses.impression.begin() + first, deezer::cards_seen(stream, n, l_init_, seen_),
                std::uint8_t{1});
    if (truth == nullptr) continue;
    const std::size_t looked = stream ? *stream + 1 : swiped ? n : std::min(n, l_init_);
    std::fill_n(truth->item_examined.begin() + first, looked, std::uint8_t{1});
    double any = 0;
    for (std::size_t k = 0; k < n; ++k) {
      truth->p_item_examination[page.first + k] = static_cast<float>(own.examination[k]);
      truth->p_item_click[page.first + k] = static_cast<float>(own.stream[k]);
      any += own.stream[k];
    }
    truth->p_click[page.slot] = static_cast<float>(any);
  }
}

ExpectedBatch CarouselUsers::expected(const RequestBatch& requests, const PageBatch& pages) const {
  ExpectedBatch out;
  out.click.assign(pages.module.size(), 0);
  out.item_click.resize(pages.item.size());
  out.item_examination.resize(pages.item.size());
  Cards own;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ListPage page(pages, i);
    cards(requests.user[i], page, own);
    for (std::size_t k = 0; k < page.items.size(); ++k) {
      out.item_examination[page.first + k] = own.examination[k];
      out.item_click[page.first + k] = own.stream[k];
      out.click[page.slot] += own.stream[k];
    }
  }
  return out;
}

std::unique_ptr<UserModel> make(const PluginConfig& plugin, const World& world, const Rng&) {
  const auto config = plugin.read<CarouselUsersConfig>();
  for (const char* name : {"user_features", "playlist_weights"})
    if (!world.parameters().contains(name))
      plugin.refuse("type", std::string("the world has no parameter '") + name +
                                "'; deezer_carousels needs a world of type deezer_carousels");
  return std::make_unique<CarouselUsers>(config, world);
}

}  // namespace

UserModelEntry deezer_carousels_users() {
  return {"deezer_carousels",
          "the first liked card of a carousel is streamed; a session is one carousel",
          "Bendada, Salha and Bontempelli, RecSys 2020 (arXiv 2009.06546)",
          describe_fields<CarouselUsersConfig>, make};
}

}  // namespace rehearsal
