#include "sim/core/rng.h"
#include "users/makers.h"

namespace rehearsal {

namespace {

struct CarouselClickConfig {
  double quit = 0.1;

  Fields fields() {
    return Fields().add("quit", quit, 0, 1,
                        "probability of giving up after each row or item that does not attract");
  }
};

/// Rows are judged from the top as wholes: one with no attractive item is passed by, or is where
/// the user quits. The first row with one is read from the left, each unattractive item before it
/// may be where the user quits; the first attractive item is clicked and the session ends. P(click
/// (i, k)) = prod_{i' < i} (1 - q) (1 - A_i') prod_{k' < k} (1 - q) (1 - theta_ik') theta_ik with
/// A_i = 1 - prod_k (1 - theta_ik). Items of a row that is passed by are not examined.
class CarouselClick : public ClickModel {
 public:
  explicit CarouselClick(const CarouselClickConfig& config) : patience_(1 - config.quit) {}

  void marginals(const PageCells& cells, std::span<double> examination,
                 std::span<double> click) const override {
    double reach = 1;
    for (std::size_t i = 0; i < cells.n_rows(); ++i) {
      const std::size_t first = cells.row_offsets[i];
      const std::size_t end = cells.row_offsets[i + 1];
      double rest = 1;  // P(no attractive item from this one on)
      for (std::size_t r = end; r-- > first;) {
        rest *= 1 - cells.attraction[r];
        examination[r] = 1 - rest;
      }
      double before = reach;
      for (std::size_t r = first; r < end; ++r) {
        examination[r] *= before;
        click[r] = before * cells.attraction[r];
        before *= patience_ * (1 - cells.attraction[r]);
      }
      reach *= patience_ * rest;
    }
  }

  void conditional(const PageCells& cells, std::span<const std::uint8_t> clicks,
                   std::span<double> out) const override {
    std::vector<double> examination(cells.size());
    marginals(cells, examination, out);
    double none = 1;  // P(no click so far)
    for (std::size_t r = 0; r < cells.size(); ++r) {
      const double click = out[r];
      out[r] = none > 0 ? std::min(click / none, 1.0) : 0;
      none = clicks[r] != 0 ? 0 : none - click;
    }
  }

  std::vector<double> n_clicks(const PageCells& cells) const override {
    std::vector<double> examination(cells.size()), click(cells.size());
    marginals(cells, examination, click);
    std::vector<double> pmf(cells.size() + 1, 0.0);
    double sum = 0;
    for (const double p : click) sum += p;
    pmf[0] = 1 - sum;
    if (pmf.size() > 1) pmf[1] = sum;
    return pmf;
  }

  /// Words: row 0 quits after it; cell 1 to 3.
  void sample(const PageCells& cells, const PageNoise& noise, PageActs acts) const override {
    for (const std::span<std::uint8_t> act : {acts.examined, acts.click, acts.satisfied})
      std::ranges::fill(act, std::uint8_t{0});
    const auto attracts = [&](std::size_t r) {
      return Stream::to_uniform(noise.cell[4 * r + 1]) < cells.attraction[r];
    };
    for (std::size_t i = 0; i < cells.n_rows(); ++i) {
      const std::size_t end = cells.row_offsets[i + 1];
      std::size_t chosen = cells.row_offsets[i];
      while (chosen < end && !attracts(chosen)) ++chosen;
      if (chosen == end) {
        if (!(Stream::to_uniform(noise.row[4 * i]) < patience_)) return;
        continue;
      }
      for (std::size_t r = cells.row_offsets[i]; r < chosen; ++r) {
        acts.examined[r] = 1;
        if (!(Stream::to_uniform(noise.cell[4 * r + 3]) < patience_)) return;
      }
      acts.examined[chosen] = acts.click[chosen] = 1;
      acts.satisfied[chosen] =
          Stream::to_uniform(noise.cell[4 * chosen + 2]) < cells.satisfied(chosen);
      return;
    }
  }

 private:
  double patience_;
};

std::unique_ptr<ClickModel> make_carousel_click(const PluginConfig& plugin) {
  return std::make_unique<CarouselClick>(plugin.read<CarouselClickConfig>());
}

}  // namespace

ClickModelEntry carousel_click_clicks() {
  return {"carousel_click",
          "rows are judged as wholes, the first that attracts is read from the left to one click",
          "reconstruction after Rahdari, Kveton and Brusilovsky 2022 (arXiv 2209.13426)",
          false,
          describe_fields<CarouselClickConfig>,
          make_carousel_click};
}

}  // namespace rehearsal
