#include "tests/scenarios/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/catch.h"

namespace rehearsal {

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Called call_program(const std::vector<std::string>& arguments, const CallOptions& options) {
  const TemporaryFolder folder;
  const std::string out = folder.path("out");
  const std::string err = folder.path("err");
  // The program stands beside the test program.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<std::string> command{(self.parent_path() / "rehearsal").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (!options.input.empty()) dup2(open(options.input.c_str(), O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    if (options.max_file_bytes > 0) {
      const auto most = static_cast<rlim_t>(options.max_file_bytes);
      const rlimit limit{most, most};
      setrlimit(RLIMIT_FSIZE, &limit);
      signal(SIGXFSZ, SIG_IGN);
    }
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    execv(words[0], words.data());
    _exit(127);
  }
  int status = 0;
  bool waiting = !options.interrupt_when.empty();
  while (waiting && waitpid(child, &status, WNOHANG) == 0) {
    if (std::filesystem::exists(options.interrupt_when)) {
      kill(child, SIGINT);
      waiting = false;
    }
    usleep(1000);
  }
  if (!waiting) waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), bytes_of(out),
          bytes_of(err)};
}

}  // namespace rehearsal
