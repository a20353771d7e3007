#include <algorithm>
#include <cmath>

#include "users/independent_model.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct TrustBiasConfig {
  double eta = 1;

  Fields fields() {
    return Fields().add("eta", eta, 0, 10, "decay of examination by rank: rank^-eta");
  }
};

/// An examined item is clicked by e+ of its rank when relevant and by e- when not: high ranks are
/// trusted. The page's attraction is the probability of relevance.
class TrustBias : public IndependentModel {
 public:
  explicit TrustBias(const TrustBiasConfig& config) : config_(config) {}

 protected:
  void check(const PageCells& /*cells*/) const override {}
  Cell cell(const PageCells& /*cells*/, std::size_t r) const override {
    const double k = static_cast<double>(r + 1);
    return {std::pow(k, -config_.eta), 1 - (std::min(k, 20.0) + 1) / 100, 0.65 / std::min(k, 10.0)};
  }

 private:
  TrustBiasConfig config_;
};

std::unique_ptr<ClickModel> make_trust_bias(const PluginConfig& plugin) {
  return std::make_unique<TrustBias>(plugin.read<TrustBiasConfig>());
}

}  // namespace

ClickModelEntry trust_bias_clicks() {
  return {"trust_bias",
          "position-based, and irrelevant items at high ranks are clicked on trust",
          "Agarwal et al., WWW 2019; Vardasbi et al., CIKM 2021",
          false,
          describe_fields<TrustBiasConfig>,
          make_trust_bias};
}

}  // namespace rehearsal
