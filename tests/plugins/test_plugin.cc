// A plug-in for tests; its options say how it misbehaves.
#include "policies/plugin.h"

namespace {

namespace plugin = rehearsal::plugin;

class TestPolicy : public plugin::ScoringPolicy {
 public:
  explicit TestPolicy(const plugin::Site& site) : options_(site.options) {
    if (options_ == "refuse") throw std::runtime_error("does not like this site");
  }

  void score(const plugin::Request& request, std::span<double> scores) const override {
    for (std::size_t m = 0; m < scores.size(); ++m) scores[m] = request.eligible[m];
    if (options_ == "nan") scores[0] = std::nan("");
  }

  std::vector<plugin::Page> decide(const plugin::Request& request) const override {
    std::vector<plugin::Page> pages = ScoringPolicy::decide(request);
    std::vector<std::uint16_t>& modules = pages[0].modules;
    if (request.user != 7 && options_ != "mixed" && options_ != "nan") return pages;
    if (options_ == "throw") throw std::runtime_error("no idea");
    if (options_ == "throw int") throw 3;
    if (options_ == "twice") modules[1] = modules[0];
    if (options_ == "ineligible") modules[0] = 999;
    if (options_ == "short") modules.pop_back();
    if (options_ == "sum") pages[0].probability = 0.9;
    if (options_ == "negative") pages[0].probability = -1;
    if (options_ == "none") pages.clear();
    if (options_ == "two") pages = {{modules, 0.5}, {modules, 0.5}};
    if (options_ == "mixed") {
      pages[0].probability = 0.25;
      pages.push_back({{modules.rbegin(), modules.rend()}, 0.75});
    }
    return pages;
  }
  bool deterministic() const override { return options_ != "mixed"; }

 private:
  std::string options_;
};

}  // namespace

#ifdef OTHER_INTERFACE
extern "C" __attribute__((visibility("default"))) std::uint32_t rehearsal_plugin_interface() {
  return 999;
}
#else
REHEARSAL_PLUGIN(TestPolicy)
#endif
