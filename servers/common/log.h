// How does a server tell its user what went wrong? In one line on stderr, with the remedy.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

namespace servers {

// Set once, before any line is written: every line begins with it ("epoll_echo: ").
void set_program_name(std::string_view name);

// Writes one line to stderr in one write(2), so that lines of several processes do not mix.
void log_line(std::string_view text);

// A line that would come again and again, written every 10 s at most.
class RareLine {
 public:
  void say(std::string_view text);

 private:
  std::chrono::steady_clock::time_point quiet_until_ = std::chrono::steady_clock::time_point::min();
};

// The server cannot start or go on; what() is the whole line for the user. Exit code 1.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // From a system call that has just failed: "cannot OPERATION: ERRNO'S TEXT; REMEDY".
  static Failure from_errno(std::string_view operation, std::string_view remedy = {});
};

// "cannot OPERATION: TEXT OF ERROR; REMEDY"; the remedy may be empty.
[[nodiscard]] std::string failure_text(std::string_view operation, int error,
                                       std::string_view remedy);

}  // namespace servers
