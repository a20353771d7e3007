#include "analysis/sessions.h"

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
      });
  return registry;
}

std::vector<Estimator> chosen_for_sessions(const std::vector<std::string>& names,
                                           const std::string& where) {
  std::vector<Estimator> out;
  const auto add = [&](const SessionEstimatorEntry& entry) {
    out.push_back(parse_estimator(entry.of_pages));
    out.back().name = entry.name;
  };
  for (const std::string& name : names) add(session_estimators().at(name, where));
  if (names.empty())
    for (const SessionEstimatorEntry& entry : session_estimators().entries()) add(entry);
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
