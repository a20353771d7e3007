#include <fmt/format.h>

#include "users/makers.h"
#include "users/sequential_model.h"

namespace rehearsal {

namespace {

struct CcmConfig {
  std::vector<double> tau{0.9, 0.6, 0.2};

  Fields fields() {
    return Fields().add("tau", tau, 0, 1,
                        "three probabilities of reading on: after no click, after a click that did "
                        "not satisfy, after one that did");
  }
};

/// A clicked item satisfies with the same probability that it attracts.
class Ccm : public SequentialModel {
 public:
  explicit Ccm(CcmConfig config) : tau_(std::move(config.tau)) {}

 protected:
  Step step(const PageCells& cells, std::size_t r) const override {
    return {cells.attraction[r], tau_[0], tau_[1], tau_[2]};
  }

 private:
  std::vector<double> tau_;
};

std::unique_ptr<ClickModel> make_ccm(const PluginConfig& plugin) {
  auto config = plugin.read<CcmConfig>();
  if (config.tau.size() != 3)
    plugin.refuse("tau", fmt::format("expected 3 numbers, found {}", config.tau.size()));
  return std::make_unique<Ccm>(std::move(config));
}

}  // namespace

ClickModelEntry ccm_clicks() {
  return {"ccm",
          "click chain: reading on depends on a click and on the clicked item's relevance",
          "Guo et al., WWW 2009",
          false,
          describe_fields<CcmConfig>,
          make_ccm};
}

}  // namespace rehearsal
