#include "policies/orderers/train.h"

#include <fmt/format.h>

#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>

#include "policies/multi_task_training.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

constexpr UserId kPageOrder{4};                      // below Draw::kTraining
constexpr std::uint32_t kValidationItem = 0x76616c;  // below Draw::kAssignment, as ModuleExamples
constexpr int kValidationEpoch = 0xffff;             // whose draws no training has
constexpr int kChecks = 10;

void shuffle(std::vector<std::uint32_t>& pages, Stream stream) {
  for (std::size_t i = pages.size(); i > 1; --i)
    std::swap(pages[i - 1],
              pages[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(stream)]);
}

/// One training: where it stands.
class Descent {
 public:
  Descent(const OrdererTraining& options, const PageLoss& loss, Parameters& parameters)
      : options_(options),
        loss_(loss),
        parameters_(parameters),
        tape_(parameters, true),
        adam_(parameters.values().size()) {}

  int steps() const { return step_; }
  double done() const { return step_ / static_cast<double>(options_.steps); }

  /// Returns: the loss, summed over the pages.
  double step(std::span<const std::uint32_t> pages, int epoch) {
    tape_.clear();
    const double total = loss_(tape_, pages, epoch);
    tape_.backward(gradient_);
    const double rate = options_.learning_rate * (1 - done());
    const AdamStep by(rate, options_.weight_decay, ++step_);
    for (const ParameterBlock& block : parameters_.blocks())
      adam_.update(by, block.weight, block.offset, block.rows * block.columns,
                   gradient_.data() + block.offset, parameters_.values().data() + block.offset);
    return total;
  }

  /// Mean loss of pages that are not learnt from.
  double validate(std::span<const std::uint32_t> pages) {
    double total = 0;
    const auto batch = static_cast<std::size_t>(options_.batch);
    for (std::size_t first = 0; first < pages.size(); first += batch) {
      tape_.clear();
      total += loss_(tape_, pages.subspan(first, std::min(batch, pages.size() - first)),
                     kValidationEpoch);
    }
    return total / static_cast<double>(pages.size());
  }

 private:
  const OrdererTraining& options_;
  const PageLoss& loss_;
  Parameters& parameters_;
  Tape tape_;
  Adam adam_;
  std::vector<float> gradient_;
  int step_ = 0;
};

}  // namespace

Fields OrdererTraining::fields() {
  return Fields()
      .add("hidden", hidden, 1, 4096,
           "widths of ReLU layers on the request's features; []: linear in them")
      .add("width", width, 1, 1024, "numbers that stand for a candidate")
      .add("steps", steps, 1, 1000000,
           "batches to learn from; the log is passed as often as needed")
      .add("batch", batch, 1, 65536, "pages a step")
      .add("learning_rate", learning_rate, 1e-8, 1, "of Adam at first; falls linearly to 0")
      .add("weight_decay", weight_decay, 0, 100, "decoupled (AdamW), of weights, not of biases")
      .add("validation_share", validation_share, 0, 0.9,
           "share of the users that say, ten times, when it was best; 0: as it ends");
}

CandidateEncoder candidate_encoder(Parameters& parameters, const CandidateReader& reader,
                                   const OrdererTraining& training, std::size_t n_base) {
  return CandidateEncoder(parameters, reader.encoder().n_inputs(), reader.choices().n_outputs(),
                          training.hidden, static_cast<std::size_t>(training.width), n_base);
}

std::vector<double> train_on_pages(const OrderedPages& pages, std::span<const std::uint32_t> use,
                                   const OrdererTraining& options, const PageLoss& loss,
                                   const FitContext& context, Parameters& parameters) {
  std::vector<std::uint32_t> learn, keep;
  for (const std::uint32_t page : use) {
    const Turn turn{UserId{pages.user[page]}};
    const double u = context.rng.stream(Draw::kAssignment, turn, kValidationItem).uniform();
    (u < options.validation_share ? keep : learn).push_back(page);
  }
  const auto batch = static_cast<std::size_t>(options.batch);
  const std::int64_t check_every = std::max<std::int64_t>(options.steps / kChecks, 1);
  Descent descent(options, loss, parameters);
  std::vector<double> losses;
  std::vector<float> best;
  double total = 0;
  std::size_t n_seen = 0;
  const auto check = [&] {
    const double mean = keep.empty() ? total / static_cast<double>(n_seen) : descent.validate(keep);
    if (!std::isfinite(mean))
      throw Error(ErrorKind::kRuntime,
                  fmt::format("train {}: the loss is not finite after {} steps; learning_rate {} "
                              "is too large",
                              context.name, descent.steps(), options.learning_rate));
    losses.push_back(mean);
    if (keep.empty() || mean <= *std::min_element(losses.begin(), losses.end()))
      best = parameters.values();
    total = 0;
    n_seen = 0;
    check_interrupt();
    if (context.progress != nullptr)
      context.progress->update("train " + context.name, descent.done(), "");
  };
  for (int epoch = 0; descent.steps() < options.steps && !learn.empty(); ++epoch) {
    shuffle(learn, context.rng.stream(Draw::kTraining,
                                      Turn{kPageOrder, static_cast<std::uint16_t>(epoch)}));
    for (std::size_t first = 0; first < learn.size() && descent.steps() < options.steps;
         first += batch) {
      const std::size_t n = std::min(batch, learn.size() - first);
      total += descent.step({learn.data() + first, n}, epoch);
      n_seen += n;
      if (descent.steps() % check_every == 0) check();
    }
  }
  if (!best.empty()) parameters.values() = best;
  return losses;
}

}  // namespace rehearsal
