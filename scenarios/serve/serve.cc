#include "scenarios/serve/serve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <vector>

#include "scenarios/serve/request_lines.h"
#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Lines as they come: hands out those that are whole and reads only when there is none.
class LineSource {
 public:
  explicit LineSource(int in) : in_(in) {}

  /// The next line that is at hand, without its end; valid until wait().
  bool next(std::string_view& line) {
    const std::size_t end = buffer_.find('\n', std::max(first_, searched_));
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (!ended_ || first_ == buffer_.size()) return false;
      line = std::string_view(buffer_).substr(first_);  // the last line may lack its end
      first_ = buffer_.size();
      return true;
    }
    line = std::string_view(buffer_).substr(first_, end - first_);
    first_ = end + 1;
    return true;
  }

  /// Blocks until there is more. Returns: false at the end of the input or after SIGINT.
  bool wait() {
    if (ended_) return false;
    buffer_.erase(0, first_);
    searched_ -= std::min(searched_, first_);
    first_ = 0;
    constexpr std::size_t kRead = 1 << 16;
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kRead);
    ssize_t n = -1;
    while (!interrupted() && (n = read(in_, buffer_.data() + size, kRead)) < 0 && errno == EINTR) {
    }
    read_at_ = Clock::now();
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && interrupted()) return false;
    if (n < 0)
      throw Error(ErrorKind::kRuntime,
                  std::string("cannot read the requests: ") + std::strerror(errno));
    ended_ = n == 0;
    return !ended_ || !buffer_.empty();
  }

  /// When what is at hand was read.
  Clock::time_point read_at() const { return read_at_; }

 private:
  int in_;
  std::string buffer_;
  std::size_t first_ = 0;     // where the next line starts
  std::size_t searched_ = 0;  // no end of line before it
  bool ended_ = false;
  Clock::time_point read_at_ = Clock::now();
};

void write_all(int out, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(out, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error(ErrorKind::kRuntime,
                  std::string("cannot write the pages: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Answers lines a batch at a time.
class Server {
 public:
  Server(const ServedPolicy& served, const Rng& rng, Served& summary)
      : policy_(*served.policy), rng_(rng), lines_(*served.schema), summary_(summary) {}

  std::size_t size() const { return waiting_.size(); }

  void take(std::string_view line) {
    Waiting request{++summary_.n_requests, "", "", requests_.size()};
    try {
      lines_.read(line, requests_, request.id);
    } catch (const Error& error) {
      ++summary_.n_refused;
      request.answer = refuse(request, error.what());
    }
    waiting_.push_back(std::move(request));
  }

  /// The answers to all that was taken.
  std::string answer() {
    if (requests_.size() > 0) decide();
    std::string text;
    for (const Waiting& request : waiting_) text += request.answer + "\n";
    return text;
  }

  /// After the answers went out. Args: read_at: when the lines were read.
  void finish(Clock::time_point read_at) {
    summary_.end_to_end.add(since(read_at), waiting_.size());
    waiting_.clear();
    requests_ = RequestBatch();
  }

 private:
  struct Waiting {
    std::uint64_t line;
    std::string id;
    std::string answer;  // of a line that was refused
    std::size_t row;     // in requests_
  };

  std::string refuse(const Waiting& request, const std::string& why) {
    if (summary_.first_problem.empty())
      summary_.first_problem = fmt::format("line {}: {}", request.line, why);
    return RequestLines::refusal(request.id, request.line, why);
  }

  void decide() {
    try {
      decide_all(requests_);
    } catch (const Error&) {
      decide_one_by_one();  // whoever can be answered is
      return;
    }
    for (Waiting& request : waiting_)
      if (request.answer.empty())
        request.answer =
            lines_.answer(request.id, pages_, request.row, propensities_.pscore[request.row]);
  }

  void decide_all(const RequestBatch& requests) {
    const Clock::time_point start = Clock::now();
    recommend(policy_, requests, rng_, pages_, &propensities_);
    summary_.scoring.add(since(start), requests.size());
    ++summary_.n_batches;
  }

  void decide_one_by_one() {
    for (Waiting& request : waiting_) {
      if (!request.answer.empty()) continue;
      const auto row = static_cast<std::uint32_t>(request.row);
      try {
        decide_all(gather(requests_, std::span(&row, 1)));
        request.answer = lines_.answer(request.id, pages_, 0, propensities_.pscore[0]);
      } catch (const Error& error) {
        ++summary_.n_failed;
        request.answer = refuse(request, error.what());
      }
    }
  }

  const Policy& policy_;
  const Rng& rng_;
  RequestLines lines_;
  Served& summary_;
  std::vector<Waiting> waiting_;
  RequestBatch requests_;
  PageBatch pages_;
  Propensities propensities_;
};

}  // namespace

int Served::exit_status() const {
  if (interrupted) return static_cast<int>(ErrorKind::kInterrupted);
  if (n_failed > 0) return static_cast<int>(ErrorKind::kRuntime);
  return n_refused > 0 ? static_cast<int>(ErrorKind::kInput) : 0;
}

Served serve(const ServedPolicy& served, const Rng& rng, int in, int out,
             const ServeOptions& options) {
  Served summary;
  Server server(served, rng, summary);
  LineSource source(in);
  const auto flush = [&] {
    if (server.size() == 0) return;
    write_all(out, server.answer());
    server.finish(source.read_at());
  };
  while (source.wait()) {
    std::string_view line;
    while (!interrupted() && source.next(line)) {
      server.take(line);
      if (server.size() == options.most) flush();
    }
    flush();
  }
  summary.interrupted = interrupted();
  return summary;
}

std::string to_text(const Served& served) {
  const auto times = [](const Latencies& latencies) {
    return fmt::format("p50 {:.3f} ms, p99 {:.3f} ms", 1e3 * latencies.quantile(0.5),
                       1e3 * latencies.quantile(0.99));
  };
  std::string text =
      fmt::format("{} requests, decided in {} batches\n", served.n_requests, served.n_batches);
  if (served.scoring.size() > 0) text += "scoring and ordering  " + times(served.scoring) + "\n";
  if (served.end_to_end.size() > 0)
    text += "end to end            " + times(served.end_to_end) + "\n";
  if (!served.first_problem.empty())
    text += fmt::format("{} answered with an error; the first: {}\n",
                        served.n_refused + served.n_failed, served.first_problem);
  return text;
}

}  // namespace rehearsal
