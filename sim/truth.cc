#include "sim/truth.h"

#include "sim/columns.h"

namespace rehearsal {

TruthBatch gather(const TruthBatch& truth, const PageBatch& pages,
                  std::span<const std::uint32_t> rows) {
  TruthBatch out = gather_on_pages(truth, pages, rows);
  out.n_latents = truth.n_latents;
  return out;
}

void append(const TruthBatch& from, TruthBatch& to) {
  to.n_latents = from.n_latents;
  append_columns(from, to);
}

}  // namespace rehearsal
