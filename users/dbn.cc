#include "users/makers.h"
#include "users/sequential_model.h"

namespace rehearsal {

namespace {

struct DbnConfig {
  double gamma = 0.9;

  Fields fields() {
    return Fields().add("gamma", gamma, 0, 1, "probability of reading on while not satisfied");
  }
};

struct SdbnConfig {
  Fields fields() { return Fields(); }
};

class Dbn : public SequentialModel {
 public:
  explicit Dbn(const DbnConfig& config) : gamma_(config.gamma) {}

 protected:
  Step step(const PageCells& cells, std::size_t r) const override {
    return {cells.satisfied(r), gamma_, gamma_, 0};
  }

 private:
  double gamma_;
};

std::unique_ptr<ClickModel> make_dbn(const PluginConfig& plugin) {
  return std::make_unique<Dbn>(plugin.read<DbnConfig>());
}

std::unique_ptr<ClickModel> make_sdbn(const PluginConfig& plugin) {
  plugin.read<SdbnConfig>();
  return std::make_unique<Dbn>(DbnConfig{1});
}

}  // namespace

ClickModelEntry dbn_clicks() {
  return {"dbn",
          "reads on until a click satisfies or patience ends",
          "Chapelle and Zhang, WWW 2009",
          true,
          describe_fields<DbnConfig>,
          make_dbn};
}

ClickModelEntry sdbn_clicks() {
  return {"sdbn",
          "dbn without end of patience: reads on until a click satisfies",
          "Chapelle and Zhang, WWW 2009",
          true,
          describe_fields<SdbnConfig>,
          make_sdbn};
}

}  // namespace rehearsal
