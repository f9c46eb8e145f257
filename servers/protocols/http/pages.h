// Which answers lie ready to be sent? Small files that were asked for, each with the head of a
// whole answer before it, shared by all sessions of a process.
//
// What a hot page costs, and why so. The kernel is asked once per request what lies at the path
// (one fstatat): a page is never older than its file, unlike with caches that look every second or
// so, and that is the only reason for the call. The answer then is one send straight from the
// page's memory: head and file lie in one piece, so nothing is copied, and writev's second buffer
// or sendfile's second call (after the head's own) are saved. The head changes once per second, by
// its Date: then the page is copied and the new date put in, and whoever still sends the old one
// keeps it. A session remembers its last page, so that one asked for again takes no lock either.
//
// Big files are read and sent piece by piece. sendfile(2) would save the copy to user space, but
// it needs the socket: protocols here give bytes to any model, io_uring's and blocking ones alike,
// and it is the models that are compared.
#pragma once

#include <cstddef>
#include <ctime>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocols/http/folder.h"

namespace servers::http {

struct Page {
  FileVersion version;
  std::time_t second = 0;  // of its Date
  std::size_t head = 0;    // where the file's bytes begin
  std::string answer;      // to GET, HTTP/1.1, connection kept

  [[nodiscard]] std::string_view body() const { return std::string_view(answer).substr(head); }
};
using PagePtr = std::shared_ptr<const Page>;

// A file can be changed without a trace just after it was read, while the clock that its times are
// taken from stands still (a tick, or two seconds on FAT). Those are sent, and not kept.
inline constexpr std::time_t kSettledAfter = 2;
// So much of an answer is given at once.
inline constexpr std::size_t kPiece = 65536;

class Pages {
 public:
  // Of no more than `limit` bytes; of files that have not changed for so many seconds.
  explicit Pages(std::size_t limit = std::size_t{32} << 20,
                 std::time_t settled_after = kSettledAfter)
      : limit_(limit), settled_after_(settled_after) {}

  // The page for this version of the file, dated now; none if it is not here.
  [[nodiscard]] PagePtr find(const std::string& path, const FileVersion& version, std::time_t now);
  // Reads a file and keeps it; none if it is too big, too new or cannot be read as it was.
  [[nodiscard]] PagePtr add(const std::string& path, const File& file, std::time_t now);

  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    std::string path;
    PagePtr page;
  };
  void remove(std::list<Entry>::iterator entry);

  mutable std::mutex mutex_;
  const std::size_t limit_;
  const std::time_t settled_after_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // last used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_path_;
};

}  // namespace servers::http
