#include "policies/module_examples.h"

#include <boost/random/uniform_int_distribution.hpp>
#include <numeric>

#include "policies/learning.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

// Whose numbers these are, below Draw::kAssignment and Draw::kTraining (where initial weights have
// user 0).
constexpr std::uint32_t kValidationItem = 0x76616c;
constexpr UserId kShardOrder{1};
constexpr UserId kPageOrder{2};

template <class T>
void shuffle(std::vector<T>& values, Stream stream) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1],
              values[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
}

Columns needed_columns() {
  Columns columns;
  columns.propensities = false;
  return columns;
}

}  // namespace

InputScale::InputScale(std::vector<double> mean, std::vector<double> sd)
    : mean_(std::move(mean)), sd_(std::move(sd)) {
  for (std::size_t j = 0; j < mean_.size(); ++j) {
    shift_.push_back(static_cast<float>(mean_[j]));
    factor_.push_back(static_cast<float>(sd_[j] > 0 ? 1 / sd_[j] : 1.0));
  }
}

void InputScale::apply(std::span<float> inputs) const {
  for (std::size_t j = 0; j < inputs.size(); ++j) inputs[j] = (inputs[j] - shift_[j]) * factor_[j];
}

ModuleExamples::ModuleExamples(RoundSource rounds, ModuleExamplesOptions options, const Rng& rng,
                               std::string task)
    : rounds_(std::move(rounds)),
      options_(std::move(options)),
      rng_(rng),
      task_(std::move(task)),
      encoder_(*rounds_.schema) {
  measure();
}

void ModuleExamples::measure() {
  const std::size_t d = encoder_.n_inputs();
  std::vector<double> sum(d, 0.0);
  std::vector<double> squares(d, 0.0);
  std::vector<float> inputs(d);
  std::size_t n = 0;
  std::size_t n_validation = 0;
  shards_.resize(rounds_.n_shards);
  std::iota(shards_.begin(), shards_.end(), std::size_t{0});
  for (epoch_ = 0, next_shard_ = 0; load_shard();) {
    for (const std::uint32_t row : rows_) {
      encoder_.encode(shard_.requests.features(row), inputs);
      for (std::size_t j = 0; j < d; ++j) {
        sum[j] += inputs[j];
        squares[j] += static_cast<double>(inputs[j]) * inputs[j];
      }
    }
    n += rows_.size();
    n_validation += n_pages_ - rows_.size();
  }
  if (n == 0 || n_validation == 0)
    throw Error(ErrorKind::kInput, task_ + ": the log leaves " + std::to_string(n) +
                                       " pages for training and " + std::to_string(n_validation) +
                                       " for validation; both need some users");
  n_train_ = n;
  for (std::size_t j = 0; j < d; ++j) {
    sum[j] /= static_cast<double>(n);
    const double variance = squares[j] / static_cast<double>(n) - sum[j] * sum[j];
    squares[j] = variance > 1e-12 ? std::sqrt(variance) : 0.0;
  }
  scale_ = InputScale(sum, squares);
}

void ModuleExamples::start_training(int epoch) {
  std::vector<std::size_t> shards(rounds_.n_shards);
  std::iota(shards.begin(), shards.end(), std::size_t{0});
  shuffle(shards,
          rng_.stream(Draw::kTraining, Turn{kShardOrder, static_cast<std::uint16_t>(epoch)}));
  start(std::move(shards), epoch);
}

void ModuleExamples::start_validation() {
  std::vector<std::size_t> shards(rounds_.n_shards);
  std::iota(shards.begin(), shards.end(), std::size_t{0});
  start(std::move(shards), -1);
}

void ModuleExamples::start(std::vector<std::size_t> shards, int epoch) {
  shards_ = std::move(shards);
  epoch_ = epoch;
  next_shard_ = 0;
  next_row_ = 0;
  rows_.clear();
}

bool ModuleExamples::load_shard() {
  if (next_shard_ == shards_.size()) return false;
  check_interrupt();
  const std::size_t index = shards_[next_shard_++];
  shard_ = rounds_.read(index, needed_columns());
  check_examples(shard_, *rounds_.schema);
  const std::size_t n_slots = shard_.pages.module.size();
  if (options_.purchase && shard_.responses.purchase.size() != n_slots)
    throw Error(ErrorKind::kInput,
                task_ + ": the log has no purchases ('purchase'); train with tasks: [click]");
  rows_.clear();
  next_row_ = 0;
  n_pages_ = 0;
  const bool validation = epoch_ < 0;
  for (std::uint32_t i = 0; i < shard_.size(); ++i) {
    const UserId user{shard_.requests.user[i]};
    if (options_.users && !options_.users(user)) continue;
    ++n_pages_;
    const double u = rng_.stream(Draw::kAssignment, Turn{user}, kValidationItem).uniform();
    if ((u < options_.validation_share) == validation) rows_.push_back(i);
  }
  if (!validation)
    shuffle(rows_,
            rng_.stream(Draw::kTraining, Turn{kPageOrder, static_cast<std::uint16_t>(epoch_)},
                        static_cast<std::uint32_t>(index)));
  return true;
}

bool ModuleExamples::next(PageExamples& batch) {
  batch.page.clear();
  batch.module.clear();
  batch.position.clear();
  batch.click.clear();
  batch.purchase.clear();
  batch.weight.clear();
  const auto d = static_cast<Eigen::Index>(encoder_.n_inputs());
  batch.features.resize(static_cast<Eigen::Index>(options_.batch), d);
  std::size_t n = 0;
  for (; n < options_.batch; ++n) {
    while (next_row_ == rows_.size())
      if (!load_shard()) {
        batch.features.conservativeResize(static_cast<Eigen::Index>(n), d);
        return n > 0;
      }
    const std::size_t row = rows_[next_row_++];
    const std::span<float> inputs(batch.features.data() + n * encoder_.n_inputs(),
                                  encoder_.n_inputs());
    encoder_.encode(shard_.requests.features(row), inputs);
    scale_.apply(inputs);
    batch.page.resize(batch.page.size() + shard_.pages.n_shown(row), static_cast<std::int64_t>(n));
    add_page(row, batch);
  }
  return true;
}

void ModuleExamples::add_page(std::size_t row, PageExamples& batch) const {
  const std::span<const float> context = shard_.requests.features(row);
  const std::size_t first = shard_.pages.slot_offsets[row];
  for (std::size_t k = 0; k < shard_.pages.n_shown(row); ++k) {
    const std::size_t position = encoder_.position(context, k);
    batch.module.push_back(shard_.pages.module[first + k]);
    batch.position.push_back(static_cast<std::int64_t>(position));
    batch.click.push_back(shard_.responses.click[first + k] > 0 ? 1.0f : 0.0f);
    batch.purchase.push_back(options_.purchase && shard_.responses.purchase[first + k] > 0 ? 1.0f
                                                                                           : 0.0f);
    batch.weight.push_back(options_.weight.empty() ? 1.0f
                                                   : static_cast<float>(options_.weight[position]));
  }
}

}  // namespace rehearsal
