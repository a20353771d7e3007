#include "scenarios/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <set>

#include "scenarios/distillation/run.h"
#include "scenarios/run.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

std::string flow_text(const YAML::Node& node) {
  YAML::Emitter emitter;
  emitter.SetMapFormat(YAML::Flow);
  emitter.SetSeqFormat(YAML::Flow);
  emitter << node;
  return emitter.c_str();
}

void read_set(Study& study, const YAML::Node& root, const Source& source) {
  const YAML::Node set = child(root, "set");
  if (!set.IsDefined()) return;
  check_mapping(set, source.child("set"));
  for (const auto& pair : set) study.set.emplace_back(pair.first.Scalar(), pair.second);
}

void read_grid(StudyGrid& study, const YAML::Node& root, const Source& source) {
  const YAML::Node grid = child(root, "grid");
  if (!grid.IsDefined()) return;
  check_mapping(grid, source.child("grid"));
  for (const auto& pair : grid) {
    const std::string& key = pair.first.Scalar();
    if (!pair.second.IsSequence() || pair.second.size() == 0)
      refuse_at(pair.second, source.child("grid").child(key),
                "expected a list of at least one value, found " + seen(pair.second));
    study.grid.emplace_back(key, std::vector<YAML::Node>(pair.second.begin(), pair.second.end()));
  }
}

void read_seeds(StudyGrid& study, const YAML::Node& root, const Source& source) {
  const YAML::Node seeds = child(root, "seeds");
  YAML::Node alone(YAML::NodeType::Map);
  if (seeds.IsDefined()) alone["seeds"] = seeds;
  if (seeds.IsDefined() && seeds.IsSequence()) {
    Fields()
        .add("seeds", study.seeds, 0, std::numeric_limits<std::int64_t>::max(), "the seeds")
        .read(alone, source);
  } else {
    std::int64_t count = 1;
    Fields().add("seeds", count, 1, 1000000, "how many, from 1 on").read(alone, source);
    for (std::int64_t seed = 1; seed <= count; ++seed) study.seeds.push_back(seed);
  }
  const std::set<std::int64_t> distinct(study.seeds.begin(), study.seeds.end());
  if (distinct.empty() || distinct.size() != study.seeds.size())
    refuse_at(seeds, source.child("seeds"), "expected at least one seed, and none twice");
}

void read_pairs(Study& study, const YAML::Node& root, const Source& source) {
  const YAML::Node pairs = child(root, "pairs");
  if (!pairs.IsDefined()) return;
  const Source place = source.child("pairs");
  if (!pairs.IsSequence()) refuse_at(pairs, place, "expected a list, found " + seen(pairs));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const YAML::Node pair = pairs[i];
    if (!pair.IsSequence() || pair.size() != 2 || !pair[0].IsScalar() || !pair[1].IsScalar())
      refuse_at(pair, place.child(i), "expected two policies, such as [dnn_click, curated]");
    study.pairs.emplace_back(pair[0].Scalar(), pair[1].Scalar());
  }
}

void read_sizes(Study& study, const YAML::Node& root, const Source& source) {
  const YAML::Node decisions = child(root, "decisions");
  if (!decisions.IsDefined()) return;
  const Source place = source.child("decisions");
  study.sizes = {1};
  Fields()
      .add("sizes", study.sizes, 1e-6, 1, "parts of the estimators' users, ascending")
      .read(decisions, place);
  if (study.sizes.empty() ||
      !std::is_sorted(study.sizes.begin(), study.sizes.end(), std::less_equal<>()))
    refuse_at(decisions["sizes"], place.child("sizes"), "expected at least one, ascending");
}

/// Keeps the named policies and those that they, the log and the lifts need.
void keep_arms(Tree& tree, const Study& study) {
  if (study.arms.empty()) return;
  const Scenario whole = parse_scenario(tree);
  std::set<std::string> kept{whole.log.policy, whole.live.baseline};
  kept.insert(whole.online.policies.begin(), whole.online.policies.end());
  if (!whole.online.policies.empty()) kept.insert(whole.online.best);
  std::vector<std::string> known;
  for (const PolicySpec& policy : whole.policies) known.push_back(policy.name);
  for (const std::string& arm : study.arms) {
    if (std::find(known.begin(), known.end(), arm) == known.end())
      throw Error(ErrorKind::kInput, study.file + ": arms: " + unknown_name("policy", arm, known));
    kept.insert(arm);
  }
  for (auto policy = whole.policies.rbegin(); policy != whole.policies.rend(); ++policy)
    if (kept.count(policy->name) > 0) kept.insert(policy->needs.begin(), policy->needs.end());
  YAML::Node list(YAML::NodeType::Sequence);
  for (const PolicySpec& policy : whole.policies)
    if (kept.count(policy.name) > 0) list.push_back(policy.plugin.node);
  set_value(tree, "policies", list, study.file + ": arms");
}

/// A file name for a cell and seed: readable, and distinct because of the hash.
std::string job_name(const StudyCell& cell, std::int64_t seed) {
  std::string text;
  for (const auto& [key, value] : cell) text += key + "=" + value + ",";
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '.' || c == '=' || c == '_' || c == '-') name += c;
    if (c == ',') name += '_';
  }
  name = name.substr(0, 60);
  return fmt::format("{}{:08x}_seed={}", name, static_cast<std::uint32_t>(hash ^ (hash >> 32)),
                     seed);
}

StudyJob make_job(const Study& study, std::size_t cell_index, const StudyCell& cell,
                  std::int64_t seed, const std::vector<std::string>& assignments) {
  // A tree of its own for each job: nodes are not shared between threads.
  Tree tree = load_tree(study.scenario);
  for (const auto& [key, value] : study.set)
    set_value(tree, key, YAML::Clone(value), study.file + ": set: " + key);
  for (const auto& [key, value] : cell)
    set_value(tree, key, YAML::Load(value), study.file + ": grid: " + key + "=" + value);
  for (const std::string& assignment : assignments) set_assignment(tree, assignment);
  set_value(tree, "seed", YAML::Node(seed), study.file + ": seeds");
  StudyJob job{job_name(cell, seed), cell_index, seed, {}, nullptr};
  if (is_distillation(tree)) {
    if (!study.arms.empty())
      throw Error(ErrorKind::kInput,
                  study.file + ": arms: a scenario of distillation lists its own");
    if (!study.sizes.empty())
      throw Error(ErrorKind::kInput,
                  study.file + ": decisions: a scenario of distillation decides nothing");
    job.distillation = std::make_shared<DistillationScenario>(parse_distillation(tree));
    return job;
  }
  keep_arms(tree, study);
  job.scenario = parse_scenario(tree);
  return job;
}

/// Names of what a job's results hold.
std::vector<std::string> policies_of(const StudyJob& job) {
  std::vector<std::string> names;
  for (const PolicySpec& policy : job.scenario.policies) names.push_back(policy.name);
  if (job.distillation == nullptr) return names;
  for (const StudentSpec& student : job.distillation->students)
    for (const ArmSpec& arm : student.arms) names.push_back(student.name + "." + arm.name);
  return names;
}

void check_job(const Study& study, const StudyJob& job) {
  const std::vector<std::string> known = policies_of(job);
  for (const auto& [first, second] : study.pairs)
    for (const std::string& name : {first, second})
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw Error(ErrorKind::kInput,
                    study.file + ": pairs: " + unknown_name("policy", name, known));
  // What a cell gets wrong is found before the first one runs.
  if (job.distillation != nullptr)
    check_distillation(*job.distillation);
  else
    build(job.scenario);
}

void make_study_folder(const Study& study, const std::filesystem::path& out) {
  std::error_code problem;
  const std::filesystem::path file = out / "study.yaml";
  const std::filesystem::path jobs = out / "jobs";
  // Both together are a study's folder; the file alone may be the one that somebody wrote.
  if (!std::filesystem::exists(file, problem) || !std::filesystem::exists(jobs, problem))
    make_empty_folder(out);
  std::filesystem::create_directories(jobs, problem);
  if (!problem && !study.sizes.empty()) std::filesystem::create_directories(out / "sizes", problem);
  if (problem)
    throw Error(ErrorKind::kRuntime, "cannot make " + jobs.string() + ": " + problem.message());
  write_text_atomically(file, study.text);
}

std::filesystem::path size_file(const std::filesystem::path& out, const StudyJob& job,
                                double size) {
  return out / "sizes" / fmt::format("{}_size={}.json", job.name, size);
}

bool has_sizes(const Study& study, const StudyJob& job, const std::filesystem::path& out) {
  return std::all_of(study.sizes.begin(), study.sizes.end(), [&](double size) {
    return std::filesystem::exists(size_file(out, job, size));
  });
}

/// Estimates of what was learnt, from the log of a run at each size; one simulated log serves all.
void judge_sizes(const Study& study, const StudyJob& job, const RunFolder& folder,
                 const Results& results, const std::filesystem::path& out) {
  if (study.sizes.empty()) return;
  Setup setup = build(job.scenario);
  load_step(job.scenario, setup, folder);
  const LogReader log(folder.log());
  RunOptions options;
  options.threads = 1;
  for (const double size : study.sizes) {
    Results part = results;
    if (size < 1)
      estimate_rounds(job.scenario, setup, estimation_rounds(job.scenario, setup, log, size),
                      log.info(), options, part.policies);
    write_text_atomically(size_file(out, job, size), to_json(part));
  }
}

/// A finished job is taken from its folder; else it runs.
Results run_job(const Study& study, const StudyJob& job, const std::filesystem::path& out) {
  const std::filesystem::path path = out / "jobs" / job.name;
  const RunFolder present(path);
  const bool plain = job.distillation == nullptr;
  const std::string resolved = plain ? to_yaml(job.scenario) : to_yaml(*job.distillation);
  if (present.whole() && read_text(present.scenario()) == resolved && has_sizes(study, job, out))
    return read_results(present);
  RunOptions options;
  options.threads = 1;
  options.keep_log = plain || study.keep_logs;
  const RunFolder folder = make_run_folder(path, true);
  if (!plain) return run_distillation(*job.distillation, folder, options);
  Results results = run_scenario(job.scenario, folder, options);
  judge_sizes(study, job, folder, results, out);
  if (!study.keep_logs) std::filesystem::remove_all(folder.log());
  return results;
}

}  // namespace

void StudyGrid::read(const YAML::Node& root, const Source& source) {
  read_grid(*this, root, source);
  read_seeds(*this, root, source);
}

void take_full(Tree& tree) {
  const YAML::Node full = child(tree.root, "full");
  if (!full.IsDefined())
    refuse_at(tree.root, tree.source.child("full"), "is missing: the study has no larger size");
  check_mapping(full, tree.source.child("full"));
  for (const auto& pair : full) tree.root[pair.first.Scalar()] = pair.second;
}

std::vector<StudyCell> StudyGrid::cells() const {
  std::vector<StudyCell> cells{{}};
  for (const auto& [key, values] : grid) {
    std::vector<StudyCell> longer;
    for (const StudyCell& cell : cells)
      for (const YAML::Node& value : values) {
        longer.push_back(cell);
        longer.back().emplace_back(key, flow_text(value));
      }
    cells = std::move(longer);
  }
  return cells;
}

Study load_study(const std::string& file, bool full) {
  Tree tree = load_tree(file);
  if (full) take_full(tree);
  Study study;
  study.file = file;
  study.text = read_text(file);
  Fields()
      .add("name", study.name, "what the study is called")
      .add("scenario", study.scenario, "the scenario file")
      .add("arms", study.arms, "policies to keep")
      .add("keep_logs", study.keep_logs, "keep each job's log")
      .read(tree.root, tree.source, {"set", "grid", "seeds", "pairs", "decisions", "full"});
  if (study.scenario.empty())
    refuse_at(tree.root, tree.source.child("scenario"), "is missing; expected a scenario file");
  study.scenario = (std::filesystem::path(file).parent_path() / study.scenario).string();
  read_set(study, tree.root, tree.source);
  study.read(tree.root, tree.source);
  read_pairs(study, tree.root, tree.source);
  read_sizes(study, tree.root, tree.source);
  return study;
}

std::vector<StudyJob> jobs_of(const Study& study, const std::vector<std::string>& assignments) {
  std::vector<StudyJob> jobs;
  const std::vector<StudyCell> cells = study.cells();
  for (std::size_t c = 0; c < cells.size(); ++c)
    for (const std::int64_t seed : study.seeds)
      jobs.push_back(make_job(study, c, cells[c], seed, assignments));
  for (std::size_t j = 0; j < jobs.size(); j += study.seeds.size()) {
    check_job(study, jobs[j]);
  }
  return jobs;
}

std::vector<Results> run_jobs(const Study& study, const std::vector<StudyJob>& jobs,
                              const std::filesystem::path& out, const StudyOptions& options) {
  make_study_folder(study, out);
  std::vector<Results> results(jobs.size());
  std::atomic<std::size_t> done{0};
  parallel_for(jobs.size(), options.threads, [&](std::size_t j) {
    check_interrupt();
    try {
      results[j] = run_job(study, jobs[j], out);
    } catch (const Error& error) {
      throw Error(error.kind(), "job " + jobs[j].name + ": " + error.what());
    }
    if (options.progress != nullptr)
      options.progress->update("study " + study.name,
                               static_cast<double>(++done) / static_cast<double>(jobs.size()),
                               jobs[j].name);
  });
  return results;
}

std::vector<std::vector<Results>> results_by_size(const Study& study,
                                                  const std::vector<StudyJob>& jobs,
                                                  const std::filesystem::path& out) {
  std::vector<std::vector<Results>> all;
  for (const StudyJob& job : jobs) {
    all.emplace_back();
    for (const double size : study.sizes) {
      const std::filesystem::path file = size_file(out, job, size);
      all.back().push_back(from_json(read_text(file), file.string()));
    }
  }
  return all;
}

}  // namespace rehearsal
