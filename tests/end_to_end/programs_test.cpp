// Any program: traced alone, under the user's own load, or attached to.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A port that was free a moment ago, for servers that cannot choose one themselves.
std::uint16_t free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

// Echoes one message after another over one connection, until it goes.
class EchoingClient {
 public:
  explicit EchoingClient(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(port);
    const timeval patience{.tv_sec = std::chrono::seconds(kPatience).count(), .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    EXPECT_EQ(
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested() && echo())
        ++echoes_;
    });
  }
  ~EchoingClient() { stop(); }
  EchoingClient(const EchoingClient&) = delete;
  EchoingClient& operator=(const EchoingClient&) = delete;

  [[nodiscard]] std::uint64_t echoes() const { return echoes_; }
  // Ends the thread; echo() may then be called here.
  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  bool echo() {
    constexpr ssize_t kSize = 8;
    std::array<char, kSize> message{};
    return ::send(socket_.get(), message.data(), kSize, MSG_NOSIGNAL) == kSize &&
           ::recv(socket_.get(), message.data(), kSize, MSG_WAITALL) == kSize;
  }

 private:
  Fd socket_;
  std::atomic<std::uint64_t> echoes_{0};
  std::jthread thread_;
};

// A server that touches 4 MiB for each client.
TEST_F(EndToEnd, says_how_much_memory_a_connection_takes) {
  constexpr double kTouched = 4 << 20;
  const std::string server = path("server.py");
  ASSERT_TRUE(write_file(server, R"(
import socket, threading
def serve(client):
    held = bytearray(4 << 20)
    held[::4096] = b"x" * 1024
    while data := client.recv(4096):
        client.sendall(data)
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
)")
                  .ok());
  const Json report = measure({"--duration", "1s", "--warmup", "500ms", "--connections", "3",
                               "--load", "echo", "/usr/bin/python3", server});
  const Json& memory = report["memory"];
  EXPECT_EQ(memory["before_load"]["threads"], 1);
  EXPECT_EQ(memory["at_close"]["threads"], 4);
  EXPECT_EQ(memory["at_close"]["processes"], 1);
  // With what a thread takes besides: its stack, what the C library keeps for it.
  EXPECT_GE(memory["per_connection_bytes"], kTouched);
  EXPECT_LE(memory["per_connection_bytes"], kTouched * 1.2);
  EXPECT_FALSE(report["unmeasured"].contains("memory"));
}

TEST_F(EndToEnd, program_named_like_a_subcommand_follows_two_dashes) {
  std::filesystem::create_symlink("/bin/echo", path("list"));
  Command::Setup setup;
  setup.before_exec = [folder = path("")] {
    ::setenv("PATH", (folder + ":/usr/bin:/bin").c_str(), 1);
  };
  const Ended ended = run(trace_run({"--quiet", "--", "list", "--json", "--", "x"}), setup);
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "--json -- x\n");
}

TEST_F(EndToEnd, program_alone_is_traced_from_its_first_instruction_to_its_end) {
  const Json report = measure({"--load", "none", "--", KNOWN_CALLS, "1234", "7", "5"});
  expect_sound(report);
  EXPECT_EQ(calls(report, "getppid"), 1234U);
  EXPECT_EQ(calls(report, "clone"), 7U);
  EXPECT_EQ(calls(report, "wait4"), 7U);
  EXPECT_EQ(calls(report, "clock_nanosleep"), 5U);
  EXPECT_EQ(calls(report, "exit_group"), 8U);
  // The window opens inside the execve, where the program begins.
  EXPECT_EQ(report["syscalls"]["execve"]["calls"], 0U);
  EXPECT_EQ(report["syscalls"]["execve"]["carried_in"], 1U);
  EXPECT_EQ(report["threads"].size(), 8U);
  for (const Json& thread : report["threads"])
    EXPECT_EQ(thread["exited"], true);
  EXPECT_EQ(report["server_exit"]["code"], 0);
  EXPECT_EQ(report["server_exit"]["exited_by_itself"], true);
  EXPECT_EQ(report["config"]["load"], "none");
  EXPECT_EQ(report["throughput"]["messages"], nullptr);
}

TEST_F(EndToEnd, exit_status_of_the_program_is_reported) {
  Json report = measure({"--load", "none", "--", "sh", "-c", "exit 3"});
  EXPECT_EQ(report["server_exit"]["code"], 3);
  EXPECT_EQ(report["server_exit"]["signal"], nullptr);
  EXPECT_EQ(calls(report, "exit_group"), 1U);
  report = measure({"--load", "none", "--", "sh", "-c", "kill -TERM $$"});
  EXPECT_EQ(report["server_exit"]["code"], nullptr);
  EXPECT_EQ(report["server_exit"]["signal"], "SIGTERM");
}

TEST_F(EndToEnd, any_command_can_be_the_load) {
  const std::string load = std::string(TRACE_RUN) +
                           " load {host}:{port} --connections 5 --duration 300ms --warmup 0s"
                           " --json " +
                           path("load.json");
  const Json report = measure({"--load", load, "--", BUNDLED_SERVERS "/epoll_echo"});
  expect_sound(report);
  EXPECT_EQ(report["throughput"]["counted_by"], "kernel");
  EXPECT_EQ(report["throughput"]["messages_load"], nullptr);
  EXPECT_EQ(report["load"], nullptr);
  const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
  EXPECT_EQ(messages, report["sockets"]["served_messages"]);
  EXPECT_EQ(messages, calls(report, "sendto"));
  // The command's own window lies within ours.
  const Json by_load = read_json(path("load.json"));
  EXPECT_GE(messages, by_load.at("throughput").at("messages").get<std::uint64_t>());
  EXPECT_GT(by_load.at("throughput").at("messages"), 0U);
  EXPECT_GT(report["window_ns"], 300'000'000U);
}

TEST_F(EndToEnd, redis_under_its_own_benchmark) {
  if (find_program("redis-server").empty() || find_program("redis-benchmark").empty())
    GTEST_SKIP() << "redis is not installed";
  const std::string port = std::to_string(free_port());
  const Json report =
      measure({"--server-output", path("redis.log"), "--load",
               "redis-benchmark -p {port} -t get -n 20000 -q >/dev/null 2>&1", "--", "redis-server",
               "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", path("")});
  expect_sound(report);
  EXPECT_EQ(report["config"]["port"].dump(), port);
  EXPECT_EQ(report["throughput"]["counted_by"], "kernel");
  // Before its 20,000 requests the benchmark asks for the server's settings: a few commands.
  EXPECT_GE(report["throughput"]["messages"], 20'000U);
  EXPECT_LE(report["throughput"]["messages"], 20'010U);
  // Answers are as many as requests. A write to its log is no send to a socket.
  EXPECT_EQ(report["sockets"]["sent_messages"], report["sockets"]["served_messages"]);
  EXPECT_EQ(report["server_exit"]["code"], 0);
}

TEST_F(EndToEnd, running_process_is_traced_and_left_running) {
  Command server({BUNDLED_SERVERS "/epoll_echo"});
  ASSERT_TRUE(server.wait_for_out("\n")) << server.err();
  const std::string_view ready = trim(server.out());
  const auto port = parse_u64(ready.substr(ready.rfind(':') + 1));
  ASSERT_TRUE(port) << ready;
  EchoingClient client(static_cast<std::uint16_t>(*port));

  const Json report =
      measure({"--pid", std::to_string(server.pid()), "--load", "none", "--duration", "300ms"});
  client.stop();
  expect_sound(report);
  EXPECT_EQ(report["config"]["attached_pid"], server.pid());
  EXPECT_EQ(report["window_ns"], 300'000'000U);
  ASSERT_EQ(report["threads"].size(), 1U);
  EXPECT_EQ(report["threads"][0]["tid"], server.pid());
  EXPECT_EQ(report["threads"][0]["life_ns"], 300'000'000U);
  const auto received = report["sockets"]["received_messages"].get<std::uint64_t>();
  EXPECT_GT(received, 0U);
  EXPECT_LE(received, client.echoes());
  EXPECT_EQ(report["sockets"]["received_bytes"], 8 * received);
  const auto carried_in = report["syscalls"]["recvfrom"]["carried_in"].get<std::uint64_t>();
  EXPECT_GE(calls(report, "recvfrom") + carried_in, received);
  EXPECT_EQ(report["server_exit"], nullptr);

  EXPECT_TRUE(client.echo());  // alive, and serving
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0) << server.err();
}

}  // namespace
}  // namespace tr::end_to_end
