// A real server, run as a child process: what does it print, and how does it end?
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include <gtest/gtest.h>

#include "common/fd.h"

namespace servers::test {

// The models that are tested, some of them with options. Every test that is about all of them is a
// ModelTest.
inline constexpr const char* kModels[] = {
    "single",
    "thread",
    "threadpool",
    "fork",
    "prefork",
    "selector",
    "poll",
    "epoll",
    "epoll_workers",
    "epoll_workers --processes",
    "coroutine",
    "uring",
    "uring --as-linux=5.19",
    "uring --as-linux=5.15",
};
inline constexpr const char* kPythonEcho[] = {
    "python/asyncio_streams", "python/asyncio_sock", "python/asyncio_proto",
    "python/uvloop_streams",  "python/uvloop_sock",  "python/uvloop_proto",
    "python/gevent",          "python/selector",     "python/thread"};

inline constexpr std::size_t kIdleClients = 2000;

// Every test that is about all of them is a ModelTest. Skipped where a server in Python lacks the
// module it is about.
class ModelTest : public testing::TestWithParam<const char*> {
 public:
  static std::string name(const testing::TestParamInfo<const char*>& info);

 protected:
  void SetUp() override;
  // Without options.
  [[nodiscard]] static std::string model();
  // The path of this model's server for a protocol.
  [[nodiscard]] static std::string server(std::string_view protocol = "echo");
  // The model's options, and those that make it serve exactly so many clients at once if it serves
  // a fixed number of them (but see serves_one()), after `more`.
  [[nodiscard]] static std::vector<std::string> serving(std::size_t clients,
                                                        std::vector<std::string> more = {});
  // Whether it serves one client at a time, whatever it is told.
  [[nodiscard]] static bool serves_one();
  // How many clients that say nothing it is to bear: kIdleClients, but where each takes a process
  // fewer, or the test would be one of this machine's patience.
  [[nodiscard]] static std::size_t idle_clients();
};

// Instantiates a ModelTest for every echo server.
#define INSTANTIATE_FOR_ECHO_SERVERS(TEST)                                       \
  INSTANTIATE_TEST_SUITE_P(, TEST, testing::ValuesIn(kModels), ModelTest::name); \
  INSTANTIATE_TEST_SUITE_P(Python, TEST, testing::ValuesIn(kPythonEcho), ModelTest::name)

// The path of MODEL_PROTOCOL as it was built; for "python/NAME" that of this script.
[[nodiscard]] std::string server_path(std::string_view model, std::string_view protocol = "echo");

// Ends (SIGKILL) and reaps its process when it goes. Waiting is bounded everywhere: a server that
// hangs fails the test (std::runtime_error), it does not hold it up.
class ServerProcess {
 public:
  // `before_exec` runs in the child: limits, privileges.
  explicit ServerProcess(const std::string& path, const std::vector<std::string>& arguments = {},
                         const std::function<void()>& before_exec = {});
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  // What it prints when it is ready, without the newline; empty if it ends without a line.
  const std::string& ready_line();
  // The port in ready_line(); throws if it did not get ready.
  std::uint16_t port();

  void signal(int number) const;
  // Waits for its end: its exit code, or minus the signal that killed it.
  int wait();
  // Waits for its next line on stderr, or for its end (then "").
  std::string next_error_line();
  // After wait(): everything it wrote to stdout after the ready line, or to stderr unread so far.
  std::string rest_of_stdout();
  std::string rest_of_stderr();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Processes whose parent it is, zombies included.
  [[nodiscard]] std::vector<pid_t> children() const;
  // Of its children too.
  [[nodiscard]] std::size_t open_files() const;
  // Connections on its IPv4 port that a process still holds, whichever it is.
  [[nodiscard]] std::size_t connections();
  // CPU time used so far, by its first thread.
  [[nodiscard]] std::uint64_t cpu_ns() const;

 private:
  pid_t pid_ = -1;
  Fd stdout_;
  Fd stderr_;
  bool ready_asked_ = false;
  std::string ready_line_;
  std::string stderr_text_;
};

// Waits until the condition holds, for what the kernel sends no event about; false after a while.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

}  // namespace servers::test
