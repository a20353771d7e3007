#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"
#include "sim/user_model.h"

namespace rehearsal {

namespace {

struct OracleConfig {
  std::string objective = "click";
  Fields fields() {
    return Fields().choice("objective", objective, {"click", "purchase"},
                           "order by the exact expected clicks or purchases of each module");
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

/// Modules by their exact expected value on a page of their own, at slot 0. With places that differ
/// by a factor alone this is the best page.
class Oracle final : public Policy {
 public:
  Oracle(bool purchases, const UserModel& user_model)
      : purchases_(purchases), user_model_(user_model) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (!requests.latents)
      throw Error(ErrorKind::kInput,
                  "an oracle reads the hidden features of requests, and these have none: it can "
                  "decide pages in a simulation only, not be scored from a log");
    std::size_t most = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) most = std::max(most, requests.n_eligible(i));
    std::vector<double> scores(requests.module.size());
    for (std::size_t e = 0; e < most; ++e) {
      const PageBatch pages = single_module_pages(requests, e);
      const ExpectedBatch expected = user_model_.expected(requests, pages);
      const std::vector<double>& value = purchases_ ? expected.purchase : expected.click;
      if (value.size() != pages.module.size())
        throw Error(ErrorKind::kInput, std::string("an oracle needs exact expected ") +
                                           (purchases_ ? "purchases" : "clicks") +
                                           ", which this user model does not have in closed form");
      for (std::size_t i = 0; i < requests.size(); ++i)
        if (e < requests.n_eligible(i))
          scores[requests.module_offsets[i] + e] = value[pages.slot_offsets[i]];
    }
    return order_by_score(requests, std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  bool purchases_;
  const UserModel& user_model_;
};

}  // namespace

FieldDescriptions describe_oracle() { return describe_fields<OracleConfig>(); }

std::unique_ptr<Policy> make_oracle(const PluginConfig& config, const PolicyContext& context) {
  const OracleConfig read = config.read<OracleConfig>();
  if (!context.user_model)
    config.refuse("type",
                  "an oracle needs the user model of its scenario; it cannot be made for a log or "
                  "loaded from a folder");
  return std::make_unique<Oracle>(read.objective == "purchase", *context.user_model);
}

}  // namespace rehearsal
