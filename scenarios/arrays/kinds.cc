#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

/// Open Bandit Pipeline's arrays. Kinds are told apart by what only they have; the last takes what
/// is left.
ArrayLayout obp() {
  return {"obp",
          "arrays of Open Bandit Pipeline: one group a case, arrays in inputs/",
          "Saito et al., NeurIPS Datasets and Benchmarks 2021",
          {
              {"continuous_action", "one action on the line a round, scored by kernels",
               "Kallus and Zhou, AISTATS 2018",
               [](const Arrays& inputs) { return inputs.count("action_by_evaluation_policy") > 0; },
               evaluate_continuous_action},
              {"multi_logger", "one action a round, logged by one of several policies",
               "Agarwal et al., KDD 2017; Kallus et al., ICML 2021",
               [](const Arrays& inputs) {
                 return inputs.count("stratum_idx") > 0 || inputs.count("pscore_avg") > 0;
               },
               evaluate_multi_logger},
              {"action_embedding", "one action a round, whose embedding moves the reward",
               "Saito and Joachims, ICML 2022",
               [](const Arrays& inputs) { return inputs.count("action_embed") > 0; },
               evaluate_action_embedding},
              {"slate", "an ordered list of actions a round", "Kiyohara et al., WSDM 2022",
               [](const Arrays& inputs) { return inputs.count("slate_id") > 0; }, evaluate_slates},
              {"contextual_bandit", "one action of a finite set a round",
               "Saito et al., NeurIPS Datasets and Benchmarks 2021",
               [](const Arrays& inputs) { return inputs.count("action_dist") > 0; },
               evaluate_contextual_bandit,
               CaseBlocks{{"action", "position", "reward", "pscore", "action_dist", "q_hat",
                           "estimated_pscore", "estimated_importance_weights", "q_hat_mrdr", "pi_b",
                           "f_hat"},
                          {"action_cluster"},
                          {"el", "cressie_read", "dm_ridge", "dr_ridge", "sndr_ridge"},
                          score_contextual_bandit_block}},
          }};
}

/// SCOPE-RL's arrays.
ArrayLayout scope_rl() {
  return {"scope_rl",
          "arrays of SCOPE-RL: one group a case, arrays in inputs/",
          "Kiyohara et al., arXiv 2311.18206",
          {
              {"sessions", "sessions of equal length, one row a step",
               "Jiang and Li, ICML 2016; Kallus and Uehara, JMLR 2020",
               [](const Arrays& inputs) { return inputs.count("step_per_trajectory") > 0; },
               evaluate_sessions},
          }};
}

}  // namespace

const Registry<ArrayLayout>& array_layouts() {
  static const Registry<ArrayLayout> registry("layout", {obp(), scope_rl()});
  return registry;
}

}  // namespace rehearsal
