#include "protocols/http/folder.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/log.h"

namespace servers::http {
namespace {

// A FIFO without a writer would block the open, a terminal could become ours.
constexpr int kRead = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

Fd open_beneath(int folder, const std::string& path) {
  open_how how{};
  how.flags = kRead;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
    // EAGAIN: something was renamed meanwhile, and the kernel cannot be sure (openat2(2)).
    if (fd || (errno != EAGAIN && errno != EINTR)) return fd;
  }
}

// One name after the other, each of which must be no link.
Fd open_without_links(int folder, std::string_view path) {
  Fd at;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    const bool last = slash == std::string_view::npos;
    if (name == "..") {
      errno = EXDEV;
      return {};
    }
    if (!name.empty()) {
      const int from = at ? at.get() : folder;
      Fd next(::openat(from, name.c_str(),
                       O_NOFOLLOW | (last ? kRead : O_PATH | O_DIRECTORY | O_CLOEXEC)));
      if (!next) return {};
      at = std::move(next);
    }
    if (last) return at;
    path.remove_prefix(slash + 1);
  }
}

FileVersion version_of(const struct stat& entry) {
  return {.device = entry.st_dev,
          .inode = entry.st_ino,
          .size = entry.st_size,
          .modified_s = entry.st_mtim.tv_sec,
          .modified_ns = entry.st_mtim.tv_nsec,
          .changed_s = entry.st_ctim.tv_sec,
          .changed_ns = entry.st_ctim.tv_nsec,
          .mode = entry.st_mode};
}

Status status_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return Status::kNotFound;
    case EACCES:
    case EPERM:
    case EXDEV:  // out of the folder
    case ELOOP:
    case ENXIO:  // a socket
      return Status::kForbidden;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Status::kUnavailable;
    default:
      return Status::kServerError;
  }
}

bool has_openat2(int folder) {
  return open_beneath(folder, ".") || (errno != ENOSYS && errno != EPERM);
}

}  // namespace

Folder::Folder(const std::string& path) : Folder(path, Guard::kBeneath) {
  if (!has_openat2(folder_.get())) guard_ = Guard::kNoLinks;
}

Folder::Folder(const std::string& path, Guard guard)
    : folder_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), guard_(guard) {
  if (!folder_)
    throw Failure::from_errno(fmt::format("serve the files in {}", path),
                              "--folder takes a folder that may be read");
}

Fd Folder::open_raw(const std::string& path) const {
  return guard_ == Guard::kBeneath ? open_beneath(folder_.get(), path)
                                   : open_without_links(folder_.get(), path);
}

File Folder::open(const std::string& path) const {
  File file;
  file.fd = open_raw(path);
  struct stat entry {};
  if (!file.fd || ::fstat(file.fd.get(), &entry) != 0) {
    file.refused = status_of(errno);
    return file;
  }
  file.version = version_of(entry);
  file.is_folder = S_ISDIR(entry.st_mode);
  if (!S_ISREG(entry.st_mode)) file.refused = Status::kForbidden;
  return file;
}

std::optional<FileVersion> Folder::version(const std::string& path) const {
  struct stat entry {};
  if (::fstatat(folder_.get(), path.c_str(), &entry, 0) != 0) return std::nullopt;
  return version_of(entry);
}

std::ptrdiff_t read_at(int fd, std::span<char> buffer, std::int64_t offset) {
  std::size_t got = 0;
  while (got < buffer.size()) {
    const ssize_t more = ::pread(fd, buffer.data() + got, buffer.size() - got,
                                 offset + static_cast<std::int64_t>(got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return -1;
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  return static_cast<std::ptrdiff_t>(got);
}

}  // namespace servers::http
