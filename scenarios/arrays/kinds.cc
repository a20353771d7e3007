#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

CaseBlocks slate_blocks() {
  CaseBlocks blocks{{"slate_id", "position", "action", "reward"}, score_slates};
  blocks.flat = {"q_hat", "q_hat_iw", "evaluation_policy_action_dist"};
  blocks.together = "slate_id";
  for (const char* of :
       {"", "_item_position", "_cascade", "_influence", "_latent", "_examination"}) {
    blocks.by_row.push_back(std::string("pscore") + of);
    blocks.by_row.push_back(std::string("evaluation_policy_pscore") + of);
  }
  return blocks;
}

/// Actions of one logger. Args: more: what only this kind has, a row a round.
CaseBlocks bandit_blocks(std::vector<std::string> more) {
  CaseBlocks blocks{
      {"action", "position", "reward", "pscore", "action_dist", "q_hat", "estimated_pscore",
       "estimated_importance_weights", "q_hat_mrdr", "pi_b", "f_hat"},
      score_contextual_bandit_block,
      {"action_cluster"},
      {"el", "cressie_read", "dm_ridge", "dr_ridge", "sndr_ridge"}};
  blocks.by_row.insert(blocks.by_row.end(), more.begin(), more.end());
  return blocks;
}

CaseBlocks embedding_blocks() {
  CaseBlocks blocks = bandit_blocks({"action_embed", "pi_a_x_e_hat"});
  blocks.score = score_embedded_actions;
  blocks.whole.push_back("p_e_a");
  for (const char* key : {"mipw_true_p_e_a_slope", "snmipw_true_p_e_a_slope",
                          "mipw_exact_joint_p_e_a_slope", "snmipw_exact_joint_p_e_a_slope"})
    blocks.needs_all.push_back(key);
  return blocks;
}

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
               evaluate_continuous_action,
               CaseBlocks{{"reward", "action", "action_by_evaluation_policy", "pscore",
                           "q_hat_at_evaluation_action"},
                          score_continuous_actions}},
              {"multi_logger", "one action a round, logged by one of several policies",
               "Agarwal et al., KDD 2017; Kallus et al., ICML 2021",
               [](const Arrays& inputs) {
                 return inputs.count("stratum_idx") > 0 || inputs.count("pscore_avg") > 0;
               },
               evaluate_multi_logger,
               CaseBlocks{{"action", "position", "reward", "pscore", "action_dist", "q_hat",
                           "pscore_avg", "stratum_idx"},
                          score_several_loggers}},
              {"action_embedding",
               "one action a round, whose embedding moves the reward",
               "Saito and Joachims, ICML 2022",
               [](const Arrays& inputs) { return inputs.count("action_embed") > 0; },
               evaluate_action_embedding,
               embedding_blocks(),
               {"context"}},
              {"slate",
               "an ordered list of actions a round",
               "Kiyohara et al., WSDM 2022",
               [](const Arrays& inputs) { return inputs.count("slate_id") > 0; },
               evaluate_slates,
               slate_blocks(),
               {"evaluation_policy_logit"}},
              {"contextual_bandit",
               "one action of a finite set a round",
               "Saito et al., NeurIPS Datasets and Benchmarks 2021",
               [](const Arrays& inputs) { return inputs.count("action_dist") > 0; },
               evaluate_contextual_bandit,
               bandit_blocks({}),
               {"context"}},
          }};
}

/// SCOPE-RL's arrays.
ArrayLayout scope_rl() {
  return {"scope_rl",
          "arrays of SCOPE-RL: one group a case, arrays in inputs/",
          "Kiyohara et al., arXiv 2311.18206",
          {
              {"sessions",
               "sessions of equal length, one row a step",
               "Jiang and Li, ICML 2016; Kallus and Uehara, JMLR 2020",
               [](const Arrays& inputs) { return inputs.count("step_per_trajectory") > 0; },
               evaluate_sessions,
               {},
               {"step_per_trajectory", "reward", "gamma", "evaluation_policy_action_dist", "action",
                "pscore", "state_action_value_prediction", "initial_state_value_prediction",
                "state_marginal_importance_weight", "state_action_marginal_importance_weight",
                "reward_scale", "cvar_alphas"}},
          }};
}

}  // namespace

const Registry<ArrayLayout>& array_layouts() {
  static const Registry<ArrayLayout> registry("layout", {obp(), scope_rl()});
  return registry;
}

}  // namespace rehearsal
