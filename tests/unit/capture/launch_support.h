// What the tests of launching share: a pipe that shows who still lives, and short ways to start
// launch_probe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "capture/launch/supervisor.h"
#include "util/fd.h"

namespace tr::capture {

// For what must happen, on a busy machine.
inline constexpr std::chrono::seconds kPatience{60};
// Grace for those who are known not to use it.
inline constexpr std::chrono::milliseconds kBrief{20};

inline bool wait_readable(int fd) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  return ::poll(&readable, 1, static_cast<int>(ms)) == 1;
}

// A pipe that launched programs write to. While any of them lives, it has not ended.
class Output {
 public:
  Output() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  [[nodiscard]] int fd() const { return write_.get(); }
  // Closes this process's own writing end.
  void give_up() { write_.reset(); }

  // Reads on until `count` more lines have come; those lines. Fewer if the pipe ends first.
  std::vector<std::string> lines(std::size_t count) {
    give_up();
    std::vector<std::string> lines;
    std::string line;
    char byte = 0;
    while (lines.size() < count && wait_readable(read_.get()) && ::read(read_.get(), &byte, 1) == 1)
      if (byte == '\n')
        lines.push_back(std::exchange(line, {}));
      else
        line += byte;
    return lines;
  }
  // All lines until nobody holds the other end any more.
  std::vector<std::string> rest() { return lines(SIZE_MAX); }

 private:
  Fd read_;
  Fd write_;
};

inline LaunchSpec probe(std::vector<std::string> arguments) {
  LaunchSpec spec;
  spec.program = LAUNCH_PROBE;
  spec.argv = std::move(arguments);
  spec.argv.insert(spec.argv.begin(), "launch_probe");
  return spec;
}

inline Supervisor make_supervisor() {
  auto supervisor = Supervisor::create();
  if (!supervisor) {
    ADD_FAILURE() << supervisor.error().text();
    std::abort();
  }
  return *std::move(supervisor);
}

// The next event, which must be a T.
template <class T>
T expect_event(Supervisor& supervisor) {
  auto event = supervisor.wait_event(kPatience);
  if (!event) {
    ADD_FAILURE() << event.error().text();
  } else if (!*event) {
    ADD_FAILURE() << "no event came";
  } else if (auto* wanted = std::get_if<T>(&**event)) {
    return std::move(*wanted);
  } else {
    ADD_FAILURE() << "another event came: " << (*event)->index();
  }
  return {};
}

// Starts it and lets it execute.
inline HeldProcess launch(Supervisor& supervisor, const LaunchSpec& spec, const Output& output) {
  auto held = supervisor.start(spec, output.fd());
  if (!held) {
    ADD_FAILURE() << held.error().text();
    return {};
  }
  EXPECT_TRUE(supervisor.go().ok());
  expect_event<Executed>(supervisor);
  return *std::move(held);
}

// Runs it to its end; what it wrote.
inline std::vector<std::string> run(const LaunchSpec& spec) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, spec, output);
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.code, 0);
  expect_event<TreeGone>(supervisor);
  return output.rest();
}

}  // namespace tr::capture
