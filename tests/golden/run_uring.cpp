// An echo server on io_uring.
#include <string>
#include <utility>

#include "run_list.h"
#include "run_parts.h"

namespace tr::golden {
namespace {

UringOperation operation(std::string name, std::uint64_t submitted, std::uint64_t completed) {
  UringOperation operation;
  operation.name = std::move(name);
  operation.submitted = submitted;
  operation.completed = completed;
  operation.under_way = 0;
  return operation;
}

}  // namespace

Snapshot uring_echo() {
  constexpr std::uint64_t kWindow = 10 * kSecond;
  constexpr std::uint64_t kMessages = 1'612'004;
  constexpr std::uint64_t kReads = 81'204;
  Snapshot run = skeleton(echo_config("uring_echo", 200), kWindow);
  ThreadCounts server;
  server.tid = server.tgid = 3100;
  server.comm = "uring_echo";
  server.counts.user_ns = 1'204'113'507;
  server.counts.system_ns = 8'011'220'418;
  server.counts.runqueue_ns = 90'411'006;
  server.counts.voluntary_switches = server.counts.wakeups = 4'112;
  serve(server.counts, kMessages);
  server.counts.syscalls = {call(426, "io_uring_enter", 38'410, 201'000)};
  sleep_the_rest(server, kWindow);
  spend(server.counts, {{"io_uring_enter", "", "load", 4'112, 100}});
  ThreadCounts worker;
  worker.tgid = server.tid;
  worker.tid = server.tid + 1;
  worker.comm = "iou-wrk-3100";
  worker.counts.system_ns = 401'733'911;
  worker.counts.runqueue_ns = 3'100'200;
  worker.counts.voluntary_switches = worker.counts.wakeups = kReads;
  sleep_the_rest(worker, kWindow);
  spend(worker.counts, {{std::string(kIoWorker), "", "kernel", 1'204, 4},
                        {std::string(kIoWorker), "io_uring", "server", 80'000, 100}});
  Budget& budget = *worker.counts.budget;
  budget.io_worker_ns = worker.counts.system_ns - budget.delivery_ns - budget.interrupt_ns;
  run.threads = {server, worker};
  run.total = total_of(run.threads);
  run.total.budget->io_worker_ns = budget.io_worker_ns;
  give_results(run.total, 0);
  UringOperation receive = operation("RECV", 3, kMessages + 2);
  receive.more = kMessages;
  receive.under_way = 200;
  receive.errors_by_errno = {{105, 2}};
  UringOperation send = operation("SEND", kMessages, 12);
  send.silent = kMessages - 10;
  send.broke_silence = 2;
  send.errors_by_errno = {{11, 2}};
  send.latency = around(31'000, 10, kKernelBuckets).buckets();
  UringOperation read = operation("READ", kReads, kReads);
  read.to_worker = kReads;
  read.errors_by_errno = {{125, 4}};
  read.latency = around(44'000, kReads, kKernelBuckets).buckets();
  UringOperation nop = operation("NOP", 41, 41);
  nop.by_sqpoll = 41;
  UringOperation stranger = operation("", 0, 7);
  stranger.unknown_start = 2;
  stranger.outside_calls = 7;
  UringOperation accept = operation("ACCEPT", 0, 0);
  accept.under_way = 1;
  run.total.uring = Uring{{stranger, accept, nop, read, receive, send}, 3, 9};
  run.load = echo_load(200, kMessages, 1'120'000);
  run.overhead = overhead(38'410, 170'000, run.total.user_ns + run.total.system_ns);
  run.server_exit = asked_to_end(run.total.user_ns, run.total.system_ns);
  return run;
}

}  // namespace tr::golden
