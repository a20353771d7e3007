#pragma once

#include <cstdint>
#include <string>

#include "policies/policies.h"
#include "scenarios/serve/latency.h"
#include "sim/core/rng.h"

namespace rehearsal {

struct ServeOptions {
  std::size_t most = 64;  // requests that the policy is asked for at once
};

/// What was served.
struct Served {
  std::uint64_t n_requests = 0;
  std::uint64_t n_refused = 0;  // not a request: answered with an "error"
  std::uint64_t n_failed = 0;   // the policy could not decide: answered with an "error"
  std::uint64_t n_batches = 0;  // that the policy was asked for
  std::string first_problem;    // "line 3: context.device: is missing"
  bool interrupted = false;     // SIGINT came before the end of the requests
  Latencies scoring;            // scoring and ordering: what the request's batch took
  Latencies end_to_end;         // from when its line was read to when its answer was written

  /// 0; 2 when a line was refused; 3 when the policy failed; 130 when interrupted.
  int exit_status() const;
};

/// Answers requests (RequestLines), one line each and in their order, until `in` ends. Whole lines
/// that are at hand, up to `most`, are decided together, and it never waits for more: who asks line
/// by line is answered line by line. A line that cannot be answered is answered by {"id", "line",
/// "error"}, and the next is served.
/// Args: in, out: file descriptors.
/// Raises: Error(kRuntime) when reading or writing fails.
Served serve(const ServedPolicy& served, const Rng& rng, int in, int out,
             const ServeOptions& options = {});

/// Counts and latencies for people.
std::string to_text(const Served& served);

}  // namespace rehearsal
