#include "runs.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "run_waits.h"

namespace tr::golden {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kOpen = 5'000 * kSecond;

// A spread of durations around `typical`, `times` in all: half of them there, the others around.
Histogram around(std::uint64_t typical, std::uint64_t times, BucketLayout layout) {
  Histogram values(layout);
  std::uint64_t left = times;
  const auto some = [&](double scale, std::uint64_t count) {
    const std::uint64_t taken = std::min(count, left);
    values.record(static_cast<std::uint64_t>(static_cast<double>(typical) * scale), taken);
    left -= taken;
  };
  some(9.3, times / 10'000);
  some(2.6, times / 200);
  some(1.51, times / 20);
  some(1.17, times / 5);
  some(0.83, times / 4);
  some(1.0, left);
  return values;
}

SyscallStats call(int number, std::string name, std::uint64_t calls, std::uint64_t typical_ns,
                  std::map<int, std::uint64_t> errors = {}) {
  SyscallStats stats;
  stats.number = number;
  stats.name = std::move(name);
  stats.calls = calls;
  for (const auto& [error, count] : errors)
    stats.errors += count;
  stats.errors_by_errno = std::move(errors);
  const Histogram latency = around(typical_ns, calls, kKernelBuckets);
  stats.total_ns = latency.sum();
  stats.latency = latency.buckets();
  return stats;
}

// Under way for the whole window, as a server's accept() often is.
SyscallStats parked(int number, std::string name, std::uint64_t window_ns) {
  SyscallStats stats;
  stats.number = number;
  stats.name = std::move(name);
  stats.carried_in = 1;
  stats.in_flight = 1;
  stats.total_ns = window_ns;
  stats.latency.push_back({kKernelBuckets.index(window_ns), 1});
  return stats;
}

void sort_by_name(std::vector<SyscallStats>& calls) {
  std::sort(calls.begin(), calls.end(),
            [](const SyscallStats& a, const SyscallStats& b) { return a.name < b.name; });
}

void add_call(std::vector<SyscallStats>& calls, const SyscallStats& more) {
  const auto same = std::find_if(calls.begin(), calls.end(), [&](const SyscallStats& known) {
    return known.number == more.number && known.compat == more.compat;
  });
  if (same == calls.end()) {
    calls.push_back(more);
    return;
  }
  same->calls += more.calls;
  same->carried_in += more.carried_in;
  same->in_flight += more.in_flight;
  same->errors += more.errors;
  same->total_ns += more.total_ns;
  if (more.cpu_ns) same->cpu_ns = same->cpu_ns.value_or(0) + *more.cpu_ns;
  for (const auto& [error, count] : more.errors_by_errno)
    same->errors_by_errno[error] += count;
  Histogram latency = to_histogram(same->latency, kKernelBuckets);
  latency.merge(to_histogram(more.latency, kKernelBuckets));
  same->latency = latency.buckets();
}

void add_budget(std::optional<Budget>& sum, const Budget& more) {
  if (!sum) sum.emplace();
  for (const auto member : {&Budget::delivery_ns, &Budget::interrupt_ns, &Budget::woken_ns,
                            &Budget::preempted_ns, &Budget::waking_ns})
    *sum.*member += more.*member;
  for (const Wait& wait : more.waits) {
    const auto same = std::ranges::find_if(sum->waits, [&](const Wait& known) {
      return known.call == wait.call && known.object == wait.object && known.waker == wait.waker;
    });
    if (same == sum->waits.end()) {
      sum->waits.push_back(wait);
    } else {
      same->count += wait.count;
      same->ns += wait.ns;
    }
  }
}

// Splits a thread's times: each wait gets its `ns` in percent of what is left by those before it.
void spend(TaskCounts& counts, std::vector<Wait> waits) {
  Budget& budget = counts.budget.emplace();
  budget.delivery_ns = counts.system_ns * 22 / 100;
  budget.interrupt_ns = counts.system_ns / 40;
  std::uint64_t left = counts.system_ns - budget.delivery_ns - budget.interrupt_ns;
  for (SyscallStats& stats : counts.syscalls) {
    stats.cpu_ns = &stats == &counts.syscalls.back() ? left : left / 3;
    left -= *stats.cpu_ns;
  }
  budget.woken_ns = counts.runqueue_ns * 9 / 10;
  budget.preempted_ns = counts.runqueue_ns - budget.woken_ns;
  budget.waking_ns = counts.blocked_ns / 50;
  left = counts.blocked_ns - budget.waking_ns;
  for (Wait& wait : waits) {
    wait.ns = left * wait.ns / 100;
    left -= wait.ns;
  }
  budget.waits = std::move(waits);
}

// As if each wait for events had brought its share of them.
void give_results(TaskCounts& counts, std::uint64_t events) {
  counts.woke_nobody.emplace();
  for (SyscallStats& stats : counts.syscalls) {
    const bool waits = stats.name == "epoll_wait";
    stats.returned = waits ? events : 0;
    stats.empty = waits ? 14 : 0;
    stats.in_vain = waits ? 3 : 0;
  }
}

// The sum over all threads.
TaskCounts total_of(const std::vector<ThreadCounts>& threads) {
  TaskCounts total;
  for (const ThreadCounts& thread : threads) {
    const TaskCounts& counts = thread.counts;
    for (const auto member :
         {&TaskCounts::voluntary_switches, &TaskCounts::involuntary_switches,
          &TaskCounts::migrations, &TaskCounts::wakeups, &TaskCounts::user_ns,
          &TaskCounts::system_ns, &TaskCounts::runqueue_ns, &TaskCounts::blocked_ns,
          &TaskCounts::received_messages, &TaskCounts::received_bytes, &TaskCounts::sent_messages,
          &TaskCounts::sent_bytes, &TaskCounts::served_messages, &TaskCounts::served_bytes})
      total.*member += counts.*member;
    for (const auto& [operation, calls] : counts.futex)
      total.futex[operation] += calls;
    for (const SyscallStats& stats : counts.syscalls)
      add_call(total.syscalls, stats);
    if (counts.budget) add_budget(total.budget, *counts.budget);
  }
  sort_by_name(total.syscalls);
  return total;
}

// What the times leave of a thread's life, it slept.
void sleep_the_rest(ThreadCounts& thread, std::uint64_t life_ns) {
  thread.life_ns = life_ns;
  thread.counts.blocked_ns =
      life_ns - thread.counts.user_ns - thread.counts.system_ns - thread.counts.runqueue_ns;
  sort_by_name(thread.counts.syscalls);
}

// One message of 64 bytes in, one out, on the served port.
void serve(TaskCounts& counts, std::uint64_t messages) {
  counts.received_messages = messages;
  counts.received_bytes = 64 * messages;
  counts.served_messages = messages;
  counts.served_bytes = 64 * messages;
  counts.sent_messages = messages;
  counts.sent_bytes = 64 * messages;
}

Environment environment() {
  Environment environment;
  environment.tool_version = "0.1.0";
  environment.date = "2026-11-21T09:30:00Z";
  environment.kernel = "6.18.5";
  environment.architecture = "x86_64";
  environment.cpu_model = "Example CPU 2.80 GHz";
  environment.cpus = "0-1";
  environment.clocksource = "tsc";
  environment.memory_bytes = std::uint64_t{24} << 30;
  environment.virtualization = "kvm";
  return environment;
}

RunConfig echo_config(const std::string& server, std::uint64_t connections) {
  RunConfig config;
  config.server = server;
  config.argv = {"build/release/servers/" + server, "--port", "0"};
  config.mode = "default";
  config.load = "echo";
  config.port = 41'234;
  config.connections = connections;
  config.size = 64;
  config.duration_s = 10;
  config.warmup_s = 1;
  return config;
}

LoadResult echo_load(std::uint64_t connections, std::uint64_t messages, std::uint64_t typical_ns) {
  LoadResult load;
  load.connections = connections;
  load.messages = messages;
  load.bytes = 64 * messages;
  load.sent = messages + connections / 4;
  load.latency = around(typical_ns, messages, kLoadBuckets);
  load.unanswered = connections;
  load.longest_unanswered_ns = typical_ns;
  const double each = static_cast<double>(messages) / static_cast<double>(connections);
  load.fairness_p5 = each * 0.96;
  load.fairness_p50 = each;
  load.fairness_p95 = each * 1.05;
  load.fairness_jain = 0.998;
  load.user_ns = 1'830'000'000;
  load.system_ns = 5'210'000'000;
  load.runqueue_ns = 12'000'000;
  load.cpus = 1;
  return load;
}

// `messages` over so many bins of 0.1 s, in the proportions of `level`, with some noise.
AnswerBins bins_of(std::uint64_t messages, std::uint64_t count,
                   const std::function<double(std::uint64_t)>& level) {
  AnswerBins bins{.bin_ns = kSecond / 10, .answers = {}};
  double whole = 0;
  for (std::uint64_t i = 0; i < count; ++i)
    whole += level(i);
  std::uint64_t left = messages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double noise = 1 + 0.004 * static_cast<double>(i * 7 % 5) - 0.008;
    const auto answers =
        static_cast<std::uint64_t>(static_cast<double>(messages) * level(i) / whole * noise);
    bins.answers.push_back(i + 1 == count ? left : std::min(left, answers));
    left -= bins.answers.back();
  }
  return bins;
}

Overhead overhead(std::uint64_t enters, std::uint64_t switches, std::uint64_t cpu_ns) {
  Overhead overhead;
  overhead.programs = {{"sys_enter", enters, 38.2, 412'331},
                       {"sys_exit", enters, 41.7, 412'329},
                       {"sched_switch", switches, 61.0, 93'127},
                       {"sched_wakeup", switches / 2, 33.4, 46'031}};
  double probe_ns = 0;
  for (const ProgramCost& program : overhead.programs) {
    overhead.probe_runs += program.runs;
    probe_ns += static_cast<double>(program.runs) * program.ns_per_run.value_or(0);
  }
  overhead.probe_ns = static_cast<std::uint64_t>(probe_ns);
  overhead.share_of_cpu = probe_ns / static_cast<double>(cpu_ns);
  overhead.calibration = "kernel's BPF statistics over 0.5 s of warm-up";
  return overhead;
}

MemoryReading held(std::uint64_t pss_kib, std::uint64_t page_tables_kib, std::uint64_t threads) {
  return {pss_kib << 10, page_tables_kib << 10, 1, threads, {}};
}

ServerExit asked_to_end(std::uint64_t user_ns, std::uint64_t system_ns) {
  ServerExit exit;
  exit.user_ns = user_ns + user_ns / 9;
  exit.system_ns = system_ns + system_ns / 9;
  exit.max_rss_bytes = 6'324'224;
  exit.minor_faults = 412;
  return exit;
}

Snapshot skeleton(RunConfig config, std::uint64_t window_ns) {
  Snapshot run;
  run.environment = environment();
  run.config = std::move(config);
  run.window_open_ns = kOpen;
  run.window_close_ns = kOpen + window_ns;
  run.lost = {{"no memory for a new thread's record", 0}, {"no room for counts", 0}};
  return run;
}

PerfCount counted_event(std::string event, std::uint64_t value, std::uint64_t enabled_ns) {
  return {std::move(event), value, enabled_ns, enabled_ns, ""};
}

PerfCount unsupported_event(std::string event, std::string why) {
  return {std::move(event), 0, 0, 0, std::move(why)};
}

// So many messages, each of which took so long on each leg.
void take_path(MessagePath& path, std::uint64_t messages,
               const std::map<std::string, std::uint64_t>& legs_ns) {
  std::uint64_t whole_ns = 0;
  for (PathLeg& leg : path.legs) {
    const auto its = legs_ns.find(leg.name);
    if (its == legs_ns.end()) continue;
    whole_ns += its->second;
    Histogram times = to_histogram(leg.times, kKernelBuckets);
    times.record(its->second, messages);
    leg.times = times.buckets();
  }
  PathBucket& sums =
      path.buckets.emplace_back(PathBucket{kKernelBuckets.index(whole_ns), messages, legs_ns});
  for (auto& [leg, ns] : sums.legs_ns)
    ns *= messages;
}

MessagePath epoll_path(std::uint64_t messages) {
  MessagePath path;
  path.message_size = 64;
  for (const char* leg : {"wake", "runqueue", "busy", "handoff", "handoff_wake", "receive", "rest",
                          "work", "send", "unresolved"})
    path.legs.push_back({leg, {}});
  const std::uint64_t slow = messages / 80, idle = messages / 100;
  take_path(
      path, idle,
      {{"wake", 2'100}, {"runqueue", 900}, {"receive", 1'900}, {"work", 310}, {"send", 3'100}});
  take_path(path, messages - slow - idle,
            {{"busy", 612'000}, {"receive", 640}, {"work", 290}, {"send", 2'900}});
  take_path(path, slow - 2,
            {{"busy", 2'940'000}, {"receive", 660}, {"work", 300}, {"send", 4'100}});
  take_path(path, 2, {{"unresolved", 3'900'000}});
  path.notes = {{"handed_off", 0}, {"many_hands", 0}, {"no_receipt", 0},
                {"no_send", 0},    {"disordered", 2}, {"crowded", 0},
                {"no_room", 0},    {"no_memory", 0},  {"unanswered", 0}};
  return path;
}

Snapshot epoll_echo() {
  constexpr std::uint64_t kWindow = 10 * kSecond;
  constexpr std::uint64_t kMessages = 1'473'218;
  Snapshot run = skeleton(echo_config("epoll_echo", 200), kWindow);
  ThreadCounts thread;
  thread.tid = thread.tgid = 4711;
  thread.comm = "epoll_echo";
  TaskCounts& counts = thread.counts;
  counts.user_ns = 1'104'913'500;
  counts.system_ns = 8'398'122'004;
  counts.runqueue_ns = 201'118'730;
  counts.voluntary_switches = 10'412;
  counts.involuntary_switches = 1'933;
  counts.migrations = 26;
  counts.wakeups = 10'412;
  serve(counts, kMessages);
  counts.syscalls = {call(232, "epoll_wait", 14'803, 1'300),
                     call(45, "recvfrom", 2 * kMessages, 640, {{11, kMessages}}),
                     call(44, "sendto", kMessages, 4'300), call(3, "close", 3, 2'100)};
  sort_by_name(counts.syscalls);
  sleep_the_rest(thread, kWindow);
  spend(counts, {{"epoll_wait", "", "load", 10'398, 99}, {"epoll_wait", "", "timer", 14, 100}});
  run.threads = {thread};
  run.total = total_of(run.threads);
  give_results(run.total, kMessages);
  run.cpu_time = CpuTime{.cpus = 2,
                         .server_ns = counts.user_ns + counts.system_ns,
                         .load_ns = 7'040'000'000,
                         .other_ns = 51'000'000,
                         .kernel_ns = 9'000'000,
                         .idle_ns = 2 * kWindow - counts.user_ns - counts.system_ns - 7'100'000'000,
                         .unknown_ns = 0};
  run.message_path = epoll_path(kMessages - 20);
  run.load = echo_load(200, kMessages, 1'340'000);
  run.load->messages = kMessages - 61;
  const std::uint64_t cpu_ns = counts.user_ns + counts.system_ns;
  run.perf = {counted_event("context-switches", 12'347, cpu_ns),
              counted_event("cpu-migrations", 26, cpu_ns),
              counted_event("task-clock", cpu_ns + 118'402, cpu_ns),
              counted_event("page-faults", 3, cpu_ns),
              unsupported_event("cycles", "no hardware PMU here"),
              unsupported_event("instructions", "no hardware PMU here")};
  run.overhead = overhead(4'434'463, 24'690, cpu_ns);
  run.memory = Memory{held(1'046, 52, 1), held(1'084, 56, 1)};
  run.server_exit = asked_to_end(counts.user_ns, counts.system_ns);
  return run;
}

// The same server, with --profile: its waits on stacks of their own, and 941 samples.
Snapshot profiled() {
  Snapshot run = epoll_echo();
  Stacks& stacks = run.stacks.emplace();
  const auto frame = [](std::string function, std::string module, std::uint64_t offset = 0) {
    const bool kernel = module.starts_with('[');
    return Frame{std::move(function), std::move(module), offset, kernel};
  };
  const std::string program = "/usr/libexec/trace-run/servers/epoll_echo";
  const std::string library = "/usr/lib/x86_64-linux-gnu/libc.so.6";
  stacks.frames = {frame("tcp_sendmsg", "[kernel]"),
                   frame("nft_do_chain", "[nf_tables]"),
                   frame("", "[kernel]", 0xffffffff81234567),
                   frame("schedule", "[kernel]"),
                   frame("send", library),
                   frame("recv", library),
                   frame("epoll_wait", library),
                   frame("servers::Connection<servers::Echo, std::vector<std::byte>>::answer_all"
                         "_that_has_come",
                         program),
                   frame("servers::Epoll::serve", program),
                   frame("main", program),
                   frame("", "/usr/lib/libcustom;odd.so", 0x1a2b),
                   frame("", "")};
  stacks.stacks = {{},          {{0, 4, 7, 8, 9}}, {{1, 0, 4, 7, 8, 9}}, {{2, 5, 7, 8, 9}},
                   {{7, 8, 9}}, {{10, 11}, true},  {{3, 6, 8, 9}}};
  stacks.modules = {{library, "0123abcd"}, {program, ""}};
  CpuProfile& profile = stacks.profile.emplace();
  profile.event = "cpu-clock";
  profile.hz = 99;
  const std::array<std::uint64_t, 5> samples{610, 170, 101, 59, 1};
  for (std::size_t i = 0; i < samples.size(); ++i)
    profile.stacks.push_back({i + 1, "epoll_echo", samples[i]});
  for (const Wait& wait : run.total.budget->waits)
    stacks.blocked.push_back({wait.waker == "load" ? std::uint64_t{6} : std::uint64_t{0},
                              "epoll_echo", wait.call, wait.object, wait.waker, wait.count,
                              wait.ns});
  // A lock, in the middle of work.
  stacks.blocked.push_back({5, "epoll;echo", "futex", "", "server", 12, 900'000});
  return run;
}

Snapshot thread_echo() {
  constexpr std::uint64_t kWindow = 10 * kSecond;
  constexpr std::uint64_t kConnections = 32;
  RunConfig config = echo_config("thread_echo", kConnections);
  config.pin = "1";
  config.pin_load = "0";
  Snapshot run = skeleton(config, kWindow);
  ThreadCounts acceptor;
  acceptor.tid = acceptor.tgid = 5200;
  acceptor.comm = "thread_echo";
  acceptor.counts.syscalls = {parked(288, "accept4", kWindow)};
  sleep_the_rest(acceptor, kWindow);
  spend(acceptor.counts, {{"accept4", "listener", "nobody", 1, 100}});
  run.threads = {acceptor};
  std::uint64_t messages = 0;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    ThreadCounts thread;
    thread.tgid = acceptor.tgid;
    thread.tid = acceptor.tid + 1 + static_cast<std::int64_t>(i);
    thread.comm = "connection";
    TaskCounts& counts = thread.counts;
    const std::uint64_t served = 27'000 + 131 * i;
    messages += served;
    counts.user_ns = served * 930;
    counts.system_ns = served * 9'870;
    counts.runqueue_ns = served * 61'000;
    counts.voluntary_switches = served - 3 * i;
    counts.involuntary_switches = 40 + i;
    counts.wakeups = counts.voluntary_switches;
    serve(counts, served);
    counts.futex = {{"WAIT_PRIVATE", 2 + i % 3}, {"WAKE_PRIVATE", 3}};
    counts.syscalls = {call(45, "recvfrom", served, 290'000), call(44, "sendto", served, 5'100),
                       call(202, "futex", 5 + i % 3, 8'800, {{11, 1}}),
                       call(28, "madvise", served / 400, 2'400)};
    counts.syscalls.front().carried_in = 1;
    counts.syscalls.front().in_flight = 1;
    sleep_the_rest(thread, kWindow);
    spend(counts, {{"futex", "", "server", 2 + i % 3, 1},
                   {"recvfrom", "client", "load", counts.voluntary_switches - 9, 99},
                   {"recvfrom", "client", "network", 7, 100}});
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  give_results(run.total, 0);
  run.total.woke_nobody = {{"WAKE_PRIVATE", 40}};
  run.load = echo_load(kConnections, messages, 331'000);
  run.load->bins = bins_of(messages, 100, [](std::uint64_t i) { return i < 8 ? 0.5 : 1.0; });
  run.steal = Steal{.ns = 20'000'000, .cpus = 2};
  const std::uint64_t cpu_ns = run.total.user_ns + run.total.system_ns;
  run.overhead = overhead(2 * messages, 2 * messages, cpu_ns);
  run.memory = Memory{held(1'020, 48, 1), held(1'528, 60, kConnections + 1)};
  run.server_exit = asked_to_end(run.total.user_ns, run.total.system_ns);
  return run;
}

UringOperation operation(std::string name, std::uint64_t submitted, std::uint64_t completed) {
  UringOperation operation;
  operation.name = std::move(name);
  operation.submitted = submitted;
  operation.completed = completed;
  operation.under_way = 0;
  return operation;
}

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

Snapshot program() {
  RunConfig config;
  config.server = "sh";
  config.argv = {"sh", "-c", "grep -rl TODO src | sort"};
  config.mode = "default";
  config.load = "none";
  constexpr std::uint64_t kWindow = 842'113'905;
  Snapshot run = skeleton(config, kWindow);
  const std::vector<std::string> names{"sh", "grep", "sort"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    ThreadCounts thread;
    thread.tid = thread.tgid = 880 + static_cast<std::int64_t>(i);
    thread.comm = names[i];
    thread.exited = true;
    TaskCounts& counts = thread.counts;
    counts.user_ns = i == 1 ? 311'204'118 : 2'930'411;
    counts.system_ns = i == 1 ? 402'660'771 : 4'118'250;
    counts.runqueue_ns = 3'114'229 + 91'000 * i;
    counts.voluntary_switches = i == 1 ? 61 : 4;
    counts.involuntary_switches = i == 1 ? 214 : 1;
    counts.migrations = i;
    counts.wakeups = 5;
    counts.syscalls = {call(59, "execve", 1, 410'000), call(12, "brk", 3, 900),
                       call(0, "read", i == 1 ? 14'402 : 6, 2'700),
                       call(1, "write", i == 1 ? 12 : 2, 3'100)};
    if (i == 0) {
      counts.syscalls.push_back(call(435, "clone3", 2, 88'000));
      counts.syscalls.push_back(call(61, "wait4", 2, 420'000'000, {{10, 1}}));
    }
    if (i == 1) {
      counts.syscalls.push_back(call(257, "openat", 9'231, 3'900, {{2, 17}, {13, 3}}));
      counts.syscalls.push_back(call(3, "close", 9'211, 480));
      counts.syscalls.push_back(call(5, "fstat", 9'211, 410));
      counts.syscalls.push_back(call(217, "getdents64", 1'824, 6'200));
      counts.syscalls.push_back(call(8, "lseek", 9'180, 310, {{29, 4}}));
      counts.syscalls.push_back(call(262, "newfstatat", 1'022, 1'300));
      counts.syscalls.push_back(call(72, "fcntl", 2'050, 250));
      counts.syscalls.push_back(call(9, "mmap", 31, 2'200));
    }
    sleep_the_rest(thread, kWindow - 20'000'000 * i);
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  run.overhead = overhead(56'200, 580, run.total.user_ns + run.total.system_ns);
  run.overhead.probe_ns.reset();
  run.overhead.share_of_cpu.reset();
  for (ProgramCost& cost : run.overhead.programs)
    cost.ns_per_run.reset();
  run.overhead.calibration = "no warm-up to calibrate in";
  ServerExit exit;
  exit.exited_by_itself = true;
  exit.code = 1;
  exit.user_ns = run.total.user_ns;
  exit.system_ns = run.total.system_ns;
  exit.max_rss_bytes = 3'932'160;
  exit.minor_faults = 1'204;
  exit.major_faults = 2;
  run.server_exit = exit;
  return run;
}

Snapshot counted() {
  RunConfig config;
  config.server = "nginx";
  config.argv = {"nginx: worker process"};
  config.attached_pid = 1204;
  config.mode = "count";
  config.load = "wrk -t1 -c50 http://127.0.0.1:8080/";
  config.port = 8080;
  config.duration_s = 5;
  constexpr std::uint64_t kWindow = 5 * kSecond;
  Snapshot run = skeleton(config, kWindow);
  ThreadCounts thread;
  thread.tid = thread.tgid = 1204;
  thread.comm = "nginx";
  thread.life_ns = kWindow;
  for (const auto& [number, name, calls] :
       {std::tuple(232, "epoll_wait", 51'204ULL), std::tuple(45, "recvfrom", 402'210ULL),
        std::tuple(20, "writev", 402'207ULL), std::tuple(257, "openat", 402'207ULL),
        std::tuple(5, "fstat", 402'207ULL), std::tuple(3, "close", 402'257ULL)}) {
    SyscallStats stats;
    stats.number = number;
    stats.name = name;
    stats.calls = calls;
    thread.counts.syscalls.push_back(stats);
  }
  sort_by_name(thread.counts.syscalls);
  run.threads = {thread};
  run.total = total_of(run.threads);
  for (const Figures figures : {Figures::kSyscallResults, Figures::kScheduling, Figures::kSockets})
    run.unmeasured[figures] = "mode count only counts calls";
  run.overhead.probe_runs = 2'062'292;
  run.overhead.probe_ns = 41'245'840;
  run.overhead.programs = {{"sys_enter", 2'062'292, 20.0, 900'113}};
  run.overhead.calibration = "kernel's BPF statistics over 0.5 s of warm-up";
  run.notes = {"2 other worker processes of nginx were not traced."};
  return run;
}

Snapshot damaged() {
  RunConfig config = echo_config("fork_echo", 500);
  config.argv.emplace_back("--greeting=it's \x1b[31mred");
  config.rate = 50'000;
  config.rate_shape = "poisson";
  constexpr std::uint64_t kWindow = 4 * kSecond;
  Snapshot run = skeleton(config, kWindow);
  run.interrupted = true;
  for (std::int64_t i = 0; i < 3; ++i) {
    ThreadCounts thread;
    thread.tid = thread.tgid = 9000 + i;
    // As the kernel cuts a long name: in the middle of a character.
    thread.comm = i == 2 ? "fork_\xc3" : "fork_echo";
    TaskCounts& counts = thread.counts;
    counts.user_ns = 90'000'000;
    counts.system_ns = 600'000'000;
    counts.runqueue_ns = 50'000'000;
    counts.voluntary_switches = 40'000;
    counts.involuntary_switches = 2'000;
    counts.migrations = 500;
    counts.wakeups = 40'000;
    serve(counts, 40'000);
    counts.syscalls = {call(0, "read", 40'020, 30'000, {{11, 20}, {104, 7}, {512, 1}}),
                       call(1, "write", 40'000, 6'000, {{32, 2}}), call(56, "clone", 8, 120'000),
                       call(61, "wait4", 8, 900, {{10, 8}})};
    SyscallStats old = call(3, "read", 10, 5'000);
    old.compat = true;
    counts.syscalls.push_back(old);
    sleep_the_rest(thread, kWindow);
    thread.exited = i == 1;
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  run.threads[2].counts.blocked_ns -= 900'000'000;
  // Threads that had ended and were not kept, among them one that cannot be told from the others.
  run.folded_threads = 12;
  run.total.user_ns += 30'000'000;
  run.total.system_ns += 110'000'000;
  run.total.voluntary_switches += 900;
  run.load = echo_load(470, 118'000, 2'500'000);
  LoadResult& load = *run.load;
  load.user_ns = 1'010'000'000;
  load.system_ns = 2'910'000'000;

  load.service = around(410'000, 118'000, kLoadBuckets);
  load.bins = bins_of(118'000, 40, [](std::uint64_t i) { return static_cast<double>(i + 4); });
  run.cpu_time = CpuTime{.cpus = 2,
                         .server_ns = run.total.user_ns + run.total.system_ns,
                         .load_ns = 3'920'000'000,
                         .other_ns = 1'000'000'000,
                         .idle_ns = 800'000'000};
  run.steal = Steal{.ns = 480'000'000, .cpus = 2};
  load.wrong_answers = 1;
  load.connect_failures = 30;
  load.broken_connections = 12;
  load.silent_connections = 21;
  load.first_failure = "connect 127.0.0.1:41234: Connection timed out";
  load.unanswered = 9'321;
  load.longest_unanswered_ns = 1'834'000'000;
  load.fairness_p5 = 0;
  load.fairness_p50 = 88;
  load.fairness_p95 = 902;
  load.fairness_jain = 0.41;
  load.late_sends = 23'981;
  load.saturated = true;
  load.saturation = "its CPU was 98 % busy";
  run.perf = {{"cycles", 6'112'331'201, 4'000'000'000, 2'480'000'000, ""},
              {"branch-misses", 0, 4'000'000'000, 0, ""},
              counted_event("context-switches", 131'411, 2'210'000'000),
              counted_event("cpu-migrations", 1'498, 2'210'000'000)};
  const std::uint64_t cpu_ns = run.total.user_ns + run.total.system_ns;
  run.overhead = overhead(4'720'000, 3'900'000, cpu_ns);
  // Some connections broke: what each costs is not known. The second reading was refused.
  run.memory = Memory{held(980, 52, 1), std::nullopt};
  run.unmeasured[Figures::kMemory] =
      "cannot read /proc/9001/smaps_rollup: Permission denied; it runs as another user: needs"
      " CAP_SYS_PTRACE";
  ServerExit exit = asked_to_end(run.total.user_ns, run.total.system_ns);
  exit.exited_by_itself = true;
  exit.signal = 11;
  run.server_exit = exit;
  run.lost = {{"no memory for a new thread's record", 3}, {"no room for counts", 1'204}};
  return run;
}

// Threads that hand Python's GIL to each other, with every kind of lock beside it.
Snapshot python_locks() {
  Snapshot run = epoll_echo();
  run.config.server = "servers/python/thread";
  run.config.argv = {"servers/python/thread"};
  Locks& locks = run.locks.emplace();
  const std::uint64_t window = run.window_ns();
  const auto futex_at = [&](std::uint64_t address, LockPlace place, std::uint64_t waits,
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
    return LockPlace{"_PyRuntime", "/usr/bin/python3.11", offset};
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

Snapshot waits() {
  Snapshot run = epoll_echo();
  run.waits = some_waits();
  run.stacks = stacks_of_waits();
  return run;
}

}  // namespace

std::vector<NamedRun> recorded_runs() {
  return {{"epoll_echo", epoll_echo()},   {"python_locks", python_locks()},
          {"thread_echo", thread_echo()}, {"program", program()},
          {"counted", counted()},         {"damaged", damaged()},
          {"profiled", profiled()},       {"waits", waits()},
          {"uring_echo", uring_echo()}};
}

}  // namespace tr::golden
