#include <fmt/format.h>

#include "policies/constraints.h"
#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/repeated.h"
#include "sim/slate/beam.h"
#include "sim/slate/choices.h"
#include "sim/user_model.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostPages = 50000;  // that brute force goes through for a request

struct OracleConfig {
  std::string objective = "click";
  std::string search = "sort";
  std::int64_t beam = 8;
  Fields fields() {
    return Fields()
        .choice("objective", objective, {"click", "purchase"},
                "the exact expected clicks or purchases that a page is good for; that an item is "
                "good for in a world of one module")
        .choice("search", search, {"sort", "greedy", "beam", "brute_force"},
                "sort: modules by their value alone on a page; greedy: slot by slot the module "
                "that makes the page above and itself worth most; beam: the same with the best "
                "`beam` pages so far; brute_force: the best of all pages")
        .add("beam", beam, 1, 100000, "pages so far that search: beam keeps");
  }
};

/// Appends eligible module `e` (index into the batch) of round i to the last page, its items as
/// retrieved.
void add_module(const RequestBatch& requests, std::size_t i, std::size_t e, PageBatch& pages) {
  pages.module.push_back(requests.module[e]);
  if (requests.candidate.empty()) return;
  const std::uint32_t first = requests.candidate_offsets[e];
  const std::size_t n = requests.n_placed(i, requests.candidate_offsets[e + 1] - first);
  pages.item.insert(pages.item.end(), requests.candidate.begin() + first,
                    requests.candidate.begin() + static_cast<std::ptrdiff_t>(first + n));
  pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
}

void end_page(PageBatch& pages) {
  pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
}

/// What an oracle is told of users.
struct Truth {
  bool purchases;
  const UserModel& users;

  /// The objective slot by slot. Returns: (n_slots) of all pages.
  /// Raises: Error(kInput) without a closed form.
  std::vector<double> values(const RequestBatch& requests, const PageBatch& pages) const {
    ExpectedBatch expected = users.expected(requests, pages);
    std::vector<double>& value = purchases ? expected.purchase : expected.click;
    if (value.size() != pages.module.size())
      throw Error(ErrorKind::kInput, std::string("an oracle needs exact expected ") +
                                         (purchases ? "purchases" : "clicks") +
                                         ", which this user model does not have in closed form");
    return std::move(value);
  }
};

/// Page i: candidate number `e` alone, or the last one where there are no so many. Requests of one
/// module.
PageBatch single_item_pages(const RequestBatch& requests, std::size_t e) {
  PageBatch pages;
  pages.module = requests.module;
  pages.slot_offsets = requests.module_offsets;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t n = requests.candidate_offsets[i + 1] - requests.candidate_offsets[i];
    if (n > 0)
      pages.item.push_back(requests.candidate[requests.candidate_offsets[i] + std::min(e, n - 1)]);
    pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
  }
  return pages;
}

/// Items by their exact expected value in a list of their own: where looking further depends on
/// what was clicked alone, the best list.
class OracleItems final : public Ranker {
 public:
  explicit OracleItems(const Truth& truth) : truth_(truth) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    REHEARSAL_CHECK(requests.module.size() == requests.size());
    const Offsets& offsets = requests.candidate_offsets;
    std::size_t most = 0;
    for (std::size_t i = 0; i < requests.size(); ++i)
      most = std::max<std::size_t>(most, offsets[i + 1] - offsets[i]);
    std::vector<double> scores(requests.candidate.size());
    for (std::size_t e = 0; e < most; ++e) {
      const std::vector<double> values = truth_.values(requests, single_item_pages(requests, e));
      for (std::size_t i = 0; i < requests.size(); ++i)
        if (offsets[i] + e < offsets[i + 1]) scores[offsets[i] + e] = values[i];
    }
    return make_deterministic(offsets, item_positions(requests), std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  Truth truth_;
};

/// Pages that the user model values exactly: by modules alone, or by search over whole pages. In a
/// world of one module the items are what is ordered.
class Oracle final : public Policy, public KnowsRules {
 public:
  Oracle(OracleConfig config, const Truth& truth, bool of_items)
      : config_(std::move(config)), truth_(truth), of_items_(of_items) {
    if (of_items) set_ranker(std::make_shared<OracleItems>(truth));
  }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    // A list world may hide nothing but who the user is.
    if (of_items_) return order_by_score(requests, std::vector<double>(requests.module.size()));
    if (!requests.latents)
      throw Error(ErrorKind::kInput,
                  "an oracle reads the hidden features of requests, and these have none: it can "
                  "decide pages in a simulation only, not be scored from a log");
    return config_.search == "sort" ? sorted(requests) : searched(requests);
  }
  bool deterministic() const override { return true; }
  void set_rules(std::shared_ptr<const PageRules> rules) override { rules_ = std::move(rules); }

 private:
  /// Modules by their value on a page of their own, at slot 0. With places that differ by a factor
  /// alone and no effect of one module on another this is the best page.
  std::unique_ptr<SlateDistribution> sorted(const RequestBatch& requests) const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) most = std::max(most, requests.n_eligible(i));
    std::vector<double> scores(requests.module.size());
    for (std::size_t e = 0; e < most; ++e) {
      PageBatch pages;
      for (std::size_t i = 0; i < requests.size(); ++i) {
        if (e < requests.n_eligible(i))
          add_module(requests, i, requests.module_offsets[i] + e, pages);
        end_page(pages);
      }
      const std::vector<double> value = truth_.values(requests, pages);
      for (std::size_t i = 0; i < requests.size(); ++i)
        if (e < requests.n_eligible(i))
          scores[requests.module_offsets[i] + e] = value[pages.slot_offsets[i]];
    }
    if (!rules_) return order_by_score(requests, std::move(scores));
    std::vector<std::uint16_t> all;
    for (std::size_t i = 0; i < requests.size(); ++i)
      all.push_back(static_cast<std::uint16_t>(requests.n_eligible(i)));
    return restrict_slates(
        *make_deterministic(requests.module_offsets, std::move(all), std::move(scores)),
        rules_->of(requests), page_positions(requests));
  }

  std::unique_ptr<SlateDistribution> searched(const RequestBatch& requests) const {
    const std::shared_ptr<const SlateRules> rules = rules_ ? rules_->of(requests) : nullptr;
    std::vector<std::uint16_t> n_positions = page_positions(requests);
    std::vector<std::uint16_t> slates(requests.module.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::vector<std::uint16_t> slate = best_page(requests, i, n_positions[i], rules.get());
      std::copy(slate.begin(), slate.end(), slates.begin() + requests.module_offsets[i]);
    }
    return make_fixed(requests.module_offsets, std::move(n_positions), std::move(slates));
  }

  std::vector<std::uint16_t> best_page(const RequestBatch& requests, std::size_t i,
                                       std::size_t n_slots, const SlateRules* rules) const {
    const bool all = config_.search == "brute_force";
    const std::size_t m = requests.n_eligible(i);
    if (all && count_slates(m, n_slots, kMostPages) > kMostPages) refuse_size(m, n_slots);
    const std::size_t width = all                        ? kMostPages
                              : config_.search == "beam" ? static_cast<std::size_t>(config_.beam)
                                                         : 1;
    return beam_search(
        m, n_slots, width,
        [&](const Prefixes& pages, std::span<const double>, Eigen::Ref<RowMatrix> longer) {
          longer.setZero();
          if (rules != nullptr) mask(*rules, i, pages, longer);
          // Brute force asks for whole pages only: a page so far says nothing of the rest.
          if (!all || pages.length + 1 == n_slots) value_pages(requests, i, pages, longer);
        });
  }

  static void mask(const SlateRules& rules, std::size_t i, const Prefixes& pages,
                   Eigen::Ref<RowMatrix> longer) {
    Scratch<std::uint8_t> feasible(static_cast<std::size_t>(longer.cols()));
    for (std::size_t r = 0; r < pages.n; ++r) {
      rules.feasible(i, pages.row(r), feasible.span());
      for (Eigen::Index c = 0; c < longer.cols(); ++c)
        if (!feasible[static_cast<std::size_t>(c)])
          longer(static_cast<Eigen::Index>(r), c) = kInfeasible;
    }
  }

  /// Adds to every feasible cell what the page is worth that the choice makes.
  void value_pages(const RequestBatch& requests, std::size_t i, const Prefixes& prefixes,
                   Eigen::Ref<RowMatrix> longer) const {
    PageBatch pages;
    std::vector<double*> cells;
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      const std::span<const std::uint16_t> placed = prefixes.row(r);
      for (std::size_t c = 0; c < static_cast<std::size_t>(longer.cols()); ++c) {
        double& cell = longer(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c));
        if (cell == kInfeasible || std::find(placed.begin(), placed.end(), c) != placed.end())
          continue;
        for (const std::uint16_t above : placed)
          add_module(requests, i, requests.module_offsets[i] + above, pages);
        add_module(requests, i, requests.module_offsets[i] + c, pages);
        end_page(pages);
        cells.push_back(&cell);
      }
    }
    const std::vector<double> value = truth_.values(repeated(requests, i, cells.size()), pages);
    for (std::size_t page = 0; page < cells.size(); ++page)
      for (std::size_t slot = pages.slot_offsets[page]; slot < pages.slot_offsets[page + 1]; ++slot)
        *cells[page] += value[slot];
  }

  [[noreturn]] static void refuse_size(std::size_t m, std::size_t n_slots) {
    throw Error(ErrorKind::kInput,
                fmt::format("an oracle with search: brute_force goes through at most {} pages, and "
                            "{} slots with {} modules to choose from have more; use search: beam",
                            kMostPages, n_slots, m));
  }

  OracleConfig config_;
  Truth truth_;
  bool of_items_;
  std::shared_ptr<const PageRules> rules_;
};

}  // namespace

FieldDescriptions describe_oracle() { return describe_fields<OracleConfig>(); }

std::unique_ptr<Policy> make_oracle(const PluginConfig& config, const PolicyContext& context) {
  const OracleConfig read = config.read<OracleConfig>();
  if (!context.user_model)
    config.refuse("type",
                  "an oracle needs the user model of its scenario; it cannot be made for a log or "
                  "loaded from a folder");
  const bool of_items = context.schema.n_modules() == 1;
  if (of_items && read.search != "sort")
    config.refuse("search", "in a world of one module items are sorted by their value alone");
  return std::make_unique<Oracle>(read, Truth{read.objective == "purchase", *context.user_model},
                                  of_items);
}

}  // namespace rehearsal
