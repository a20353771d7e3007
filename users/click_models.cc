#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "users/click_model.h"
#include "users/makers.h"

namespace rehearsal {

double log_likelihood(std::span<const double> conditional, std::span<const std::uint8_t> clicks) {
  REHEARSAL_CHECK(conditional.size() == clicks.size());
  double sum = 0;
  for (std::size_t r = 0; r < clicks.size(); ++r) {
    const double q = std::clamp(conditional[r], 1e-9, 1 - 1e-9);
    sum += clicks[r] != 0 ? std::log(q) : std::log1p(-q);
  }
  return sum;
}

void require_entries(const std::string& key, std::size_t entries, std::size_t needed) {
  if (entries < needed)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: has {} entries, this page needs {}", key, entries, needed));
}

const Registry<ClickModelEntry>& click_models() {
  static const std::vector<ClickModelEntry> lines{
      pbm_clicks(),
      cascade_clicks(),
      dcm_clicks(),
      dbn_clicks(),
      sdbn_clicks(),
      ubm_clicks(),
      ccm_clicks(),
      tcm_clicks(),
      trust_bias_clicks(),
      carousel_page_clicks(),
      carousel_click_clicks(),
      grid_pbm_clicks(),
  };
  static const Registry<ClickModelEntry> table("click model", lines);
  return table;
}

}  // namespace rehearsal
