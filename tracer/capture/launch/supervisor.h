// How does trace-run start, watch and end a program so that nothing is ever left running?
//
// Through a guardian, a small process that outlives trace-run by the moment it takes to end the
// program's whole tree (guardian.h). The program is started in two steps: start() makes a process
// that is all set up but has executed nothing, so that the tracer can take it into its books; go()
// lets it execute. What happens then comes as events, from a descriptor to poll.
//
//   auto supervisor = Supervisor::create();           // early: one thread, few files
//   auto held = supervisor->start(spec, output_fd);   // tell the tracer held->pid
//   supervisor->go();
//   ... poll supervisor->event_fd(), take next_event() ...
//   supervisor->stop(5s);                             // until TreeGone
//
// One Supervisor runs one program at a time, any number one after another; several at once need a
// Supervisor each.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "capture/launch/launch_spec.h"
#include "capture/launch/wire.h"
#include "snapshot/snapshot.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::capture {

// execve succeeded. (A process killed between go() and execve is reported like this as well; its
// exit follows.)
struct Executed {};

// execve failed, and the process is gone. A usage error where the program does not exist.
struct ExecFailed {
  Error error;
};

// The first process ended.
struct Exited {
  ServerExit exit;
  // Others of its tree still run: it was a launcher, or it left children behind.
  bool descendants_left = false;
};

// Nothing of the tree runs any more; start() may be called again.
struct TreeGone {
  // Processes that trace-run may not kill (without root: set-user-id programs), still running.
  int refused = 0;
};

// In this order: Executed or ExecFailed, Exited, TreeGone. ExecFailed has no Exited; a process that
// ends while held has only Exited and TreeGone.
using SupervisorEvent = std::variant<Executed, ExecFailed, Exited, TreeGone>;

// A process that waits before execve.
struct HeldProcess {
  pid_t pid = 0;
  Fd pidfd;  // readable when it has ended
};

enum class Reach { kFirstProcess, kWholeTree };

class Supervisor {
 public:
  // Forks the guardian. To be called before trace-run has threads, raises its limits or opens much:
  // the guardian, and so the program, keep the environment, limits and CPUs of this moment.
  static Result<Supervisor> create();

  Supervisor(Supervisor&&) noexcept = default;
  Supervisor& operator=(Supervisor&& other) noexcept;
  // Kills what still runs, at once, and waits for it (up to 10 s, should a process not die even of
  // SIGKILL; the guardian then goes on alone). Does nothing in a forked copy of this process.
  ~Supervisor();

  // Makes a process that is ready to execute spec.program, with stdout and stderr to `output`
  // (borrowed), and stdin from `input` (borrowed; -1: as spec.input says). Returns when it is held.
  // An error if one runs already.
  Result<HeldProcess> start(const LaunchSpec& spec, int output, int input = -1);

  // Lets the held process execute.
  Status go();

  // Sends a signal to the first process while it lives, or to every process of the tree. An exit
  // after it does not count as by itself. Which processes it reached is not told.
  Status signal(int number, Reach reach);

  // Ends the program: SIGTERM to the first process, and to those its end orphans; SIGKILL to all
  // that is left after `grace`. TreeGone tells when it is done. Called again, it can only shorten
  // the grace; with nothing running it does nothing.
  Status stop(std::chrono::milliseconds grace);

  // Readable when next_event() has something.
  [[nodiscard]] int event_fd() const { return channel_.fd(); }

  // The next event; nullopt when there is none yet. An error when the guardian is gone, and the
  // program with it: no events will come.
  Result<std::optional<SupervisorEvent>> next_event();
  // The same, but waits for one, up to `timeout`. Returns nullopt early on a signal.
  Result<std::optional<SupervisorEvent>> wait_event(std::chrono::milliseconds timeout);

  // Between start() and TreeGone.
  [[nodiscard]] bool running() const { return running_; }

  // trace-run's child, and the ancestor of all that it supervises, daemons included: those are
  // process_tree(proc, guardian_pid()) without the guardian itself.
  [[nodiscard]] pid_t guardian_pid() const { return guardian_; }

 private:
  Supervisor(Channel channel, pid_t guardian, Fd guardian_pidfd);
  void end();
  Status send(const Command& command);
  [[nodiscard]] Error guardian_lost() const;

  Channel channel_;
  pid_t owner_ = 0;  // who made it; a forked copy is not the owner
  pid_t guardian_ = 0;
  Fd guardian_pidfd_;
  std::string program_;  // of the spec under way, for messages
  bool running_ = false;
};

}  // namespace tr::capture
