// Locks, from the command line to the report: a convoy is named, and nothing else is.
#include <stdexcept>
#include <string>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::HasSubstr;

class LockReport : public EndToEnd {};

const Json* find_lock(const Json& report, const std::string& begin) {
  for (const Json& lock : report.at("locks").at("locks"))
    if (lock.at("name").get<std::string>().starts_with(begin)) return &lock;
  return nullptr;
}

// A mutex with priority inheritance is handed to its first waiter by the kernel: once two threads
// have met there, each of them sleeps for it each time.
TEST_F(LockReport, NamesAConvoy) {
  const Json report = measure({"--locks", "--load", "none", "--", KNOWN_LOCKS, "convoy"});
  expect_sound(report);
  const Json* lock = find_lock(report, "contended_mutex in known_locks");
  ASSERT_NE(lock, nullptr) << report.at("locks").dump(1);
  EXPECT_FALSE(lock->at("convoy").is_null()) << lock->dump(1);
  EXPECT_GE(lock->at("waits").get<std::uint64_t>(), 1000U);
  EXPECT_GT(lock->at("waited_share").get<double>(), 0.5);
  EXPECT_GT(lock->at("handoff").at("mean_ns").get<double>(), lock->at("hold_ns").get<double>());
}

TEST_F(LockReport, AnUncontendedMutexIsNoConvoy) {
  const Json report = measure({"--lock-hold", "--load", "none", "--", KNOWN_LOCKS, "alone"});
  expect_sound(report);
  for (const Json& lock : report.at("locks").at("locks"))
    EXPECT_TRUE(lock.at("convoy").is_null()) << lock.dump(1);
  EXPECT_EQ(find_lock(report, "contended_mutex"), nullptr);  // not one futex call
  std::uint64_t holds = 0;
  for (const Json& mutex : report.at("locks").at("holds"))
    if (mutex.at("name").get<std::string>().starts_with("contended_mutex"))
      holds = mutex.at("holds").get<std::uint64_t>();
  EXPECT_EQ(holds, 5'000U);
  EXPECT_GT(report.at("locks").at("trap_ns_per_pair").get<double>(), 0);
}

TEST_F(LockReport, AStaticProgramsMutexesCannotBeWatched) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the program is not linked statically with sanitizers";
#endif
  const Json report = measure({"--lock-hold", "--load", "none", "--", KNOWN_LOCKS_STATIC, "alone"});
  expect_sound(report);
  EXPECT_THAT(report.at("locks").at("holds_unmeasured").get<std::string>(),
              HasSubstr("statically linked"));
}

const Json& gil_of(const Json& report) {
  const Json* gil = find_lock(report, "Python's GIL");
  if (gil == nullptr) throw std::runtime_error(report.at("locks").dump(1));
  EXPECT_EQ(gil->at("identity"), "gil");
  EXPECT_GT(gil->at("waits").get<std::uint64_t>(), 0U);
  return *gil;
}

// A thread per connection, in Python.
TEST_F(LockReport, RecognisesPythonsGil) {
  const Json report = measure({"--locks", "--duration", "1s", "--warmup", "500ms", "--load", "echo",
                               SOURCE_SERVERS "/python/thread"});
  EXPECT_GT(gil_of(report).at("waits_per_message").get<double>(), 0);
}

// Threads that never leave the interpreter hand it to each other at every interval, however busy
// the machine is.
TEST_F(LockReport, PythonsGilIsHandedFromThreadToThread) {
  const std::string program =
      "import sys, threading, time\n"
      "sys.setswitchinterval(0.001)\n"
      "end = time.monotonic() + 1.5\n"
      "def work():\n"
      "    while time.monotonic() < end: pass\n"
      "threads = [threading.Thread(target=work) for _ in range(4)]\n"
      "for thread in threads: thread.start()\n"
      "for thread in threads: thread.join()\n";
  const Json report =
      measure({"--locks", "--load", "none", "--", "/usr/bin/python3", "-c", program});
  expect_sound(report);
  const Json& gil = gil_of(report);
  EXPECT_GE(gil.at("handoff").at("count").get<std::uint64_t>(), 100U);
  EXPECT_GE(gil.at("most_waiters").get<std::uint64_t>(), 2U);
  EXPECT_GE(gil.at("handoffs").at(0).at("pairs").get<std::uint64_t>(), 6U);
}

// What strace sees of the same program, whose number of calls is fixed.
TEST_F(LockReport, CountsWhatStraceCounts) {
  const auto shell = [](const std::string& command) { return run({"/bin/sh", "-c", command}); };
  if (shell("strace -V").code != 0) GTEST_SKIP() << "no strace";
  const Json report = measure({"--locks", "--load", "none", "--", KNOWN_LOCKS, "calls"});
  const std::string output = "'" + path("strace") + "'";
  ASSERT_EQ(shell("strace -f -e trace=futex -o " + output + " '" KNOWN_LOCKS "' calls").code, 0);
  const Ended waits = shell("grep -c 'FUTEX_WAIT_PRIVATE, 7' " + output);
  const Ended wakes = shell("grep -c 'FUTEX_WAKE_PRIVATE, 77' " + output);
  const Json* lock = find_lock(report, "counted_word in known_locks");
  ASSERT_NE(lock, nullptr);
  const Json& operations = lock->at("futexes").at(0).at("operations");
  EXPECT_EQ(operations.at("WAIT").get<std::uint64_t>(), std::stoull(waits.out));
  EXPECT_EQ(operations.at("WAKE").get<std::uint64_t>(), std::stoull(wakes.out));
  EXPECT_EQ(lock->at("futexes").at(0).at("timeouts"), 30);
  EXPECT_EQ(lock->at("futexes").at(0).at("changed"), 40);
  EXPECT_EQ(lock->at("futexes").at(0).at("woke_nobody"), 50);
}

TEST_F(LockReport, ContradictionsAreSaid) {
  const auto refused = [](const Words& arguments) {
    const Ended ended = run(trace_run(arguments));
    EXPECT_EQ(ended.code, 2);
    return ended.err;
  };
  EXPECT_THAT(refused({"--locks", "--counts-only", "true"}),
              OneLine(HasSubstr("--locks and --counts-only contradict each other")));
  EXPECT_THAT(refused({"--lock-hold", "--no-budget", "true"}),
              OneLine(HasSubstr("--lock-hold and --no-budget contradict each other")));
}

}  // namespace
}  // namespace tr::end_to_end
