// Modules with many items first; with the option "explore P", in a share P of the pages the last
// eligible module instead of the first.
#include <rehearsal/policies/plugin.h>

#include <cstdlib>

namespace {

namespace plugin = rehearsal::plugin;

class ManyItemsFirst : public plugin::Policy {
 public:
  explicit ManyItemsFirst(const plugin::Site& site) {
    const std::string key = "explore ";
    if (site.options.rfind(key, 0) == 0)
      explore_ = std::strtod(site.options.c_str() + key.size(), nullptr);
  }

  std::vector<plugin::Page> decide(const plugin::Request& request) const override {
    std::vector<std::size_t> order(request.eligible.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto n_items = [&](std::size_t m) {
      return request.candidate_offsets[m + 1] - request.candidate_offsets[m];
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return n_items(a) > n_items(b); });
    const plugin::Page usual = page_of(request, order);
    if (explore_ == 0 || order.empty()) return {usual};
    std::rotate(order.begin(), order.end() - 1, order.end());
    plugin::Page other = page_of(request, order);
    if (other.modules == usual.modules) return {usual};
    other.probability = explore_;
    return {{usual.modules, 1 - explore_}, other};
  }
  bool deterministic() const override { return explore_ == 0; }

 private:
  static plugin::Page page_of(const plugin::Request& request,
                              const std::vector<std::size_t>& order) {
    plugin::Page page;
    for (std::size_t k = 0; k < request.n_slots; ++k)
      page.modules.push_back(request.eligible[order[k]]);
    return page;
  }

  double explore_ = 0;
};

}  // namespace

REHEARSAL_PLUGIN(ManyItemsFirst)
