#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace rehearsal {

/// A TorchScript module: scores from the features of one request. Implemented with libtorch in
/// librehearsal_train (policies/train), which is loaded at first use.
class ScriptedModule {
 public:
  struct Scores {
    std::vector<float> modules;
    std::vector<float> items;  // empty where it scores no items
  };

  virtual ~ScriptedModule() = default;
  /// A list of texts that the module has as an attribute. Returns: empty where it has none.
  /// Raises: Error(kInput) for an attribute of another type.
  virtual std::vector<std::string> names(const std::string& attribute) const = 0;
  /// One call of `forward` with (1, n_features) floats. From any thread.
  /// Raises: Error(kRuntime) when it throws, or gives anything but one or two tensors of floats
  /// with one row, saying what it gave.
  virtual Scores score(std::span<const float> features) const = 0;
};

/// Loads what torch.jit.save wrote, for the processor, in evaluation mode.
/// Raises: Error(kInput) where the file is no such module; Error(kRuntime) where librehearsal_train
/// is not built or cannot be loaded.
std::unique_ptr<ScriptedModule> load_scripted_module(const std::filesystem::path& file);

}  // namespace rehearsal
