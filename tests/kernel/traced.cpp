#include "traced.h"

#include <array>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <memory>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "util/clock.h"
#include "util/text.h"

namespace tr::kernel_test {

HeldChild::HeldChild(const std::function<void()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  Fd held(ends[0]);
  go_ = Fd(ends[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    go_.reset();
    char byte = 0;
    if (::read(held.get(), &byte, 1) != 1) ::_exit(1);
    body();
    ::_exit(0);
  }
}

HeldChild::~HeldChild() {
  if (pid_ <= 0 || reaped_) return;
  ::kill(pid_, SIGKILL);
  wait();
}

void HeldChild::go() {
  const char byte = 1;
  EXPECT_EQ(::write(go_.get(), &byte, 1), 1);
}

int HeldChild::wait() {
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  return status;
}

SyscallStats Outcome::call(const std::string& name) const {
  for (const SyscallStats& stats : counts.total.syscalls)
    if (stats.name == name) return stats;
  return {};
}

const ThreadCounts* Outcome::thread(pid_t tid) const {
  for (const ThreadCounts& thread : counts.threads)
    if (thread.tid == tid) return &thread;
  return nullptr;
}

std::uint64_t Outcome::lost_in_all() const {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : lost)
    sum += count;
  return sum;
}

Outcome trace(capture::Probes& probes, const std::function<void()>& body) {
  HeldChild child(body);
  EXPECT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  const auto adopted = probes.adopt(processes);
  EXPECT_TRUE(adopted.ok());
  EXPECT_EQ(adopted ? *adopted : 0, 1U);
  open_window(probes);
  probes.count(true);
  child.go();
  EXPECT_EQ(child.wait(), 0);
  probes.count(false);
  return finish(probes);
}

void open_window(capture::Probes& probes) {
  const std::uint64_t open = probes.open_window_at(0);
  while (monotonic_ns() < open)
    sleep_until_ns(open);
}

Outcome finish(capture::Probes& probes) {
  probes.close_window_at(0);
  return collect_closed(probes);
}

Outcome collect_closed(capture::Probes& probes) {
  probes.detach();
  const auto raw = probes.raw_counts();
  EXPECT_TRUE(raw.ok());
  const capture::Names names{
      .syscall = [](int number, bool) { return std::to_string(number); },
      .futex = [](std::uint32_t operation) { return std::to_string(operation); }};
  Outcome outcome;
  outcome.counts = capture::collect(*raw, names);
  const auto waits = probes.raw_waits(*raw);
  EXPECT_TRUE(waits.ok());
  if (waits && *waits) outcome.waits = capture::collect_waits(*raw, **waits, names);
  outcome.lost = probes.lost();
  outcome.window_ns = raw->window_close_ns - raw->window_open_ns;
  return outcome;
}

namespace {

// The states that waits and calls are parts of are the sums of these parts.
void expect_budget_adds_up(const TaskCounts& counts) {
  if (!counts.budget) return;
  const Budget& budget = *counts.budget;
  std::uint64_t waits_ns = budget.waking_ns;
  for (const Wait& wait : budget.waits)
    waits_ns += wait.ns;
  EXPECT_EQ(waits_ns, counts.blocked_ns);
  std::uint64_t calls_ns = budget.delivery_ns + budget.interrupt_ns +
                           budget.io_worker_ns.value_or(0) + budget.sqpoll_ns.value_or(0);
  for (const SyscallStats& call : counts.syscalls)
    calls_ns += call.cpu_ns.value_or(0);
  EXPECT_EQ(calls_ns, counts.system_ns);
  EXPECT_EQ(budget.woken_ns + budget.preempted_ns, counts.runqueue_ns);
}

// The waits by their finest cause are parts of those by call, object and waker, to the nanosecond.
void expect_causes_add_up(const Budget& budget, const Waits& waits) {
  const auto key = [](const auto& wait) { return std::tuple(wait.call, wait.object, wait.waker); };
  std::map<std::tuple<std::string, std::string, std::string>,
           std::pair<std::uint64_t, std::uint64_t>>
      left;
  for (const Wait& wait : budget.waits)
    left[key(wait)] = {wait.count, wait.ns};
  std::uint64_t run_up_ns = waits.other_run_queue.ns;
  for (const WaitCause& cause : waits.causes) {
    left[key(cause)].first -= cause.waits.count;
    left[key(cause)].second -= cause.waits.ns;
    run_up_ns += cause.run_queue.ns;
    std::uint64_t in_buckets = 0;
    for (const auto& bucket : cause.waits.buckets)
      in_buckets += bucket.count;
    EXPECT_EQ(in_buckets, cause.waits.count);
  }
  std::uint64_t left_count = 0, left_ns = 0;
  for (const auto& [which, rest] : left) {
    left_count += rest.first;
    left_ns += rest.second;
    if (waits.other_waits.count == 0) {
      EXPECT_EQ(rest.first, 0U);
      EXPECT_EQ(rest.second, 0U);
    }
  }
  EXPECT_EQ(left_count, waits.other_waits.count);
  EXPECT_EQ(left_ns, waits.other_waits.ns);
  EXPECT_LE(run_up_ns, budget.woken_ns);  // the rest: threads that ran for the first time
}

}  // namespace

void expect_sound(const Outcome& outcome) {
  expect_budget_adds_up(outcome.counts.total);
  if (outcome.waits) expect_causes_add_up(*outcome.counts.total.budget, *outcome.waits);
  if (const auto& cpus = outcome.counts.cpu_time) {
    EXPECT_EQ(cpus->server_ns + cpus->load_ns + cpus->other_ns + cpus->kernel_ns + cpus->idle_ns +
                  cpus->unknown_ns,
              cpus->cpus * outcome.window_ns);
    EXPECT_EQ(cpus->server_ns, outcome.counts.total.user_ns + outcome.counts.total.system_ns);
  }
  for (const ThreadCounts& thread : outcome.counts.threads) {
    const TaskCounts& c = thread.counts;
    EXPECT_EQ(c.user_ns + c.system_ns + c.runqueue_ns + c.blocked_ns, thread.life_ns)
        << "thread " << thread.tid;
  }
  for (const auto& [reason, count] : outcome.lost)
    EXPECT_EQ(count, 0U) << reason;
}

std::string name_of(long number) {
  return std::to_string(number);
}

Wait waits_of(const TaskCounts& counts, long call, const std::string& object) {
  Wait sum;
  for (const Wait& wait : counts.budget->waits)
    if (wait.call == name_of(call) && wait.object == object) {
      sum.count += wait.count;
      sum.ns += wait.ns;
    }
  return sum;
}

Wait waits_of(const TaskCounts& counts, long call, const std::string& object,
              const std::string& waker) {
  for (const Wait& wait : counts.budget->waits)
    if (wait.call == name_of(call) && wait.object == object && wait.waker == waker) return wait;
  return {};
}

std::uint64_t durations(const SyscallStats& stats) {
  std::uint64_t sum = 0;
  for (const auto& bucket : stats.latency)
    sum += bucket.count;
  return sum;
}

void call_many(long number, int times) {
  for (int i = 0; i < times; ++i)
    ::syscall(number);
}

std::uint64_t thread_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

void spin_for(std::uint64_t ns) {
  const std::uint64_t end = thread_cpu_ns() + ns;
  while (thread_cpu_ns() < end) {
  }
}

void sleep_ms(int ms) {
  const timespec time{.tv_sec = 0, .tv_nsec = ms * 1'000'000L};
  ::nanosleep(&time, nullptr);
}

// In state S, and off its CPU: /proc/TID/syscall says "running" until then (wait_task_inactive() in
// the kernel's lib/syscall.c).
bool kernel_has_tracepoint(const std::string& name) {
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  return types != nullptr &&
         btf__find_by_name_kind(types.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) >= 0;
}

bool wait_until_blocked(pid_t tid) {
  const std::string folder = "/proc/" + std::to_string(tid);
  const std::uint64_t deadline = monotonic_ns() + 10 * kNsPerSecond;
  while (monotonic_ns() < deadline) {
    const auto stat = read_file(folder + "/stat");
    if (!stat) return false;
    const std::size_t name_end = stat->rfind(')');
    if (name_end != std::string::npos && stat->size() > name_end + 2 &&
        (*stat)[name_end + 2] == 'S') {
      const auto call = read_file(folder + "/syscall");
      if (!call || !call->starts_with("running")) return true;
    }
    sleep_until_ns(monotonic_ns() + 200'000);
  }
  return false;
}

}  // namespace tr::kernel_test
