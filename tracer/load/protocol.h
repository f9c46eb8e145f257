// What do the messages of a protocol look like, and when is an answer whole and right?
//
// This is the wall between what is said and when it is said. A protocol knows bytes and nothing of
// sockets, clocks or windows; the loop knows those and nothing of bytes. A further protocol is one
// more file beside echo.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tr::load {

// One connection's conversation. Requests are numbered from 0 and answered in order; the answer to
// one may begin before all of it was sent, and several may be under way.
class Dialogue {
 public:
  enum class State { kMore, kWhole, kWrong };
  struct Taken {
    std::size_t bytes = 0;  // how many of those given were used up
    State state = State::kMore;
    std::string difference;  // kWrong: the first difference, in words
    bool last = false;       // kWhole: the server ends the connection behind it
  };

  virtual ~Dialogue() = default;

  // How many bytes request `sequence` has; at least 1.
  [[nodiscard]] virtual std::size_t request_size(std::uint64_t sequence) const = 0;
  // Writes its bytes from `offset` on, as many as there are and as fit; returns how many. Gives the
  // same bytes however often it is asked: after a short send it is asked again.
  virtual std::size_t write_request(std::uint64_t sequence, std::size_t offset,
                                    std::span<char> room) const = 0;
  // Checks received bytes (at least 1) against the answer to request `sequence`, up to its end.
  // Answers come in order, in pieces of any size. kMore: all bytes were used up.
  virtual Taken read_answer(std::uint64_t sequence, std::span<const char> bytes) = 0;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  // How many servers share the conversations, at ports one after the other: connection n is with
  // server n modulo their number.
  [[nodiscard]] virtual std::uint16_t servers() const { return 1; }
  // The conversation of connection `number` (from 0). Must not outlive the protocol.
  [[nodiscard]] virtual std::unique_ptr<Dialogue> open(std::uint32_t number) const = 0;
};

}  // namespace tr::load
