#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/encoder.h"
#include "sim/log/source.h"
#include "sim/trainer.h"

namespace rehearsal {

/// Encoded contexts as network inputs: (x - mean) / sd, by the training pages' moments.
class InputScale {
 public:
  InputScale() = default;
  /// Args: sd: (n_inputs) 0 for an input that never varied, which then stays centred only.
  InputScale(std::vector<double> mean, std::vector<double> sd);

  void apply(std::span<float> inputs) const;
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& sd() const { return sd_; }

 private:
  std::vector<double> mean_;
  std::vector<double> sd_;
  std::vector<float> shift_;
  std::vector<float> factor_;
};

struct ModuleExamplesOptions {
  std::size_t batch = 1024;             // pages
  double validation_share = 0.1;        // of the users
  bool purchase = false;                // the log must have purchases
  std::vector<double> weight;           // (n_positions) of an impression there; empty: 1
  std::function<bool(UserId)> users{};  // whose pages are examples; null: everyone's
};

/// Streams a log's shown modules as examples. Users are for training or for validation
/// (Draw::kAssignment). Each epoch takes the shards, and the pages of a shard, in an order of its
/// own (Draw::kTraining).
class ModuleExamples : public ExampleSource {
 public:
  /// Reads the log once, for the training pages' count and moments. `rounds` is copied; what it
  /// refers to must outlive this.
  /// Raises: Error(kInput) when the log lacks clicks, or purchases where they are wanted, or when
  /// no user is left for training or for validation.
  ModuleExamples(RoundSource rounds, ModuleExamplesOptions options, const Rng& rng,
                 std::string task);

  const Encoder& encoder() const { return encoder_; }
  const InputScale& scale() const { return scale_; }

  std::size_t n_train_pages() const override { return n_train_; }
  void start_training(int epoch) override;
  void start_validation() override;
  bool next(PageExamples& batch) override;

 private:
  void measure();
  void start(std::vector<std::size_t> shards, int epoch);
  bool load_shard();
  void add_page(std::size_t row, PageExamples& batch) const;

  RoundSource rounds_;
  ModuleExamplesOptions options_;
  Rng rng_;
  std::string task_;
  Encoder encoder_;
  InputScale scale_;
  std::size_t n_train_ = 0;

  int epoch_ = -1;                   // -1: a pass over validation pages
  std::vector<std::size_t> shards_;  // of the pass, in its order
  std::size_t next_shard_ = 0;
  LogBatch shard_;                   // being dealt out
  std::vector<std::uint32_t> rows_;  // of it, in their order
  std::size_t next_row_ = 0;
  std::size_t n_pages_ = 0;  // of the shard's examples, for training or for validation
};

}  // namespace rehearsal
