// How do trace-run and the load process that it starts talk?
//
// Over one stream socket pair. The load says, once, when its window will open and close, then that
// it is over, and holds its connections until trace-run lets go of it: that looks at the server as
// it is with all its clients. At the end it says what came of it, or which error kept it from that.
// trace-run may say that the window is to close early. A message is a length (4 bytes, this
// machine's order: both ends are one program) and a CBOR object with a "type". The end of one
// process is the end of the stream for the other: both then return, none waits for ever.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "load/generate.h"
#include "load/window.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::load {

// Both ends, close-on-exec. Who starts the load hands `load` down to it (dup2) and closes its own
// copy, else it would not see the load's end.
struct ControlPair {
  Fd tracer;
  Fd load;
};
Result<ControlPair> make_control_pair();

// The end that the load process holds.
class LoadEnd {
 public:
  explicit LoadEnd(Fd socket) : socket_(std::move(socket)) {}

  // For the load's Stop: readable when the tracer has said to stop, or is gone.
  [[nodiscard]] int fd() const { return socket_.get(); }
  // Then: the close time that it asked for; this moment when it asked for none or is gone.
  std::uint64_t read_stop();

  Status announce(const Window& window);
  // The window has closed, and what was under way is answered. Waits, with the connections open,
  // until the tracer lets go or is gone.
  Status hold();
  // May wait for the tracer to read: a result is larger than a socket's buffer.
  Status finish(const Outcome& outcome);
  Status fail(const Error& error);

 private:
  Fd socket_;
};

// The load waits to be let go: its window has closed, its connections are open.
struct Held {};

// The end that the tracer holds. An error that the load reported comes out as that error; a load
// that died as one that says so.
class TracerEnd {
 public:
  explicit TracerEnd(Fd socket) : socket_(std::move(socket)) {}

  using Message = std::variant<Window, Held, Outcome>;

  // For poll(): readable when read() has something to do.
  [[nodiscard]] int fd() const { return socket_.get(); }

  // The next message, waited for at most `timeout_ms` (-1: as long as the load lives; 0: not at
  // all); nullopt when none was whole by then. After the outcome or an error there is no more.
  Result<std::optional<Message>> read(int timeout_ms);
  // The next message, when it must be of this kind.
  Result<Window> read_window();
  Result<Outcome> read_outcome();

  // Asks the load to close its window at `close_ns` (CLOCK_MONOTONIC), 0: at once.
  Status stop(std::uint64_t close_ns = 0);
  // Lets a held load close its connections and send its outcome.
  Status let_go();

 private:
  template <class T>
  Result<T> read_only(const char* what);

  Fd socket_;
  std::string received_;  // not yet a whole message
};

}  // namespace tr::load
