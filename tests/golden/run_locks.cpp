// The first run again with locks.
#include <string>
#include <utility>

#include "run_list.h"
#include "run_parts.h"

namespace tr::golden {

// Threads that hand Python's GIL to each other, with every kind of lock beside it.
Snapshot python_locks() {
  Snapshot run = epoll_echo();
  run.config.server = "servers/python/thread";
  run.config.argv = {"servers/python/thread"};
  Locks& locks = run.locks.emplace();
  const std::uint64_t window = run.window_ns();
  const auto futex_at = [&](std::uint64_t address, DataPlace place, std::uint64_t waits,
                            std::uint64_t wait_ns) {
    Futex futex;
    futex.kind = "private";
    futex.pid = 9'001;
    futex.address = address;
    futex.place = std::move(place);
    futex.operations = {{"WAIT", waits + 12}, {"WAKE", waits + 30}};
    futex.waits = waits;
    futex.wait_ns = waits * wait_ns;
    futex.changed = 12;
    futex.woken = waits;
    futex.woke_nobody = 30;
    futex.handoffs = waits;
    futex.handoff_ns = waits * 41'000;
    futex.holds = waits;
    futex.hold_ns = waits * 17'500;
    futex.most_waiters = 14;
    futex.waited_ns = window * 8 / 10;
    futex.wait = around(wait_ns, waits, kKernelBuckets).buckets();
    futex.handoff = around(41'000, waits, kKernelBuckets).buckets();
    futex.handoffs_by_name = {{"thread", "thread", waits, 380}};
    return futex;
  };
  const std::uint64_t messages = run.load->messages;
  const auto gil = [](std::uint64_t offset) {
    return DataPlace{"_PyRuntime", "/usr/bin/python3.11", offset};
  };
  locks.futexes = {futex_at(0xa36b48, gil(0x188), messages / 2, 61'000),
                   futex_at(0xa36b4c, gil(0x18c), messages / 3, 58'000)};
  Futex join = futex_at(0x7f10'2b7f'd910, {"[anonymous]", "", 0x7fb910}, 1, window);
  join.operations = {{"WAIT_BITSET", 1}};
  join.woken = join.woke_nobody = join.changed = join.holds = 0;
  Futex shared = futex_at(0x7f10'3000'0040, {"/dev/shm/queue", "", 64}, 310, 900'000);
  shared.kind = "shared";
  shared.several_processes = true;
  shared.handoffs = shared.handoff_ns = shared.holds = 0;
  shared.handoff = {};
  shared.handoffs_by_name.clear();
  Futex others = futex_at(0, {}, 11, 12'000);
  others.kind = "others";
  others.pid = 0;
  locks.futexes.insert(locks.futexes.end(), {join, shared, others});
  locks.kernel = {{"spinlock", false, false, "", 9, 41'113, 61'000'000, 41'000},
                  {"rwsem write", true, false, "", 1, 311, 9'000'000, 800'000},
                  {"mutex", false, false, "rtnl_mutex", 1, 3, 21'000, 9'000},
                  {"spinlock", false, true, "", 0, 12, 14'000, 2'000}};
  MutexHold held{9'001,
                 0x55d0'c8a0'1040,
                 {"[heap]", "", 0x1040},
                 messages,
                 messages * 2'100,
                 1'900'000,
                 around(2'100, messages, kKernelBuckets).buckets()};
  locks.holds = {held};
  locks.holds_unmeasured =
      "of 1 process: no libc is mapped there (statically linked, or not C), so there is nothing to "
      "put uprobes on";
  locks.trap_ns_per_pair = 4'310;
  return run;
}

}  // namespace tr::golden
