#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "policies/module_examples.h"
#include "policies/multi_task_network.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// Items shown, column by column: about 70 bytes a row.
struct ImpressionTable {
  std::vector<std::uint32_t> user;
  std::vector<std::uint32_t> item;
  std::vector<float> dense;   // (n, n_dense)
  std::vector<float> labels;  // (n, n_tasks), NaN: not observed
  std::vector<float> soft;    // (n, n_soft) stored labels of teachers, NaN: missing
  Offsets lists{0};           // of the items of one module of one page

  std::size_t size() const { return user.size(); }
  void append(const ImpressionTable& other);
  NetworkInput input() const { return {user, item, dense}; }
};

/// Where impressions come from, shard by shard.
struct ImpressionShards {
  std::size_t n_shards = 0;
  std::size_t n_dense = 0;
  std::size_t n_tasks = 0;
  std::size_t n_soft = 0;
  std::function<ImpressionTable(std::size_t shard)> read;  // dense inputs raw, NaN: their mean
};

struct ImpressionOptions {
  std::size_t batch = 512;
  bool by_lists = false;              // batches of whole lists: at least `batch` rows each
  std::size_t pool_rows = 1u << 22u;  // rows in memory at once
};

/// Deals impressions in mini-batches. Shards are taken together into pools of so many rows, and
/// the rows (or lists) of a pool are dealt in an order of the epoch's own (Draw::kTraining): logs
/// of one pool are read once, larger ones once an epoch, in another order of their shards.
class ImpressionStream {
 public:
  /// Reads everything once, for the moments of the dense inputs and the ids.
  /// Raises: Error(kInput) for a log without impressions.
  ImpressionStream(ImpressionShards shards, ImpressionOptions options, const Rng& rng,
                   const std::string& task);

  std::size_t n_rows() const { return n_rows_; }
  const InputScale& scale() const { return scale_; }
  std::size_t n_users() const { return n_users_; }  // largest id + 1

  void start(int epoch);
  /// Fills the next batch. Returns: false at the end of the pass.
  bool next(ImpressionTable& batch);

 private:
  void measure(const std::string& task);
  bool load_pool();
  void deal_order(std::size_t pool);
  void take(std::size_t row, ImpressionTable& batch) const;
  void clear(ImpressionTable& batch) const;

  ImpressionShards shards_;
  ImpressionOptions options_;
  Rng rng_;
  InputScale scale_;
  std::size_t n_rows_ = 0;
  std::size_t n_users_ = 0;

  int epoch_ = 0;
  std::vector<std::size_t> order_of_shards_;
  std::size_t next_shard_ = 0;
  bool whole_ = false;  // the pool holds the whole log
  ImpressionTable pool_;
  std::vector<std::uint32_t> order_;  // of rows or lists
  std::size_t next_ = 0;
};

/// (x - mean) / sd, in place; the mean itself where a value is NaN.
void standardise(const InputScale& scale, std::vector<float>& dense);

}  // namespace rehearsal
