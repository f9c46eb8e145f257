// Which messages of this connection are under way, and which bytes come next?
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "load/protocol.h"
#include "load/schedule.h"
#include "util/fd.h"

namespace tr::load {

// The book-keeping of one connection: what was sent, when, and what was answered. It neither sends
// nor receives, so it can be followed without a server.
class Connection {
 public:
  // When a message should have begun and when it did: with its first byte, or with the opening of a
  // connection of its own. The same in a closed loop.
  struct Flight {
    std::uint64_t planned_ns;
    std::uint64_t sent_ns;
  };

  // With a schedule the connection is part of an open loop; without one of a closed loop.
  Connection(std::unique_ptr<Dialogue> dialogue, std::size_t pipeline,
             std::optional<Schedule> schedule)
      : dialogue_(std::move(dialogue)), flights_(pipeline), schedule_(schedule) {}

  // Says when the plan of an open loop begins; before the first fill().
  void start(std::uint64_t ns) {
    if (schedule_) schedule_->start(ns);
  }

  // Messages sent at least in part and not wholly answered; at most the pipeline.
  [[nodiscard]] std::size_t in_flight() const { return begun() - answered_; }
  [[nodiscard]] bool full() const { return in_flight() == flights_.size(); }
  // When the next message is due. 0 in a closed loop: as soon as the pipeline has room.
  [[nodiscard]] std::uint64_t next_due_ns() const { return schedule_ ? schedule_->next_ns() : 0; }

  // Writes what to send now: the rest of a message sent in part, then, unless `finish_only`, those
  // that are due and fit into the pipeline (in an open loop one, whose lateness is its own). 0:
  // nothing to send.
  std::size_t fill(std::span<char> room, std::uint64_t now_ns, bool finish_only) const;

  // The first `bytes` of what fill() wrote were sent. Returns how many messages these began; they
  // began at `began_ns`.
  std::size_t sent(std::size_t bytes, std::uint64_t began_ns);

  // What the bytes received next mean: like Dialogue::Taken, and for a whole answer the flight that
  // it ends and its size. Bytes that nobody asked for are wrong.
  struct Answer {
    Dialogue::Taken taken;
    Flight flight{};
    std::size_t size = 0;
  };
  Answer receive(std::span<const char> bytes);

  // It goes on over another socket: what was sent and not answered is sent again, and still counts
  // from when it was sent first.
  void begin_again();

  // Calls `each(planned_ns)` for every message sent or, in an open loop, planned before `close_ns`
  // that was never answered. Ends the schedule.
  template <class Each>
  void unanswered(std::uint64_t close_ns, Each each) {
    for (std::uint64_t n = answered_; n < begun(); ++n)
      if (flight(n).planned_ns < close_ns) each(flight(n).planned_ns);
    for (; schedule_ && schedule_->next_ns() < close_ns; schedule_->advance())
      each(schedule_->next_ns());
  }

 private:
  [[nodiscard]] std::uint64_t begun() const {
    return std::max(sending_ + (sending_offset_ > 0 ? 1 : 0), begun_before_);
  }
  [[nodiscard]] Flight& flight(std::uint64_t sequence) {
    return flights_[sequence % flights_.size()];
  }

  std::unique_ptr<Dialogue> dialogue_;
  std::vector<Flight> flights_;  // a ring, by sequence number
  std::optional<Schedule> schedule_;
  std::uint64_t sending_ = 0;  // the message that the next byte to send belongs to
  std::size_t sending_offset_ = 0;
  std::uint64_t begun_before_ = 0;  // messages, over the sockets before this one
  std::uint64_t answered_ = 0;      // whole answers
  std::size_t answer_bytes_ = 0;    // received of the next one
};

}  // namespace tr::load
