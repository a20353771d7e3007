#pragma once

#include <memory>
#include <string>

#include "analysis/outcome.h"
#include "scenarios/scenario.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// A family of reward models.
struct OutcomeEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::unique_ptr<OutcomeTrainer> (*make)();  // null: as the world's decisions ask
};

/// Every family that `estimate.outcome.type` may name, one line each.
const Registry<OutcomeEntry>& outcomes();

/// What `estimate.outcome` asks for.
OutcomeOptions outcome_options(const OutcomeStep& step);
/// The same from "TYPE", "TYPE:FOLDS" or "TYPE:FOLDS:CALIBRATE", as the command line has it.
/// Raises: Error(kInput).
OutcomeOptions parse_outcome(const std::string& text);

}  // namespace rehearsal
