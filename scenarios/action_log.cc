#include "scenarios/action_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The feature that says where an action is placed, or -1.
std::ptrdiff_t position_feature(const Schema& schema) {
  for (std::size_t f = 0; f < schema.n_features(); ++f)
    if (schema.features[f].name == "position" && schema.features[f].categorical())
      return static_cast<std::ptrdiff_t>(f);
  return -1;
}

void append(const LogBatch& batch, std::ptrdiff_t position, const std::string& name,
            ActionLog& log) {
  const std::size_t n = batch.size();
  if (n > 0 && (batch.pages.item.size() != n || batch.pages.module.size() != n ||
                batch.pages.item_offsets.size() != n + 1))
    throw Error(ErrorKind::kInput, name + ": expected one item a round");
  if (batch.responses.click.size() != n)
    throw Error(ErrorKind::kInput, name + ": has no clicks recorded");
  for (std::size_t i = 0; i < n; ++i) {
    log.user.push_back(batch.requests.user[i]);
    log.action.push_back(batch.pages.item[i]);
    log.position.push_back(position < 0 ? 0
                                        : static_cast<std::uint32_t>(batch.requests.features(
                                              i)[static_cast<std::size_t>(position)]));
    log.reward.push_back(batch.responses.click[i]);
    log.pscore.push_back(batch.propensities.pscore[i]);
  }
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

}  // namespace

bool has_single_actions(const LogReader& log) {
  if (log.schema().n_modules() != 1 || log.schema().n_slots != 1) return false;
  return log.info().n_impressions == log.info().n_rounds;
}

ActionLog read_action_log(const LogReader& reader) {
  ActionLog log;
  const Schema& schema = reader.schema();
  const std::ptrdiff_t position = position_feature(schema);
  log.n_actions = schema.n_items;
  if (position >= 0)
    log.n_positions = schema.features[static_cast<std::size_t>(position)].levels.size();
  Columns columns;
  columns.items = true;
  for (std::size_t shard = 0; shard < reader.n_shards(); ++shard)
    append(reader.read(shard, columns), position, reader.verified_file(shard).string(), log);
  return log;
}

ActionTable ActionTable::uniform(const ActionLog& log) { return ActionTable(log); }

ActionTable::ActionTable(const std::string& reference, const ActionLog& log)
    : log_(&log), name_(reference) {
  Array array = load_dataset(reference);
  const std::vector<std::size_t>& shape = array.shape;
  using Shape = std::vector<std::size_t>;
  const std::size_t n = log.size(), actions = log.n_actions, positions = log.n_positions;
  if (shape == Shape{actions, positions})
    kind_ = Kind::kActionPosition;
  else if (shape == Shape{n, actions})
    kind_ = Kind::kRoundAction;
  else if (shape == Shape{n, actions, positions})
    kind_ = Kind::kRoundActionPosition;
  else if (shape == Shape{n})
    kind_ = Kind::kLogged;
  else
    throw Error(ErrorKind::kInput,
                fmt::format("{}: has shape {}; expected (n_actions, n_positions) = {}, (n_rounds, "
                            "n_actions) = {}, (n_rounds, n_actions, n_positions) or (n_rounds)",
                            name_, shape_text(shape), shape_text({actions, positions}),
                            shape_text({n, actions})));
  values_ = std::move(array.values);
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (!std::isfinite(values_[i]))
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: value {} is {}, expected finite numbers", name_, i, values_[i]));
}

double ActionTable::at(std::size_t round, std::size_t action) const {
  const std::size_t actions = log_->n_actions, positions = log_->n_positions;
  const std::size_t position = log_->position[round];
  switch (kind_) {
    case Kind::kUniform:
      return 1.0 / static_cast<double>(actions);
    case Kind::kActionPosition:
      return values_[action * positions + position];
    case Kind::kRoundAction:
      return values_[round * actions + action];
    case Kind::kRoundActionPosition:
      return values_[(round * actions + action) * positions + position];
    case Kind::kLogged:
      break;
  }
  REHEARSAL_CHECK(complete());
  return 0;
}

double ActionTable::logged(std::size_t round) const {
  return kind_ == Kind::kLogged ? values_[round] : at(round, log_->action[round]);
}

void ActionTable::require_probabilities() const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (!(values_[i] >= 0 && values_[i] <= 1))
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: value {} is {}, expected a probability", name_, i, values_[i]));
  if (!complete() || kind_ == Kind::kUniform) return;
  const std::size_t positions = kind_ == Kind::kRoundAction ? 1 : log_->n_positions;
  const std::size_t block = log_->n_actions * positions;
  for (std::size_t start = 0; start < values_.size(); start += block)
    for (std::size_t p = 0; p < positions; ++p) {
      double sum = 0;
      for (std::size_t a = 0; a < log_->n_actions; ++a) sum += values_[start + a * positions + p];
      if (std::abs(sum - 1) <= 1e-6) continue;
      const std::string row =
          kind_ == Kind::kActionPosition ? "" : fmt::format("round {}, ", start / block);
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: {}position {}: the actions' probabilities sum to {}, not to 1",
                              name_, row, p, sum));
    }
}

}  // namespace rehearsal
