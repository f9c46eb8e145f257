// What do trace-run and its guardian say to each other?
//
// Whole records over a pair of SOCK_SEQPACKET sockets, with file descriptors attached where one
// side has to hand something over. Both ends are the same program, so records are plain structs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "util/fd.h"
#include "util/result.h"

namespace tr::capture {

// trace-run to guardian.
enum class CommandKind : std::uint32_t {
  kStart,   // with descriptors: the encoded LaunchSpec (a memory file), the output, perhaps the
            // input
  kGo,      // let the held child execute
  kSignal,  // `signal`, to the first process or to its whole tree
  kStop,    // SIGTERM, and SIGKILL to the whole tree after grace_ms
};

struct Command {
  CommandKind kind = CommandKind::kGo;
  std::int32_t signal = 0;
  std::int64_t grace_ms = 0;
  bool whole_tree = false;
};

// What could fail between the start command and the held child.
enum class LaunchStep : std::uint32_t {
  kReadSpec,
  kClear,
  kFork,
  kGroup,
  kOpenFiles,
  kPin,
  kInput,
  kOutput,
  kUser,
  kTie,
  kCloseFiles,
  kSurvive,
};

// Guardian to trace-run.
enum class ReportKind : std::uint32_t {
  kHeld,        // `pid`, with its pidfd attached: the child exists and has executed nothing
  kNotStarted,  // `step`, `code` (an errno): there is no child
  kExecuted,    // execve succeeded
  kExecFailed,  // `code`: execve's errno; the child is gone
  kExited,      // the first process ended: `wait_status` and all below
  kGone,        // nothing of the tree runs any more, but for `refused` processes beyond our power
};

struct Report {
  ReportKind kind = ReportKind::kGone;
  LaunchStep step = LaunchStep::kReadSpec;
  std::int32_t pid = 0;
  std::int32_t code = 0;
  std::int32_t wait_status = 0;
  std::int32_t refused = 0;
  std::uint64_t user_ns = 0;  // rusage, waited-for children included
  std::uint64_t system_ns = 0;
  std::uint64_t max_rss_bytes = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  bool by_itself = false;         // nobody had asked it to end
  bool descendants_left = false;  // others of its tree still run
};

enum class Received { kRecord, kNothing, kClosed };

// One end of the conversation. Owns its socket.
class Channel {
 public:
  // Sockets for both ends, close-on-exec.
  static Result<std::pair<Fd, Fd>> pair();

  Channel() = default;
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  // Sends one record; the descriptors stay the caller's. False: the other end is gone.
  template <class Record>
  bool send(const Record& record, std::initializer_list<int> descriptors = {}) {
    static_assert(std::is_trivially_copyable_v<Record>);
    return send_bytes(std::as_bytes(std::span(&record, 1)), descriptors);
  }

  // Takes the next record; waits for it only if told to. Descriptors that came along are appended
  // to `descriptors`, close-on-exec.
  template <class Record>
  Received receive(Record& record, std::vector<Fd>& descriptors, bool wait) {
    static_assert(std::is_trivially_copyable_v<Record>);
    return receive_bytes(std::as_writable_bytes(std::span(&record, 1)), descriptors, wait);
  }

  // Readable when a record waits or the other end is gone.
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool valid() const { return socket_.valid(); }

  // Ends the conversation for both sides, even while a forked copy of this process holds the
  // socket as well.
  void shut_down();

 private:
  bool send_bytes(std::span<const std::byte> record, std::initializer_list<int> descriptors);
  Received receive_bytes(std::span<std::byte> record, std::vector<Fd>& descriptors, bool wait);

  Fd socket_;
};

}  // namespace tr::capture
