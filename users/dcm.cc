#include "users/makers.h"
#include "users/sequential_model.h"

namespace rehearsal {

namespace {

struct DcmConfig {
  std::vector<double> lambda;

  Fields fields() {
    return Fields().add("lambda", lambda, 0, 1,
                        "probability of reading on after a click, by rank; the last may be left "
                        "out");
  }
};

class Dcm : public SequentialModel {
 public:
  explicit Dcm(DcmConfig config) : config_(std::move(config)) {}

 protected:
  void check(const PageCells& cells) const override {
    if (cells.size() > 0) require_entries("lambda", config_.lambda.size(), cells.size() - 1);
  }
  Step step(const PageCells& cells, std::size_t r) const override {
    const double on = r < config_.lambda.size() ? config_.lambda[r] : 0;
    return {cells.satisfied(r), 1, on, on};
  }

 private:
  DcmConfig config_;
};

std::unique_ptr<ClickModel> make_dcm(const PluginConfig& plugin) {
  return std::make_unique<Dcm>(plugin.read<DcmConfig>());
}

}  // namespace

ClickModelEntry dcm_clicks() {
  return {"dcm",
          "dependent clicks: a cascade that goes on after a click with a probability by rank",
          "Guo et al., WSDM 2009",
          false,
          describe_fields<DcmConfig>,
          make_dcm};
}

}  // namespace rehearsal
