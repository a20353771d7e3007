#include "policies/orderers/train.h"

#include <fmt/format.h>

#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>

#include "policies/multi_task_training.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

constexpr UserId kPageOrder{4};  // below Draw::kTraining

void shuffle(std::vector<std::uint32_t>& pages, Stream stream) {
  for (std::size_t i = pages.size(); i > 1; --i)
    std::swap(pages[i - 1],
              pages[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
}

}  // namespace

Fields OrdererTraining::fields() {
  return Fields()
      .add("hidden", hidden, 1, 4096,
           "widths of ReLU layers on the request's features; []: linear in them")
      .add("width", width, 1, 1024, "numbers that stand for a candidate module")
      .add("steps", steps, 1, 1000000,
           "batches to learn from; the log is passed as often as needed")
      .add("batch", batch, 1, 65536, "pages a step")
      .add("learning_rate", learning_rate, 1e-8, 1, "of Adam at first; falls linearly to 0")
      .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases");
}

std::vector<double> train_on_pages(std::vector<std::uint32_t> pages, const OrdererTraining& options,
                                   const PageLoss& loss, const FitContext& context,
                                   Parameters& parameters) {
  const auto batch = static_cast<std::size_t>(options.batch);
  const auto n_steps = static_cast<double>(options.steps);
  Tape tape(parameters, true);
  Adam adam(parameters.values().size());
  std::vector<float> gradient;
  std::vector<double> losses;
  int step = 0;
  for (int epoch = 0; step < options.steps && !pages.empty(); ++epoch) {
    shuffle(pages, context.rng.stream(Draw::kTraining,
                                      Turn{kPageOrder, static_cast<std::uint16_t>(epoch)}));
    double total = 0;
    std::size_t n_seen = 0;
    for (std::size_t first = 0; first < pages.size() && step < options.steps; first += batch) {
      const double done = step / n_steps;
      const std::size_t n = std::min(batch, pages.size() - first);
      tape.clear();
      total += loss(tape, {pages.data() + first, n}, epoch);
      n_seen += n;
      tape.backward(gradient);
      const AdamStep by(options.learning_rate * (1 - done), options.weight_decay, ++step);
      for (const ParameterBlock& block : parameters.blocks())
        adam.update(by, block.weight, block.offset, block.rows * block.columns,
                    gradient.data() + block.offset, parameters.values().data() + block.offset);
      if (step % 64 != 0) continue;
      check_interrupt();
      if (context.progress != nullptr) context.progress->update("train " + context.name, done, "");
    }
    losses.push_back(total / static_cast<double>(n_seen));
    if (!std::isfinite(losses.back()))
      throw Error(ErrorKind::kRuntime,
                  fmt::format("train {}: the loss is not finite in pass {}; learning_rate {} is "
                              "too large",
                              context.name, epoch + 1, options.learning_rate));
  }
  return losses;
}

}  // namespace rehearsal
