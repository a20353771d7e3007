#include "policies/makers.h"
#include "policies/orderers/reranker.h"

namespace rehearsal {

namespace {

struct DlcmConfig {
  RerankerConfig reranker;
  std::int64_t heads = 4;
  DlcmConfig() { reranker.loss = "attention"; }
  Fields fields() {
    return reranker.fields().add("heads", heads, 1, 64,
                                 "directions in which a candidate is compared with the whole list");
  }
};

/// Deep listwise context model (Ai et al., SIGIR 2018): a GRU reads the initial order from its
/// worst to its best candidate; with o_i its output at one and h its last state, phi_i = sum_q
/// V_q o_i' tanh(W_q h + b_q).
class Dlcm final : public RerankNetwork {
 public:
  Dlcm(Parameters& parameters, const NetworkSize& size, const DlcmConfig& config)
      : heads_(static_cast<std::size_t>(config.heads)),
        gru_(parameters, "gru", size.width, size.width),
        list_(parameters, "list", size.width, heads_ * size.width),
        mix_(parameters.zeros("mix", 1, heads_)) {}

  Tape::Node scores(Tape& tape, const CandidateBatch& batch, Tape::Node e) const override {
    const Reading read = read_worst_first(tape, gru_, e, batch);
    const Tape::Node directions =
        tape.reshape(tape.tanh(list_.on(tape, read.last)), batch.n_pages * heads_, gru_.width());
    const Tape::Node shares =
        tape.gather(tape.parameter(mix_), std::vector<std::size_t>(batch.n_pages, 0));
    return tape.block_products(read.outputs, tape.block_mix(shares, directions, batch.n_pages),
                               batch.n_pages);
  }

 private:
  std::size_t heads_;
  Gru gru_;
  Dense list_;
  std::size_t mix_;
};

}  // namespace

FieldDescriptions describe_dlcm() { return describe_fields<DlcmConfig>(); }

PolicyPtr make_dlcm(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<DlcmConfig>();
  return make_reranker(
      "dlcm", read.reranker,
      [&](Parameters& parameters, const NetworkSize& size) {
        return std::make_unique<Dlcm>(parameters, size, read);
      },
      config, context.schema);
}

}  // namespace rehearsal
