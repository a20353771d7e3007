#include "policies/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "policies/listed_slates.h"
#include "policies/makers.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct PluginPolicyConfig {
  std::string library;
  std::string options;
  Fields fields() {
    return Fields()
        .add("library", library,
             "path of the shared library, such as build/libmine.so; it is looked for nowhere else, "
             "and a relative path starts where the program runs")
        .add("options", options, "a text that the library is given as it stands");
  }
};

/// The library's two functions (policies/plugin.h). It stays open: its code outlives every policy.
struct Library {
  std::uint32_t (*interface_of)() = nullptr;
  plugin::Policy* (*make)(const plugin::Site*) = nullptr;

  explicit Library(const std::string& path) {
    void* handle = dlopen(std::filesystem::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
      throw Error(ErrorKind::kInput, "cannot be loaded: " + std::string(dlerror()));
    interface_of = find<std::uint32_t (*)()>(handle, path, "rehearsal_plugin_interface");
    if (interface_of() != plugin::kInterface)
      throw Error(ErrorKind::kInput,
                  fmt::format("'{}' was built for interface {}, this program has {}: build it "
                              "against the policies/plugin.h of this version",
                              path, interface_of(), plugin::kInterface));
    make = find<plugin::Policy* (*)(const plugin::Site*)>(handle, path, "rehearsal_plugin_make");
  }

 private:
  template <class Function>
  static Function find(void* handle, const std::string& path, const char* name) {
    void* symbol = dlsym(handle, name);
    if (symbol == nullptr)
      throw Error(ErrorKind::kInput,
                  fmt::format("'{}' is no plug-in: it has no '{}', which REHEARSAL_PLUGIN defines",
                              path, name));
    return reinterpret_cast<Function>(symbol);
  }
};

plugin::Site site_of(const Schema& schema, const std::string& options) {
  plugin::Site site;
  for (const Feature& feature : schema.features)
    site.features.push_back({feature.name, feature.levels});
  site.modules = schema.modules;
  site.item_features = schema.item_features;
  site.items = {schema.items.data(), static_cast<std::size_t>(schema.items.size())};
  site.n_items = schema.n_items;
  site.options = options;
  return site;
}

/// What the library is asked, in memory that lives as long as the call.
class Question {
 public:
  Question(const RequestBatch& requests, std::size_t i, std::size_t n_slots) {
    const std::size_t first = requests.module_offsets[i];
    request_.user = requests.user[i];
    request_.session = requests.session[i];
    request_.round = requests.round[i];
    request_.n_slots = n_slots;
    request_.context = requests.features(i);
    request_.eligible = requests.eligible(i);
    offsets_.assign(request_.eligible.size() + 1, 0);
    if (!requests.candidate.empty()) {
      const std::uint32_t start = requests.candidate_offsets[first];
      for (std::size_t m = 0; m < offsets_.size(); ++m)
        offsets_[m] = requests.candidate_offsets[first + m] - start;
      request_.candidates = {requests.candidate.data() + start, offsets_.back()};
    }
    request_.candidate_offsets = offsets_;
  }
  const plugin::Request& request() const { return request_; }

 private:
  plugin::Request request_;
  std::vector<std::uint32_t> offsets_;
};

/// The indices of a page's modules among the eligible. Raises: std::domain_error.
std::vector<std::uint16_t> choices_of(const plugin::Page& page, const plugin::Request& request) {
  if (page.modules.size() != request.n_slots)
    throw std::domain_error(fmt::format("a page of {} modules, where {} are to be shown",
                                        page.modules.size(), request.n_slots));
  std::vector<std::uint16_t> choices;
  for (const std::uint16_t module : page.modules) {
    const auto at = std::find(request.eligible.begin(), request.eligible.end(), module);
    if (at == request.eligible.end())
      throw std::domain_error(fmt::format("a page with module {}, which is not eligible", module));
    const auto choice = static_cast<std::uint16_t>(at - request.eligible.begin());
    if (std::find(choices.begin(), choices.end(), choice) != choices.end())
      throw std::domain_error(fmt::format("a page with module {} twice", module));
    choices.push_back(choice);
  }
  return choices;
}

ListedSlates slates_of(const plugin::Policy& policy, const plugin::Request& request) {
  ListedSlates list;
  double sum = 0;
  for (const plugin::Page& page : policy.decide(request)) {
    if (!(page.probability >= 0 && page.probability <= 1))
      throw std::domain_error(fmt::format("a page of probability {}", page.probability));
    list.emplace_back(choices_of(page, request), page.probability);
    sum += page.probability;
  }
  if (!(std::abs(sum - 1) <= 1e-9))
    throw std::domain_error(
        fmt::format("{} pages whose probabilities sum to {}", list.size(), sum));
  if (policy.deterministic() && list.size() != 1)
    throw std::domain_error(
        fmt::format("{} pages, though it says that it is deterministic", list.size()));
  return list;
}

class PluginPolicy final : public Policy {
 public:
  PluginPolicy(std::string library, std::unique_ptr<const plugin::Policy> policy)
      : library_(std::move(library)), policy_(std::move(policy)) {}

  bool deterministic() const override { return policy_->deterministic(); }

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> n_positions = page_positions(requests);
    std::vector<ListedSlates> lists;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const Question question(requests, i, n_positions[i]);
      try {
        lists.push_back(slates_of(*policy_, question.request()));
      } catch (const std::exception& error) {
        stop(requests, i, error.what());
      } catch (...) {
        stop(requests, i, "an exception that is no std::exception");
      }
    }
    return make_listed(requests.module_offsets, std::move(n_positions), std::move(lists),
                       deterministic());
  }

 private:
  [[noreturn]] void stop(const RequestBatch& requests, std::size_t i, const char* what) const {
    throw Error(ErrorKind::kRuntime,
                fmt::format("plugin '{}': user {}, session {}, round {}: {}", library_,
                            requests.user[i], requests.session[i], requests.round[i], what));
  }

  std::string library_;
  std::unique_ptr<const plugin::Policy> policy_;
};

}  // namespace

FieldDescriptions describe_plugin() { return describe_fields<PluginPolicyConfig>(); }

PolicyPtr make_plugin(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PluginPolicyConfig>();
  if (read.library.empty()) config.refuse("library", "is missing: the path of a shared library");
  std::unique_ptr<const plugin::Policy> policy;
  try {
    const Library library(read.library);
    const plugin::Site site = site_of(context.schema, read.options);
    policy.reset(library.make(&site));
  } catch (const std::exception& error) {
    config.refuse("library", error.what());
  }
  if (policy == nullptr) config.refuse("library", "'" + read.library + "' made no policy");
  return std::make_unique<PluginPolicy>(read.library, std::move(policy));
}

}  // namespace rehearsal
