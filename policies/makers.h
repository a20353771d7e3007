#pragma once

#include <memory>
#include <vector>

#include "sim/policy.h"

// One maker and one field table a policy or ranker; policies.cc lists them.
namespace rehearsal {

using FieldDescriptions = std::vector<FieldDescription>;
using PolicyPtr = std::unique_ptr<Policy>;
using RankerPtr = std::shared_ptr<const Ranker>;

FieldDescriptions describe_uniform();
FieldDescriptions describe_static_order();
FieldDescriptions describe_mixture();
FieldDescriptions describe_popularity();
FieldDescriptions describe_thompson();
FieldDescriptions describe_linucb();
FieldDescriptions describe_logistic();
FieldDescriptions describe_pointwise_orderer();
FieldDescriptions describe_oracle();
FieldDescriptions describe_ranked_list();
FieldDescriptions describe_multi_task_ranker();
FieldDescriptions describe_weighted_likelihood();
FieldDescriptions describe_ips_gradient();
FieldDescriptions describe_dr_gradient();
FieldDescriptions describe_banditnet();
FieldDescriptions describe_poem();
FieldDescriptions describe_lower_bound();
FieldDescriptions describe_log_smoothing();
FieldDescriptions describe_top_k_gradient();
FieldDescriptions describe_pl_rank();
FieldDescriptions describe_dlcm();
FieldDescriptions describe_prm();
FieldDescriptions describe_setrank();
FieldDescriptions describe_pointer();
FieldDescriptions describe_evaluator_generator();
FieldDescriptions describe_mips_gradient();
FieldDescriptions describe_potec();
FieldDescriptions describe_pi_opt();
FieldDescriptions describe_offset_tree();
FieldDescriptions describe_plugin();
FieldDescriptions describe_torchscript();
FieldDescriptions describe_diverse_orderer();
FieldDescriptions describe_epsilon_greedy();
FieldDescriptions describe_ucb1();
FieldDescriptions describe_kl_ucb();
FieldDescriptions describe_explore_then_commit();
FieldDescriptions describe_beta_thompson();
FieldDescriptions describe_linear_ucb();
FieldDescriptions describe_linear_thompson();
FieldDescriptions describe_logistic_thompson();

PolicyPtr make_uniform_policy(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_static_order(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_mixture_policy(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_popularity(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_thompson_policy(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_linucb(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_logistic(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_pointwise_orderer(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_oracle(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_ranked_list(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_multi_task_ranker(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_weighted_likelihood(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_ips_gradient(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_dr_gradient(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_banditnet(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_poem(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_lower_bound(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_log_smoothing(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_top_k_gradient(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_pl_rank(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_dlcm(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_prm(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_setrank(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_pointer(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_evaluator_generator(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_mips_gradient(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_potec(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_pi_opt(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_offset_tree(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_plugin(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_torchscript(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_mmr_orderer(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_dpp_orderer(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_epsilon_greedy(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_ucb1(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_kl_ucb(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_explore_then_commit(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_beta_thompson(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_linear_ucb(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_linear_thompson(const PluginConfig& config, const PolicyContext& context);
PolicyPtr make_logistic_thompson(const PluginConfig& config, const PolicyContext& context);

FieldDescriptions describe_plain_ranker();
FieldDescriptions describe_popularity_ranker();
FieldDescriptions describe_plackett_luce_ranker();
FieldDescriptions describe_diverse_ranker();

RankerPtr make_retrieval_ranker(const PluginConfig& config, const Schema& schema);
RankerPtr make_uniform_ranker(const PluginConfig& config, const Schema& schema);
RankerPtr make_popularity_ranker(const PluginConfig& config, const Schema& schema);
RankerPtr make_plackett_luce_ranker(const PluginConfig& config, const Schema& schema);
RankerPtr make_mmr_ranker(const PluginConfig& config, const Schema& schema);
RankerPtr make_dpp_ranker(const PluginConfig& config, const Schema& schema);
/// The column of an item feature. Args: key: of the configuration that names it.
/// Raises: Error(kInput) for an unknown one.
Eigen::Index item_column(const Schema& schema, const std::string& name, const std::string& key,
                         const PluginConfig& config);
/// Items as retrieved: what a policy without a ranker does.
RankerPtr retrieval_ranker();

}  // namespace rehearsal
