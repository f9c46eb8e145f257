#include "util/text.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"

namespace tr {
namespace {

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno_error("write", path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// A device or a pipe (/dev/stdout) cannot be replaced by a rename: it is written into.
bool is_special(const std::string& path) {
  struct stat existing {};
  return ::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
}

// What becomes `path` when it is whole. Never somebody else's file, nor through their link:
// trace-run may run as root, and in /tmp.
struct Partial {
  std::string path;
  Fd file;
};

Result<Partial> create_partial(const std::string& path) {
  std::string name = path + "." + std::to_string(::getpid()) + ".partial";
  Fd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) return errno_error("create", path);
  return Partial{.path = std::move(name), .file = std::move(file)};
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::uint64_t> parse_u64(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error("open", path);
  std::string content;
  std::array<char, 65536> chunk{};
  for (;;) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno_error("read", path);
    }
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

Status write_file(const std::string& path, std::string_view content) {
  if (is_special(path)) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return file ? write_all(file.get(), content, path) : errno_error("open", path);
  }
  auto partial = create_partial(path);
  if (!partial) return std::move(partial).error();
  Status status = write_all(partial->file.get(), content, path);
  if (status && ::close(partial->file.release()) != 0) status = errno_error("write", path);
  if (status && ::rename(partial->path.c_str(), path.c_str()) != 0)
    status = errno_error("create", path);
  if (!status) ::unlink(partial->path.c_str());
  return status;
}

Status check_writable(const std::string& path) {
  if (is_special(path)) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    // ENXIO: a pipe that nobody reads from yet.
    return file || errno == ENXIO ? Status() : errno_error("open", path);
  }
  const auto partial = create_partial(path);
  if (!partial) return partial.error();
  ::unlink(partial->path.c_str());
  return {};
}

}  // namespace tr
