#pragma once

#include <filesystem>
#include <string>

namespace rehearsal {

/// The folder of one run:
///   scenario.yaml   resolved, with the seed and the program's version; written first
///   log/            the simulated log
///   policies/NAME/  what each policy learnt, and the catalogue it is served with
///   online/NAME/    what each bandit knew at the end of an online experiment
///   regret.csv      its regret curves
///   run.log         what happened when
///   timing.json     seconds a step
///   results.json    written last: a folder without it is not a whole run
class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path scenario() const { return path_ / "scenario.yaml"; }
  std::filesystem::path log() const { return path_ / "log"; }
  std::filesystem::path policies() const { return path_ / "policies"; }
  std::filesystem::path policy(const std::string& name) const { return policies() / name; }
  std::filesystem::path online(const std::string& name) const { return path_ / "online" / name; }
  std::filesystem::path regret() const { return path_ / "regret.csv"; }
  std::filesystem::path run_log() const { return path_ / "run.log"; }
  std::filesystem::path timing() const { return path_ / "timing.json"; }
  std::filesystem::path results() const { return path_ / "results.json"; }

  bool whole() const;
  /// Raises: Error(kInput) when this is no whole run.
  void require_whole() const;

 private:
  std::filesystem::path path_;
};

/// Makes an empty run folder. Args: force: an earlier run there, whole or cut, is removed.
/// Raises: Error(kInput) when something else stands there, or a run and not force;
/// Error(kRuntime) when the folder cannot be made.
RunFolder make_run_folder(const std::filesystem::path& path, bool force);

/// Makes an empty folder, its parents too. Raises: as make_run_folder.
void make_empty_folder(const std::filesystem::path& path);

}  // namespace rehearsal
