#include <algorithm>
#include <limits>

#include "analysis/estimator_choice.h"
#include "policies/policies.h"
#include "scenarios/distillation/distillation.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/metrics.h"
#include "sim/world/world.h"
#include "users/users.h"

namespace rehearsal {

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr const char* kRankerType = "multi_task_ranker";

Fields top_fields(DistillationScenario& scenario) {
  return Fields()
      .add("name", scenario.name, "what the scenario is called")
      .add("seed", scenario.seed, 0, kMost, "of every random number")
      .add("world_seed", scenario.world_seed, -1, kMost,
           "of what all worlds share; -1: the same as seed")
      .add("version", scenario.written_by, "of the program that resolved this file");
}

YAML::Node list_at(const YAML::Node& node, const Source& source) {
  if (!node.IsDefined() || !node.IsSequence() || node.size() == 0)
    refuse_at(node, source, "expected a list of at least one mapping, found " + seen(node));
  return node;
}

template <class Entries>
std::size_t index_in(const Entries& entries, const std::string& name) {
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].name == name) return i;
  return entries.size();
}

template <class Entries>
std::vector<std::string> names_of(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.name);
  return names;
}

/// Refuses a name that none of the entries has.
template <class Entries>
void check_known(const Entries& entries, const std::string& kind, const std::string& name,
                 const YAML::Node& node, const Source& source) {
  if (index_in(entries, name) == entries.size())
    refuse_at(node, source, unknown_name(kind, name, names_of(entries)));
}

/// The mapping with keys of another going over its own, one by one.
YAML::Node overlaid(const YAML::Node& base, const YAML::Node& over, const Source& source) {
  YAML::Node out = shallow_copy(base);
  if (!over.IsDefined()) return out;
  check_mapping(over, source);
  for (const auto& pair : over) out[pair.first.Scalar()] = pair.second;
  return out;
}

DomainSpec read_domain(const std::string& name, const YAML::Node& node, const Source& source) {
  Fields().read(node, source, {"world", "users", "log", "live_world"});
  DomainSpec domain;
  domain.name = name;
  domain.world = read_plugin(node["world"], source.child("world"), {});
  worlds().at(domain.world.type, where(node["world"]["type"], source.child("world").child("type")));
  domain.users = read_plugin(node["users"], source.child("users"), {});
  user_models().at(domain.users.type,
                   where(node["users"]["type"], source.child("users").child("type")));
  domain.live_world = domain.world;
  domain.live_world.source = source.child("live_world");
  domain.live_world.node =
      overlaid(domain.world.node, node["live_world"], domain.live_world.source);
  if (node["log"].IsDefined()) domain.log_fields().read(node["log"], source.child("log"));
  return domain;
}

void read_worlds(DistillationScenario& scenario, const YAML::Node& node, const Source& source) {
  if (!node.IsDefined()) refuse_at(node, source, "is missing; expected worlds by name");
  check_mapping(node, source);
  for (const auto& pair : node)
    scenario.worlds.push_back(
        read_domain(pair.first.Scalar(), pair.second, source.child(pair.first.Scalar())));
}

PluginSpec read_ranker(const YAML::Node& node, const Source& source) {
  PluginSpec ranker = read_plugin(node, source, {});
  if (ranker.type != kRankerType)
    refuse_at(node["type"], source.child("type"),
              "'" + ranker.type + "' cannot be distilled; expected " + kRankerType);
  return ranker;
}

TeacherSpec read_teacher(const DistillationScenario& scenario, const YAML::Node& node,
                         const Source& source) {
  TeacherSpec teacher;
  teacher.fields().read(node, source, {"ranker"});
  check_known(scenario.worlds, "world", teacher.world, node["world"], source.child("world"));
  teacher.ranker = read_ranker(node["ranker"], source.child("ranker"));
  return teacher;
}

ArmSpec read_arm(const DistillationScenario& scenario, const PluginSpec& ranker,
                 const YAML::Node& node, const Source& source) {
  ArmSpec arm;
  Fields()
      .add("name", arm.name, "what the arm is called")
      .add("zero_shot", arm.zero_shot, "the teacher that serves as it is")
      .read(node, source, {"set"});
  if (arm.zero_shot.empty()) {
    arm.ranker = ranker;
    arm.ranker.node = overlaid(ranker.node, node["set"], source.child("set"));
    return arm;
  }
  check_known(scenario.teachers, "teacher", arm.zero_shot, node["zero_shot"],
              source.child("zero_shot"));
  if (node["set"].IsDefined())
    refuse_at(node["set"], source.child("set"), "a teacher serves as it is");
  arm.ranker = scenario.teachers[scenario.teacher_index(arm.zero_shot)].ranker;
  return arm;
}

StudentSpec read_student(const DistillationScenario& scenario, const YAML::Node& node,
                         const Source& source) {
  StudentSpec student;
  student.fields().read(node, source, {"ranker", "arms"});
  check_known(scenario.worlds, "world", student.world, node["world"], source.child("world"));
  const PluginSpec ranker = read_ranker(node["ranker"], source.child("ranker"));
  const Source place = source.child("arms");
  const YAML::Node arms = list_at(node["arms"], place);
  for (std::size_t a = 0; a < arms.size(); ++a) {
    ArmSpec arm = read_arm(scenario, ranker, arms[a], place.child(a));
    if (index_in(student.arms, arm.name) < student.arms.size() || arm.name.empty())
      refuse_at(arms[a], place.child(a), "'" + arm.name + "': every arm needs a name of its own");
    student.arms.push_back(std::move(arm));
  }
  check_known(student.arms, "arm", student.control, node["control"], source.child("control"));
  for (const std::string& arm : student.live)
    check_known(student.arms, "arm", arm, node["live"], source.child("live"));
  return student;
}

/// Writes estimators' names in full.
void settle_estimators(std::vector<std::string>& names, const YAML::Node& node,
                       const Source& source) {
  if (names.empty()) refuse_at(node, source, "expected at least one name");
  for (std::string& name : names) try {
      name = settled_name(name, of_single_actions_only);
    } catch (const Error& error) {
      refuse_at(node, source, error.what());
    }
}

void read_distillation(DistillationScenario& scenario, const YAML::Node& node,
                       const Source& source) {
  Fields()
      .group("estimate", scenario.estimate.fields(), "off-policy scores from the control's log")
      .group("live", scenario.live.fields(), "the closed loop")
      .read(node, source, {"teachers", "students"});
  settle_estimators(scenario.estimate.estimators, node["estimate"]["estimators"],
                    source.child("estimate").child("estimators"));
  const Source teachers = source.child("teachers");
  const YAML::Node teacher_list = list_at(node["teachers"], teachers);
  for (std::size_t t = 0; t < teacher_list.size(); ++t)
    scenario.teachers.push_back(read_teacher(scenario, teacher_list[t], teachers.child(t)));
  const Source students = source.child("students");
  const YAML::Node student_list = list_at(node["students"], students);
  for (std::size_t s = 0; s < student_list.size(); ++s)
    scenario.students.push_back(read_student(scenario, student_list[s], students.child(s)));
}

/// Every key, in the order of the table.
YAML::Node resolved(const PluginSpec& spec, const std::vector<FieldDescription>& fields) {
  const YAML::Node filled = YAML::Clone(spec.node);
  fill_defaults(filled, fields);
  YAML::Node node(YAML::NodeType::Map);
  node["type"] = spec.type;
  for (const FieldDescription& field : fields) {
    const std::string key = field.name.substr(0, field.name.find('.'));
    if (filled[key].IsDefined()) node[key] = filled[key];
  }
  return node;
}

YAML::Node resolved_ranker(const PluginSpec& spec) {
  return resolved(spec, policies().at(spec.type).describe());
}

YAML::Node resolved(DomainSpec domain) {
  YAML::Node node(YAML::NodeType::Map);
  const auto fields = worlds().at(domain.world.type).describe();
  node["world"] = resolved(domain.world, fields);
  node["users"] = resolved(domain.users, user_models().at(domain.users.type).describe());
  node["log"] = domain.log_fields().resolved();
  YAML::Node live = resolved(domain.live_world, fields);
  live.remove("type");
  node["live_world"] = live;
  return node;
}

/// Every arm with a whole ranker of its own, so that the student's stands for itself.
YAML::Node resolved(StudentSpec student) {
  YAML::Node node = student.fields().resolved();
  const ArmSpec& control = student.arms[student.index_of(student.control)];
  node["ranker"] = resolved_ranker(control.ranker);
  for (const ArmSpec& arm : student.arms) {
    YAML::Node own(YAML::NodeType::Map);
    own["name"] = arm.name;
    own["zero_shot"] = arm.zero_shot;
    if (arm.zero_shot.empty()) {
      own["set"] = resolved_ranker(arm.ranker);
      own["set"].remove("type");
    }
    node["arms"].push_back(own);
  }
  return node;
}

}  // namespace

Fields DomainSpec::log_fields() {
  return Fields()
      .add("pages", pages, 1, std::int64_t{1} << 40, "logged pages, of uniform order")
      .add("shard_pages", shard_pages, 1, 1 << 24, "pages a shard holds, about");
}

Fields TeacherSpec::fields() {
  return Fields()
      .add("name", name, "what the teacher is called")
      .add("world", world, "in whose log it learns")
      .add("until_day", until_day, 1, 65535, "it learns from what was logged before this day")
      .add("hidden", hidden, "its labels hold the activations of its shared layer, too");
}

Fields StudentSpec::fields() {
  return Fields()
      .add("name", name, "what the student is called")
      .add("world", world, "whose log it learns from and which it serves")
      .add("control", control, "the arm that the others are compared with")
      .add("test_pages", test_pages, 1, std::int64_t{1} << 40, "pages that arms are judged on")
      .add("rounds_a_day", rounds_a_day, 1, 1000, "requests of every user on a live day")
      .add("live", live, "arms that go live beside the control");
}

std::size_t StudentSpec::index_of(const std::string& arm) const { return index_in(arms, arm); }

Fields OffPolicyStep::fields() {
  return Fields()
      .add("days", days, 0, 1000, "days that the control serves and logs; 0: no such log")
      .choices("metrics", metrics, ::rehearsal::metrics().names(), "what is estimated, a page")
      .add("estimators", estimators, "off-policy estimators: names of 'rehearsal list estimators'")
      .add(
          "exploration", exploration, 0, 1,
          "share of its shelves and of its items that the control orders at random while it writes "
          "this log; 0: its own")
      .add("confidence", confidence, 0.5, 0.9999, "of the intervals");
}

Fields LoopStep::fields() {
  return Fields()
      .add("days", days, 0, 1000, "days of the experiment; 0: no arm goes live")
      .add("train_share", train_share, 0, 1, "share of an arm's rounds that it learns from")
      .add("confidence", confidence, 0.5, 0.9999, "of the intervals")
      .choices("metrics", metrics, ::rehearsal::metrics().names(), "what is measured, a page");
}

std::size_t DistillationScenario::world_index(const std::string& world) const {
  return index_in(worlds, world);
}

std::size_t DistillationScenario::teacher_index(const std::string& teacher) const {
  return index_in(teachers, teacher);
}

bool is_distillation(const Tree& tree) {
  return tree.root.IsMap() && tree.root["distillation"].IsDefined();
}

DistillationScenario parse_distillation(const Tree& tree) {
  DistillationScenario scenario;
  const YAML::Node& root = tree.root;
  top_fields(scenario).read(root, tree.source, {"worlds", "distillation"});
  if (scenario.world_seed < 0) scenario.world_seed = scenario.seed;
  read_worlds(scenario, root["worlds"], tree.source.child("worlds"));
  read_distillation(scenario, root["distillation"], tree.source.child("distillation"));
  return scenario;
}

std::string to_yaml(const DistillationScenario& scenario) {
  DistillationScenario copy = scenario;
  copy.written_by = version();
  YAML::Node root = top_fields(copy).resolved();
  for (const DomainSpec& domain : scenario.worlds) root["worlds"][domain.name] = resolved(domain);
  YAML::Node node(YAML::NodeType::Map);
  for (TeacherSpec teacher : scenario.teachers) {
    YAML::Node own = teacher.fields().resolved();
    own["ranker"] = resolved_ranker(teacher.ranker);
    node["teachers"].push_back(own);
  }
  for (const StudentSpec& student : scenario.students)
    node["students"].push_back(resolved(student));
  node["estimate"] = copy.estimate.fields().resolved();
  node["live"] = copy.live.fields().resolved();
  root["distillation"] = node;
  return YAML::Dump(root) + "\n";
}

}  // namespace rehearsal
