#include "run_waits.h"

#include <string>
#include <utility>

namespace tr::golden {
namespace {

Durations spread(std::uint64_t typical_ns, std::uint64_t count) {
  Histogram values(kKernelBuckets);
  values.record(typical_ns * 9, count / 100);
  values.record(typical_ns * 2, count / 10);
  values.record(typical_ns / 2, count / 4);
  values.record(typical_ns, count - count / 100 - count / 10 - count / 4);
  Durations durations;
  durations.count = values.count();
  durations.ns = values.sum();
  durations.max_ns = values.max();
  durations.buckets = values.buckets();
  return durations;
}

WaitCause cause(std::string call, std::string object, std::string waker, std::string place,
                std::uint64_t which) {
  WaitCause cause;
  cause.call = std::move(call);
  cause.object = std::move(object);
  cause.waker = std::move(waker);
  cause.place = std::move(place);
  cause.which = which;
  return cause;
}

}  // namespace

Waits some_waits() {
  Waits waits;
  for (const std::int64_t process : {4001, 4002}) {
    WaitCause events = cause("epoll_wait", "", "load", "descriptor", 5);
    events.tgid = process;
    events.waits = spread(600'000, 5'000);
    events.run_queue = spread(12'000, 5'000);
    waits.causes.push_back(events);
  }
  WaitCause asleep = cause("epoll_wait", "", "nobody", "descriptor", 5);
  asleep.tgid = 4001;
  asleep.waits = spread(90'000'000, 1);
  waits.causes.push_back(asleep);
  WaitCause lock = cause("futex", "", "server", "address", 0x7f12'3456'7890);
  lock.tgid = 4001;
  lock.lies_in = DataPlace{"tasks", "/srv/bin/pool", 0x28};
  lock.waker_name = "worker \x1b[31m";
  lock.waker_tid = 4003;
  lock.waits = spread(40'000, 3'000);
  lock.run_queue = spread(3'000, 3'000);
  waits.causes.push_back(lock);
  WaitCause database = cause("recvfrom", "socket", "other", "ports", 0);
  database.far_port = 5432;
  database.waker_name = "postgres";
  database.waits = spread(90'000, 400);
  database.run_queue = spread(3'000, 400);
  waits.causes.push_back(database);
  for (std::uint64_t inode = 100; inode < 106; ++inode) {
    WaitCause pipe = cause("read", "pipe", "kernel", "inode", inode);
    pipe.waker_name = "kworker/0:1";
    pipe.waits = spread(1'000, inode);
    pipe.run_queue = spread(500, inode);
    waits.causes.push_back(pipe);
  }
  WaitCause fault = cause("", "", "interrupt", "", 0);
  fault.waits = spread(70'000, 3);
  waits.causes.push_back(fault);
  waits.other_waits = spread(2'000, 12);
  waits.other_run_queue = spread(2'000, 12);
  waits.handoffs = {{4003, 4004, "worker", "worker", 2'500},
                    {4003, 4001, "worker", "main", 500},
                    {4004, 4003, "worker", "worker", 4}};
  waits.other_handoffs = 7;
  waits.arrivals = {{8080, 400, 1'190, 390, 790}, {8081, 10, 7, 0, 0}};
  return waits;
}

Stacks stacks_of_waits() {
  Stacks stacks;
  stacks.frames = {{"schedule", "[kernel]", 0, true},         {"futex_wait", "[kernel]", 0, true},
                   {"Queue::take", "/opt/server", 0, false},  {"", "/opt/lib/old.so", 0x1f0, false},
                   {"main", "/opt/server", 0, false},         {"ep_poll", "[kernel]", 0, true},
                   {"loop \x1b[31m", "/opt/server", 0, false}};
  stacks.stacks = {{},
                   {{0, 1, 2, 4}},
                   {{0, 1, 3, 4, 4, 4, 4, 4, 4}, true},
                   {{0, 5, 6, 4}},
                   {{0, 5}, false, true}};
  stacks.blocked = {{3, "main", "epoll_wait", "", "load", 9'900, 6'000'000'000},
                    {1, "worker", "futex", "", "server", 2'500, 100'000'000},
                    {2, "worker", "futex", "", "server", 400, 20'000'000},
                    {4, "main", "epoll_wait", "", "load", 100, 10'000'000},
                    {0, "main", "epoll_wait", "", "nobody", 1, 90'000'000}};
  return stacks;
}

}  // namespace tr::golden
