// Arrays beside what Open Bandit Pipeline gives for them.
#include <algorithm>
#include <numeric>

#include "analysis/action_rounds.h"
#include "analysis/marginal_weights.h"
#include "scenarios/arrays/arrays.h"
#include "sim/log/hdf5_file.h"
#include "tests/scenarios/arrays_fixture.h"
#include "tests/support/shared_files.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr double kTolerance = 1e-9;

/// A classifier would have to be fitted again for each choice of dimensions, to contexts that the
/// inputs do not have.
bool needs_refitting(const std::string& key) {
  return key.find("estimated_weights_slope") != std::string::npos;
}

}  // namespace

TEST_CASE("single actions give every figure of Open Bandit Pipeline") {
  const std::string path = shared_file("golden/ope/golden_ope.h5");
  if (path.empty()) return;
  std::size_t checked = 0;
  for (const ArrayLayout& layout : array_layouts().entries()) {
    if (layout.name != "obp") continue;
    for (const CaseKind& kind : layout.kinds) {
      if (kind.name == "slate") continue;
      for (const std::string& name : group_names(path)) {
        const ArrayGroup group = load_group(path, name);
        if (group.kind != kind.name) continue;
        CHECK((kind.fits(group.inputs)));
        const auto scored = estimates_of({name, kind.evaluate(group, {})});
        const hdf5::Session session;
        const hdf5::File file(path);
        const std::string prefix = name + "/outputs/";
        for (const std::string& dataset : file.datasets()) {
          if (dataset.rfind(prefix, 0) != 0) continue;
          const std::string key = dataset.substr(prefix.size());
          INFO(name << " " << key);
          CHECK(scored.count(key) == (needs_refitting(key) ? 0 : 1));
          if (scored.count(key) == 0) continue;
          CHECK(scored.at(key).value ==
                Approx(file.read<double>("/" + dataset).at(0)).epsilon(kTolerance));
          ++checked;
        }
        if (file.has("/" + name + "/reference/mipw_exact_joint_p_e_a"))
          CHECK(scored.at("mipw_exact_joint_p_e_a").value ==
                Approx(file.read<double>("/" + name + "/reference/mipw_exact_joint_p_e_a").at(0))
                    .epsilon(kTolerance));
      }
    }
  }
  CHECK(checked >= 138);
}

namespace {

/// A group's columns as library calls take them.
struct GroupRounds {
  explicit GroupRounds(const ArrayGroup& g) : group(g) {
    const Array& dist = at("action_dist");
    rounds.n_actions = dist.shape[1];
    action.assign(at("action").values.begin(), at("action").values.end());
    rounds.action = action;
    rounds.reward = at("reward").values;
    rounds.pscore = at("pscore").values;
    rounds.action_dist = dist.values;
    if (group.inputs.count("q_hat") > 0) rounds.q_hat = at("q_hat").values;
  }
  const Array& at(const std::string& name) const { return group.inputs.at(name); }

  /// The terms behind a key of the group "rounds"; empty where it is not of single actions.
  std::vector<double> terms(std::string key) {
    ActionRounds own = rounds;
    std::vector<double> weight;
    const std::string estimated = "_estimated_pscore";
    if (key.size() > estimated.size() && key.ends_with(estimated)) {
      key.resize(key.size() - estimated.size());
      own.pscore = at("estimated_pscore").values;
    } else if (key == "mrdr") {
      key = "dr";
      own.q_hat = at("q_hat_mrdr").values;
    } else if (key == "bipw" || key == "bipw_clip_2") {
      own.weight = at("estimated_importance_weights").values;
      key = key == "bipw" ? "snipw" : "snipw_clip_2";
    } else if (key == "replay") {
      for (std::size_t i = 0; i < action.size(); ++i)
        weight.push_back(rounds.action_dist[i * rounds.n_actions + action[i]]);
      own.weight = weight;
      key = "snipw";
    } else if (key.find("mipw") != std::string::npos || key.ends_with("marginal_weight")) {
      weight = marginal(key.find("estimated") != std::string::npos);
      if (key.ends_with("marginal_weight")) return weight;
      own.weight = weight;
      key = key.rfind("sn", 0) == 0 ? "snipw" : "ipw";
    }
    return action_terms(parse_estimator(key), own);
  }

  std::vector<double> marginal(bool estimated) const {
    const std::vector<double>& embed = at("action_embed").values;
    const std::vector<std::uint32_t> embedding(embed.begin(), embed.end());
    const Array& p = at("p_e_a");
    const EmbeddedRounds embedded{rounds.n_actions,  p.shape[1], p.shape[2], rounds.action_dist,
                                  at("pi_b").values, embedding,  p.values};
    if (estimated) return estimated_marginal_weights(embedded, at("pi_a_x_e_hat").values);
    std::vector<std::size_t> dims(p.shape[2]);
    std::iota(dims.begin(), dims.end(), 0U);
    return product_marginal_weights(embedded, dims);
  }

  const ArrayGroup& group;
  std::vector<std::uint32_t> action;
  ActionRounds rounds;
};

}  // namespace

TEST_CASE("terms of each round have the mean, variance and range of Open Bandit Pipeline") {
  const std::string path = shared_file("golden/ope/golden_ope.h5");
  if (path.empty()) return;
  std::size_t checked = 0;
  for (const std::string& name : group_names(path)) {
    const ArrayGroup group = load_group(path, name);
    if (group.kind != "contextual_bandit" && group.kind != "action_embedding") continue;
    GroupRounds rounds(group);
    const hdf5::Session session;
    const hdf5::File file(path);
    const std::string prefix = name + "/rounds/";
    for (const std::string& dataset : file.datasets()) {
      if (dataset.rfind(prefix, 0) != 0) continue;
      INFO(dataset);
      const std::vector<double> said = file.read<double>("/" + dataset);
      const std::vector<double> terms = rounds.terms(dataset.substr(prefix.size()));
      ++checked;
      if (dataset.ends_with("marginal_weight")) {  // the weights themselves
        REQUIRE(said.size() == terms.size());
        for (std::size_t i = 0; i < terms.size(); ++i)
          REQUIRE(terms[i] == Approx(said[i]).epsilon(kTolerance));
        continue;
      }
      const double n = static_cast<double>(terms.size());
      const double mean = std::accumulate(terms.begin(), terms.end(), 0.0) / n;
      double variance = 0;
      for (const double t : terms) variance += (t - mean) * (t - mean) / n;
      CHECK(n == said[0]);
      CHECK(mean == Approx(said[1]).epsilon(kTolerance));
      CHECK(variance == Approx(said[2]).epsilon(kTolerance));
      CHECK(*std::min_element(terms.begin(), terms.end()) == Approx(said[3]).epsilon(kTolerance));
      CHECK(*std::max_element(terms.begin(), terms.end()) == Approx(said[4]).epsilon(kTolerance));
    }
  }
  CHECK(checked > 90);
}
