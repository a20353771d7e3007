#include "users/click_sessions.h"

#include <algorithm>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// How pages of a log are lists.
enum class FileShape { kItems, kModules, kPosition };

struct Layout {
  FileShape shape = FileShape::kItems;
  std::size_t position = 0;  // index of the feature
};

Layout layout_of(const Schema& schema) {
  if (schema.n_modules() > 1) return {FileShape::kModules, 0};
  for (std::size_t f = 0; f < schema.n_features(); ++f)
    if (schema.features[f].name == "position" && schema.features[f].categorical())
      return {FileShape::kPosition, f};
  return {};
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::kInput, "this log cannot teach a click model: " + message);
}

void push(ClickSessions& all, std::size_t entity, std::size_t rank, bool click) {
  all.entity.push_back(static_cast<std::uint32_t>(entity));
  all.rank.push_back(static_cast<std::uint16_t>(rank));
  all.click.push_back(click);
  all.n_ranks = std::max(all.n_ranks, rank + 1);
}

void append_page(const LogBatch& batch, std::size_t i, const Layout& layout, ClickSessions& all) {
  const PageBatch& pages = batch.pages;
  const std::size_t first = pages.slot_offsets[i], end = pages.slot_offsets[i + 1];
  if (layout.shape == FileShape::kModules) {
    for (std::size_t s = first; s < end; ++s)
      push(all, pages.module[s], s - first, batch.responses.click[s] != 0);
  } else {
    if (end != first + 1) refuse("expected one module a page");
    const std::size_t begin = pages.item_offsets[first], n = pages.item_offsets[end] - begin;
    if (layout.shape == FileShape::kPosition) {
      if (n != 1) refuse("expected one item a page where the context gives its position");
      const float place = batch.requests.features(i)[layout.position];
      push(all, pages.item[begin], static_cast<std::size_t>(place),
           batch.responses.click[first] != 0);
    } else {
      // A page of one item may have its click recorded with the module alone.
      const bool by_item = !batch.responses.item_click.empty();
      if (!by_item && n != 1) refuse("it has no clicks on items recorded");
      for (std::size_t k = 0; k < n; ++k)
        push(all, pages.item[begin + k], k,
             (by_item ? batch.responses.item_click[begin + k] : batch.responses.click[first]) != 0);
    }
  }
  all.offsets.push_back(static_cast<std::uint32_t>(all.entity.size()));
}

struct Satisfaction {
  double clicks = 0;
  double engaged = 0;

  void count(const ResponseBatch& responses) {
    for (std::size_t j = 0; j < responses.engagement.size(); ++j) {
      clicks += responses.item_click[j] != 0;
      engaged += responses.item_click[j] != 0 && responses.engagement[j] > 0;
    }
  }
};

void append_rows(const LogBatch& batch, std::size_t i, ClickSessions& all) {
  const PageBatch& pages = batch.pages;
  const std::size_t first = pages.slot_offsets[i];
  for (std::size_t s = first; s < pages.slot_offsets[i + 1]; ++s) {
    const std::size_t begin = pages.item_offsets[s], n = pages.item_offsets[s + 1] - begin;
    if (n > all.row_size) refuse("a row holds more items than the log's positions");
    for (std::size_t k = 0; k < n; ++k)
      push(all, pages.item[begin + k], (s - first) * all.row_size + k,
           batch.responses.item_click[begin + k] != 0);
  }
  all.offsets.push_back(static_cast<std::uint32_t>(all.entity.size()));
}

void count_turns(const RequestBatch& requests, ClickSessions& all) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool same = i > 0 && requests.user[i] == requests.user[i - 1] &&
                      requests.session[i] == requests.session[i - 1];
    if (same)
      ++all.turn_sizes.back();
    else
      all.turn_sizes.push_back(1);
  }
}

}  // namespace

ClickSessions read_click_sessions(const RoundSource& log) {
  const Layout layout = layout_of(*log.schema);
  ClickSessions all;
  all.modules = layout.shape == FileShape::kModules;
  all.whole_lists = layout.shape != FileShape::kPosition;
  all.n_entities = all.modules ? log.schema->n_modules() : log.schema->n_items;
  Columns columns;
  columns.items = !all.modules;
  columns.propensities = false;
  for (std::size_t shard = 0; shard < log.n_shards; ++shard) {
    const LogBatch batch = log.read(shard, columns);
    if (batch.size() > 0 && batch.responses.click.empty() && batch.responses.item_click.empty())
      refuse("it has no clicks recorded");
    for (std::size_t i = 0; i < batch.size(); ++i) append_page(batch, i, layout, all);
    count_turns(batch.requests, all);
  }
  return all;
}

ClickSessions read_page_sessions(const RoundSource& log) {
  ClickSessions all;
  all.n_entities = log.schema->n_items;
  all.row_size = log.schema->n_positions;
  if (all.row_size == 0) refuse("it does not say how many items a row shows");
  Satisfaction satisfaction;
  Columns columns;
  columns.items = true;
  columns.propensities = false;
  for (std::size_t shard = 0; shard < log.n_shards; ++shard) {
    const LogBatch batch = log.read(shard, columns);
    if (batch.size() > 0 && batch.responses.item_click.empty())
      refuse("it has no clicks on items recorded");
    for (std::size_t i = 0; i < batch.size(); ++i) append_rows(batch, i, all);
    satisfaction.count(batch.responses);
    count_turns(batch.requests, all);
  }
  if (satisfaction.clicks > 0) all.satisfied = satisfaction.engaged / satisfaction.clicks;
  return all;
}

void page_rows(const ClickSessions& sessions, std::size_t i, std::vector<std::uint32_t>& offsets) {
  offsets.assign(1, 0);
  for (std::size_t j = sessions.offsets[i]; j < sessions.offsets[i + 1]; ++j) {
    const std::size_t row = sessions.rank[j] / sessions.row_size;
    while (offsets.size() < row + 2) offsets.push_back(offsets.back());
    ++offsets.back();
  }
}

std::vector<double> click_rates(const ClickSessions& sessions) {
  std::vector<double> rate(sessions.n_ranks, 0.0), shown(sessions.n_ranks, 0.0);
  for (std::size_t j = 0; j < sessions.n_impressions(); ++j) {
    rate[sessions.rank[j]] += sessions.click[j];
    ++shown[sessions.rank[j]];
  }
  for (std::size_t r = 0; r < rate.size(); ++r)
    if (shown[r] > 0) rate[r] /= shown[r];
  return rate;
}

}  // namespace rehearsal
