#include <cmath>

#include "users/independent_model.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct PbmConfig {
  std::vector<double> examination;
  double eta = 1;

  Fields fields() {
    return Fields()
        .add("examination", examination, 0, 1,
             "probability that each rank is examined; empty: rank^-eta")
        .add("eta", eta, 0, 10, "decay of examination by rank, where no list gives it");
  }
};

class Pbm : public IndependentModel {
 public:
  explicit Pbm(PbmConfig config) : config_(std::move(config)) {}

 protected:
  void check(const PageCells& cells) const override {
    if (cells.examination.empty() && !config_.examination.empty())
      require_entries("examination", config_.examination.size(), cells.size());
  }
  Cell cell(const PageCells& cells, std::size_t r) const override {
    if (!cells.examination.empty()) return {cells.examination[r]};
    if (!config_.examination.empty()) return {config_.examination[r]};
    return {std::pow(static_cast<double>(r + 1), -config_.eta)};
  }

 private:
  PbmConfig config_;
};

std::unique_ptr<ClickModel> make_pbm(const PluginConfig& plugin) {
  auto config = plugin.read<PbmConfig>();
  if (!config.examination.empty() && config.eta != PbmConfig().eta)
    plugin.refuse("eta", "examination is given by a list: leave out one of the two");
  return std::make_unique<Pbm>(std::move(config));
}

}  // namespace

ClickModelEntry pbm_clicks() {
  return {"pbm",
          "position-based: a rank is examined whatever happens at the others",
          "Richardson et al., WWW 2007; Craswell et al., WSDM 2008",
          false,
          describe_fields<PbmConfig>,
          make_pbm};
}

}  // namespace rehearsal
