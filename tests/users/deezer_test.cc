#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "policies/online/indices.h"
#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/shared_files.h"
#include "users/deezer/carousel.h"
#include "users/deezer/streams.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kDimensions = 97;
constexpr std::size_t kCards = 12;

/// The reference values; null and a warning where they are not at hand.
Json deezer_golden() {
  const std::string file = testing::shared_file("golden/simulators/deezer_deterministic.json");
  if (file.empty()) return nullptr;
  std::ifstream in(file);
  return Json::parse(in);
}

/// A catalogue of the published shape, and users whose last feature is the constant 1.
struct Playlists {
  explicit Playlists(std::size_t n_users = 9, std::size_t n_playlists = 862)
      : users(n_users, std::vector<double>(kDimensions)),
        playlists(n_playlists, std::vector<double>(kDimensions)) {
    Stream stream = Rng(5).stream(Draw::kWorld, {});
    for (auto& user : users)
      for (double& value : user) value = 0.5 * normal_quantile(stream.uniform());
    for (auto& playlist : playlists)
      for (double& value : playlist) value = 0.3 * normal_quantile(stream.uniform());
    for (auto& user : users) user.back() = 1;
    for (auto& playlist : playlists) playlist.back() -= 4;
  }

  std::vector<double> probabilities(std::size_t u) const {
    std::vector<double> out;
    for (const auto& playlist : playlists)
      out.push_back(deezer::stream_probability(users[u], playlist));
    return out;
  }

  std::vector<std::vector<double>> users;
  std::vector<std::vector<double>> playlists;
};

deezer::PaddedRows padded(const std::vector<std::vector<double>>& rows) {
  deezer::PaddedRows out(rows.size(), kDimensions);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < kDimensions; ++j) out.fill(i)[j] = static_cast<float>(rows[i][j]);
  return out;
}

}  // namespace

TEST_CASE("deezer: the law of the first stream and the expected reward of the published slate",
          "[users][deezer]") {
  const Json file = deezer_golden();
  if (file.is_null()) return;
  const Json& real = file["real_users"];
  const std::vector<double> p = real["optimal_top12_probs_user0"];
  std::vector<double> first(p.size());
  const double none = deezer::first_stream_law(p, first);
  CHECK(none == Approx(real["no_click_prob_user0_optimal_slate"].get<double>()).margin(1e-9));
  CHECK(deezer::any_stream(p) ==
        Approx(real["optimal_expected_reward_code"][0].get<double>()).margin(1e-9));
  for (std::size_t k = 0; k < p.size(); ++k)
    CHECK(
        first[k] ==
        Approx(real["first_click_prob_by_rank_user0_optimal_slate"][k].get<double>()).margin(1e-9));
}

TEST_CASE("deezer: the law of the first stream is that of enumerating all draws",
          "[users][deezer]") {
  const std::vector<double> p{0.3, 0.05, 0.9, 0.0, 0.5};
  std::vector<double> first(5), summed(5);
  double none = 0;
  for (unsigned draws = 0; draws < 32; ++draws) {
    double chance = 1;
    for (std::size_t k = 0; k < 5; ++k) chance *= (draws >> k & 1) != 0 ? p[k] : 1 - p[k];
    if (draws == 0)
      none += chance;
    else
      summed[static_cast<std::size_t>(__builtin_ctz(draws))] += chance;
  }
  CHECK(deezer::first_stream_law(p, first) == Approx(none).margin(1e-15));
  for (std::size_t k = 0; k < 5; ++k) CHECK(first[k] == Approx(summed[k]).margin(1e-15));
  CHECK(deezer::any_stream(p) == Approx(1 - none).margin(1e-15));
}

TEST_CASE(
    "deezer: the optimal slate holds the most probable cards, best first, and no other "
    "slate is worth more",
    "[users][deezer]") {
  const Playlists catalogue;
  for (std::size_t u = 0; u < catalogue.users.size(); ++u) {
    const std::vector<double> p = catalogue.probabilities(u);
    const std::vector<std::uint32_t> slate = deezer::optimal_slate(p, kCards);
    std::vector<double> best;
    for (const std::uint32_t card : slate) best.push_back(p[card]);
    CHECK(std::is_sorted(best.rbegin(), best.rend()));
    const double value = deezer::any_stream(best);
    for (std::uint32_t card = 0; card < p.size(); ++card) {
      if (std::find(slate.begin(), slate.end(), card) != slate.end()) continue;
      best.back() = p[card];  // in place of the least of the twelve
      CHECK(deezer::any_stream(best) <= value);
    }
  }
  CHECK(deezer::optimal_slate(std::vector<double>{.1, .3, .3, .2}, 3) ==
        std::vector<std::uint32_t>{1, 2, 3});
}

TEST_CASE("deezer: which arms a session updates, as coded and as the paper has it",
          "[users][deezer]") {
  const Json file = deezer_golden();
  if (file.is_null()) return;
  for (const Json& c : file["arm_updates"]["cases"]) {
    INFO(c.dump());
    std::optional<std::size_t> stream;
    if (!c["click_rank0"].is_null()) stream = c["click_rank0"].get<std::size_t>();
    const std::size_t l_init = c["l_init"];
    const bool cascade = c["cascade_model"];
    for (const auto& [rule, key] : {std::pair{deezer::SeenRule::kPublished, "displays_code"},
                                    std::pair{deezer::SeenRule::kPaper, "displays_paper"}}) {
      const std::vector<int> displays = c[key];
      const std::size_t seen = deezer::cards_seen(stream, displays.size(), l_init, rule, cascade);
      for (std::size_t k = 0; k < displays.size(); ++k) CHECK(displays[k] == (k < seen ? 1 : 0));
    }
  }
  // A carousel shorter than what is visible.
  CHECK(deezer::cards_seen(std::nullopt, 2, 3, deezer::SeenRule::kPaper) == 2);
}

TEST_CASE("deezer: KL-UCB indices are the published ones", "[users][deezer]") {
  const Json file = deezer_golden();
  if (file.is_null()) return;
  for (const Json& c : file["klucb_index"]) {
    INFO(c.dump());
    const double n = c["n"];
    if (n == 0) continue;  // an arm without displays has no rate
    CHECK(kl_ucb_index(c["success"].get<double>() / n, n, c["t"]) ==
          Approx(c["score"].get<double>()).margin(1e-9));
  }
}

TEST_CASE("deezer: single precision agrees with double, with the same bytes on every processor",
          "[users][deezer]") {
  const Playlists catalogue;
  const deezer::PaddedRows users = padded(catalogue.users);
  const deezer::PaddedRows playlists = padded(catalogue.playlists);
  CHECK(users.width() == 104);
  for (std::size_t u = 0; u < catalogue.users.size(); ++u) {
    for (const std::size_t n : {1u, 3u, 8u, 12u, 13u}) {
      std::vector<std::uint32_t> slate;
      for (std::size_t k = 0; k < n; ++k)
        slate.push_back(static_cast<std::uint32_t>((71 * k + 13 * u) % 862));
      std::vector<float> scalar(n), fast(n);
      deezer::slate_probabilities(users.row(u), playlists, slate, scalar, Simd::kScalar);
      deezer::slate_probabilities(users.row(u), playlists, slate, fast, best_simd());
      CHECK(std::memcmp(scalar.data(), fast.data(), 4 * n) == 0);
      const std::vector<double> exact = catalogue.probabilities(u);
      for (std::size_t k = 0; k < n; ++k) CHECK(fast[k] == Approx(exact[slate[k]]).epsilon(2e-5));
    }
  }
}

TEST_CASE("deezer: sessions keep the first success with the frequencies of its law",
          "[users][deezer]") {
  const Playlists catalogue;
  const deezer::PaddedRows users = padded(catalogue.users);
  const deezer::PaddedRows playlists = padded(catalogue.playlists);
  constexpr std::uint32_t kSessions = 100000;
  for (const std::uint32_t u : {0u, 4u}) {
    const std::vector<double> p = catalogue.probabilities(u);
    const std::vector<std::uint32_t> slate = deezer::optimal_slate(p, kCards);
    std::vector<double> on_slate, law(kCards);
    for (const std::uint32_t card : slate) on_slate.push_back(p[card]);
    law.push_back(deezer::first_stream_law(on_slate, std::span(law).first(kCards)));
    std::vector<std::uint32_t> who(kSessions, u), slates, words(kSessions * kCards);
    for (std::uint32_t i = 0; i < kSessions; ++i)
      slates.insert(slates.end(), slate.begin(), slate.end());
    std::vector<Turn> turns(kSessions);
    for (std::uint32_t i = 0; i < kSessions; ++i) turns[i].user.value = i;
    Rng(11 + u).fill(Draw::kResponse, turns, 0, kCards / 4, words);
    std::vector<std::uint8_t> first(kSessions), scalar(kSessions);
    deezer::first_streams(users, playlists, who, slates, kCards, words, first);
    deezer::first_streams(users, playlists, who, slates, kCards, words, scalar, Simd::kScalar);
    CHECK(first == scalar);
    std::vector<double> seen(kCards + 1);
    for (const std::uint8_t rank : first) ++seen.at(rank);
    for (std::size_t k = 0; k <= kCards; ++k) {
      INFO("user " << u << ", card " << k);
      CHECK(std::abs(seen[k] - kSessions * law[k]) <
            4 * std::sqrt(kSessions * law[k] * (1 - law[k])));
    }
  }
}
