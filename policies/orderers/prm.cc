#include "policies/makers.h"
#include "policies/orderers/reranker.h"

namespace rehearsal {

namespace {

struct PrmConfig {
  RerankerConfig reranker;
  std::int64_t blocks = 1;
  std::int64_t heads = 2;
  bool initial_position = true;
  Fields fields() {
    return reranker.fields()
        .add("blocks", blocks, 1, 16, "transformer blocks")
        .add("heads", heads, 1, 64, "of attention; divides width")
        .add("initial_position", initial_position,
             "whether a module's place in the site's present order, or an item's in the retrieved "
             "one (beyond the 64th as the 64th), is known to the network");
  }
};

/// Pre-normed transformer block: x + MHA(LN x), then x + FFN(LN x).
class Block {
 public:
  Block(Parameters& parameters, const std::string& name, std::size_t width, std::size_t heads)
      : before_attention_(parameters, name + ".norm1", width),
        attention_(parameters, name + ".attention", width, heads),
        before_hidden_(parameters, name + ".norm2", width),
        hidden_(parameters, name + ".hidden", width, 2 * width),
        out_(parameters, name + ".out", 2 * width, width) {}

  Tape::Node on(Tape& tape, Tape::Node x, const CandidateBatch& batch) const {
    const Tape::Node normal = before_attention_.on(tape, x);
    x = tape.add(x, attention_.on(tape, normal, normal, batch.n_pages, batch.present));
    const Tape::Node hidden = tape.relu(hidden_.on(tape, before_hidden_.on(tape, x)));
    return tape.add(x, out_.on(tape, hidden));
  }

 private:
  LayerNorm before_attention_;
  Attention attention_;
  LayerNorm before_hidden_;
  Dense hidden_;
  Dense out_;
};

/// Personalized re-ranking model (Pei et al., RecSys 2019): candidates, which know the request from
/// their encoder, plus a vector of their initial place, through transformer blocks, each to a
/// score.
class Prm final : public RerankNetwork {
 public:
  Prm(Parameters& parameters, const NetworkSize& size, const PrmConfig& config)
      : knows_position_(config.initial_position),
        n_ranks_(size.n_ranks),
        score_(parameters.zeros("score", size.width, 1)) {
    if (knows_position_) places_ = parameters.weight("initial_position", n_ranks_, size.width);
    for (std::int64_t b = 0; b < config.blocks; ++b)
      blocks_.emplace_back(parameters, "block" + std::to_string(b), size.width,
                           static_cast<std::size_t>(config.heads));
  }

  Tape::Node scores(Tape& tape, const CandidateBatch& batch, Tape::Node x) const override {
    if (knows_position_) {
      std::vector<std::size_t> place(batch.n_rows(), Tape::kNone);
      const std::vector<std::size_t> order = initial_order(batch);
      for (std::size_t at = 0; at < order.size(); ++at)
        if (order[at] != Tape::kNone) place[order[at]] = std::min(at % batch.n, n_ranks_ - 1);
      x = tape.add(x, tape.gather(tape.parameter(places_), std::move(place)));
    }
    for (const Block& block : blocks_) x = block.on(tape, x, batch);
    return tape.multiply(x, tape.parameter(score_));
  }

 private:
  bool knows_position_;
  std::size_t n_ranks_;
  std::size_t score_;
  std::size_t places_ = 0;
  std::vector<Block> blocks_;
};

}  // namespace

FieldDescriptions describe_prm() { return describe_fields<PrmConfig>(); }

PolicyPtr make_prm(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PrmConfig>();
  if (read.reranker.training.width % read.heads != 0)
    config.refuse("heads",
                  "must divide the width, " + std::to_string(read.reranker.training.width));
  return make_reranker(
      "prm", read.reranker,
      [&](Parameters& parameters, const NetworkSize& size) {
        return std::make_unique<Prm>(parameters, size, read);
      },
      config, context.schema);
}

}  // namespace rehearsal
