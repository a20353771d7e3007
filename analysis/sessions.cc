#include "analysis/sessions.h"

#include <algorithm>
#include <span>

namespace rehearsal {

const Registry<SessionEstimatorEntry>& session_estimators() {
  static const Registry<SessionEstimatorEntry> registry(
      "session estimator",
      {
          {"tis", "whole-session weights: unbiased whatever pages do to users, large variance",
           "Precup et al., ICML 2000", "ips"},
          {"pdis", "weights of the pages so far: a page is moved by it and those before",
           "Precup et al., ICML 2000", "rips"},
          {"sntis", "whole-session weights divided by their mean", "Precup et al., ICML 2000",
           "snips"},
          {"snpdis", "weights of the pages so far divided by their mean at each page",
           "Precup et al., ICML 2000", "snrips"},
          {"page_wise", "each page by its own weights: right where pages do not change users",
           "Horvitz and Thompson, JASA 1952", "iips"},
          {"snpage_wise", "the same divided by their mean at each page",
           "Swaminathan and Joachims, NIPS 2015", "sniips"},
          {"dr", "fitted Q, corrected by weights of the pages so far: right whatever the model",
           "Jiang and Li, ICML 2016", "dr", PageShare::kSoFar, true},
          {"sndr", "dr with weights divided by their mean at each page",
           "Thomas and Brunskill, ICML 2016", "sndr", PageShare::kSoFar, true},
          {"mis",
           "weights of each page and of its state: right where the context tells the user's state",
           "Xie et al., NeurIPS 2019", "iips", PageShare::kMarginal},
          {"snmis", "mis with weights divided by their mean at each page",
           "Xie et al., NeurIPS 2019", "sniips", PageShare::kMarginal},
          {"mdr", "fitted Q, corrected by weights of each page and of its state",
           "Kallus and Uehara, JMLR 2020", "dr", PageShare::kMarginal, true},
          {"snmdr", "mdr with weights divided by their mean at each page",
           "Kallus and Uehara, JMLR 2020", "sndr", PageShare::kMarginal, true},
          {"fqe", "fitted Q alone: biased where it is wrong", "Le et al., ICML 2019", "dm",
           PageShare::kPage, true},
      });
  return registry;
}

bool SessionRequests::marginal() const {
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto* entry) { return entry->share == PageShare::kMarginal; });
}

bool SessionRequests::modelled() const {
  const bool distribution = std::any_of(
      distributions.begin(), distributions.end(),
      [](CdfEstimator each) { return each != CdfEstimator::kTis && each != CdfEstimator::kSntis; });
  return distribution || std::any_of(entries.begin(), entries.end(),
                                     [](const auto* entry) { return entry->modelled; });
}

SessionRequests chosen_for_sessions(const std::vector<std::string>& names,
                                    const std::string& where) {
  SessionRequests out;
  const auto add = [&](const SessionEstimatorEntry& entry) {
    out.entries.push_back(&entry);
    out.estimators.push_back(parse_estimator(entry.of_pages));
    out.estimators.back().name = entry.name;
  };
  for (const std::string& name : names) {
    const auto distribution =
        std::find_if(std::begin(kCdfEstimators), std::end(kCdfEstimators),
                     [&](CdfEstimator each) { return name_of(each) == name; });
    if (distribution != std::end(kCdfEstimators))
      out.distributions.push_back(*distribution);
    else
      add(session_estimators().at(name, where));
  }
  if (!names.empty()) return out;
  for (const SessionEstimatorEntry& entry : session_estimators().entries()) add(entry);
  out.distributions.push_back(CdfEstimator::kSntis);
  return out;
}

Offsets session_offsets(const RequestBatch& requests) {
  Offsets out;
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (i == 0 || requests.user[i] != requests.user[i - 1] ||
        requests.session[i] != requests.session[i - 1])
      out.push_back(static_cast<std::uint32_t>(i));
  out.push_back(static_cast<std::uint32_t>(requests.size()));
  return out;
}

SessionWeights session_weights(const Offsets& sessions, std::span<const double> page_weight) {
  SessionWeights out;
  out.so_far.reserve(page_weight.size());
  for (std::size_t s = 0; s + 1 < sessions.size(); ++s) {
    double product = 1;
    for (std::size_t i = sessions[s]; i < sessions[s + 1]; ++i)
      out.so_far.push_back(product *= page_weight[i]);
    out.whole.push_back(product);
  }
  return out;
}

std::vector<double> discounted_rewards(const Offsets& sessions,
                                       std::span<const std::uint32_t> slot_offsets,
                                       std::span<const double> reward, double discount) {
  std::vector<double> out;
  for (std::size_t s = 0; s + 1 < sessions.size(); ++s) {
    double gamma = 1;
    for (std::size_t i = sessions[s]; i < sessions[s + 1]; ++i, gamma *= discount) {
      double sum = 0;
      for (std::size_t k = slot_offsets[i]; k < slot_offsets[i + 1]; ++k) sum += reward[k];
      out.push_back(gamma * sum);
    }
  }
  return out;
}

}  // namespace rehearsal
