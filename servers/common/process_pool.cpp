#include "common/process_pool.h"

#include <cerrno>
#include <csignal>
#include <numeric>

#include <fmt/format.h>

namespace servers {

ProcessPool::ProcessPool(std::size_t count, std::function<void(std::size_t)> work)
    : work_(std::move(work)), missing_(count) {
  std::iota(missing_.rbegin(), missing_.rend(), 0);
}

void ProcessPool::fill() {
  constexpr std::chrono::milliseconds kBetween{100};
  if (missing_.empty()) return;
  const auto now = Clock::now();
  if (now < fill_at_) return;
  fill_at_ = now + kBetween;
  while (!missing_.empty()) {
    const std::size_t number = missing_.back();
    if (!children_.start([&] { work_(number); }, number)) {
      shortage_line_.say(
          fmt::format("{}; the {} that run serve on",
                      failure_text("start a worker process", errno,
                                   "raise ulimit -u, or sysctl kernel.pid_max, or lower --workers"),
                      children_.count()));
      return;
    }
    missing_.pop_back();
  }
}

int ProcessPool::timeout_ms() const {
  return missing_.empty() ? -1 : ms_until(fill_at_);
}

void ProcessPool::reap(const std::function<void(std::size_t)>& died) {
  children_.reap([&](std::size_t number, int status) {
    if (!ended_) {
      missing_.push_back(number);
      death_line_.say(
          fmt::format("a worker process {}, and its clients with it; another takes its place",
                      end_text(status)));
    }
    if (died) died(number);
  });
}

}  // namespace servers
