#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "policies/module_examples.h"
#include "sim/batch.h"
#include "sim/encoder.h"
#include "sim/schema.h"

namespace rehearsal {

/// What an orderer knows of how two eligible modules of a page go together: the share of a module's
/// items, and of its first three, that the other one shows too.
inline constexpr std::size_t kPairInputs = 2;

/// Requests as orderers read them: features, eligible modules, and how those go together.
struct CandidatePages {
  std::vector<float> inputs;  // (n_pages, n_inputs) encoded; standardised once scaled
  std::size_t n_inputs = 0;
  Offsets offsets{0};                         // (n_pages + 1) into module
  std::vector<std::uint16_t> module;          // eligible, as the request lists them
  std::vector<std::uint16_t> n_slots;         // (n_pages) that the page fills
  std::vector<std::size_t> pair_offsets{0};   // (n_pages + 1) into pairs, in pairs
  std::vector<float> pairs;                   // page by page (n, n, kPairInputs): of i beside j
  std::vector<std::uint16_t> first_position;  // (n_pages) Encoder::position of slot 0

  std::size_t size() const { return n_slots.size(); }
  std::size_t n(std::size_t page) const { return offsets[page + 1] - offsets[page]; }
  std::span<const std::uint16_t> modules(std::size_t page) const {
    return {module.data() + offsets[page], n(page)};
  }
};

/// Reads requests as orderers do.
class CandidateReader {
 public:
  explicit CandidateReader(const Schema& schema)
      : encoder_(schema), has_items_(schema.n_items > 0) {}

  const Encoder& encoder() const { return encoder_; }
  /// Adds requests, their inputs not yet scaled.
  /// Raises: Error(kInput) where there are items and the requests do not say which were retrieved.
  void add(const RequestBatch& requests, CandidatePages& pages) const;

 private:
  Encoder encoder_;
  bool has_items_;
};

/// Standardises the inputs of all pages.
void apply(const InputScale& scale, CandidatePages& pages);

/// Pages of a mini-batch, each padded to the largest number of candidates.
struct CandidateBatch {
  std::size_t n_pages = 0;
  std::size_t n = 0;  // candidates a page
  std::size_t n_inputs = 0;
  std::vector<float> inputs;          // (n_pages, n_inputs)
  std::vector<std::uint16_t> module;  // (n_pages, n); 0 where there is none
  std::vector<std::uint8_t> present;  // (n_pages, n)

  std::size_t n_rows() const { return n_pages * n; }
};

/// Pages `rows`, in that order.
CandidateBatch batch_of(const CandidatePages& pages, std::span<const std::uint32_t> rows);

/// Rows of a batch in the site's present order, page by page, best first; kAbsent behind them where
/// a page has fewer candidates. Args: initial_rank: (n_modules) in the site's present order.
inline constexpr std::size_t kAbsent = std::numeric_limits<std::size_t>::max();
std::vector<std::size_t> initial_order(const CandidateBatch& batch,
                                       const std::vector<std::size_t>& initial_rank);

/// Logged pages, in memory: about 4 bytes an input, 2 a candidate, 8 a pair of candidates and 20 a
/// slot for each page.
struct OrderedPages {
  std::vector<std::uint32_t> user;  // (n_pages)
  CandidatePages candidates;
  InputScale scale;
  Offsets slot_offsets{0};              // (n_pages + 1) into the columns below
  std::vector<std::uint16_t> choice;    // index of the shown module among the page's candidates
  std::vector<std::uint16_t> position;  // Encoder::position
  std::vector<std::uint8_t> click;
  std::vector<std::uint8_t> purchase;
  std::vector<double> pscore_cascade;  // behaviour policy, modules of slots 0 ... k; empty: unknown

  std::size_t size() const { return slot_offsets.size() - 1; }
  std::size_t n_shown(std::size_t i) const { return slot_offsets[i + 1] - slot_offsets[i]; }
  std::span<const std::uint16_t> shown(std::size_t i) const {
    return {choice.data() + slot_offsets[i], n_shown(i)};
  }
};

struct FitContext;

/// Reads a whole log. Raises: Error(kInput) for a log of another schema, without candidates or
/// purchases.
OrderedPages read_ordered_pages(const FitContext& context, const Schema& schema,
                                const CandidateReader& reader);

}  // namespace rehearsal
