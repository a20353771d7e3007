#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/core/progress.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// One mini-batch of pages for a network that scores modules: all eligible modules share the
/// request's features; labels exist for the modules shown.
struct PageExamples {
  RowMatrixF features;                 // (n_pages, n_inputs) encoded, standardised
  std::vector<std::int64_t> page;      // (n_impressions) row of features
  std::vector<std::int64_t> module;    // (n_impressions)
  std::vector<std::int64_t> position;  // (n_impressions) index of the position logit
  std::vector<float> click;            // (n_impressions)
  std::vector<float> purchase;         // (n_impressions)
  std::vector<float> weight;           // (n_impressions)
};

/// Streams examples of a log; memory does not grow with the log.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;
  virtual std::size_t n_train_pages() const = 0;
  /// Starts a pass over the training pages in the order of `epoch`, or over the validation pages.
  virtual void start_training(int epoch) = 0;
  virtual void start_validation() = 0;
  /// Fills the next batch. Returns: false at the end of the pass.
  virtual bool next(PageExamples& batch) = 0;
};

/// Network over modules: a shared trunk (dense + ReLU layers) on the request's features, then for
/// each module one logit a task, plus an additive position logit on the click task.
/// tasks "click": BCE. "click_purchase": ESMM (Ma et al., SIGIR 2018): pPTR = pCTR * pCVR,
/// loss BCE(click, pCTR) + BCE(purchase, pPTR).
struct ModuleNetworkSpec {
  std::int64_t n_inputs = 0;
  std::int64_t n_modules = 0;
  std::int64_t n_positions = 0;      // 0: no position logit
  std::vector<std::int64_t> hidden;  // widths of the trunk; empty: linear
  bool purchase = false;             // second task
  double learning_rate = 1e-3;
  double weight_decay = 0;  // L2, decoupled
  int max_epochs = 3;
  int patience = 1;  // epochs without a better validation loss before stopping
};

/// Trained weights: "trunk.0.weight" (width, inputs), "trunk.0.bias", ..., "click.weight"
/// (n_modules, width), "click.bias", "purchase.weight", "purchase.bias", "position" (n_positions).
struct TrainedNetwork {
  Arrays weights;
  std::vector<double> validation_loss;  // by epoch
  int best_epoch = 0;
};

/// Trains networks. Implemented with libtorch in a library of its own (policies/train), which is
/// loaded at first use; one thread, draws from Draw::kTraining alone.
class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual TrainedNetwork train_module_network(const ModuleNetworkSpec& spec,
                                              ExampleSource& examples, const Rng& rng,
                                              const std::string& task, ProgressSink* progress) = 0;
  /// Scores of the torch network itself, for parity tests: (n, n_modules) click logits, then
  /// purchase logits.
  virtual RowMatrixF score(const ModuleNetworkSpec& spec, const Arrays& weights,
                           const RowMatrixF& features) = 0;
};

/// The trainer of librehearsal_train, found beside this library.
/// Raises: Error(kRuntime) where it is not built or cannot be loaded.
Trainer& load_trainer();

}  // namespace rehearsal
