#pragma once

#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace rehearsal {

/// What a call of the program gave.
struct Called {
  int status = 0;
  std::string out;
  std::string err;
};

struct CallOptions {
  long max_file_bytes = 0;       // the most that a file may hold, as on a full disk; 0: no limit
  std::string input{};           // the file that is its standard input; "": as the caller's
  std::string interrupt_when{};  // SIGINT as soon as this file stands there; "": never
};

/// Calls the program in a child process, as a shell would. Args: arguments: after "rehearsal".
Called call_program(const std::vector<std::string>& arguments, const CallOptions& options = {});

/// A whole file's bytes.
std::string bytes_of(const std::string& file);

}  // namespace rehearsal
