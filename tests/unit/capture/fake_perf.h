// A kernel whose perf events do what a test wants.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "capture/perf_kernel.h"

namespace tr::capture {

class FakePerf : public PerfKernel {
 public:
  struct Event {
    PerfAttr attr;
    pid_t task = 0;
    int leader = -1;
    bool at_exec = false;
  };

  // An errno for an event that is refused, else 0.
  std::function<int(const Event&)> refuse = [](const Event&) { return 0; };
  std::function<PerfReading(const Event&)> reading = [](const Event&) {
    return PerfReading{.value = 1, .enabled_ns = 100, .running_ns = 100};
  };
  Status room;
  std::size_t files_wanted = 0;  // last asked for
  std::vector<int> enabled;      // leaders; not of trials on the calling thread
  std::vector<int> disabled;

  Result<Fd> open(const PerfAttr& attr, pid_t task, int leader, bool at_exec) override {
    const Event event{attr, task, leader, at_exec};
    errno = refuse(event);
    if (errno != 0) return errno_error("open a perf event");
    Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    events_[fd.get()] = event;
    return fd;
  }
  Status enable(int leader) override {
    if (events_.at(leader).task != 0) enabled.push_back(leader);
    return {};
  }
  Status disable(int leader) override {
    disabled.push_back(leader);
    return {};
  }
  Result<PerfReading> read(int fd) override { return reading(events_.at(fd)); }
  Status make_room(std::size_t files) override {
    files_wanted = files;
    return room;
  }

  // What is open now, by descriptor.
  [[nodiscard]] std::map<int, Event> open_events() const {
    std::map<int, Event> open;
    for (const auto& [fd, event] : events_)
      if (::fcntl(fd, F_GETFD) >= 0) open.emplace(fd, event);
    return open;
  }
  [[nodiscard]] std::multiset<pid_t> open_tasks() const {
    std::multiset<pid_t> tasks;
    for (const auto& [fd, event] : open_events())
      tasks.insert(event.task);
    return tasks;
  }

 private:
  std::map<int, Event> events_;
};

}  // namespace tr::capture
