#include "capture/iterate.h"

#include <cerrno>
#include <fcntl.h>
#include <sched.h>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "util/fd.h"

namespace tr::capture {

Status iterate(bpf_link* link, const std::string& over) {
  const Fd pass(bpf_iter_create(bpf_link__fd(link)));
  if (!pass) return errno_error("list", over);
  char ignored = 0;
  ssize_t got = 0;
  do
    got = ::read(pass.get(), &ignored, sizeof(ignored));
  while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
  return got < 0 ? Status(errno_error("list", over)) : Status();
}

namespace {

// Of a thread that ends with it, so that nobody else is moved there.
Status iterate_in(int network, bpf_link* link, const std::string& over) {
  Status passed;
  std::thread([&] {
    passed = ::setns(network, CLONE_NEWNET) == 0
                 ? iterate(link, over)
                 : Status(errno_error("enter the network namespace of", over));
  }).join();
  return passed;
}

}  // namespace

Status iterate_networks(bpf_link* link, std::span<const pid_t> processes, const std::string& over) {
  Status passed = iterate(link, over);
  std::set<std::pair<dev_t, ino_t>> seen;
  struct stat its {};
  if (::stat("/proc/self/ns/net", &its) == 0) seen.emplace(its.st_dev, its.st_ino);
  for (const pid_t process : processes) {
    const Fd network(::open(fmt::format("/proc/{}/ns/net", process).c_str(), O_RDONLY | O_CLOEXEC));
    if (!network || ::fstat(network.get(), &its) != 0) continue;  // it has ended
    if (!seen.emplace(its.st_dev, its.st_ino).second) continue;
    if (Status other = iterate_in(network.get(), link, over); passed && !other)
      passed = std::move(other);
  }
  return passed;
}

}  // namespace tr::capture
