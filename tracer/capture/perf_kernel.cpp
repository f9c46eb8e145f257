#include "capture/perf_kernel.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace tr::capture {
namespace {

// Left free for everything else that this process opens meanwhile.
constexpr std::size_t kSpareFiles = 64;

std::size_t open_files() {
  std::error_code error;
  std::size_t files = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error))
    ++files;
  return files;
}

class MachinePerf : public PerfKernel {
 public:
  Result<Fd> open(const PerfAttr& attr, pid_t task, int leader, bool at_exec) override {
    perf_event_attr asked{};
    asked.size = sizeof asked;
    asked.type = attr.type;
    asked.config = attr.config;
    asked.config1 = attr.config1;
    asked.config2 = attr.config2;
    asked.exclusive = attr.exclusive;
    asked.exclude_user = attr.exclude_user;
    asked.exclude_kernel = attr.exclude_kernel;
    asked.exclude_hv = attr.exclude_hv;
    asked.exclude_host = attr.exclude_host;
    asked.exclude_guest = attr.exclude_guest;
    asked.inherit = 1;
    asked.disabled = leader < 0;
    asked.enable_on_exec = leader < 0 && at_exec;
    // No PERF_FORMAT_GROUP: older kernels refuse it for inherited events, newer ones answer ECHILD
    // when a child's group has changed. Each event is read by itself instead.
    asked.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    Fd fd(static_cast<int>(::syscall(SYS_perf_event_open, &asked, task, -1, leader,
                                     static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (!fd) return errno_error("open a perf event");
    return fd;
  }

  Status enable(int leader) override {
    if (::ioctl(leader, PERF_EVENT_IOC_ENABLE, 0) != 0) return errno_error("start perf events");
    return {};
  }

  Status disable(int leader) override {
    if (::ioctl(leader, PERF_EVENT_IOC_DISABLE, 0) != 0) return errno_error("stop perf events");
    return {};
  }

  Result<PerfReading> read(int fd) override {
    std::array<std::uint64_t, 3> values{};
    const ssize_t got = ::read(fd, values.data(), sizeof values);
    // Nothing to read is how the kernel says that the event is in an error state.
    if (got >= 0 && got != sizeof values) errno = EIO;
    if (got != sizeof values) return errno_error("read a perf event");
    return PerfReading{.value = values[0], .enabled_ns = values[1], .running_ns = values[2]};
  }

  Status make_room(std::size_t files) override {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return errno_error("read the open-file limit");
    const rlim_t wanted = open_files() + files + kSpareFiles;
    if (limit.rlim_cur >= wanted) return {};
    const rlimit raised{.rlim_cur = wanted, .rlim_max = std::max(limit.rlim_max, wanted)};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return {};
    return Error{
        .failure = Failure::kNotAllowed,
        .operation = "open perf events on every thread",
        .object = {},
        .code = 0,
        .why = fmt::format("{} open files are needed, {} are allowed", wanted, limit.rlim_max),
        .remedy = fmt::format("ask for fewer events, or run ulimit -n {} as root first", wanted)};
  }
};

}  // namespace

PerfKernel& machine_perf() {
  static MachinePerf machine;
  return machine;
}

}  // namespace tr::capture
