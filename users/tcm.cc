#include "users/makers.h"
#include "users/sequential_model.h"

namespace rehearsal {

namespace {

struct TcmConfig {
  double quit = 0.1;

  Fields fields() {
    return Fields().add("quit", quit, 0, 1, "probability of leaving after each item not clicked");
  }
};

class Tcm : public SequentialModel {
 public:
  explicit Tcm(const TcmConfig& config) : config_(config) {}

 protected:
  Step step(const PageCells& cells, std::size_t r) const override {
    return {cells.satisfied(r), 1 - config_.quit, 0, 0};
  }

 private:
  TcmConfig config_;
};

std::unique_ptr<ClickModel> make_tcm(const PluginConfig& plugin) {
  return std::make_unique<Tcm>(plugin.read<TcmConfig>());
}

}  // namespace

ClickModelEntry tcm_clicks() {
  return {"tcm",
          "terminating cascade: a click ends the visit, and so may every item not clicked",
          "Rahdari et al. 2022 (arXiv 2209.13426)",
          false,
          describe_fields<TcmConfig>,
          make_tcm};
}

}  // namespace rehearsal
