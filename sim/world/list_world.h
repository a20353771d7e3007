#pragma once

#include <cstdint>
#include <span>

#include "sim/core/fields.h"
#include "sim/world/world.h"

namespace rehearsal {

/// How large a list world is; a part of its configuration.
struct ListSizes {
  std::int64_t users = 10000;
  std::int64_t items = 20000;
  std::int64_t candidates = 10;
  std::int64_t positions = 2;

  /// Adds these keys to the table of a world's own.
  Fields add_to(Fields fields);
  /// What ranges cannot say. Raises: Error(kInput).
  void check(const PluginConfig& plugin) const;
};

/// Items of Draw::kRequest from here on are free for ListWorld::describe.
inline constexpr std::uint32_t kDescribeItem = 0x10000;

/// A world of one module, "list": a request retrieves `candidates` different items of the
/// catalogue, every ordered choice equally likely (all of them in the catalogue's order where there
/// are no more), and the list shows `positions` of them.
class ListWorld : public World {
 public:
  /// Args: sizes: checked.  schema: with features, item_features and items; the rest is filled in.
  ///       parameters: hidden, for user models.
  ListWorld(const ListSizes& sizes, Schema schema, Arrays parameters);

  const Schema& schema() const final { return schema_; }
  std::uint32_t n_users() const final { return static_cast<std::uint32_t>(sizes_.users); }
  const Arrays& parameters() const final { return parameters_; }
  void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const final;

 protected:
  /// Fills context, zero so far, and latents where the world draws hidden features. Columns that it
  /// leaves are for the user model to fill. The default leaves all.
  virtual void describe(std::span<const Turn> /*turns*/, const Rng& /*rng*/,
                        RequestBatch& /*out*/) const {}

 private:
  void retrieve(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const;

  ListSizes sizes_;
  Schema schema_;
  Arrays parameters_;
};

}  // namespace rehearsal
