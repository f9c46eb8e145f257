// What does a command do that is run as a user runs it? Its exit code and what it printed; and
// whether anything of it is left.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "util/fd.h"

namespace tr::end_to_end {

// For what must happen, on a busy machine.
inline constexpr std::chrono::seconds kPatience{40};

// A program on PATH; "" if there is none.
std::string find_program(const std::string& name);

// Waits (polling) for what the kernel sends no event about; false when patience is over.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

// Started by the constructor, in a session of its own, with nothing to read. Killed (SIGKILL) if it
// still runs when this object goes. All waiting is bounded: what does not come fails the test.
class Command {
 public:
  struct Setup {
    bool terminal = false;              // stderr is one; else both streams are pipes
    std::function<void()> before_exec;  // runs in the child: privileges, mounts
  };

  // `argv[0]` is the path to execute.
  explicit Command(std::vector<std::string> argv) : Command(std::move(argv), Setup()) {}
  Command(std::vector<std::string> argv, const Setup& setup);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  // Sends a signal to this process alone, or to its process group as a terminal does for Ctrl-C.
  void signal(int number) const;
  void interrupt() const;

  // Waits until it has printed this text; false if it ends, or patience does, before.
  [[nodiscard]] bool wait_for_out(std::string_view text) { return wait_for(out_, text); }
  [[nodiscard]] bool wait_for_err(std::string_view text) { return wait_for(err_, text); }

  // Waits for its end, and until nobody holds its two streams any more: its exit code, or minus the
  // signal that ended it.
  int wait();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // What it printed so far.
  [[nodiscard]] const std::string& out() const { return out_.text; }
  [[nodiscard]] const std::string& err() const { return err_.text; }

 private:
  struct Stream {
    Fd fd;  // closed at its end
    std::string text;
  };

  bool wait_for(const Stream& stream, std::string_view text);
  // Reads, and watches the process, until the condition holds; false when patience is over.
  bool pump(const std::function<bool()>& until);
  static void read(Stream& stream);

  pid_t pid_ = -1;
  Fd process_;
  bool ended_ = false;  // and not reaped: the pid stays its own
  Stream out_;
  Stream err_;
};

}  // namespace tr::end_to_end
