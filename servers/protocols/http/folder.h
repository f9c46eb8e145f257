// Which files may be read, and is one still what it was?
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>

#include "common/fd.h"
#include "protocols/http/status.h"

namespace servers::http {

// One state of one file. Whoever writes to it, or puts another in its place, makes another: a
// status change time cannot be set, as a modification time can.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_s = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;
  mode_t mode = 0;

  bool operator==(const FileVersion&) const = default;
};

struct File {
  Fd fd;
  FileVersion version;
  std::optional<Status> refused;  // why it cannot be served; then the rest means nothing
  bool is_folder = false;         // refused for that
};

class Folder {
 public:
  // How links out of the folder are kept from being followed: by openat2(2)'s RESOLVE_BENEATH, or
  // where a kernel or a sandbox has no openat2 by following none at all.
  enum class Guard : std::uint8_t { kBeneath, kNoLinks };

  Folder() = default;
  // Throws Failure. Chooses the guard by trying.
  explicit Folder(const std::string& path);
  Folder(const std::string& path, Guard guard);

  // Opens a regular file for reading. `path` is a Path::file.
  [[nodiscard]] File open(const std::string& path) const;
  // What lies there now; nothing if that cannot be said. Follows links wherever they lead, so the
  // answer is only good for being compared with a version that open() told.
  [[nodiscard]] std::optional<FileVersion> version(const std::string& path) const;

 private:
  [[nodiscard]] Fd open_raw(const std::string& path) const;

  Fd folder_;
  Guard guard_ = Guard::kBeneath;
};

// Reads up to the buffer's size at this offset: how many bytes; less at the file's end, -1 if it
// cannot be read.
[[nodiscard]] std::ptrdiff_t read_at(int fd, std::span<char> buffer, std::int64_t offset);

}  // namespace servers::http
