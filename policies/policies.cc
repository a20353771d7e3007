#include "policies/policies.h"

#include "policies/makers.h"

namespace rehearsal {

const Registry<PolicyEntry>& policies() {
  static const Registry<PolicyEntry> table(
      "policy",
      {
          {.name = "uniform",
           .summary = "every order of the eligible modules equally likely",
           .source = "this project",
           .describe = describe_uniform,
           .make = make_uniform_policy},
          {.name = "ranked_list",
           .summary = "modules in the schema's order: in a world of one module, a ranked list that "
                      "its ranker decides",
           .source = "this project",
           .describe = describe_ranked_list,
           .make = make_ranked_list},
          {.name = "static_order",
           .summary = "one fixed order of modules, the same for everyone",
           .source = "Lo et al., RecSys 2021 (the curated page it starts from)",
           .describe = describe_static_order,
           .make = make_static_order},
          {.name = "mixture",
           .summary = "one of several policies, chosen by a coin a page",
           .source = "this project",
           .describe = describe_mixture,
           .make = make_mixture_policy},
          {.name = "popularity",
           .summary = "modules by clicks or purchases per examined impression, of all users or of "
                      "the request's segment",
           .source = "Joachims et al., WSDM 2017 (weights by examination)",
           .learns = true,
           .describe = describe_popularity,
           .make = make_popularity},
          {.name = "thompson",
           .summary = "modules by draws from Beta posteriors of their rates, frozen while serving",
           .source = "Thompson, Biometrika 1933; Chapelle and Li, NIPS 2011",
           .learns = true,
           .describe = describe_thompson,
           .make = make_thompson_policy},
          {.name = "linucb",
           .summary = "ridge regression of clicks a module, plus a confidence width",
           .source = "Li et al., WWW 2010",
           .learns = true,
           .describe = describe_linucb,
           .make = make_linucb},
          {.name = "logistic",
           .summary = "logistic regression a module, with an additive logit of the place that is "
                      "dropped at serving",
           .source = "Zhao et al., RecSys 2019 (the additive position logit)",
           .learns = true,
           .describe = describe_logistic,
           .make = make_logistic},
          {.name = "pointwise_orderer",
           .summary = "a neural network's value of each module on its own, best first",
           .source = "Lo et al., RecSys 2021; ESMM: Ma et al., SIGIR 2018",
           .learns = true,
           .describe = describe_pointwise_orderer,
           .make = make_pointwise_orderer},
          {.name = "plugin",
           .summary = "a policy of one's own in a C++ shared library",
           .source = "this project",
           .describe = describe_plugin,
           .make = make_plugin},
          {.name = "oracle",
           .summary = "modules by the user model's exact expected clicks or purchases",
           .source = "this project",
           .needs_truth = true,
           .describe = describe_oracle,
           .make = make_oracle},
      });
  return table;
}

const Registry<RankerEntry>& rankers() {
  static const Registry<RankerEntry> table(
      "ranker", {
                    {.name = "retrieval",
                     .summary = "items in the order they were retrieved",
                     .source = "this project",
                     .describe = describe_plain_ranker,
                     .make = make_retrieval_ranker},
                    {.name = "uniform",
                     .summary = "every order of the items equally likely",
                     .source = "this project",
                     .describe = describe_plain_ranker,
                     .make = make_uniform_ranker},
                    {.name = "popularity",
                     .summary = "items by one of their features, highest first",
                     .source = "this project",
                     .describe = describe_popularity_ranker,
                     .make = make_popularity_ranker},
                    {.name = "plackett_luce",
                     .summary = "items drawn one after another, in proportion to the exponential "
                                "of a weighted sum of their features",
                     .source = "Plackett, Applied Statistics 1975; Luce 1959",
                     .describe = describe_plackett_luce_ranker,
                     .make = make_plackett_luce_ranker},
                });
  return table;
}

}  // namespace rehearsal
