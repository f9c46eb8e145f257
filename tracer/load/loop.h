// One thread's share of the load: when is something to be sent, what has come back, does it count?
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "load/connect.h"
#include "load/connection.h"
#include "load/protocol.h"
#include "load/saturation.h"
#include "load/settings.h"
#include "load/window.h"
#include "snapshot/snapshot.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::load {

// What one loop counted. `result` has the counts and histograms, but neither what is only known
// over all loops (fairness, saturation) nor the CPU time.
struct Tally {
  LoadResult result;
  std::uint64_t first_failure_ns = 0;
  std::uint64_t late_by_load = 0;
  std::vector<std::uint64_t> messages;  // of each connection, in the window
  AnswerBins after;                     // answers after the window, while messages were sent
  CpuUse cpu;                           // in the window; all 0 if it never opened
};

// An epoll loop over some of the connections. Make it, add the connections, run it on a thread of
// its own, and read the tally when that has ended.
class Loop {
 public:
  // `route`: where connections lead that it opens itself. `root`: where /proc is ("": here).
  static Result<std::unique_ptr<Loop>> make(const Settings& settings, const Route& route,
                                            LiveWindow& window, std::string root);

  // `number`: which one it is among all connections of the run. `socket`: invalid if each message
  // gets a connection of its own (Settings::close).
  Status add(Fd socket, std::uint32_t number, const Protocol& protocol);

  // Sends and receives until the load ends, with the window or after it, and all that was under way
  // has been answered, for at most a second, or until every connection is broken. `start_ns`:
  // when the plan of an open loop begins.
  Status run(std::uint64_t start_ns);

  // After run(): the tally for the window as it turned out to be.
  Tally tally();

 private:
  // kGreet: in a closed loop no connection sends on before each has had an answer, or half of the
  // warm-up is over. A server that takes connections in a thread among those that serve them gets
  // ever less CPU time for it once these are busy: with thousands it would hardly take any more.
  enum class Phase { kGreet, kWarmup, kMeasure, kAfter, kDrain };

  struct Slot {
    Connection connection;
    Fd socket;  // invalid: broken, or between messages that each have a connection of their own
    std::uint32_t number;
    bool broken = false;
    bool greeted = false;  // had an answer
    bool opening = false;  // of a message's own connection: nothing was sent on it yet
    std::uint64_t opened_ns = 0;
    bool queued = false;         // in due_
    bool blocked = false;        // its socket's send buffer is full: EPOLLOUT is armed
    std::uint64_t ready_ns = 0;  // since when neither socket nor pipeline keep it from sending
    std::uint64_t messages = 0;  // in the window
  };

  Loop(const Settings& settings, const Route& route, LiveWindow& window, std::string root);

  [[nodiscard]] bool finished() const;
  Status wait();
  void handle(std::uint32_t events, std::uint32_t index);
  void pass_deadlines();
  void pass_edges();
  void note_greeted(Slot& slot);
  void end_greeting();
  void stop_measuring(Phase next);
  [[nodiscard]] CpuReading read_cpu() const;
  void send_due();

  void pump(std::uint32_t index);
  bool open(std::uint32_t index);
  bool watch(int fd, std::uint32_t index);
  void count_sends(const Slot& slot, std::size_t begun, std::uint64_t planned_ns,
                   std::uint64_t began_ns);
  void queue_if_idle(std::uint32_t index);
  void watch_writable(std::uint32_t index, bool on);

  void receive(std::uint32_t index);
  void count_answer(Slot& slot, const Connection::Answer& answer, std::uint64_t came_ns);
  void count_unanswered(std::uint64_t waited_ns);

  void lose(Slot& slot, const std::string& why);
  void end_run_as_wrong(Slot& slot, const std::string& difference);
  void close_slot(Slot& slot);
  void note_failure(const Slot& slot, const std::string& what);

  [[nodiscard]] bool counts(std::uint64_t ns) const {
    return ns >= window_.open_ns() && ns < window_.close_ns();
  }

  const Settings& settings_;
  const Route& route_;
  std::uint64_t turn_ = 0;  // of the route's sources
  LiveWindow& window_;
  const std::string root_;
  Fd epoll_;
  int early_close_ = -1;  // owned by the window
  std::vector<char> send_buffer_;
  std::vector<char> receive_buffer_;
  std::vector<Slot> slots_;

  Phase phase_ = Phase::kWarmup;
  std::uint64_t greet_end_ns_ = 0;  // of kGreet, at the latest
  std::size_t ungreeted_ = 0;
  std::uint64_t now_ns_ = 0;       // the last time stamp taken
  std::uint64_t deadline_ns_ = 0;  // when pass_deadlines() has something to do
  std::uint64_t drain_end_ns_ = 0;
  std::size_t alive_ = 0;
  std::size_t in_flight_ = 0;
  // Open loop: the connections that wait for their next planned time, by that time.
  using Due = std::pair<std::uint64_t, std::uint32_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;

  CpuReading cpu_at_open_;
  bool idle_ = false;          // the last poll found nothing
  std::uint64_t idle_ns_ = 0;  // spent in such polls
  Tally tally_;
};

}  // namespace tr::load
