#pragma once

#include <string>
#include <vector>

#include "scenarios/suite/baseline.h"

namespace rehearsal {

/// One check of one policy.
struct Outcome {
  std::string case_name;
  std::string name;  // "no_regression logistic ctr"
  bool passed = true;
  std::string found;   // what was seen and what was asked, one line
  std::string detail;  // of golden scores that differ: what and how; "" else
};

struct SuiteReport {
  std::string name;
  double false_alarms = 0;
  std::size_t n_tests = 0;  // that share the false alarms
  std::vector<Outcome> outcomes;

  std::size_t n_failed() const;
};

/// Compares what was found with what a suite asks for. A statistical check of one policy fails
/// where nothing changed with probability at most false_alarms / n_tests.
/// Args: facts: one a case.
/// Raises: Error(kInput) where the baseline lacks a case, policy or metric, and where a case has
/// too few seeds for a check ever to fail.
SuiteReport judge(const Suite& suite, const std::vector<CaseFacts>& facts,
                  const Baseline& baseline);

std::string to_text(const SuiteReport& report);
/// JUnit XML: a testsuite a case, a testcase a check and policy.
std::string to_junit(const SuiteReport& report);

}  // namespace rehearsal
