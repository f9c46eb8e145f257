// What do a client's bytes mean, and what is answered? A protocol knows that and nothing else:
// bytes in, bytes out. It knows nothing of sockets, threads or readiness; any model drives it.
//
// A protocol is one file: it derives Session and Protocol and defines make_protocol(). Dispatch is
// dynamic because a virtual call is lost beside the two system calls around it (some 2 of 5,000
// ns), and lets each model and each protocol be compiled once and be linked in any pair.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace servers {

class CommandLine;

// How long a client may take (Answer::patience). A session needs no clock: the model has one, and
// tells the session when the time is over. For ever costs nothing.
using Milliseconds = std::chrono::milliseconds;
inline constexpr Milliseconds kForEver = Milliseconds::max();
// The time that was given before runs on: half a request has come, and its sender gets no more.
inline constexpr Milliseconds kAsBefore{-1};

// What happens when an answer has left.
enum class Then : std::uint8_t {
  kReceive,   // the client's turn
  kContinue,  // call more(): there is more to say about what was already received
  kClose,     // the conversation is over; what the client still sends is thrown away
};

// Answers are sent straight from where they lie, and only what the client is too slow to take is
// copied. So `bytes` may view the input just received (echo costs no copy), the session's own
// memory or constants; it stays valid until the session is called again. A session with more than
// some 64 KiB to say says it in pieces (kContinue): that bounds the copy, and no more is asked for
// while the client has not taken the last piece.
//
// `delay` holds an answer back: others are served meanwhile, this client is not even listened to.
//
// `patience` is for the client: so long it may take until it has taken these bytes, and so long
// again until its next byte comes (kReceive), or its end (kClose). One that does not take its
// answer or end in time is cut off; one that sends nothing in time is asked about:
// Session::timed_out(). kAsBefore is for answers without bytes and delay.
struct Answer {
  std::span<const std::byte> bytes{};  // may be empty
  Then then = Then::kReceive;
  Milliseconds delay{0};
  Milliseconds patience = kForEver;
};

// One client's conversation: keeps whatever it needs between calls, such as half a request.
// Used by one thread at a time, not always the same.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  // How long a new client may take until its first byte comes.
  [[nodiscard]] virtual Milliseconds first_patience() const { return kForEver; }
  // Bytes as they came: any number of requests, and parts of them. Never empty. The input is gone
  // after the answer has been taken: keep a copy of what is not yet answered.
  virtual Answer received(std::span<const std::byte> input) = 0;
  // Called after an answer with kContinue has left.
  virtual Answer more() { return {}; }
  // The client has sent its last byte, and may still be reading. The connection is closed after
  // this answer (and those that it asks for with kContinue).
  virtual Answer ended() { return {}; }
  // The time for the client's next byte is over. May say so, and close; or give it more time.
  virtual Answer timed_out() { return {.then = Then::kClose, .patience = Milliseconds{1000}}; }
};

class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  // The second half of the executable's name: "echo".
  [[nodiscard]] virtual std::string_view name() const = 0;
  // One sentence for --help.
  [[nodiscard]] virtual std::string_view about() const = 0;
  // The protocol's own options.
  virtual void add_options(CommandLine&) {}
  // What --port is if nothing is said; 0 takes any free one.
  [[nodiscard]] virtual std::uint16_t default_port() const { return 0; }
  // Once, when the options are known and before the first client: opens what is to be served.
  // Throws Failure.
  virtual void prepare() {}
  // For each new client. Called by one thread at a time.
  [[nodiscard]] virtual std::unique_ptr<Session> open() = 0;
};

// Defined by the one protocol that an executable is linked with.
[[nodiscard]] std::unique_ptr<Protocol> make_protocol();

}  // namespace servers
