#include "policies/impressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/core/error.h"
#include "sim/core/fields.h"

namespace rehearsal {

namespace {

constexpr float kMean = std::numeric_limits<float>::quiet_NaN();

[[noreturn]] void refuse_log(const std::string& message) {
  throw Error(ErrorKind::kInput, message);
}

/// The place in RequestBatch::module of the module of a slot.
std::size_t eligible_index(const RequestBatch& requests, std::size_t i, std::uint16_t module) {
  const auto eligible = requests.eligible(i);
  const auto at = std::find(eligible.begin(), eligible.end(), module);
  if (at == eligible.end())
    refuse_log(fmt::format("log: user {} was shown module {}, which was not eligible",
                           requests.user[i], module));
  return requests.module_offsets[i] + static_cast<std::size_t>(at - eligible.begin());
}

/// Appends the candidate of every item of a slot.
void look_up_candidates(const LogBatch& batch, std::size_t i, std::size_t slot, ItemRows& rows) {
  const RequestBatch& requests = batch.requests;
  const std::size_t e = eligible_index(requests, i, batch.pages.module[slot]);
  const auto first = requests.candidate.begin() + requests.candidate_offsets[e];
  const auto last = requests.candidate.begin() + requests.candidate_offsets[e + 1];
  for (std::size_t j = batch.pages.item_offsets[slot]; j < batch.pages.item_offsets[slot + 1];
       ++j) {
    const auto at = std::find(first, last, batch.pages.item[j]);
    if (at == last)
      refuse_log(fmt::format("log: user {} was shown item {}, which is no candidate of its module",
                             requests.user[i], batch.pages.item[j]));
    rows.candidate.push_back(static_cast<std::uint32_t>(at - requests.candidate.begin()));
  }
}

}  // namespace

ItemRows shown_rows(const LogBatch& batch, bool with_candidates) {
  const PageBatch& pages = batch.pages;
  if (pages.item_offsets.size() != pages.module.size() + 1)
    refuse_log("log: the items shown are not recorded");
  if (with_candidates &&
      batch.requests.candidate_offsets.size() != batch.requests.module.size() + 1)
    refuse_log("log: candidates are not recorded, and inputs are declared that belong to them");
  ItemRows rows;
  rows.item = pages.item;
  const std::size_t n = pages.item.size();
  for (auto* column : {&rows.request, &rows.shown}) column->reserve(n);
  for (auto* column : {&rows.module, &rows.slot, &rows.position}) column->reserve(n);
  if (with_candidates) rows.candidate.reserve(n);
  for (std::size_t i = 0; i < batch.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
      const std::size_t n_items = pages.item_offsets[slot + 1] - pages.item_offsets[slot];
      for (std::size_t k = 0; k < n_items; ++k) {
        rows.request.push_back(static_cast<std::uint32_t>(i));
        rows.module.push_back(pages.module[slot]);
        rows.slot.push_back(static_cast<std::uint16_t>(slot - pages.slot_offsets[i]));
        rows.position.push_back(static_cast<std::uint16_t>(k));
        rows.shown.push_back(static_cast<std::uint32_t>(slot));
      }
      if (with_candidates) look_up_candidates(batch, i, slot, rows);
      rows.lists.push_back(static_cast<std::uint32_t>(rows.request.size()));
    }
  return rows;
}

ItemRows candidate_rows(const RequestBatch& requests) {
  if (requests.candidate_offsets.size() != requests.module.size() + 1)
    refuse_log("requests carry no candidates, and a ranker of items needs them");
  ItemRows rows;
  const std::size_t n = requests.candidate.size();
  rows.item = requests.candidate;
  rows.request.resize(n);
  rows.module.resize(n);
  rows.slot.assign(n, 0);
  rows.position.assign(n, 0);
  rows.candidate.resize(n);
  rows.lists = requests.candidate_offsets;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m)
      for (std::size_t c = requests.candidate_offsets[m]; c < requests.candidate_offsets[m + 1];
           ++c) {
        rows.request[c] = static_cast<std::uint32_t>(i);
        rows.module[c] = requests.module[m];
        rows.candidate[c] = static_cast<std::uint32_t>(c);
      }
  return rows;
}

ItemInputs::ItemInputs(const std::vector<std::string>& names,
                       const std::vector<std::string>& may_lack,
                       const std::map<std::string, double>& defaults, const Schema& schema)
    : schema_(schema) {
  for (const std::string& name : may_lack)
    if (std::find(names.begin(), names.end(), name) == names.end())
      refuse_log("may_lack: " + unknown_name("input", name, names));
  for (const auto& [name, value] : defaults)
    if (std::find(names.begin(), names.end(), name) == names.end())
      refuse_log("defaults: " + unknown_name("input", name, names));
  for (const std::string& name : names) {
    Input input;
    const bool optional = std::find(may_lack.begin(), may_lack.end(), name) != may_lack.end();
    try {
      input = bind(name);
    } catch (const Error&) {
      if (!optional) throw;
    }
    input.name = name;
    const auto found = defaults.find(name);
    input.fallback = found == defaults.end() ? kMean : static_cast<float>(found->second);
    inputs_.push_back(input);
  }
}

ItemInputs ItemInputs::bound_to(const Schema& schema) const {
  ItemInputs bound(schema);
  for (const Input& own : inputs_) {
    Input input;
    try {
      input = bound.bind(own.name);
    } catch (const Error&) {
      input.kind = Kind::kLacking;
    }
    input.name = own.name;
    input.fallback = own.fallback;
    bound.inputs_.push_back(std::move(input));
  }
  return bound;
}

ItemInputs::Input ItemInputs::bind_context(const std::string& text) const {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const std::size_t index = schema_.feature_index(name, "inputs: context." + text);
  const std::vector<std::string>& levels = schema_.features[index].levels;
  if ((equals == std::string::npos) != levels.empty())
    refuse_log(fmt::format("inputs: context.{}: '{}' is a {}: write context.{}", text, name,
                           levels.empty() ? "number" : "category",
                           levels.empty() ? name : name + "=LEVEL"));
  if (levels.empty()) return {.kind = Kind::kContext, .index = index};
  const std::string level = text.substr(equals + 1);
  const auto at = std::find(levels.begin(), levels.end(), level);
  if (at == levels.end())
    refuse_log("inputs: context." + text + ": " + unknown_name("level", level, levels));
  return {.kind = Kind::kContext, .index = index, .level = static_cast<float>(at - levels.begin())};
}

ItemInputs::Input ItemInputs::bind(const std::string& name) const {
  const std::size_t dot = name.find('.');
  const std::string kind = name.substr(0, dot);
  const std::string column = dot == std::string::npos ? "" : name.substr(dot + 1);
  const auto named = [&](Kind of, const std::vector<std::string>& known,
                         const std::string& what) -> Input {
    const auto at = std::find(known.begin(), known.end(), column);
    if (at == known.end()) refuse_log("inputs: " + name + ": " + unknown_name(what, column, known));
    return {.kind = of, .index = static_cast<std::size_t>(at - known.begin())};
  };
  if (kind == "context") return bind_context(column);
  if (kind == "item") return named(Kind::kItem, schema_.item_features, "feature of items");
  if (kind == "candidate")
    return named(Kind::kCandidate, schema_.candidate_features, "feature of candidates");
  if (kind == "module") return named(Kind::kModule, schema_.modules, "module");
  if (kind == "place") {
    Input input = named(Kind::kSlot, {"slot", "position"}, "place");
    if (input.index == 1) input.kind = Kind::kPosition;
    return input;
  }
  if (kind == "response") {
    Input input = named(Kind::kResponse, response_names(), "response");
    input.response = column;
    return input;
  }
  refuse_log("inputs: " + name +
             ": expected context.NAME, item.NAME, candidate.NAME, place.slot, place.position, "
             "module.NAME or response.NAME");
}

std::size_t ItemInputs::n_lacking() const { return lacking().size(); }

std::vector<std::string> ItemInputs::lacking() const {
  std::vector<std::string> names;
  for (const Input& input : inputs_)
    if (input.kind == Kind::kLacking) names.push_back(input.name);
  return names;
}

bool ItemInputs::need_candidates() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.kind == Kind::kCandidate; });
}

void ItemInputs::fill_column(const Input& input, const ItemRows& rows, const RequestBatch& requests,
                             float* out) const {
  const auto each = [&](auto&& value) {
    for (std::size_t row = 0; row < rows.size(); ++row) out[row * size()] = value(row);
  };
  switch (input.kind) {
    case Kind::kContext: {
      const float* column = requests.context.data() + input.index;
      const std::size_t width = requests.n_features;
      if (input.level < 0)
        return each([&](std::size_t row) { return column[rows.request[row] * width]; });
      return each([&](std::size_t row) {
        return column[rows.request[row] * width] == input.level ? 1.0f : 0.0f;
      });
    }
    case Kind::kItem:
      return each([&](std::size_t row) {
        return schema_.items(rows.item[row], static_cast<Eigen::Index>(input.index));
      });
    case Kind::kCandidate: {
      const std::size_t width = requests.n_candidate_features;
      if (requests.candidate_context.size() != requests.candidate.size() * width || width == 0)
        refuse_log("requests carry no features of candidates, and the input " + input.name +
                   " is declared");
      const float* column = requests.candidate_context.data() + input.index;
      return each([&](std::size_t row) {
        const float value = column[rows.candidate[row] * width];
        if (std::isfinite(value)) return value;
        const std::size_t i = rows.request[row];
        refuse_log(fmt::format("user {}, session {}, round {}: {} of item {} is missing",
                               requests.user[i], requests.session[i], requests.round[i], input.name,
                               rows.item[row]));
      });
    }
    case Kind::kSlot:
      return each([&](std::size_t row) { return static_cast<float>(rows.slot[row]); });
    case Kind::kPosition:
      return each([&](std::size_t row) { return static_cast<float>(rows.position[row]); });
    case Kind::kModule:
      return each([&](std::size_t row) { return rows.module[row] == input.index ? 1.0f : 0.0f; });
    case Kind::kResponse:
    case Kind::kLacking:
      return each([&](std::size_t) { return input.fallback; });
  }
}

void ItemInputs::fill(const ItemRows& rows, const RequestBatch& requests,
                      const ResponseBatch* responses, std::vector<float>& out) const {
  out.resize(rows.size() * size());
  for (const std::uint32_t item : rows.item)
    if (item >= schema_.n_items)
      refuse_log(fmt::format("item {} is not in the catalogue of {}", item, schema_.n_items));
  for (std::size_t j = 0; j < size(); ++j) {
    const Input& input = inputs_[j];
    if (input.kind != Kind::kResponse || responses == nullptr) {
      fill_column(input, rows, requests, out.data() + j);
      continue;
    }
    const std::vector<float> values = response_of(*responses, input.response, rows);
    for (std::size_t row = 0; row < rows.size(); ++row) out[row * size() + j] = values[row];
  }
}

std::vector<float> response_of(const ResponseBatch& responses, const std::string& name,
                               const ItemRows& rows) {
  std::vector<float> out;
  bool known = false;
  ResponseBatch::visit(responses, [&](const std::string& column_name, Level level, std::size_t,
                                      const auto& column, const char*) {
    if (column_name != name) return;
    known = true;
    if (column.empty()) return;
    if (level == Level::kItem) {
      if (column.size() == rows.size()) out.assign(column.begin(), column.end());
    } else {
      for (const std::uint32_t slot : rows.shown) out.push_back(static_cast<float>(column[slot]));
    }
  });
  if (!known) refuse_log(unknown_name("response", name, response_names()));
  if (out.size() != rows.size()) refuse_log("log: the response '" + name + "' is not recorded");
  return out;
}

bool is_recorded(const ResponseBatch& responses, const std::string& name) {
  bool recorded = false;
  ResponseBatch::visit(responses, [&](const std::string& column_name, Level, std::size_t,
                                      const auto& column, const char*) {
    recorded = recorded || (column_name == name && !column.empty());
  });
  return recorded;
}

std::vector<std::string> response_names() {
  std::vector<std::string> names;
  const ResponseBatch none;
  ResponseBatch::visit(none, [&](const std::string& name, Level, std::size_t, const auto&,
                                 const char*) { names.push_back(name); });
  return names;
}

}  // namespace rehearsal
