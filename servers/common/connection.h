// One client of an event loop: what can be done for it now, without blocking?
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "protocols/protocol.h"

namespace servers {

// What a connection waits for; always exactly one thing. While the client does not take its answer
// nothing more is read from it (back pressure), so no more than one answer is ever kept.
enum class Next : std::uint8_t {
  kInput,      // readable; all that had come was read
  kMoreInput,  // readable; more may have come already, which an edge trigger will not tell again
  kOutput,     // writable
  kTime,       // its timer (due()) and nothing else: an answer is held back
  kClose,      // nothing: the conversation is over
};

class Connection {
 public:
  Connection() = default;
  // `client` is a non-blocking stream socket.
  Connection(Fd client, std::unique_ptr<Session> session)
      : client_(std::move(client)),
        session_(std::move(session)),
        patience_(session_->first_patience()),
        timer_(patience_) {}

  explicit operator bool() const { return static_cast<bool>(client_); }

  // Does what there is to do now that the socket is ready for what was waited for: one recv and one
  // send at most. `buffer` is scratch space, shared by all connections of a loop.
  [[nodiscard]] Next proceed(std::span<std::byte> buffer);
  // Does what there is to do now that the time of take_timer() is over.
  [[nodiscard]] Next due();
  // To be asked when the connection is made and after each of the two above: call due() that long
  // from now; kForEver: never; kAsBefore: when it was to be called anyway.
  [[nodiscard]] Milliseconds take_timer() { return std::exchange(timer_, kAsBefore); }

 private:
  Next read(std::span<std::byte> buffer);
  Next write_rest();
  Next answer(const Answer& answer);
  void keep(std::span<const std::byte> rest);
  Next answered();

  [[nodiscard]] bool answering() const { return !unsent_.empty() || then_ == Then::kContinue; }

  Fd client_;
  Then then_ = Then::kReceive;  // after the answer that is being sent
  bool ended_ = false;          // the client has sent its last byte
  bool closing_ = false;        // we have sent ours
  bool delayed_ = false;        // unsent_ is held back
  std::unique_ptr<Session> session_;
  // The last answer's bytes that the socket did not take; no memory is held without need.
  std::vector<std::byte> unsent_;
  std::size_t sent_ = 0;              // of unsent_
  Milliseconds patience_ = kForEver;  // of the last answer
  Milliseconds timer_ = kAsBefore;    // the change that take_timer() tells
};

}  // namespace servers
