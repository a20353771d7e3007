#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policies/multi_task_ranker.h"
#include "scenarios/distillation/domains.h"
#include "sim/log/labels.h"
#include "sim/log/source.h"

namespace rehearsal {

/// A teacher, trained and frozen.
struct Teacher {
  const TeacherSpec* spec = nullptr;
  std::shared_ptr<Policy> policy;

  /// The same network on a domain's requests: what that domain lacks takes its default.
  std::shared_ptr<Policy> on(const Domain& domain) const;
};

/// Labels of rounds by the teacher's name.
using Labels = std::map<std::string, LabelSource>;

/// What an arm learns from.
struct Lessons {
  RoundSource rounds;
  Labels labels;
  RoundSource other_domain;  // the first teacher's log
};

Teacher train_teacher(const TeacherSpec& spec, const Domain& domain, const RoundSource& log,
                      const RunOptions& options);

/// Lets every teacher label the items shown in these rounds, into folder/TEACHER.
Labels write_labels(const std::vector<Teacher>& teachers, const Domain& domain,
                    const RoundSource& rounds, const std::filesystem::path& folder);

/// A trained arm. Every arm of a student starts from the same weights and sees the same batches.
std::shared_ptr<Policy> train_arm(const ArmSpec& arm, const std::vector<Teacher>& teachers,
                                  const Domain& domain, const Lessons& lessons,
                                  const std::string& name, ProgressSink* progress);

}  // namespace rehearsal
