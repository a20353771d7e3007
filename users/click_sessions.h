#pragma once

#include <cstdint>
#include <vector>

#include "sim/log/source.h"

namespace rehearsal {

/// What was shown where and clicked, in columns: a session is one page. What stands at a rank
/// ("entity") is an item, or a module where pages have several.
struct ClickSessions {
  std::vector<std::uint32_t> offsets{0};  // (n_sessions + 1) into what follows
  std::vector<std::uint32_t> entity;      // (n_impressions)
  std::vector<std::uint16_t> rank;        // (n_impressions) from 0, ascending in a session
  std::vector<std::uint8_t> click;        // (n_impressions) 0 or 1
  std::vector<std::uint16_t> turn_sizes;  // rounds of each user's session, in the log's order
  std::size_t n_entities = 0;
  std::size_t n_ranks = 0;
  std::size_t row_size = 0;  // pages of rows: rank = row_size row + column; 0: one list
  double satisfied = 1;      // share of clicks with engagement, where rows of items record it
  bool modules = false;      // entities are modules
  bool whole_lists = true;   // every session has all ranks from 0 on; false: one impression at a
                             // place that the context gives

  std::size_t size() const { return offsets.size() - 1; }
  std::size_t n_impressions() const { return entity.size(); }
};

/// Pages of one module: its items by their places; pages of several: the modules by their slots;
/// single items with a categorical context feature "position": the item at that place.
/// Raises: Error(kInput) for a log without the clicks that are needed.
ClickSessions read_click_sessions(const RoundSource& log);

/// Pages of rows of items, whole: what stands at a rank is an item, ranks are cells of the page.
/// Raises: Error(kInput) for a log without clicks on items.
ClickSessions read_page_sessions(const RoundSource& log);

/// Row offsets of the cells of session i, (n_rows + 1) from 0. Args: sessions: with row_size.
void page_rows(const ClickSessions& sessions, std::size_t i, std::vector<std::uint32_t>& offsets);

/// Clicks by rank. Returns: (n_ranks) rates, 0 where nothing was shown.
std::vector<double> click_rates(const ClickSessions& sessions);

}  // namespace rehearsal
