#include "policies/makers.h"
#include "policies/orderers/reranker.h"

namespace rehearsal {

namespace {

struct SetRankConfig {
  RerankerConfig reranker;
  std::int64_t blocks = 1;
  std::int64_t heads = 2;
  std::int64_t inducing = 4;
  SetRankConfig() { reranker.loss = "attention"; }
  Fields fields() {
    return reranker.fields()
        .add("blocks", blocks, 1, 16, "induced attention blocks")
        .add("heads", heads, 1, 64, "of attention; divides width")
        .add("inducing", inducing, 1, 256, "learnt points through which modules see each other");
  }
};

/// MAB(X, Y) = LN(H + FF(H)), H = LN(X + MHA(X, Y, Y)) (Lee et al., ICML 2019).
class AttentionBlock {
 public:
  AttentionBlock(Parameters& parameters, const std::string& name, std::size_t width,
                 std::size_t heads)
      : attention_(parameters, name + ".attention", width, heads),
        after_attention_(parameters, name + ".norm1", width),
        hidden_(parameters, name + ".hidden", width, width),
        out_(parameters, name + ".out", width, width),
        after_hidden_(parameters, name + ".norm2", width) {}

  Tape::Node on(Tape& tape, Tape::Node x, Tape::Node y, std::size_t n_pages,
                const std::vector<std::uint8_t>& present) const {
    const Tape::Node h =
        after_attention_.on(tape, tape.add(x, attention_.on(tape, x, y, n_pages, present)));
    const Tape::Node fed = out_.on(tape, tape.relu(hidden_.on(tape, h)));
    return after_hidden_.on(tape, tape.add(h, fed));
  }

 private:
  Attention attention_;
  LayerNorm after_attention_;
  Dense hidden_;
  Dense out_;
  LayerNorm after_hidden_;
};

/// ISAB(X) = MAB(X, MAB(I, X)), I learnt.
class InducedBlock {
 public:
  InducedBlock(Parameters& parameters, const std::string& name, std::size_t width,
               std::size_t heads, std::size_t inducing)
      : n_points_(inducing),
        points_(parameters.weight(name + ".points", inducing, width)),
        gather_(parameters, name + ".gather", width, heads),
        spread_(parameters, name + ".spread", width, heads) {}

  Tape::Node on(Tape& tape, Tape::Node x, const CandidateBatch& batch) const {
    std::vector<std::size_t> rows(batch.n_pages * n_points_);
    for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = r % n_points_;
    const std::vector<std::uint8_t> all(rows.size(), 1);
    const Tape::Node points = tape.gather(tape.parameter(points_), std::move(rows));
    const Tape::Node seen = gather_.on(tape, points, x, batch.n_pages, batch.present);
    return spread_.on(tape, x, seen, batch.n_pages, all);
  }

 private:
  std::size_t n_points_;
  std::size_t points_;
  AttentionBlock gather_;
  AttentionBlock spread_;
};

/// SetRank (Pang et al., SIGIR 2020), its induced form: no module knows a place, so that scores do
/// not depend on the order in which candidates come.
class SetRank final : public RerankNetwork {
 public:
  SetRank(Parameters& parameters, const NetworkSize& size, const SetRankConfig& config)
      : score_(parameters.zeros("score", size.width, 1)) {
    for (std::int64_t b = 0; b < config.blocks; ++b)
      blocks_.emplace_back(parameters, "block" + std::to_string(b), size.width,
                           static_cast<std::size_t>(config.heads),
                           static_cast<std::size_t>(config.inducing));
  }

  Tape::Node scores(Tape& tape, const CandidateBatch& batch, Tape::Node x) const override {
    for (const InducedBlock& block : blocks_) x = block.on(tape, x, batch);
    return tape.multiply(x, tape.parameter(score_));
  }

 private:
  std::size_t score_;
  std::vector<InducedBlock> blocks_;
};

}  // namespace

FieldDescriptions describe_setrank() { return describe_fields<SetRankConfig>(); }

PolicyPtr make_setrank(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<SetRankConfig>();
  if (read.reranker.training.width % read.heads != 0)
    config.refuse("heads",
                  "must divide the width, " + std::to_string(read.reranker.training.width));
  return make_reranker(
      "setrank", read.reranker,
      [&](Parameters& parameters, const NetworkSize& size) {
        return std::make_unique<SetRank>(parameters, size, read);
      },
      config, context.schema);
}

}  // namespace rehearsal
