#include "scenarios/run_steps.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

std::string timing_json(const Timing& timing) {
  nlohmann::ordered_json seconds = nlohmann::ordered_json::object();
  for (const auto& [step, time] : timing) seconds[step] = time;
  return nlohmann::ordered_json{{"schema", "rehearsal.timing/1"}, {"seconds", seconds}}.dump(2) +
         "\n";
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Steps::Steps(const std::filesystem::path& run_log) {
  try {
    logger_ = std::make_shared<spdlog::logger>(
        "run", std::make_shared<spdlog::sinks::basic_file_sink_mt>(run_log.string()));
  } catch (const spdlog::spdlog_ex& problem) {
    throw Error(ErrorKind::kRuntime, problem.what());
  }
  logger_->set_error_handler([run_log](const std::string& problem) {
    throw Error(ErrorKind::kRuntime, "cannot write " + run_log.string() + ": " + problem);
  });
  logger_->flush_on(spdlog::level::info);
}

void Steps::line(const std::string& text) { logger_->info(text); }

void Steps::run(const std::string& name, const std::function<void()>& work) {
  check_interrupt();
  line(name);
  timing.emplace_back(name, seconds_of(work));
  line(fmt::format("{}: done in {:.2f} s", name, timing.back().second));
}

}  // namespace rehearsal
