#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace rehearsal {

/// What went wrong; the value is the program's exit status.
enum class ErrorKind {
  kInput = 2,          // bad usage or bad input: a file, a key, a value, a damaged log
  kRuntime = 3,        // write error, full disk, a failed library call
  kInterrupted = 130,  // SIGINT
};

/// The one exception of the project. The message names what, where, the value seen, what is
/// allowed.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_status() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

/// The nearest of `known` by edit distance, or "" when none is near: for "did you mean".
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace rehearsal

/// For our own bugs only, never for a user's input: aborts with file and line. On in Release.
#define REHEARSAL_CHECK(condition) \
  ((condition) ? void(0) : ::rehearsal::check_failed(#condition, __FILE__, __LINE__))
