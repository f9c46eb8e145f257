// One run, from nothing started to everything ended. measure() walks it through its steps; between
// them it waits in one place for whatever may happen: signals, the program and the load ending, the
// kernel's news, the load's messages.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/launch/listening_ports.h"
#include "capture/launch/supervisor.h"
#include "capture/perf_events.h"
#include "capture/probe_costs.h"
#include "capture/probes.h"
#include "capture/schedstat.h"
#include "capture/watch_locks.h"
#include "commands/measure/measure.h"
#include "commands/measure/plan.h"
#include "commands/measure/progress.h"
#include "load/control.h"
#include "symbols/symbols.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::commands {

// "exit code 1" or "signal 9 (Killed)"
std::string text_of(const ServerExit& exit);

class Session {
 public:
  Session(const Plan& plan, Progress& progress, FirstInterrupt first)
      : plan_(plan), progress_(progress), first_(first) {}

  Result<Measured> run();

 private:
  // What is known of a program under supervision.
  struct Program {
    std::optional<capture::Supervisor> supervisor;
    bool executed = false;
    std::optional<ServerExit> exit;
    bool descendants_left = false;
    bool gone = false;
  };

  // The steps.
  Status prepare();
  Status start_server();
  Status attach();
  Status run_load();
  Status find_port();
  Status look_for_port();  // once: leaves listening_ empty where there is none
  Status run_built_in();
  Status run_command();
  Status run_alone();
  Status start_load(const std::string& program, std::vector<std::string> argv, int input);
  Status calibrate_under_load(std::uint64_t open_ns);
  Status pass_window();
  // After it, without probes; what keeps it from being measured is no error.
  Status pass_bare_window();
  Result<capture::BareWindow> open_bare_window();
  [[nodiscard]] std::optional<BareRun> bare_run() const;
  Status end_programs();
  // Of the program's threads, if that is wanted.
  [[nodiscard]] std::map<pid_t, Schedstat> read_schedstat() const;
  // Of the program's processes, what is mapped where; while they live.
  void learn_symbols();
  // What the program has mapped now, for the names of its locks.
  void learn_locks();
  void read_memory(std::optional<MemoryReading> Memory::*when);
  // At the window's close, or at the latest here.
  void detach_probes();
  Result<Measured> take_snapshot();

  // Waiting.
  Status wait(const std::function<bool()>& until, std::uint64_t deadline_ns);
  Status handle_ready(std::uint64_t deadline_ns);
  Status on_event(Program& program, const capture::SupervisorEvent& event);
  void on_news();
  std::vector<symbols::Process> read_news();
  Status on_load_message();
  // Without a load, a program is measured from its first instruction.
  [[nodiscard]] bool opens_at_exec() const {
    return plan_.load_kind == LoadKind::kNone && !plan_.attach;
  }
  [[nodiscard]] bool server_over() const { return server_.exit.has_value(); }
  [[nodiscard]] bool interrupted() const { return interrupts_ > 0; }

  [[nodiscard]] Error ended_too_soon(const std::string& before) const;
  Result<std::vector<pid_t>> tree() const;

  void on_signals();

  const Plan& plan_;
  Progress& progress_;
  const FirstInterrupt first_;

  Fd signals_;
  bool finishing_ = false;  // Ctrl-C came, and this run is to come to its end
  int interrupts_ = 0;      // signals after that
  Program server_;
  Program load_;
  pid_t root_ = 0;  // the program's first process
  Fd output_file_;
  std::optional<capture::Probes> probes_;
  std::optional<capture::ProbeCosts> costs_;
  std::optional<capture::PerfEvents> perf_;
  std::optional<capture::ListeningPort> listening_;
  std::optional<symbols::Symbols> symbols_;         // with stacks or --locks
  std::optional<capture::WatchLocks> watch_locks_;  // with --locks
  bool heard_of_port_ = false;  // the kernel said that the tree listens somewhere

  std::optional<load::TracerEnd> control_;
  std::uint64_t request_bytes_ = 0;  // per message of the built-in load
  std::optional<load::Window> planned_;
  bool load_held_ = false;  // its window is over, its connections are open
  std::optional<load::Outcome> outcome_;
  std::optional<Error> load_error_;

  std::optional<double> switch_ns_;
  std::optional<capture::BareWindow> bare_window_;
  std::uint64_t bare_cpu_ns_ = 0;

  std::map<pid_t, Schedstat> schedstat_;  // of the window, by tid
  std::optional<Steal> steal_;            // of the window
  std::optional<Memory> memory_;
  std::string memory_unmeasured_;  // why a reading is missing
  bool window_opened_ = false;
  bool cut_short_ = false;  // the window, by a signal
  bool detached_ = false;
  bool peak_forgotten_ = false;  // our own memory's, at the beginning
  std::vector<std::string> notes_;
  std::optional<Error> failure_;
};

}  // namespace tr::commands
