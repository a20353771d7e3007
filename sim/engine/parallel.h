#pragma once

#include <cstddef>
#include <functional>

namespace rehearsal {

/// Runs body(0) ... body(n - 1) on at most `threads` threads (0: all of the machine). The first
/// exception is rethrown after the others stop. Order is free: results go to their own index.
void parallel_for(std::size_t n, int threads, const std::function<void(std::size_t)>& body);

/// Set by SIGINT: long loops look and stop with Error(kInterrupted).
void request_interrupt();
/// Takes the request back: for tests, and for programs that live on.
void clear_interrupt();
bool interrupted();
/// Raises: Error(kInterrupted) if interrupted().
void check_interrupt();

}  // namespace rehearsal
