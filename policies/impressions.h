#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/log/log.h"
#include "sim/schema.h"

namespace rehearsal {

/// Items shown or to be shown, one row each, and what they hang on.
struct ItemRows {
  std::vector<std::uint32_t> request;
  std::vector<std::uint32_t> item;
  std::vector<std::uint32_t> candidate;  // row of RequestBatch::candidate; empty: not looked up
  std::vector<std::uint16_t> module;
  std::vector<std::uint16_t> slot;      // of the module on the page
  std::vector<std::uint16_t> position;  // of the item in the module
  std::vector<std::uint32_t> shown;     // row of PageBatch::module; empty: nothing is shown yet
  Offsets lists{0};                     // of the items of one module of one page

  std::size_t size() const { return item.size(); }
};

/// The items of the pages of a log. Args: with_candidates: fills `candidate`.
/// Raises: Error(kInput) where an item shown is not among its module's candidates, or the log has
/// no items.
ItemRows shown_rows(const LogBatch& batch, bool with_candidates);
/// The candidates of requests, each as if at the top of the page, in the order of
/// RequestBatch::candidate.
/// Raises: Error(kInput) for requests without candidates.
ItemRows candidate_rows(const RequestBatch& requests);

/// Dense inputs of a network of items, declared by name and bound to a schema:
///   context.NAME, context.NAME=LEVEL (1 where the category is that level), item.NAME,
///   candidate.NAME, place.slot, place.position, module.NAME (1 for items of that module),
///   response.NAME (privileged: known after the fact, never when serving).
class ItemInputs {
 public:
  /// Args: may_lack: those of `names` that a schema may be without.
  ///       defaults: raw values in the place of what is lacking; else the training's mean.
  /// Raises: Error(kInput) naming an input that is unknown to the schema and not in may_lack.
  ItemInputs(const std::vector<std::string>& names, const std::vector<std::string>& may_lack,
             const std::map<std::string, double>& defaults, const Schema& schema);

  /// The same inputs for another schema, which may lack any.
  ItemInputs bound_to(const Schema& schema) const;

  std::size_t size() const { return inputs_.size(); }
  /// How many the schema lacks.
  std::size_t n_lacking() const;
  /// Names of the lacking ones.
  std::vector<std::string> lacking() const;
  bool need_candidates() const;

  /// Raw values. Args: responses: null when serving.
  ///       out: (n_rows, size()); NaN where the training's mean stands in.
  void fill(const ItemRows& rows, const RequestBatch& requests, const ResponseBatch* responses,
            std::vector<float>& out) const;

 private:
  enum class Kind { kContext, kItem, kCandidate, kSlot, kPosition, kModule, kResponse, kLacking };
  struct Input {
    std::string name{};
    Kind kind = Kind::kLacking;
    std::size_t index = 0;   // of the column or the module
    float level = -1;        // the category that counts as 1; -1: the value itself
    float fallback = 0;      // NaN: the training's mean
    std::string response{};  // name of the column
  };

  explicit ItemInputs(const Schema& schema) : schema_(schema) {}
  Input bind(const std::string& name) const;
  Input bind_context(const std::string& name) const;
  /// Args: out: of row 0; rows are size() apart.
  void fill_column(const Input& input, const ItemRows& rows, const RequestBatch& requests,
                   float* out) const;

  const Schema& schema_;
  std::vector<Input> inputs_;
};

/// A column of responses by its name, a value an item shown; that of its module where the column is
/// of modules. Raises: Error(kInput) where there is no such column, or nothing recorded in it.
std::vector<float> response_of(const ResponseBatch& responses, const std::string& name,
                               const ItemRows& rows);
bool is_recorded(const ResponseBatch& responses, const std::string& name);
/// The columns that response_of() knows.
std::vector<std::string> response_names();

}  // namespace rehearsal
