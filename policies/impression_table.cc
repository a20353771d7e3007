#include "policies/impression_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

// Whose numbers these are, below Draw::kTraining (as in module_examples.cc; weights have another
// session).
constexpr UserId kTableOrder{1};
constexpr UserId kRowOrder{2};

template <class T>
void shuffle_rows(std::vector<T>& values, Stream stream) {
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[index_below(stream(), i)]);
}

template <class T>
void append_to(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

void ImpressionTable::append(const ImpressionTable& other) {
  const auto first = static_cast<std::uint32_t>(size());
  append_to(user, other.user);
  append_to(item, other.item);
  append_to(dense, other.dense);
  append_to(labels, other.labels);
  append_to(soft, other.soft);
  for (std::size_t l = 1; l < other.lists.size(); ++l) lists.push_back(first + other.lists[l]);
}

void standardise(const InputScale& scale, std::vector<float>& dense) {
  const std::size_t d = scale.mean().size();
  for (std::size_t i = 0; i < dense.size(); i += d) scale.apply({dense.data() + i, d});
  for (float& value : dense) value = std::isnan(value) ? 0.0f : value;
}

ImpressionStream::ImpressionStream(ImpressionShards shards, ImpressionOptions options,
                                   const Rng& rng, const std::string& task)
    : shards_(std::move(shards)), options_(options), rng_(rng) {
  measure(task);
}

void ImpressionStream::measure(const std::string& task) {
  const std::size_t d = shards_.n_dense;
  std::vector<double> sum(d, 0.0), squares(d, 0.0), n(d, 0.0);
  whole_ = true;
  for (std::size_t s = 0; s < shards_.n_shards; ++s) {
    check_interrupt();
    const ImpressionTable table = shards_.read(s);
    n_rows_ += table.size();
    for (const std::uint32_t user : table.user)
      n_users_ = std::max<std::size_t>(n_users_, user + std::size_t{1});
    for (std::size_t i = 0; i < table.dense.size(); ++i) {
      const double x = table.dense[i];
      if (std::isnan(x)) continue;
      sum[i % d] += x;
      squares[i % d] += x * x;
      n[i % d] += 1;
    }
    if (whole_ && pool_.size() + table.size() <= options_.pool_rows) {
      pool_.append(table);
    } else {
      whole_ = false;
      pool_ = {};
    }
  }
  if (n_rows_ == 0) throw Error(ErrorKind::kInput, task + ": the log shows no items to train on");
  for (std::size_t j = 0; j < d; ++j) {
    const double count = std::max(n[j], 1.0);
    sum[j] /= count;
    const double variance = squares[j] / count - sum[j] * sum[j];
    squares[j] = variance > 1e-12 ? std::sqrt(variance) : 0.0;
  }
  scale_ = InputScale(sum, squares);
  if (whole_) standardise(scale_, pool_.dense);
}

void ImpressionStream::start(int epoch) {
  epoch_ = epoch;
  order_of_shards_.resize(shards_.n_shards);
  std::iota(order_of_shards_.begin(), order_of_shards_.end(), std::size_t{0});
  shuffle_rows(
      order_of_shards_,
      rng_.stream(Draw::kTraining, Turn{kTableOrder, 0, static_cast<std::uint16_t>(epoch)}));
  next_shard_ = 0;
  order_.clear();
  next_ = 0;
}

bool ImpressionStream::load_pool() {
  if (next_shard_ == shards_.n_shards) return false;
  check_interrupt();
  const std::size_t first = next_shard_;
  if (whole_) {
    next_shard_ = shards_.n_shards;
  } else {
    pool_ = {};
    while (next_shard_ < shards_.n_shards &&
           (pool_.size() == 0 || pool_.size() < options_.pool_rows))
      pool_.append(shards_.read(order_of_shards_[next_shard_++]));
    standardise(scale_, pool_.dense);
  }
  deal_order(first);
  return true;
}

void ImpressionStream::deal_order(std::size_t pool) {
  order_.resize(options_.by_lists ? pool_.lists.size() - 1 : pool_.size());
  std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  shuffle_rows(order_,
               rng_.stream(Draw::kTraining, Turn{kRowOrder, 0, static_cast<std::uint16_t>(epoch_)},
                           static_cast<std::uint32_t>(pool)));
  next_ = 0;
}

void ImpressionStream::clear(ImpressionTable& batch) const {
  batch.user.clear();
  batch.item.clear();
  batch.dense.clear();
  batch.labels.clear();
  batch.soft.clear();
  batch.lists.assign(1, 0);
}

void ImpressionStream::take(std::size_t row, ImpressionTable& batch) const {
  const auto copy = [row](const std::vector<float>& from, std::size_t width,
                          std::vector<float>& to) {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(row * width);
    to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width));
  };
  batch.user.push_back(pool_.user[row]);
  batch.item.push_back(pool_.item[row]);
  copy(pool_.dense, shards_.n_dense, batch.dense);
  copy(pool_.labels, shards_.n_tasks, batch.labels);
  copy(pool_.soft, shards_.n_soft, batch.soft);
}

bool ImpressionStream::next(ImpressionTable& batch) {
  clear(batch);
  while (batch.size() < options_.batch) {
    if (next_ == order_.size() && !load_pool()) break;
    if (next_ == order_.size()) continue;
    const std::uint32_t one = order_[next_++];
    if (!options_.by_lists) {
      take(one, batch);
      continue;
    }
    for (std::size_t row = pool_.lists[one]; row < pool_.lists[one + 1]; ++row) take(row, batch);
    batch.lists.push_back(static_cast<std::uint32_t>(batch.size()));
  }
  return batch.size() > 0;
}

}  // namespace rehearsal
