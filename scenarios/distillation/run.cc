#include "scenarios/distillation/run.h"

#include <algorithm>

#include "analysis/live_statistics.h"
#include "policies/policies.h"
#include "scenarios/distillation/acceptance.h"
#include "scenarios/distillation/arms.h"
#include "scenarios/distillation/loop.h"
#include "scenarios/distillation/off_policy.h"
#include "scenarios/distillation/offline.h"
#include "scenarios/run_steps.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

/// An arm of one of the students, with its place in the results.
struct Contender {
  std::size_t student = 0;
  std::size_t arm = 0;
  std::string name;  // STUDENT.ARM
  std::shared_ptr<Policy> policy;
};

/// An arm that serves as it was trained, with another share of exploration; 0: its own.
std::shared_ptr<Policy> exploring(const ArmSpec& spec, const Domain& domain, const FrozenArm& arm,
                                  double share) {
  PluginSpec ranker = spec.ranker;
  ranker.node = YAML::Clone(ranker.node);
  if (share > 0) ranker.node["exploration"] = share;
  std::shared_ptr<Policy> copy = ranker_of(ranker, arm.name, domain);
  copy->set_state(arm.policy->state());
  return copy;
}

/// One run, step by step.
class Run {
 public:
  Run(const DistillationScenario& scenario, const RunFolder& folder, const RunOptions& options)
      : scenario_(scenario), folder_(folder), options_(options), steps_(folder.run_log()) {}

  Results all();

 private:
  const StudentSpec& student_of(const Contender& contender) const {
    return scenario_.students[contender.student];
  }
  const ArmSpec& arm_of(const Contender& contender) const {
    return student_of(contender).arms[contender.arm];
  }
  const Domain& domain_of(const StudentSpec& student) const {
    return domains_[scenario_.world_index(student.world)];
  }
  const LogReader& log_of(const std::string& world) const {
    return *logs_[scenario_.world_index(world)];
  }

  void start();
  void simulate();
  void train_teachers();
  void label();
  void train_arms();
  void score();
  void score_off_policy();
  void go_live();
  void live_student(std::size_t student, const std::vector<std::size_t>& contenders,
                    std::vector<LiveOutcome> outcomes);

  const DistillationScenario& scenario_;
  const RunFolder& folder_;
  const RunOptions& options_;
  Steps steps_;
  Results results_;
  std::vector<Domain> domains_;
  std::vector<std::unique_ptr<LogReader>> logs_;  // by world
  std::vector<Teacher> teachers_;
  std::vector<Lessons> lessons_;  // by student
  std::vector<Contender> contenders_;
};

void Run::start() {
  results_.scenario = scenario_.name;
  results_.seed = static_cast<std::uint64_t>(scenario_.seed);
  results_.version = version();
  results_.behavior_policy = "uniform";
  for (std::size_t s = 0; s < scenario_.students.size(); ++s)
    for (std::size_t a = 0; a < scenario_.students[s].arms.size(); ++a) {
      const StudentSpec& student = scenario_.students[s];
      contenders_.push_back({s, a, student.name + "." + student.arms[a].name, nullptr});
      results_.policies.push_back({});
      results_.policies.back().name = contenders_.back().name;
      results_.policies.back().type = student.arms[a].ranker.type;
    }
  results_.baseline = scenario_.students[0].name + "." + scenario_.students[0].control;
  domains_ = build_domains(scenario_);
}

void Run::simulate() {
  std::filesystem::create_directories(folder_.log());
  for (const Domain& domain : domains_) {
    const LogInfo info = simulate_domain(domain, folder_.log() / domain.spec->name, options_);
    results_.log_rounds += info.n_rounds;
    results_.log_impressions += info.n_impressions;
    logs_.push_back(std::make_unique<LogReader>(folder_.log() / domain.spec->name));
  }
}

void Run::train_teachers() {
  teachers_.resize(scenario_.teachers.size());
  parallel_for(teachers_.size(), options_.threads, [&](std::size_t t) {
    const TeacherSpec& spec = scenario_.teachers[t];
    teachers_[t] = train_teacher(spec, domains_[scenario_.world_index(spec.world)],
                                 source_of(log_of(spec.world)), options_);
    save_policy(*teachers_[t].policy, teachers_[t].policy->config(), folder_.policy(spec.name));
  });
}

void Run::label() {
  for (const StudentSpec& student : scenario_.students) {
    const RoundSource rounds = source_of(log_of(student.world));
    lessons_.push_back({rounds,
                        write_labels(teachers_, domain_of(student), rounds,
                                     folder_.path() / "labels" / student.name),
                        source_of(log_of(scenario_.teachers[0].world))});
  }
}

void Run::train_arms() {
  parallel_for(contenders_.size(), options_.threads, [&](std::size_t c) {
    check_interrupt();
    Contender& own = contenders_[c];
    own.policy = train_arm(arm_of(own), teachers_, domain_of(student_of(own)),
                           lessons_[own.student], own.name, options_.progress);
    save_policy(*own.policy, own.policy->config(), folder_.policy(own.name));
  });
}

void Run::score() {
  for (std::size_t s = 0; s < scenario_.students.size(); ++s) {
    const StudentSpec& student = scenario_.students[s];
    const Domain& domain = domain_of(student);
    const std::vector<LogBatch> rounds =
        test_rounds(domain, static_cast<std::uint64_t>(student.test_pages), options_);
    parallel_for(contenders_.size(), options_.threads, [&](std::size_t c) {
      check_interrupt();
      const Contender& own = contenders_[c];
      if (own.student != s) return;
      const MultiTaskRanker& served = as_multi_task_ranker(*own.policy, own.name);
      std::map<std::string, double>& offline = results_.policies[c].offline;
      offline = offline_scores(served, domain.world->schema(), rounds);
      if (!arm_of(own).zero_shot.empty()) return;
      const auto trained = ranker_of(arm_of(own).ranker, own.name, domain);
      trained->set_state(served.training_state());
      offline["served_identical"] =
          serves_the_same(served, as_multi_task_ranker(*trained, own.name), rounds[0]) ? 1 : 0;
    });
  }
}

void Run::score_off_policy() {
  for (std::size_t s = 0; s < scenario_.students.size(); ++s) {
    const StudentSpec& student = scenario_.students[s];
    const Domain& domain = domain_of(student);
    std::vector<FrozenArm> arms;
    for (std::size_t c = 0; c < contenders_.size(); ++c)
      if (contenders_[c].student == s)
        arms.push_back({contenders_[c].name, contenders_[c].policy.get(), &results_.policies[c]});
    const auto a_user = static_cast<std::uint64_t>(scenario_.estimate.days * student.rounds_a_day);
    const std::size_t control = student.index_of(student.control);
    const std::shared_ptr<Policy> logging =
        exploring(student.arms[control], domain, arms[control], scenario_.estimate.exploration);
    rehearsal::score_off_policy(domain, arms, control, *logging, scenario_.estimate,
                                a_user * domain.live_world->n_users(),
                                folder_.log() / (student.name + "." + student.control), options_);
  }
}

void Run::live_student(std::size_t student, const std::vector<std::size_t>& contenders,
                       std::vector<LiveOutcome> outcomes) {
  const StudentSpec& spec = scenario_.students[student];
  const Domain& domain = domain_of(spec);
  std::vector<LiveSums> sums;
  std::vector<PolicyResult> found;
  std::size_t control = 0;
  for (const std::size_t c : contenders) {
    if (arm_of(contenders_[c]).name == spec.control) control = sums.size();
    sums.push_back({std::move(outcomes[c].exact), std::move(outcomes[c].sampled)});
    found.push_back(std::move(results_.policies[c]));
  }
  const std::vector<std::uint32_t> rounds(
      domain.world->n_users(), static_cast<std::uint32_t>(scenario_.live.days * spec.rounds_a_day));
  live_statistics(sums, rounds, ab_arms(rounds.size(), domain.live_rng), scenario_.live.metrics,
                  control, scenario_.live.confidence, found);
  for (std::size_t i = 0; i < contenders.size(); ++i)
    results_.policies[contenders[i]] = std::move(found[i]);
}

void Run::go_live() {
  std::vector<std::size_t> live;
  std::vector<std::vector<std::size_t>> of_student(scenario_.students.size());
  for (std::size_t c = 0; c < contenders_.size(); ++c) {
    const StudentSpec& student = student_of(contenders_[c]);
    const std::string& arm = arm_of(contenders_[c]).name;
    const bool named =
        std::find(student.live.begin(), student.live.end(), arm) != student.live.end();
    if (student.live.empty() || (!named && arm != student.control)) continue;
    live.push_back(c);
    of_student[contenders_[c].student].push_back(c);
  }
  std::vector<LiveOutcome> outcomes(contenders_.size());
  parallel_for(live.size(), options_.threads, [&](std::size_t job) {
    check_interrupt();
    const Contender& own = contenders_[live[job]];
    const StudentSpec& student = student_of(own);
    const Loop loop{domain_of(student),    teachers_,
                    lessons_[own.student], scenario_.live,
                    student.rounds_a_day,  folder_.path() / "labels" / own.name};
    outcomes[live[job]] = close_loop(loop, arm_of(own), own.policy, own.name);
  });
  for (std::size_t s = 0; s < of_student.size(); ++s)
    if (!of_student[s].empty()) live_student(s, of_student[s], outcomes);
}

Results Run::all() {
  steps_.line("rehearsal " + version() + ", scenario " + scenario_.name);
  steps_.run("build", [&] { start(); });
  steps_.run("simulate logs", [&] { simulate(); });
  steps_.run("train teachers", [&] { train_teachers(); });
  steps_.run("write labels", [&] { label(); });
  steps_.run("train arms", [&] { train_arms(); });
  steps_.run("score", [&] { score(); });
  if (scenario_.estimate.days > 0) steps_.run("score off-policy", [&] { score_off_policy(); });
  if (scenario_.live.days > 0) steps_.run("live", [&] { go_live(); });
  check_interrupt();
  lessons_.clear();
  logs_.clear();
  if (!options_.keep_log) {
    std::filesystem::remove_all(folder_.log());
    std::filesystem::remove_all(folder_.path() / "labels");
  }
  write_text_atomically(folder_.timing(), timing_json(steps_.timing));
  steps_.line("writing results.json");
  write_text_atomically(folder_.results(), with_points(to_json(results_), points_of({&results_})));
  return std::move(results_);
}

}  // namespace

void check_distillation(const DistillationScenario& scenario) {
  const std::vector<Domain> domains = build_domains(scenario);
  for (const TeacherSpec& teacher : scenario.teachers)
    checked_ranker(teacher.ranker, teacher.name, domains[scenario.world_index(teacher.world)]);
  for (const StudentSpec& student : scenario.students)
    for (const ArmSpec& arm : student.arms)
      checked_ranker(arm.ranker, arm.name, domains[scenario.world_index(student.world)]);
}

Results run_distillation(const DistillationScenario& scenario, const RunFolder& folder,
                         const RunOptions& options) {
  write_text_atomically(folder.scenario(), to_yaml(scenario));
  return Run(scenario, folder, options).all();
}

}  // namespace rehearsal
