#include "policies/distillation.h"

#include <yaml-cpp/yaml.h>

#include "policies/distill/makers.h"

namespace rehearsal {

const Registry<DistillationEntry>& distillations() {
  static const Registry<DistillationEntry> table(
      "distillation method",
      {
          {.name = "auxiliary",
           .summary = "a head for the teacher's label beside each task's own, on its tower",
           .source = "Khani et al., RecSys 2024; Ranganathan et al., RecSys 2025",
           .describe = describe_auxiliary,
           .make = make_auxiliary},
          {.name = "non_serving",
           .summary = "heads on the shared layer for teacher's tasks that the student has not",
           .source = "Ranganathan et al., RecSys 2025",
           .describe = describe_non_serving,
           .make = make_non_serving},
          {.name = "direct",
           .summary = "the served logit learns the hard and the teacher's label",
           .source = "Khani et al., RecSys 2024 (the baseline)",
           .describe = describe_direct,
           .make = make_direct},
          {.name = "affine",
           .summary = "a learnt affine map of the served logit learns the teacher's label",
           .source = "this project",
           .describe = describe_affine,
           .make = make_affine},
          {.name = "soft_logit",
           .summary = "the served logit learns a mean of both labels, the teacher's softened by a "
                      "temperature",
           .source = "Hinton et al., arXiv 1503.02531",
           .describe = describe_soft_logit,
           .make = make_soft_logit},
          {.name = "privileged",
           .summary = "the served logit learns a mean of both labels after a warm-up, from a "
                      "teacher that sees what is known after the fact",
           .source = "Xu et al., KDD 2020 (PFD)",
           .describe = describe_privileged,
           .make = make_privileged},
          {.name = "placebo",
           .summary = "auxiliary heads, with the teacher's labels permuted among the examples",
           .source = "this project",
           .describe = describe_placebo,
           .make = make_placebo},
          {.name = "noisy",
           .summary = "auxiliary heads, with noise on the teacher's labels",
           .source = "this project",
           .describe = describe_noisy,
           .make = make_noisy},
          {.name = "feature",
           .summary = "a linear map of the shared layer learns the teacher's hidden layer",
           .source = "FitNets: Romero et al., ICLR 2015",
           .describe = describe_feature,
           .make = make_feature},
          {.name = "list_wise",
           .summary = "the softmax over each list learns the teacher's",
           .source = "Hinton et al., arXiv 1503.02531; over lists: Cao et al., ICML 2007",
           .describe = describe_list_wise,
           .make = make_list_wise},
          {.name = "rd",
           .summary = "the first items of the teacher's order count as relevant, weighted by place "
                      "and by the student's rank",
           .source = "Tang and Wang, KDD 2018",
           .describe = describe_rd,
           .make = make_rd},
          {.name = "de_rrd",
           .summary = "mixed experts on the shared layer learn the hidden layer, the served logit "
                      "the first items' order",
           .source = "Kang et al., CIKM 2020",
           .describe = describe_de_rrd,
           .make = make_de_rrd},
          {.name = "rankdistil",
           .summary = "the softmax over the teacher's first items, all others a margin below them",
           .source = "Reddi et al., AISTATS 2021",
           .describe = describe_rank_distil,
           .make = make_rank_distil},
          {.name = "mix_in",
           .summary = "no teacher: a sample of the other domain's examples among the student's own",
           .source = "Ranganathan et al., RecSys 2025 (where it was unstable)",
           .describe = describe_mix_in,
           .make = make_mix_in},
      });
  return table;
}

std::vector<std::unique_ptr<Distillation>> make_distillations(const YAML::Node& list,
                                                              const Source& source,
                                                              const std::vector<TaskSpec>& tasks) {
  std::vector<std::unique_ptr<Distillation>> methods;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Source at = source.child(i);
    const YAML::Node type = list[i]["type"];
    if (!type.IsDefined() || !type.IsScalar())
      refuse_at(list[i], at, "the key 'type' is missing: the method of distillation");
    const DistillationEntry& entry =
        distillations().at(type.Scalar(), where(type, at.child("type")));
    methods.push_back(entry.make({list[i], at}, tasks));
  }
  return methods;
}

}  // namespace rehearsal
