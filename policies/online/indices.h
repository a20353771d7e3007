#pragma once

namespace rehearsal {

/// UCB1 (Auer, Cesa-Bianchi and Fischer, Machine Learning 2002): mean + sqrt(factor log(time) /
/// displays), factor 2 there, 1.5 in CascadeUCB1 (Kveton et al., ICML 2015). Args: displays: above
/// 0.  time: at least 1.
double ucb1_index(double mean, double displays, double time, double factor);

/// KL-UCB index of a Bernoulli arm (Garivier and Cappe, COLT 2011): the largest q with
/// displays kl(mean, q) <= log(time) + log_log log(log(time)), by bisection to 1e-6.
/// Args: as above; log_log: 0 in practice, 3 in their proof and in CascadeKL-UCB.
double kl_ucb_index(double mean, double displays, double time, double log_log = 0);

}  // namespace rehearsal
