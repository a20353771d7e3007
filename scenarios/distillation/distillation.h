#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "scenarios/yaml_tree.h"

namespace rehearsal {

/// One of `worlds:`: a domain with its users, and how much of it is logged (uniform pages).
struct DomainSpec {
  std::string name;
  PluginSpec world;
  PluginSpec users;
  PluginSpec live_world;  // the world with what is different live, such as more visits
  std::int64_t pages = 10000;
  std::int64_t shard_pages = 65536;

  Fields log_fields();
};

/// A teacher, trained on the log of a domain and frozen.
struct TeacherSpec {
  std::string name;
  std::string world;
  std::int64_t until_day = 65535;  // later rounds of the log are not learnt from
  bool hidden = false;             // its labels hold its shared layer, too
  PluginSpec ranker;

  Fields fields();
};

/// One contender. Zero-shot: a teacher serves the student's domain itself, untrained there.
struct ArmSpec {
  std::string name;
  std::string zero_shot;  // a teacher's name; "": trained on the student's log
  PluginSpec ranker;      // the student's with the arm's own keys, or the teacher's
};

/// A domain whose ranker is distilled: every arm learns from the same log.
struct StudentSpec {
  std::string name;
  std::string world;
  std::string control = "control";
  std::int64_t test_pages = 10000;
  std::int64_t rounds_a_day = 1;  // of every user, live
  std::vector<std::string> live;  // arms that go live beside the control
  std::vector<ArmSpec> arms;

  Fields fields();
  std::size_t index_of(const std::string& arm) const;
};

/// The closed loop: every arm serves, and learns anew each night from the first log and its own.
struct LoopStep {
  std::int64_t days = 14;  // 0: nothing goes live
  double train_share = 0.125;
  double confidence = 0.95;
  std::vector<std::string> metrics{"engagement", "discovery", "new_release_engagement"};

  Fields fields();
};

/// What the control's own log says of the other arms before they go live. All arms as first
/// trained, none learns: what the closed loop adds is not in it.
struct OffPolicyStep {
  std::int64_t days = 0;  // that the control serves; 0: no such log
  std::vector<std::string> metrics{"engagement", "discovery"};
  std::vector<std::string> estimators{"snips", "iips", "dm", "dr"};
  double exploration = 0;  // of the control while it writes that log; 0: its own
  double confidence = 0.95;

  Fields fields();
};

/// A scenario file with `worlds:` and `distillation:`, checked.
struct DistillationScenario {
  std::string name = "distillation";
  std::int64_t seed = 1;
  std::int64_t world_seed = -1;  // -1: the seed
  std::string written_by;
  std::vector<DomainSpec> worlds;
  std::vector<TeacherSpec> teachers;
  std::vector<StudentSpec> students;
  OffPolicyStep estimate;
  LoopStep live;

  std::size_t world_index(const std::string& world) const;
  std::size_t teacher_index(const std::string& teacher) const;
};

/// Whether a file describes a scenario of this kind.
bool is_distillation(const Tree& tree);

/// Raises: Error(kInput) with file, line, column and key.
DistillationScenario parse_distillation(const Tree& tree);

/// Every key written out; reads back with the same meaning.
std::string to_yaml(const DistillationScenario& scenario);

}  // namespace rehearsal
