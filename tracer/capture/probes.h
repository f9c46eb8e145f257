// What does the kernel see of the traced tree? Loads the BPF programs, takes threads in, sets the
// measurement window, and hands over what was counted. Owns every program, link and map: when a
// Probes is gone, or the process that holds it, nothing of it is left in the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "capture/collect.h"
#include "capture/collect_locks.h"
#include "capture/collect_stacks.h"
#include "capture/collect_waits.h"
#include "capture/unwind_tables.h"
#include "records.h"
#include "snapshot/delay.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

struct trace_run;
struct ring_buffer;
struct bpf_link;
struct bpf_program;

namespace tr::capture {

struct ProbeGroup;

// For tests: what the kernel is to do with these programs, by name.
struct ProbeFaults {
  std::set<std::string, std::less<>> absent;      // has no such tracepoint
  std::set<std::string, std::less<>> refused;     // its verifier finds an instruction it refuses
  std::set<std::string, std::less<>> unattached;  // loads them, and does not attach them
};

struct ProbeOptions {
  // Only numbers of syscalls and futex operations, no times, no scheduling: the cheapest mode.
  bool counts_only = false;
  // Where each thread's time goes: waits by cause, interrupts, whose the CPUs are.
  bool budget = true;
  // Waits by the single object and waker, with their distributions; needs the budget.
  bool waits = false;
  // On which stacks threads block; with a budget only.
  bool stacks = false;
  // Samples of the tree's stacks so many times a second of its CPU time; 0: none. With stacks only.
  std::uint32_t sample_hz = 0;
  // Which way messages take through the server; only with a budget.
  bool messages = false;
  // How many threads can be traced at once. Each takes 4 KiB of the kernel's memory at once.
  std::uint32_t max_threads = 8192;
  // Tell sockets from files by looking at the descriptor at each call's end, even where the
  // tracepoints sock_send_length and sock_recv_length exist (since Linux 6.3).
  bool inspect_descriptors = false;
  // What goes through io_uring; not with counts_only.
  bool uring = true;
  // Say when a process of the tree listens: TR_NEWS_LISTEN.
  bool hear_listening = true;
  // With messages: when io_uring begins a send; else it begins when it is submitted.
  bool hear_uring_sends = true;
  // What threads do with futexes, and which of the kernel's locks hold them up. Needs the budget.
  bool locks = false;
  // With locks: how long mutexes are held, by uprobes; see watch_mutexes().
  bool lock_hold = false;
  // The server's threads are slowed at this stage; needs the budget. Absent: nothing of it is
  // loaded.
  std::optional<DelaySetting> delay = std::nullopt;
  // Afterwards, the CPU time of the tree without all of the above: open_bare_window().
  bool bare = false;
  ProbeFaults faults = {};
  // Whether the kernel can preempt the programs. Absent: by its release.
  std::optional<bool> preemptible = std::nullopt;
  // For tests, with `preemptible`: 1: one run in three of the first programs is skipped, as the
  // kernel would; 2: some of the second ones, too.
  std::uint32_t rehearsed_skips = 0;
};

// When the tree's CPU time is counted and nothing else, in CLOCK_MONOTONIC ns.
struct BareWindow {
  std::uint64_t open_ns = 0;
  std::uint64_t close_ns = 0;
};

// Runs of one BPF program since it was attached, on all CPUs.
struct ProgramRuns {
  std::string program;
  std::uint64_t traced = 0;    // for threads of the tree
  std::uint64_t untraced = 0;  // for all others
};

// The programs at contention_begin and contention_end, as one.
inline constexpr std::string_view kContention = "contention";

// The kernel's BPF statistics of one program; run_time_ns grows only while they are enabled.
struct ProgramStatistics {
  std::string program;
  std::uint64_t run_count = 0;
  std::uint64_t run_time_ns = 0;
  std::uint64_t recursion_misses = 0;  // runs the kernel skipped
  // Where a second program does what the first has missed: the runs skipped of that. Its time is in
  // run_time_ns.
  std::optional<std::uint64_t> second_misses = std::nullopt;
  // Events that only the first, and only the second has seen; as far as that is known.
  std::uint64_t seen_by_first = 0;
  std::uint64_t seen_by_second = 0;
};

// Events of traced threads that the kernel did not show. Some kernels hide the switches of some
// tasks; some skip programs where a thread was preempted inside one. The counts are made up for
// from what follows; only the moment stays unknown.
struct UnseenEvents {
  std::uint64_t switches = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t call_starts = 0;
  std::uint64_t call_ends = 0;
};

class Probes {
 public:
  // Loads and attaches what the options ask for. What this kernel lacks or refuses is left out,
  // except what nothing can be traced without: options() then says what is left, unmeasured() what
  // it costs. Failure::kNotAllowed without the privilege.
  static Result<Probes> load(const ProbeOptions& asked);
  // Loads a group's programs alone, attaches those that belong to a tracepoint, and takes them away
  // again. The error says why the kernel refuses one.
  // Without those of `others`, which failed by themselves.
  static Status try_group(const ProbeGroup& group, const ProbeFaults& faults = {},
                          const std::set<std::string_view>& others = {});
  // The names of all programs that there are.
  static std::vector<std::string> program_names();
  Probes(Probes&&) noexcept;
  Probes& operator=(Probes&&) noexcept;
  ~Probes();

  [[nodiscard]] const ProbeOptions& options() const { return options_; }
  // The figures that were asked for and are not taken, each with the kernel's reason.
  [[nodiscard]] const std::map<Figures, std::string>& unmeasured() const { return unmeasured_; }

  // Takes in all threads of these processes that are not in yet, as they stand; the number of those
  // taken in. Later threads and children follow by themselves.
  Result<std::uint64_t> adopt(std::span<const pid_t> processes);
  // Marks this process, while it has one thread, and what it will create as the load.
  Status mark_load(pid_t process);
  // Makes every CPU look at what it runs: a thread, and whose time a CPU spends, are found through
  // the last switch there. Needed once for a budget, and after threads were taken in that may be
  // running.
  static void refresh_cpus();

  // With lock_hold: puts uprobes on the mutex and rwlock functions of this libc, in every process
  // that has it mapped.
  Status watch_mutexes(const std::string& libc);

  // The ports whose messages from clients count as served, and what the tree sends to which as its
  // own: so many, from `first` on.
  void serve_ports(std::uint16_t first, std::uint16_t count);

  // With `messages`: all of them, in both directions, are so long; 0: they differ. Before the first
  // connection.
  void follow_messages(std::uint32_t size);

  // Sets an edge of the window, in CLOCK_MONOTONIC ns; returns the edge as set. The probes must
  // know an edge before it comes, or they count across it: one that has passed already, or is too
  // near, is set a millisecond from now.
  std::uint64_t open_window_at(std::uint64_t ns);
  std::uint64_t close_window_at(std::uint64_t ns);
  // With counts_only no clock is read: counting begins and ends when told.
  void count(bool on);
  // The window opens when this process executes its program, and closes, if not before, with the
  // last thread.
  void open_window_at_exec_of(pid_t process);
  [[nodiscard]] std::uint64_t window_open_ns() const;
  [[nodiscard]] std::uint64_t window_close_ns() const;

  // Readable when there is news: poll() it, then read_news().
  [[nodiscard]] int news_fd() const;
  std::vector<tr_news> read_news();

  [[nodiscard]] std::vector<ProgramRuns> runs() const;
  [[nodiscard]] std::vector<ProgramStatistics> statistics() const;

  // Detaches the programs, once the window has closed, and waits until none of them runs any more.
  void detach();
  // What was counted; after detach(). The records stay valid as long as this object.
  Result<RawCounts> raw_counts() const;
  // Of these counts; empty unless asked for.
  [[nodiscard]] Result<std::optional<RawWaits>> raw_waits(const RawCounts& raw) const;
  // With stacks: what was kept of them. After detach().
  [[nodiscard]] RawStacks raw_stacks() const;
  // With stacks: lets the probes follow the stacks of a process that `symbols` has learnt. What
  // they meet before that they follow by frame pointers.
  void unwind(const symbols::Process& process, symbols::Symbols& symbols);
  // With stacks: the processes of the living threads, as far as they are told apart.
  [[nodiscard]] std::vector<symbols::Process> living_processes() const;
  // With locks: the same of those.
  Result<RawLocks> raw_locks() const;
  // What was spent on the delay that was asked for; absent where none was. After detach().
  [[nodiscard]] Result<std::optional<Delays>> delays() const;

  // With `bare`, after detach(): what follows processes without looking at what they do. Then who
  // there is, and when: both edges at `from_ns` and a multiple of `step_ns`, the first of them from
  // a few milliseconds on, and at least `length_ns` apart. After the window, what these processes
  // and their children spent on CPUs in it; detaches that too.
  Status attach_bare();
  Result<BareWindow> open_bare_window(std::span<const pid_t> processes, std::uint64_t from_ns,
                                      std::uint64_t step_ns, std::uint64_t length_ns);
  Result<std::uint64_t> take_bare_cpu_ns();

  // Lost events by reason, every reason named. After detach().
  [[nodiscard]] std::map<std::string, std::uint64_t> lost() const;
  [[nodiscard]] UnseenEvents unseen() const;
  // How sockets are told from files, where that is not as usual; which moments are inexact.
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  struct SkeletonDelete {
    void operator()(trace_run* skeleton) const;
  };
  struct LinkDelete {
    void operator()(bpf_link* link) const;
  };
  struct RingDelete {
    void operator()(ring_buffer* ring) const;
  };
  template <class T>
  struct Mapped;  // an array of the probes, mapped
  struct Attached {
    std::string name;
    bpf_program* program;
    std::unique_ptr<bpf_link, LinkDelete> link;
  };
  // By the group's name: why it is left out.
  using LeftOut = std::map<std::string_view, std::string>;
  struct NotStarted;

  Probes();
  // The steps of load().
  Status open(const LeftOut& left_out, const std::set<std::string>& absent);
  Status leave_out(const LeftOut& groups);
  [[nodiscard]] std::set<std::string> unlikely_programs() const;
  std::optional<NotStarted> start();
  void note_descriptors(const LeftOut& left_out);
  static Result<LeftOut> refused_groups(const ProbeOptions& options, const LeftOut& known);
  void shrink_maps();
  Status number_cpus();
  Status attach(LeftOut& refused);
  Status attach(bpf_program* program);
  Result<std::unique_ptr<bpf_link, LinkDelete>> attach_program(bpf_program* program) const;
  Status map_records();
  template <class T>
  static Result<std::unique_ptr<Mapped<T>>> map_array(int map, std::size_t entries);
  [[nodiscard]] std::span<const tr_thread> used_records() const;
  void size_stack_maps();
  // The group of --waits: its settings where it is wanted, else no memory for its maps.
  void prepare_waits();
  Status prepare_delay();
  Status start_sampling(bpf_program* program);
  Status map_stacks();
  Status make_lock_rows();
  [[nodiscard]] Status end_turns() const;
  [[nodiscard]] Result<RawPaths> raw_paths() const;
  // Absent unless messages are followed, and servers of the tree are connected with each other.
  [[nodiscard]] Result<std::optional<RawHops>> raw_hops() const;
  [[nodiscard]] std::vector<tr_cpu> read_cpus() const;

  ProbeOptions options_;
  std::map<Figures, std::string> unmeasured_;
  std::unique_ptr<trace_run, SkeletonDelete> skeleton_;
  std::vector<Attached> attached_;
  std::vector<std::unique_ptr<bpf_link, LinkDelete>> bare_;      // those of attach_bare()
  std::vector<std::unique_ptr<bpf_link, LinkDelete>> samplers_;  // of one program, a link per CPU
  std::vector<std::unique_ptr<bpf_link, LinkDelete>> uprobes_;
  std::unique_ptr<ring_buffer, RingDelete> ring_;
  std::unique_ptr<std::vector<tr_news>> news_;  // filled by the ring's callback: a stable address
  std::unique_ptr<Mapped<const tr_thread>> records_;
  std::unique_ptr<Mapped<const tr_stack_note>> stack_notes_;  // with stacks
  std::unique_ptr<Mapped<tr_unwind_row>> unwind_rows_;
  std::unique_ptr<UnwindTables> unwind_tables_;
  std::string sampled_event_;
  std::string note_;
  std::uint64_t skipped_events_ = 0;  // until detach()
};

}  // namespace tr::capture
