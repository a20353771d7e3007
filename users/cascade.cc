#include "users/makers.h"
#include "users/sequential_model.h"

namespace rehearsal {

namespace {

struct CascadeConfig {
  Fields fields() { return Fields(); }
};

class Cascade : public SequentialModel {
 protected:
  Step step(const PageCells& cells, std::size_t r) const override {
    return {cells.satisfied(r), 1, 0, 0};
  }
};

std::unique_ptr<ClickModel> make_cascade(const PluginConfig& plugin) {
  plugin.read<CascadeConfig>();
  return std::make_unique<Cascade>();
}

}  // namespace

ClickModelEntry cascade_clicks() {
  return {"cascade",
          "reads from the top until the first click, which ends the visit",
          "Craswell et al., WSDM 2008",
          false,
          describe_fields<CascadeConfig>,
          make_cascade};
}

}  // namespace rehearsal
