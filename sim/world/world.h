#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/arrays.h"
#include "sim/core/fields.h"
#include "sim/core/registry.h"
#include "sim/core/rng.h"
#include "sim/schema.h"

namespace rehearsal {

/// What can be shown to whom: catalogue, modules, population; makes requests. Its hidden parameters
/// are handed to user models through `parameters`, by name.
class World {
 public:
  virtual ~World() = default;

  virtual const Schema& schema() const = 0;
  virtual std::uint32_t n_users() const = 0;
  /// Hidden parameters that behaviour needs (module and item coefficients); user models only.
  virtual const Arrays& parameters() const = 0;
  /// The requests of these turns, with latents: a function of world, seed and turn alone.
  virtual void requests(std::span<const Turn> turns, const Rng& rng, RequestBatch& out) const = 0;
};

/// A line of sim/world/worlds.cc.
struct WorldEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> (*describe)() = nullptr;
  /// Args: rng: of the world's own seed (parameters); draws of requests get the scenario's.
  std::unique_ptr<World> (*make)(const PluginConfig&, const Rng&) = nullptr;
};

/// Every world, one line each.
const Registry<WorldEntry>& worlds();

}  // namespace rehearsal
