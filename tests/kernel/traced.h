// A program whose counts are known, traced from its first instruction to its last.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/syscall.h>
#include <sys/types.h>

#include "capture/collect.h"
#include "capture/probes.h"
#include "snapshot/snapshot.h"
#include "util/fd.h"

namespace tr::kernel_test {

// Skips the test, visibly, where the probes cannot be loaded; else gives them.
#define TRACE_RUN_LOAD_OR_SKIP(probes, options)                          \
  auto probes##_or_error = ::tr::capture::Probes::load(options);         \
  if (!probes##_or_error) {                                              \
    if (probes##_or_error.error().failure == ::tr::Failure::kNotAllowed) \
      GTEST_SKIP() << probes##_or_error.error().text();                  \
    FAIL() << probes##_or_error.error().text();                          \
  }                                                                      \
  ::tr::capture::Probes probes = *std::move(probes##_or_error)

// A child that is held until go(), then runs `body` and exits with 0. Killed if still running when
// this object goes.
class HeldChild {
 public:
  explicit HeldChild(const std::function<void()>& body);
  HeldChild(const HeldChild&) = delete;
  HeldChild& operator=(const HeldChild&) = delete;
  ~HeldChild();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void go();
  // Waits for its end; the wait status.
  int wait();

 private:
  pid_t pid_ = -1;
  Fd go_;
  bool reaped_ = false;
};

// What was counted in one run.
struct Outcome {
  capture::Collected counts;
  std::map<std::string, std::uint64_t> lost;
  std::uint64_t window_ns = 0;
  std::optional<Waits> waits;  // where they were asked for

  // The figures of a call over all threads; all 0 if it was never made.
  [[nodiscard]] SyscallStats call(const std::string& name) const;
  [[nodiscard]] const ThreadCounts* thread(pid_t tid) const;
  [[nodiscard]] std::uint64_t lost_in_all() const;
};

// Runs `body` in a traced child, window from before it begins until after it has ended.
Outcome trace(capture::Probes& probes, const std::function<void()>& body);

// Opens the window, and waits until it is open.
void open_window(capture::Probes& probes);

// Closes the window, detaches and collects.
Outcome finish(capture::Probes& probes);
// The same where the window has been closed.
Outcome collect_closed(capture::Probes& probes);

// Expects that each nanosecond of each thread's life is in exactly one state, and nothing was lost.
void expect_sound(const Outcome& outcome);

// The harness gives calls their number as a name: no table of names stands between the kernel and
// the test.
std::string name_of(long number);

// The waits of one call on one kind of object, whoever ended them.
Wait waits_of(const TaskCounts& counts, long call, const std::string& object);
// Those that this kind of waker ended.
Wait waits_of(const TaskCounts& counts, long call, const std::string& object,
              const std::string& waker);

// How many durations a call's histogram holds.
std::uint64_t durations(const SyscallStats& stats);

// Whether the kernel's types know this tracepoint.
bool kernel_has_tracepoint(const std::string& name);

// Makes a call without arguments so many times.
void call_many(long number, int times);

// The calls behind libc's poll() and pause(): arm64 has none of these names.
#if defined(SYS_poll)
inline constexpr long kPollCall = SYS_poll;
inline constexpr long kPauseCall = SYS_pause;
#else
inline constexpr long kPollCall = SYS_ppoll;
inline constexpr long kPauseCall = SYS_ppoll;
#endif

inline constexpr std::uint64_t kMs = 1'000'000;

// By CLOCK_THREAD_CPUTIME_ID.
std::uint64_t thread_cpu_ns();

// Computes for so much of the thread's CPU time.
void spin_for(std::uint64_t ns);

void sleep_ms(int ms);

// Waits (polling /proc) until the thread sleeps in the kernel, at most 10 s.
bool wait_until_blocked(pid_t tid);

}  // namespace tr::kernel_test
