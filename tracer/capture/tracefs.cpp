#include "capture/tracefs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::capture {
namespace {

// glibc has these three since 2.36 only, and its <sys/mount.h> cannot stand beside <linux/mount.h>.
Fd detached_tracefs() {
  const Fd filesystem(
      static_cast<int>(::syscall(SYS_fsopen, "tracefs", static_cast<unsigned>(FSOPEN_CLOEXEC))));
  if (!filesystem) return {};
  if (::syscall(SYS_fsconfig, filesystem.get(), static_cast<unsigned>(FSCONFIG_CMD_CREATE), nullptr,
                nullptr, 0) != 0)
    return {};
  return Fd(static_cast<int>(
      ::syscall(SYS_fsmount, filesystem.get(), static_cast<unsigned>(FSMOUNT_CLOEXEC), 0U)));
}

struct DirectoryClose {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> subdirectories(int at, const std::string& path) {
  Fd fd(::openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return {};
  const std::unique_ptr<DIR, DirectoryClose> directory(::fdopendir(fd.get()));
  if (!directory) return {};
  (void)fd.release();  // closedir closes it
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

Result<Tracefs> Tracefs::open(const std::string& root) {
  for (const char* mounted : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    Fd directory(::open((root + mounted).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory && ::faccessat(directory.get(), "events", R_OK | X_OK, AT_EACCESS) == 0)
      return Tracefs(std::move(directory), mounted);
  }
  if (root.empty()) {
    Fd directory = detached_tracefs();
    if (directory) return Tracefs(std::move(directory), "a private mount");
  }
  return Error{.failure = Failure::kNotAllowed,
               .operation = "read",
               .object = "tracefs",
               .code = 0,
               .why = "it is not mounted, or not readable for this user",
               .remedy = "run with sudo, or mount -t tracefs tracefs /sys/kernel/tracing"};
}

Result<std::uint64_t> Tracefs::tracepoint_id(const std::string& system,
                                             const std::string& name) const {
  const std::string path = fmt::format("events/{}/{}/id", system, name);
  const Fd file(::openat(directory_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 32> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size < 0) return errno_error("read", "tracefs " + path);
  const auto id = parse_u64(trim({text.data(), static_cast<std::size_t>(size)}));
  if (!id) {
    errno = EINVAL;
    return errno_error("read a number from", "tracefs " + path);
  }
  return *id;
}

std::vector<std::string> Tracefs::tracepoints() const {
  std::vector<std::string> names;
  for (const std::string& system : subdirectories(directory_.get(), "events"))
    for (const std::string& name : subdirectories(directory_.get(), "events/" + system))
      names.push_back(fmt::format("{}:{}", system, name));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tr::capture
