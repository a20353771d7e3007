#include <fmt/format.h>

#include "sim/core/rng.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct UbmConfig {
  std::vector<std::vector<double>> gamma;

  Fields fields() {
    return Fields().add("gamma", gamma, 0, 1,
                        "probability that a rank is examined, a list a rank: by the rank of the "
                        "last click above it, 0 for none, so that row r has r entries");
  }
};

/// Examination depends on the rank and on the last click above it. The state of every recursion is
/// the last clicked rank, 0 for none.
class Ubm : public ClickModel {
 public:
  explicit Ubm(UbmConfig config) : gamma_(std::move(config.gamma)) {}

  void marginals(const PageCells& cells, std::span<double> examination,
                 std::span<double> click) const override;
  void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                   std::span<double> out) const override;
  std::vector<double> n_clicks(const PageCells& cells) const override;
  void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const override;

 private:
  std::vector<std::vector<double>> gamma_;
};

void Ubm::marginals(const PageCells& cells, std::span<double> examination,
                    std::span<double> click) const {
  require_entries("gamma", gamma_.size(), cells.size());
  std::vector<double> last(cells.size() + 1, 0.0);
  last[0] = 1;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    double examined = 0;
    for (std::size_t l = 0; l <= r; ++l) {
      examined += last[l] * gamma_[r][l];
      last[l] *= 1 - gamma_[r][l] * cells.attraction[r];
    }
    examination[r] = examined;
    last[r + 1] = click[r] = examined * cells.attraction[r];
  }
}

void Ubm::conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                      std::span<double> out) const {
  require_entries("gamma", gamma_.size(), cells.size());
  std::size_t last = 0;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    out[r] = gamma_[r][last] * cells.attraction[r];
    if (clicks[r] != 0) last = r + 1;
  }
}

std::vector<double> Ubm::n_clicks(const PageCells& cells) const {
  require_entries("gamma", gamma_.size(), cells.size());
  const std::size_t n = cells.size();
  // p[l] by count: there are at most l clicks when the last is at rank l.
  std::vector<std::vector<double>> p(n + 1);
  for (std::size_t l = 0; l <= n; ++l) p[l].assign(l + 1, 0.0);
  p[0][0] = 1;
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t l = 0; l <= r; ++l) {
      const double q = gamma_[r][l] * cells.attraction[r];
      for (std::size_t k = 0; k <= l; ++k) {
        p[r + 1][k + 1] += p[l][k] * q;
        p[l][k] *= 1 - q;
      }
    }
  std::vector<double> pmf(n + 1, 0.0);
  for (std::size_t l = 0; l <= n; ++l)
    for (std::size_t k = 0; k <= l; ++k) pmf[k] += p[l][k];
  return pmf;
}

void Ubm::sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const {
  require_entries("gamma", gamma_.size(), cells.size());
  std::size_t last = 0;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    const std::uint32_t* words = noise.cell.data() + 4 * r;
    acts.examined[r] = Stream::to_uniform(words[0]) < gamma_[r][last];
    acts.click[r] = acts.examined[r] != 0 && Stream::to_uniform(words[1]) < cells.attraction[r];
    acts.satisfied[r] = acts.click[r] != 0 && Stream::to_uniform(words[2]) < cells.satisfied(r);
    if (acts.click[r] != 0) last = r + 1;
  }
}

std::unique_ptr<ClickModel> make_ubm(const PluginConfig& plugin) {
  auto config = plugin.read<UbmConfig>();
  for (std::size_t r = 0; r < config.gamma.size(); ++r)
    if (config.gamma[r].size() != r + 1)
      plugin.refuse("gamma", fmt::format("row {} has {} entries; expected {}, one for no click "
                                         "above and one for each rank above",
                                         r + 1, config.gamma[r].size(), r + 1));
  return std::make_unique<Ubm>(std::move(config));
}

}  // namespace

ClickModelEntry ubm_clicks() {
  return {"ubm",
          "user browsing: examination depends on the rank and on the last click above it",
          "Dupret and Piwowarski, SIGIR 2008",
          false,
          describe_fields<UbmConfig>,
          make_ubm};
}

}  // namespace rehearsal
