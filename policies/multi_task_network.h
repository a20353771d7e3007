#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Where a head that is not served stands.
enum class HeadPlace {
  kTower,   // on the last layer of a task's tower
  kShared,  // on the layer that all tasks share
  kLogit,   // on a task's own logit: an affine map of it
};

/// An output beside the tasks'. Drawn from an address of its own, so that no other parameter's
/// initial value depends on it.
struct HeadShape {
  std::string name;
  HeadPlace place = HeadPlace::kTower;
  std::size_t task = 0;  // of a tower or logit
  std::size_t width = 1;
};

/// Sizes of a multi-task network: embeddings of user and item beside dense inputs, levels of
/// experts with a gate a task, a tower a task, one logit a task.
/// shared_bottom (Caruana, Machine Learning 1997): 1 shared expert, no gates.
/// MMoE (Ma et al., KDD 2018): several shared experts, softmax gates a task.
/// PLE (Tang et al., RecSys 2020): experts of each task too, in levels.
struct NetworkShape {
  std::size_t n_users = 0;  // rows of the embeddings
  std::size_t n_items = 0;
  std::size_t user_width = 6;
  std::size_t item_width = 6;
  std::size_t n_dense = 0;
  std::vector<std::int64_t> hidden{16};  // an expert's ReLU layers
  std::vector<std::int64_t> tower{};     // a task's ReLU layers
  std::size_t n_shared_experts = 1;
  std::size_t n_task_experts = 0;
  std::size_t n_levels = 1;
  std::vector<std::string> tasks;
  std::vector<HeadShape> heads{};

  std::size_t n_inputs() const { return user_width + item_width + n_dense; }
};

/// Everything that is learnt. Dense parameters lie one after another; embeddings are tables, of
/// which a batch touches few rows.
struct NetworkParameters {
  std::vector<float> dense;
  RowMatrixF users;  // (n_users, user_width)
  RowMatrixF items;  // (n_items, item_width)
};

/// A named run of the dense parameters: (rows, columns), row-major.
struct ParameterBlock {
  std::string name;
  std::size_t offset = 0;
  std::size_t rows = 0;
  std::size_t columns = 1;
  bool weight = true;  // decayed; a bias is not
  bool served = true;  // false: of a head that is not exported
  double bound = 0;    // initial values are uniform in (-bound, bound); 0: `start`
  float start = 0;
};

/// Rows of a mini-batch, or of a request.
struct NetworkInput {
  std::span<const std::uint32_t> user;  // (n); ids beyond the table have a zero embedding
  std::span<const std::uint32_t> item;  // (n)
  std::span<const float> dense;         // (n, n_dense) standardised
  std::size_t size() const { return user.size(); }
};

/// Activations and gradients of one pass; reused from pass to pass.
struct NetworkPass {
  std::size_t n = 0;
  std::vector<std::vector<float>> value;     // by node, (n, width)
  std::vector<std::vector<float>> gradient;  // by node, (n, width)
  std::vector<float> transposed;             // scratch
};

/// The network as a list of steps over numbered values; the backward pass walks it in reverse. A
/// row's values do not depend on the rows beside it, nor on heads that are not served.
class MultiTaskNetwork {
 public:
  explicit MultiTaskNetwork(NetworkShape shape);

  const NetworkShape& shape() const { return shape_; }
  const std::vector<ParameterBlock>& blocks() const { return blocks_; }
  std::size_t n_outputs() const { return outputs_.size(); }  // tasks, then heads
  /// Products of a served forward pass of one row.
  std::size_t multiply_adds() const;

  /// Initial values (Draw::kTraining), each block and each row of a table at its own address.
  NetworkParameters draw(const Rng& rng) const;
  /// By name: "user_embedding" (n_users, width), "item_embedding", and each block as (fan_in,
  /// width) or (width). Args: served_only: without heads that are not served.
  Arrays to_arrays(const NetworkParameters& parameters, bool served_only) const;
  /// Raises: Error(kInput) for a missing array or one of another shape.
  NetworkParameters from_arrays(const Arrays& arrays) const;

  /// The biases of an output, (width).
  std::span<float> bias(NetworkParameters& parameters, std::size_t output) const;

  /// Args: served_only: leaves the heads' values alone.
  void forward(const NetworkParameters& parameters, const NetworkInput& input, bool served_only,
               NetworkPass& pass) const;
  /// Output of a task or head, (n, width).
  std::span<const float> output(const NetworkPass& pass, std::size_t index) const;
  /// The layer that all tasks share, (n, its width).
  std::span<const float> shared(const NetworkPass& pass) const;
  std::size_t shared_width() const { return widths_[shared_]; }

  /// Zeroes the gradients of a pass; then add to output_gradient() and walk backward().
  void start_backward(NetworkPass& pass) const;
  std::span<float> output_gradient(NetworkPass& pass, std::size_t index) const;
  /// Args: gradient: (dense parameters), overwritten.
  /// Returns: the gradient of the inputs, (n, n_inputs): users', items', dense.
  std::span<const float> backward(const NetworkParameters& parameters, NetworkPass& pass,
                                  std::vector<float>& gradient) const;

 private:
  enum class Kind { kDense, kMix };
  struct Step {
    Kind kind = Kind::kDense;
    std::size_t out = 0;
    std::vector<std::size_t> in;  // kMix: the gate's logits (kNone: equal shares), then the mixed
    std::size_t weight = 0;       // kDense: offsets
    std::size_t bias = 0;
    bool relu = false;
    bool served = true;
  };

  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  std::size_t new_value(std::size_t width);
  std::size_t add_block(ParameterBlock block);
  void add_levels(std::vector<std::size_t>& task_streams);
  std::size_t add_dense(const std::string& name, std::size_t in, std::size_t width, bool relu,
                        bool served = true);
  std::size_t add_layers(const std::string& name, std::size_t in,
                         const std::vector<std::int64_t>& widths);
  std::size_t add_mix(std::size_t gate, const std::vector<std::size_t>& experts, bool served);
  std::size_t add_gated(const std::string& name, std::size_t in,
                        const std::vector<std::size_t>& experts);
  void add_output(const std::string& name, std::size_t in, std::size_t width, bool served);
  void add_head(const HeadShape& head, const std::vector<std::size_t>& towers);

  void mix_forward(const Step& step, NetworkPass& pass) const;
  void mix_backward(const Step& step, NetworkPass& pass) const;
  void dense_forward(const Step& step, const float* parameters, NetworkPass& pass) const;
  void dense_backward(const Step& step, const float* parameters, NetworkPass& pass,
                      float* gradient) const;

  NetworkShape shape_;
  std::vector<ParameterBlock> blocks_;
  std::size_t n_dense_parameters_ = 0;
  std::vector<std::size_t> widths_;  // of values; value 0 is the input
  std::vector<Step> steps_;
  std::vector<std::size_t> outputs_;        // values
  std::vector<std::size_t> output_biases_;  // offsets
  std::size_t shared_ = 0;
};

}  // namespace rehearsal
