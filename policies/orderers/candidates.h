#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "policies/choices.h"
#include "policies/module_examples.h"
#include "sim/batch.h"
#include "sim/encoder.h"
#include "sim/schema.h"

namespace rehearsal {

/// What an orderer knows of how two candidates of a page go together. Of modules: the share of a
/// module's items, and of its first three, that the other one shows too. Of items: how alike their
/// vectors are, as their cosine and as exp(-squared distance / entries).
inline constexpr std::size_t kPairInputs = 2;

/// Requests as orderers read them: features, candidates, and how those go together. Candidates are
/// the eligible modules or, where a list is decided, its items.
struct CandidatePages {
  std::vector<float> inputs;  // (n_pages, n_inputs) encoded; standardised once scaled
  std::size_t n_inputs = 0;
  Offsets offsets{0};                         // (n_pages + 1) into the candidates
  ChoiceColumns choices;                      // candidates, as the request lists them
  ChoiceRows rows;                            // their vectors, once scaled
  std::vector<std::uint16_t> rank;            // (n_candidates) place in the present order
  std::vector<std::uint16_t> n_slots;         // (n_pages) that the page fills
  std::vector<std::size_t> pair_offsets{0};   // (n_pages + 1) into pairs, in pairs
  std::vector<float> pairs;                   // of modules, (n, n, kPairInputs): of i beside j
  std::vector<std::uint16_t> first_position;  // (n_pages) Encoder::position of slot 0

  std::size_t size() const { return n_slots.size(); }
  std::size_t n(std::size_t page) const { return offsets[page + 1] - offsets[page]; }
  std::size_t row(std::size_t candidate) const { return rows.of(candidate, choices.id[candidate]); }
  /// How candidate i of a page goes with its candidate j.
  std::array<float, kPairInputs> pair(std::size_t page, std::size_t i, std::size_t j) const;
};

/// Reads requests as orderers do.
class CandidateReader {
 public:
  explicit CandidateReader(const Schema& schema, const ChoiceConfig& config = {});

  const Choices& choices() const { return choices_; }
  const Encoder& encoder() const { return choices_.encoder(); }
  /// Adds requests whose modules are the candidates, their inputs not yet scaled.
  /// Raises: Error(kInput) where there are items and the requests do not say which were retrieved.
  void add(const RequestBatch& requests, CandidatePages& pages) const;
  /// Standardises the inputs of all pages, and what candidates bring themselves.
  void apply(const InputScale& scale, const InputScale& own, CandidatePages& pages) const;

 private:
  Choices choices_;
  bool has_items_;
  std::vector<std::uint16_t> rank_;  // (n_modules) in the site's present order
};

inline constexpr std::size_t kAbsent = std::numeric_limits<std::size_t>::max();

/// Pages of a mini-batch, each padded to the largest number of candidates.
struct CandidateBatch {
  std::size_t n_pages = 0;
  std::size_t n = 0;  // candidates a page
  std::size_t n_inputs = 0;
  std::vector<float> inputs;                     // (n_pages, n_inputs)
  std::shared_ptr<const ChoiceVectors> vectors;  // of the candidates
  std::vector<std::uint32_t> id;                 // (n_pages, n); 0 where there is none
  std::vector<std::size_t> row;                  // (n_pages, n) of vectors; kAbsent
  std::vector<std::uint16_t> rank;               // (n_pages, n) in the present order
  std::vector<std::uint8_t> present;             // (n_pages, n)

  std::size_t n_rows() const { return n_pages * n; }
};

/// Pages `rows`, in that order.
CandidateBatch batch_of(const CandidatePages& pages, std::span<const std::uint32_t> rows);

/// Rows of a batch in the present order, page by page, best first; kAbsent behind them where a page
/// has fewer candidates. Modules have the site's order, items that in which they were retrieved.
std::vector<std::size_t> initial_order(const CandidateBatch& batch);

/// Logged pages, in memory: about 4 bytes an input, 6 a candidate, 8 a pair of modules and 20 a
/// slot for each page.
struct OrderedPages {
  std::vector<std::uint32_t> user;  // (n_pages)
  CandidatePages candidates;
  InputScale scale;
  InputScale own;                       // of what candidates bring themselves
  Offsets slot_offsets{0};              // (n_pages + 1) into the columns below
  std::vector<std::uint16_t> choice;    // index of what is shown among the page's candidates
  std::vector<std::uint16_t> position;  // Encoder::position
  std::vector<std::uint8_t> click;
  std::vector<std::uint8_t> purchase;
  std::vector<double> pscore_cascade;  // behaviour policy, slots 0 ... k; empty: unknown

  std::size_t size() const { return slot_offsets.size() - 1; }
  std::size_t n_shown(std::size_t i) const { return slot_offsets[i + 1] - slot_offsets[i]; }
  std::span<const std::uint16_t> shown(std::size_t i) const {
    return {choice.data() + slot_offsets[i], n_shown(i)};
  }
};

struct FitContext;

/// Reads a whole log. Args: purchases: whether they count; else those not recorded are none.
/// Raises: Error(kInput) for a log of another schema, without candidates or, where they count,
/// purchases.
OrderedPages read_ordered_pages(const FitContext& context, const Schema& schema,
                                const CandidateReader& reader, bool purchases = true);

}  // namespace rehearsal
