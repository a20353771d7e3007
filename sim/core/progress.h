#pragma once

#include <string>

namespace rehearsal {

/// Receives progress of long work; called from any thread.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  /// Args: task: e.g. "simulate log", "train dnn_click".  fraction: in [0, 1]; 1 ends the task.
  ///       note: e.g. "epoch 2, validation loss 0.1234".
  virtual void update(const std::string& task, double fraction, const std::string& note) = 0;
};

}  // namespace rehearsal
