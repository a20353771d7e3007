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
