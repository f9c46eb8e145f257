#include "runs.h"

#include "run_hops.h"
#include "run_list.h"
#include "run_waits.h"

namespace tr::golden {
namespace {

Snapshot waits() {
  Snapshot run = epoll_echo();
  run.waits = some_waits();
  run.stacks = stacks_of_waits();
  return run;
}

Snapshot between_servers() {
  Snapshot run = epoll_echo();
  run.message_hops = some_hops(run.load->messages);
  return run;
}

}  // namespace

std::vector<NamedRun> recorded_runs() {
  return {{"epoll_echo", epoll_echo()},   {"python_locks", python_locks()},
          {"thread_echo", thread_echo()}, {"program", program()},
          {"counted", counted()},         {"damaged", damaged()},
          {"profiled", profiled()},       {"waits", waits()},
          {"uring_echo", uring_echo()},   {"between_servers", between_servers()}};
}

}  // namespace tr::golden
