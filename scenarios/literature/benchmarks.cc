#include "scenarios/literature/benchmarks.h"

#include "scenarios/literature/makers.h"

namespace rehearsal {

const Registry<BenchmarkEntry>& benchmarks() {
  static const Registry<BenchmarkEntry> table(
      "benchmark",
      {
          {"cascade_dr",
           "slates of independent slots whose rewards interact; Cascade-DR beside IPS",
           "Kiyohara et al., WSDM 2022", describe_cascade_dr, make_cascade_dr},
          {"obp_slate", "slates without repetition under uniform logging, rewards in cascade",
           "Saito et al., Open Bandit Pipeline (2021), slate quickstart", describe_obp_slate,
           make_obp_slate},
          {"obp_bandit", "single actions with logistic rewards; the basic estimators",
           "Saito et al., Open Bandit Pipeline (2021), synthetic quickstart", describe_obp_bandit,
           make_obp_bandit},
          {"mips", "many actions that users see through a few categories",
           "Saito and Joachims, ICML 2022", describe_mips, make_mips},
          {"aips", "long slates whose users differ in which positions move which rewards",
           "Kiyohara et al., KDD 2023", describe_aips, make_aips},
          {"ed_dr", "clicks on slates where examination is modelled, rightly or wrongly",
           "ED-DR (2026)", describe_ed_dr, make_ed_dr},
          {"offcem", "many actions in clusters, of users who come back; conjunct effects",
           "Saito et al., ICML 2023", describe_offcem, make_offcem},
          {"lips", "whole-slate rewards under product policies; learnt abstractions of slates",
           "Kiyohara et al., WWW 2024", describe_lips, make_lips},
          {"search_slates", "rankings of documents under exploration; NDCG and ERR, pseudo-inverse",
           "Swaminathan et al., NIPS 2017", describe_search_slates, make_search_slates},
          {"deezer_bandits",
           "carousels of playlists chosen by bandits that learn in batches; cumulated regret",
           "Bendada, Salha and Bontempelli, RecSys 2020", describe_deezer_bandits,
           make_deezer_bandits},
          {"interval_coverage",
           "how often every kind of interval holds the truth, sequences at all times at once",
           "the intervals' own sources (rehearsal list intervals)", describe_interval_coverage,
           make_interval_coverage},
      });
  return table;
}

}  // namespace rehearsal
