#pragma once

#include <functional>
#include <vector>

#include "policies/orderers/candidates.h"
#include "policies/orderers/tape.h"
#include "sim/policy.h"

namespace rehearsal {

/// Keys of every training of an orderer.
struct OrdererTraining {
  std::vector<std::int64_t> hidden;
  std::int64_t width = 16;
  std::int64_t steps = 3000;
  std::int64_t batch = 256;
  double learning_rate = 0.01;
  double weight_decay = 0.3;

  Fields fields();
};

/// A mini-batch: builds the pass of these pages on the tape and sets the gradients of its outputs,
/// divided by the number of pages. Args: epoch: draws are addressed by it and the page.
/// Returns: the loss, summed over the pages.
using PageLoss = std::function<double(Tape& tape, std::span<const std::uint32_t> pages, int epoch)>;

/// Descends a loss by Adam with decoupled decay (Loshchilov and Hutter, ICLR 2019), the rate
/// falling linearly to 0. The pages are passed as often as the steps need, each time in an order of
/// its own (Draw::kTraining).
/// Args: pages: which to learn from; none: nothing is learnt.
/// Returns: mean loss a page, by pass.
/// Raises: Error(kRuntime) when the loss is no longer finite.
std::vector<double> train_on_pages(std::vector<std::uint32_t> pages, const OrdererTraining& options,
                                   const PageLoss& loss, const FitContext& context,
                                   Parameters& parameters);

}  // namespace rehearsal
