#pragma once

#include <functional>
#include <vector>

#include "policies/orderers/candidates.h"
#include "policies/orderers/layers.h"
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
  double validation_share = 0.1;

  Fields fields();
};

/// A mini-batch: builds the pass of these pages on the tape and sets the gradients of its outputs,
/// divided by the number of pages. Args: epoch: draws are addressed by it and the page.
/// Returns: the loss, summed over the pages.
using PageLoss = std::function<double(Tape& tape, std::span<const std::uint32_t> pages, int epoch)>;

CandidateEncoder candidate_encoder(Parameters& parameters, const CandidateReader& reader,
                                   const OrdererTraining& training, std::size_t n_base);

/// Descends a loss by Adam with decoupled decay (Loshchilov and Hutter, ICLR 2019), the rate
/// falling linearly to 0. The pages are passed as often as the steps need, each time in an order of
/// its own (Draw::kTraining). Ten times it is asked how the users kept for validation
/// (Draw::kAssignment) fare, and what was best for them is kept.
/// Args: use: pages to learn from and validate on; none: nothing is learnt.
/// Returns: mean loss a page, as it was when asked: of the users kept, else of the training.
/// Raises: Error(kRuntime) when the loss is no longer finite.
std::vector<double> train_on_pages(const OrderedPages& pages, std::span<const std::uint32_t> use,
                                   const OrdererTraining& options, const PageLoss& loss,
                                   const FitContext& context, Parameters& parameters);

}  // namespace rehearsal
