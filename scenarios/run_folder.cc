#include "scenarios/run_folder.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <vector>

#include "sim/core/error.h"

namespace rehearsal {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot(const std::string& what, const fs::path& path,
                         const std::error_code& problem) {
  throw Error(ErrorKind::kRuntime,
              "cannot " + what + " " + path.string() + ": " + problem.message());
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem))
    entries.push_back(at->path());
  if (problem) cannot("read", folder, problem);
  return entries;
}

/// Nothing is in it but what a run writes, and its first file is one that a run wrote.
bool is_run(const fs::path& folder) {
  static const std::vector<std::string> known{"scenario.yaml", "log",         "policies",
                                              "online",        "regret.csv",  "run.log",
                                              "timing.json",   "results.json"};
  for (const fs::path& entry : entries_of(folder)) {
    const std::string name = entry.filename().string();
    const bool ours = std::any_of(known.begin(), known.end(), [&](const std::string& one) {
      return name == one || name == one + ".part";
    });
    if (!ours) return false;
  }
  if (fs::exists(folder / "scenario.yaml.part")) return true;
  std::ifstream scenario(RunFolder(folder).scenario());
  for (std::string line; std::getline(scenario, line);)
    if (line.rfind("version: ", 0) == 0) return true;
  return false;
}

}  // namespace

bool RunFolder::whole() const {
  std::error_code problem;
  return fs::is_regular_file(results(), problem) && fs::is_regular_file(scenario(), problem);
}

void RunFolder::require_whole() const {
  if (whole()) return;
  std::error_code problem;
  const std::string why = !fs::exists(path_, problem)       ? "no such folder"
                          : fs::exists(scenario(), problem) ? "the run in it did not finish"
                                                            : "it holds no run";
  throw Error(ErrorKind::kInput, path_.string() + ": " + why);
}

void make_empty_folder(const fs::path& path) {
  std::error_code problem;
  if (fs::exists(path, problem)) {
    if (!fs::is_directory(path, problem))
      throw Error(ErrorKind::kInput, path.string() + ": is not a folder");
    if (!entries_of(path).empty())
      throw Error(ErrorKind::kInput, path.string() + ": the output folder is not empty");
    return;
  }
  fs::create_directories(path, problem);
  if (problem) cannot("make the folder", path, problem);
}

RunFolder make_run_folder(const fs::path& path, bool force) {
  std::error_code problem;
  if (fs::is_directory(path, problem) && !entries_of(path).empty()) {
    const bool run = is_run(path);
    if (!run)
      throw Error(ErrorKind::kInput,
                  path.string() + ": the output folder is not empty and holds no run");
    if (!force)
      throw Error(ErrorKind::kInput, path.string() + ": the output folder holds a run; give " +
                                         "another --out, or --force to replace it");
    // What says that the run is whole goes first: a removal that is cut leaves no whole run.
    fs::remove(RunFolder(path).results(), problem);
    for (const fs::path& entry : entries_of(path)) {
      if (entry.filename() == "scenario.yaml") continue;
      fs::remove_all(entry, problem);
      if (problem) cannot("remove", entry, problem);
    }
    fs::remove(RunFolder(path).scenario(), problem);
    if (problem) cannot("remove", RunFolder(path).scenario(), problem);
  }
  make_empty_folder(path);
  return RunFolder(path);
}

}  // namespace rehearsal
