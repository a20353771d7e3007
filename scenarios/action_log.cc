#include "scenarios/action_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/encoder.h"
#include "sim/log/array_file.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

constexpr int kBehaviorFolds = 3;  // of users, for estimated propensities

/// The feature that says where an action is placed, or -1.
std::ptrdiff_t position_feature(const Schema& schema) {
  for (std::size_t f = 0; f < schema.n_features(); ++f)
    if (schema.features[f].name == "position" && schema.features[f].categorical())
      return static_cast<std::ptrdiff_t>(f);
  return -1;
}

ActionLog columns_of(const LogBatch& batch, std::ptrdiff_t position, const std::string& name) {
  ActionLog log;
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
  return log;
}

ActionShape shape_of(const LogReader& log) {
  const Schema& schema = log.schema();
  const std::ptrdiff_t position = position_feature(schema);
  return {log.info().n_rounds, schema.n_items,
          position < 0 ? 1 : schema.features[static_cast<std::size_t>(position)].levels.size()};
}

/// Raises: Error(kInput) for a log whose pages hold another number of items.
LoggedChoices choices_of(const LogBatch& batch, const LogReader& log) {
  LoggedChoices out;
  RowMatrixF inputs;
  Encoder(log.schema()).encode(batch.requests, inputs);
  out.inputs = inputs.cast<double>();
  if (batch.pages.item.size() != batch.size())
    throw Error(ErrorKind::kInput, log.folder().string() + ": expected one item a round");
  out.action = batch.pages.item;
  const Rng rng(log.info().seed);
  for (const std::uint32_t user : batch.requests.user)
    out.fold.push_back(
        static_cast<std::uint8_t>(cross_fitting_fold(rng, UserId{user}, kBehaviorFolds)));
  return out;
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

}  // namespace

bool has_single_actions(const LogReader& log) {
  if (log.schema().n_modules() != 1 || log.schema().n_slots != 1) return false;
  return log.info().n_impressions == log.info().n_rounds;
}

std::shared_ptr<const BehaviorModel> estimate_behavior(const LogReader& log, int threads) {
  const ChoiceSource rounds{log.schema().n_items, Encoder(log.schema()).n_inputs(), log.n_shards(),
                            [&log](std::size_t shard) {
                              Columns columns;
                              columns.items = true;
                              columns.propensities = columns.responses = false;
                              return choices_of(log.read(shard, columns), log);
                            }};
  return std::make_shared<BehaviorModel>(rounds, kBehaviorFolds, threads);
}

ActionSource source_of_actions(const LogReader& log,
                               std::shared_ptr<const BehaviorModel> estimated) {
  ActionSource source{shape_of(log), log.n_shards(), {}};
  std::vector<std::size_t> first(log.n_shards(), 0);
  for (std::size_t shard = 1; shard < first.size(); ++shard)
    first[shard] = first[shard - 1] + log.info().shards[shard - 1].n_rounds;
  source.read = [&log, shape = source.shape, first, estimated](std::size_t shard) {
    Columns columns;
    columns.items = true;
    const LogBatch batch = log.read(shard, columns);
    ActionLog part =
        columns_of(batch, position_feature(log.schema()), log.verified_file(shard).string());
    if (estimated) part.pscore = estimated->pscores(choices_of(batch, log));
    part.shape = shape;
    part.first_round = first[shard];
    return part;
  };
  return source;
}

ActionSource source_of_actions(const ActionLog& log) {
  return {log.shape, 1, [&log](std::size_t) { return log; }};
}

ActionLog read_action_log(const ActionSource& source) {
  ActionLog log;
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (std::size_t shard = 0; shard < source.n_shards; ++shard) {
    const ActionLog part = source.read(shard);
    append(log.user, part.user);
    append(log.action, part.action);
    append(log.position, part.position);
    append(log.reward, part.reward);
    append(log.pscore, part.pscore);
  }
  log.shape = source.shape;
  return log;
}

ActionTable::ActionTable(const std::string& reference, const ActionShape& shape)
    : name_(reference) {
  using Shape = std::vector<std::size_t>;
  using Kind = ActionRows::Kind;
  const Shape found = dataset_shape(reference);
  const std::size_t n = shape.n_rounds, actions = shape.n_actions, positions = shape.n_positions;
  if (found == Shape{actions, positions})
    kind_ = Kind::kActionPosition;
  else if (found == Shape{n, actions})
    kind_ = Kind::kRoundAction;
  else if (found == Shape{n, actions, positions})
    kind_ = Kind::kRoundActionPosition;
  else if (found == Shape{n})
    kind_ = Kind::kLogged;
  else
    throw Error(ErrorKind::kInput,
                fmt::format("{}: has shape {}; expected (n_actions, n_positions) = {}, (n_rounds, "
                            "n_actions) = {}, (n_rounds, n_actions, n_positions) or (n_rounds)",
                            name_, shape_text(found), shape_text({actions, positions}),
                            shape_text({n, actions})));
  if (kind_ == Kind::kActionPosition) values_ = load_dataset(reference).values;
  width_ = 1;
  for (std::size_t d = 1; d < found.size(); ++d) width_ *= found[d];
}

ActionRows ActionTable::rows(const ActionLog& log) const {
  ActionRows out;
  out.log_ = &log;
  out.name_ = name_;
  out.kind_ = kind_;
  out.values_ = values_;
  if (kind_ != ActionRows::Kind::kUniform && kind_ != ActionRows::Kind::kActionPosition) {
    out.own_ = load_dataset_rows(name_, log.first_round, log.size());
    out.first_value_ = log.first_round * width_;
    out.values_ = out.own_;
  }
  for (std::size_t i = 0; i < out.values_.size(); ++i)
    if (!std::isfinite(out.values_[i]))
      throw Error(ErrorKind::kInput, fmt::format("{}: value {} is {}, expected finite numbers",
                                                 name_, out.first_value_ + i, out.values_[i]));
  return out;
}

double ActionRows::at(std::size_t round, std::size_t action) const {
  const std::size_t actions = log_->shape.n_actions, positions = log_->shape.n_positions;
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
  REHEARSAL_CHECK(kind_ != Kind::kLogged);
  return 0;
}

double ActionRows::logged(std::size_t round) const {
  return kind_ == Kind::kLogged ? values_[round] : at(round, log_->action[round]);
}

void ActionRows::require_probabilities() const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (!(values_[i] >= 0 && values_[i] <= 1))
      throw Error(ErrorKind::kInput, fmt::format("{}: value {} is {}, expected a probability",
                                                 name_, first_value_ + i, values_[i]));
  if (kind_ == Kind::kLogged || kind_ == Kind::kUniform) return;
  const std::size_t positions = kind_ == Kind::kRoundAction ? 1 : log_->shape.n_positions;
  const std::size_t block = log_->shape.n_actions * positions;
  for (std::size_t start = 0; start < values_.size(); start += block)
    for (std::size_t p = 0; p < positions; ++p) {
      double sum = 0;
      for (std::size_t a = 0; a < log_->shape.n_actions; ++a)
        sum += values_[start + a * positions + p];
      if (std::abs(sum - 1) <= 1e-6) continue;
      const std::string row = kind_ == Kind::kActionPosition
                                  ? ""
                                  : fmt::format("round {}, ", (first_value_ + start) / block);
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: {}position {}: the actions' probabilities sum to {}, not to 1",
                              name_, row, p, sum));
    }
}

}  // namespace rehearsal
