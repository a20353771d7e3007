#pragma once

#include "sim/truth.h"
#include "sim/user_model.h"

namespace rehearsal::small {

/// Users of whom only the expectations are known: those differ by user and module.
class FakeUsers final : public UserModel {
 public:
  void respond(const RequestBatch&, const PageBatch&, const Rng&, ResponseBatch&,
               TruthBatch*) const override {}
  ExpectedBatch expected(const RequestBatch& requests, const PageBatch& pages) const override {
    ExpectedBatch out;
    if (!closed_form) return out;
    for (std::size_t i = 0; i < requests.size(); ++i)
      for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
        const std::uint16_t module = pages.shown(i)[k];
        double kept = 1;  // of modules below one that is next to them in number
        for (std::size_t above = 0; above < k; ++above)
          if (std::abs(pages.shown(i)[above] - module) == 1) kept *= 1 - substitutes;
        out.click.push_back(kept * click(requests.user[i], module));
        out.purchase.push_back(1 - click(requests.user[i], module));
      }
    return out;
  }
  void advance(const RequestBatch&, const PageBatch&, const ResponseBatch&, const Rng&, RowMatrix&,
               std::span<std::uint16_t>) const override {}

  static double click(std::uint32_t user, std::uint16_t module) {
    return 0.1 * ((user + 3u * module) % 5);
  }
  bool closed_form = true;
  double substitutes = 0;
};

}  // namespace rehearsal::small
