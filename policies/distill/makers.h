#pragma once

#include "policies/distillation.h"

// One maker and one field table a method; policies/distillation.cc lists them.
namespace rehearsal {

using DistillationPtr = std::unique_ptr<Distillation>;
using DistillationFields = std::vector<FieldDescription>;

DistillationFields describe_auxiliary();
DistillationFields describe_non_serving();
DistillationFields describe_direct();
DistillationFields describe_affine();
DistillationFields describe_placebo();
DistillationFields describe_noisy();
DistillationFields describe_soft_logit();
DistillationFields describe_privileged();
DistillationFields describe_feature();
DistillationFields describe_list_wise();
DistillationFields describe_rd();
DistillationFields describe_de_rrd();
DistillationFields describe_rank_distil();
DistillationFields describe_mix_in();

DistillationPtr make_auxiliary(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_non_serving(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_direct(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_affine(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_placebo(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_noisy(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_soft_logit(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_privileged(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_feature(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_list_wise(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_rd(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_de_rrd(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_rank_distil(const PluginConfig& config, const std::vector<TaskSpec>& tasks);
DistillationPtr make_mix_in(const PluginConfig& config, const std::vector<TaskSpec>& tasks);

}  // namespace rehearsal
