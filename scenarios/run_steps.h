#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace spdlog {
class logger;
}

namespace rehearsal {

/// Seconds of each step, in order.
using Timing = std::vector<std::pair<std::string, double>>;

/// timing.json. Wall-clock figures stay out of results.json.
std::string timing_json(const Timing& timing);

double seconds_of(const std::function<void()>& work);

/// Carries out a run's named steps: looks for SIGINT before each, takes its time, writes both into
/// run.log; a line that cannot be written ends the run.
class Steps {
 public:
  /// Raises: Error(kRuntime) when the log cannot be written.
  explicit Steps(const std::filesystem::path& run_log);

  void line(const std::string& text);
  void run(const std::string& name, const std::function<void()>& work);

  Timing timing;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace rehearsal
