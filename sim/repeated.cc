#include "sim/repeated.h"

#include "sim/truth.h"

namespace rehearsal {

RequestBatch repeated(const RequestBatch& requests, std::size_t i, std::size_t n) {
  RequestBatch out = gather(requests, std::vector<std::uint32_t>(n, static_cast<std::uint32_t>(i)));
  if (!requests.latents) return out;
  const auto copies = [&](const auto& rows) {
    return rows.rows() == 0 ? rows
                            : rows.row(static_cast<Eigen::Index>(i))
                                  .replicate(static_cast<Eigen::Index>(n), 1)
                                  .eval();
  };
  auto latents = std::make_shared<Latents>();
  latents->request = copies(requests.latents->request);
  latents->state = copies(requests.latents->state);
  out.latents = std::move(latents);
  return out;
}

}  // namespace rehearsal
