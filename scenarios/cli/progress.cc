#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <mutex>

#include "scenarios/cli/commands.h"

namespace rehearsal {

namespace {

/// Redraws one line for the task that moved last.
class Bar : public ProgressSink {
 public:
  ~Bar() override {
    if (drawn_) std::fputs("\r\033[K", stderr);
  }

  void update(const std::string& task, double fraction, const std::string& note) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int percent = static_cast<int>(100 * fraction);
    if (fraction < 1 && percent == percent_ && task == task_ && note == note_) return;
    percent_ = percent;
    task_ = task;
    note_ = note;
    constexpr int kWidth = 30;
    const std::size_t filled = static_cast<std::size_t>(kWidth * fraction);
    const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
    const std::string line = fmt::format("[{}] {:3d}% {} {}", bar, percent, task, note);
    std::fprintf(stderr, "\r\033[K%s%s", line.substr(0, 110).c_str(), fraction >= 1 ? "\n" : "");
    std::fflush(stderr);
    drawn_ = fraction < 1;
  }

 private:
  std::mutex mutex_;
  std::string task_;
  std::string note_;
  int percent_ = -1;
  bool drawn_ = false;
};

/// One line as a task starts, as its note changes, and as it ends.
class Lines : public ProgressSink {
 public:
  void update(const std::string& task, double fraction, const std::string& note) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool first = last_note_.count(task) == 0;
    if (!first && fraction < 1 && last_note_[task] == note) return;
    last_note_[task] = note;
    const std::string state = fraction >= 1 ? "done" : first ? "started" : "";
    std::fprintf(
        stderr, "%s\n",
        fmt::format("{}: {}{}{}", task, state, state.empty() || note.empty() ? "" : ", ", note)
            .c_str());
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> last_note_;
};

}  // namespace

std::unique_ptr<ProgressSink> make_progress() {
  if (isatty(STDERR_FILENO) == 1) return std::make_unique<Bar>();
  return std::make_unique<Lines>();
}

}  // namespace rehearsal
