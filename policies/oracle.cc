#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/user_model.h"

namespace rehearsal {

namespace {

struct OracleConfig {
  std::string objective = "click";
  Fields fields() {
    return Fields().choice(
        "objective", objective, {"click", "purchase"},
        "order by the exact expected clicks or purchases of each module; of each item in "
        "a world of one module");
  }
};

/// Page i: the request's eligible module number `e` alone, its items as retrieved; empty where the
/// request has no so many.
PageBatch single_module_pages(const RequestBatch& requests, std::size_t e) {
  PageBatch pages;
  pages.slot_offsets.reserve(requests.size() + 1);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (e < requests.n_eligible(i)) {
      const std::size_t m = requests.module_offsets[i] + e;
      pages.module.push_back(requests.module[m]);
      if (!requests.candidate.empty()) {
        const auto first = requests.candidate.begin();
        pages.item.insert(pages.item.end(), first + requests.candidate_offsets[m],
                          first + requests.candidate_offsets[m + 1]);
        pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
      }
    }
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
  }
  return pages;
}

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

/// What an oracle is told of users.
struct Truth {
  bool purchases;
  const UserModel& users;

  /// Expected value of each slot. Raises: Error(kInput) without a closed form.
  std::vector<double> values(const RequestBatch& requests, const PageBatch& pages) const {
    const ExpectedBatch expected = users.expected(requests, pages);
    const std::vector<double>& value = purchases ? expected.purchase : expected.click;
    if (value.size() != pages.module.size())
      throw Error(ErrorKind::kInput, std::string("an oracle needs exact expected ") +
                                         (purchases ? "purchases" : "clicks") +
                                         ", which this user model does not have in closed form");
    return value;
  }
};

void check_latents(const RequestBatch& requests) {
  if (!requests.latents)
    throw Error(ErrorKind::kInput,
                "an oracle reads the hidden features of requests, and these have none: it can "
                "decide pages in a simulation only, not be scored from a log");
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

/// Modules by their exact expected value on a page of their own, at slot 0. With places that differ
/// by a factor alone this is the best page.
class Oracle final : public Policy {
 public:
  Oracle(const Truth& truth, bool of_items) : truth_(truth), of_items_(of_items) {
    if (of_items) set_ranker(std::make_shared<OracleItems>(truth));
  }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> scores(requests.module.size());
    if (of_items_) return order_by_score(requests, std::move(scores));
    check_latents(requests);
    std::size_t most = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) most = std::max(most, requests.n_eligible(i));
    for (std::size_t e = 0; e < most; ++e) {
      const PageBatch pages = single_module_pages(requests, e);
      const std::vector<double> value = truth_.values(requests, pages);
      for (std::size_t i = 0; i < requests.size(); ++i)
        if (e < requests.n_eligible(i))
          scores[requests.module_offsets[i] + e] = value[pages.slot_offsets[i]];
    }
    return order_by_score(requests, std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  Truth truth_;
  bool of_items_;
};

}  // namespace

FieldDescriptions describe_oracle() { return describe_fields<OracleConfig>(); }

std::unique_ptr<Policy> make_oracle(const PluginConfig& config, const PolicyContext& context) {
  const OracleConfig read = config.read<OracleConfig>();
  if (!context.user_model)
    config.refuse("type",
                  "an oracle needs the user model of its scenario; it cannot be made for a log or "
                  "loaded from a folder");
  return std::make_unique<Oracle>(Truth{read.objective == "purchase", *context.user_model},
                                  context.schema.n_modules() == 1);
}

}  // namespace rehearsal
