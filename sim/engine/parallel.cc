#include "sim/engine/parallel.h"

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <optional>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

std::atomic<bool> interrupt_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

}  // namespace

void parallel_for(std::size_t n, int threads, const std::function<void(std::size_t)>& body) {
  REHEARSAL_CHECK(threads >= 0);
  const int here = tbb::info::default_concurrency();
  const int wanted = threads == 0 ? here : threads;
  if (wanted == 1 || n <= 1) {
    for (std::size_t i = 0; i < n; ++i) body(i);
    return;
  }
  // TBB starts no more workers than processors unless it is told to.
  std::optional<tbb::global_control> more;
  if (wanted > here)
    more.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(wanted));
  tbb::task_arena arena(wanted);
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, n, 1),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i < range.end(); ++i) body(i);
        },
        tbb::simple_partitioner());
  });
}

void request_interrupt() { interrupt_requested.store(true); }
void clear_interrupt() { interrupt_requested.store(false); }
bool interrupted() { return interrupt_requested.load(); }

void check_interrupt() {
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "interrupted");
}

}  // namespace rehearsal
