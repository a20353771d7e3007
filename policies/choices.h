#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "policies/learning.h"
#include "policies/module_examples.h"
#include "sim/core/fields.h"
#include "sim/decision.h"
#include "sim/encoder.h"
#include "sim/policy.h"

// What a decision is among, for policies that learn: the modules of a page or, in a world of one
// module, the items of its list. A model sees neither: it gives numbers for a request, and a choice
// is a vector that weighs them.
namespace rehearsal {

/// Sparse rows: a choice's own number is its row times the outputs that a model has for its
/// request.
struct ChoiceVectors {
  std::size_t n_outputs = 0;
  Offsets offsets{0};                 // (n_rows + 1)
  std::vector<std::uint32_t> output;  // (n_entries)
  std::vector<float> value;           // (n_entries)

  std::size_t size() const { return offsets.size() - 1; }
  void add(std::size_t at, float weight) {
    output.push_back(static_cast<std::uint32_t>(at));
    value.push_back(weight);
  }
  void end_row() { offsets.push_back(static_cast<std::uint32_t>(output.size())); }
  template <class Number>
  Number times(std::size_t row, const Number* outputs) const {
    Number sum = 0;
    for (std::size_t e = offsets[row]; e < offsets[row + 1]; ++e)
      sum += static_cast<Number>(value[e]) * outputs[output[e]];
    return sum;
  }
  /// Of two rows: their cosine (0 with a row of zeros), and exp(-squared distance / entries of a).
  std::array<float, 2> likeness(std::size_t a, std::size_t b) const;
  /// outputs += weight times the row.
  template <class Number>
  void add_times(std::size_t row, Number weight, Number* outputs) const {
    for (std::size_t e = offsets[row]; e < offsets[row + 1]; ++e)
      outputs[output[e]] += weight * static_cast<Number>(value[e]);
  }
};

/// Choices of many decisions, as they are read.
struct ChoiceColumns {
  std::vector<std::uint32_t> id;  // (n_choices) module, or item of the catalogue
  std::vector<float> own;         // (n_choices, Choices::n_own()) as the requests have it
};

/// The vectors of such choices.
struct ChoiceRows {
  std::shared_ptr<const ChoiceVectors> vectors;
  std::vector<std::uint32_t> row;  // (n_choices); empty: the choice's id

  std::size_t of(std::size_t choice, std::uint32_t id) const {
    return row.empty() ? id : row[choice];
  }
};

/// Keys of policies that decide among items as well as among modules.
struct ChoiceConfig {
  std::string items = "auto";
  void add_to(Fields& fields);
  /// Raises: Error(kInput) for a way to know items that the schema does not give.
  void check(const PluginConfig& given, const Schema& schema) const;
};

/// A schema's choices. A module's vector picks an output of its own. An item's has 1, the item's
/// features, standardised over the catalogue, and those of the candidate, standardised over the
/// log; or 1 and the item's indicator; or all of it (`ChoiceConfig::items`). With outputs linear in
/// the request's features an item's number is bilinear in the two.
class Choices {
 public:
  explicit Choices(const Schema& schema, const ChoiceConfig& config = {});

  Decision decision() const { return decision_; }
  bool of_items() const { return decision_ == Decision::kItems; }
  /// Inputs and places of a decision.
  const Encoder& encoder() const { return encoder_; }
  /// Modules of the site, or items of the catalogue.
  std::size_t n_ids() const { return n_ids_; }
  /// Whether an id has an output of its own, at the id.
  bool by_id() const { return by_id_; }
  std::size_t n_outputs() const { return of_ids_->n_outputs; }
  /// Outputs that raise every choice's number alike where all of them rise by the same.
  std::pair<std::size_t, std::size_t> level_outputs() const {
    return of_items() ? std::pair{constant_, constant_ + 1} : std::pair{std::size_t{0}, n_ids_};
  }
  /// Numbers that each candidate brings itself.
  std::size_t n_own() const { return n_own_; }
  /// Most different places that candidates are retrieved at, as far as they are told apart.
  std::size_t n_ranks() const;

  /// Appends the choices of requests whose modules are the choices.
  /// Raises: Error(kInput) for an item that is not in the catalogue.
  void read(const RequestBatch& decisions, ChoiceColumns& columns) const;
  /// Moments of what candidates bring themselves.
  InputScale own_scale(const ChoiceColumns& columns) const;
  ChoiceRows rows(const ChoiceColumns& columns, const InputScale& own) const;

  /// Every choice's number, decision by decision. Args: outputs: (n_decisions, n_outputs).
  std::vector<double> scores(const RequestBatch& decisions, const InputScale& own,
                             const RowMatrixF& outputs) const;

  /// What a saved state holds of `own_scale`: "choice_mean", "choice_sd"; nothing without n_own().
  void add_to(Arrays& state, const InputScale& own) const;
  InputScale own_scale(const Arrays& state) const;

  /// As rehearsal::for_each_shard(), with the choices in the place of modules.
  /// Args: columns: what modules need.
  void for_each_shard(const RoundSource& rounds, const Schema& schema, Columns columns,
                      const std::string& name, ProgressSink* progress,
                      const std::function<void(const LogBatch&)>& body) const;

 private:
  void read_items(const Schema& schema, bool by_features);

  Decision decision_;
  Encoder encoder_;
  std::size_t n_ids_;
  std::size_t n_own_ = 0;
  bool by_id_ = true;
  std::size_t constant_ = 0;               // of items: the output of the 1
  std::shared_ptr<ChoiceVectors> of_ids_;  // own numbers left out
};

/// A policy that decides among choices: it orders the modules of a page or, in a world of one
/// module, the items of the list, through a ranker of its own.
class ChoicePolicy : public Policy {
 public:
  ChoicePolicy(const Schema& schema, const ChoiceConfig& config);

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const final;
  const Choices& choices() const { return choices_; }

 protected:
  /// Args: decisions: requests whose modules are the choices.
  virtual std::unique_ptr<SlateDistribution> choose(const RequestBatch& decisions) const = 0;
  /// Who decides in its place; null: itself.
  virtual const Policy* stand_in() const { return nullptr; }

 private:
  class Items;
  Choices choices_;
};

}  // namespace rehearsal
