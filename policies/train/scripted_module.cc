#include "sim/scripted_module.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <sstream>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The last line of what TorchScript says is the reason; those above are its own stack.
std::string reason(const std::exception& error) {
  std::string text = error.what();
  if (const auto* own = dynamic_cast<const c10::Error*>(&error))
    text = own->what_without_backtrace();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

[[noreturn]] void stop(const std::string& why) { throw Error(ErrorKind::kRuntime, why); }

std::string shape_of(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << " (";
  for (std::int64_t d = 0; d < tensor.dim(); ++d) text << (d > 0 ? ", " : "") << tensor.size(d);
  text << ")";
  return text.str();
}

/// Args: what: of the scores, for messages.
std::vector<float> row_of(const c10::IValue& value, const std::string& what) {
  if (!value.isTensor())
    stop(fmt::format("forward gave {} as {}, where a tensor is expected", value.tagKind(), what));
  const at::Tensor tensor = value.toTensor();
  if (tensor.scalar_type() != at::kFloat || tensor.dim() != 2 || tensor.size(0) != 1)
    stop(fmt::format("forward gave {} of {}, where Float (1, n) is expected", shape_of(tensor),
                     what));
  const at::Tensor flat = tensor.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

class TorchModule final : public ScriptedModule {
 public:
  explicit TorchModule(torch::jit::Module module) : module_(std::move(module)) { module_.eval(); }

  std::vector<std::string> names(const std::string& attribute) const override {
    if (!module_.hasattr(attribute)) return {};
    const c10::IValue value = module_.attr(attribute);
    if (!value.isList())
      throw Error(ErrorKind::kInput, "its attribute '" + attribute + "' is no list of texts");
    std::vector<std::string> names;
    for (const c10::IValue& name : value.toListRef()) {
      if (!name.isString())
        throw Error(ErrorKind::kInput, "its attribute '" + attribute + "' is no list of texts");
      names.push_back(name.toStringRef());
    }
    return names;
  }

  Scores score(std::span<const float> features) const override {
    const c10::IValue value = forward(features);
    if (!value.isTuple()) return {row_of(value, "scores"), {}};
    const auto parts = value.toTuple();
    if (parts->elements().size() != 2)
      stop(
          fmt::format("forward gave a tuple of {}, where the scores of modules and those of items "
                      "are expected",
                      parts->elements().size()));
    return {row_of(parts->elements()[0], "scores of modules"),
            row_of(parts->elements()[1], "scores of items")};
  }

 private:
  /// Without the optimiser, whose first calls may give other bits than later ones.
  c10::IValue forward(std::span<const float> features) const {
    try {
      at::set_num_threads(1);
      const c10::InferenceMode inference;
      const torch::jit::GraphOptimizerEnabledGuard plain(false);
      const at::Tensor input = at::from_blob(const_cast<float*>(features.data()),
                                             {1, static_cast<std::int64_t>(features.size())})
                                   .clone();
      return module_.get_method("forward")({input});
    } catch (const std::exception& error) {
      stop("forward of " + fmt::format("Float (1, {})", features.size()) +
           " failed: " + reason(error));
    }
  }

  torch::jit::Module module_;
};

}  // namespace

}  // namespace rehearsal

/// What load_scripted_module() looks for.
extern "C" rehearsal::ScriptedModule* rehearsal_load_scripted_module(
    const std::filesystem::path& file) {
  using rehearsal::Error;
  using rehearsal::ErrorKind;
  try {
    return new rehearsal::TorchModule(torch::jit::load(file.string(), at::kCPU));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput, "is no TorchScript module: " + rehearsal::reason(error));
  }
}
