// Out of descriptors, threads or processes: a server says so once, serves on those it has, and
// takes new clients as soon as it can.
#include <algorithm>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using testing::HasSubstr;

// More clients than the server can take: those it serves, and those that wait.
class Crowd {
 public:
  Crowd(std::uint16_t port, int clients) {
    for (int i = 0; i < clients; ++i) {
      waiting_.emplace_back(port);
      waiting_.back().send("x");
    }
  }

  // Waits for the next client to be answered; it counts as served from then on.
  void next_is_served() {
    std::vector<pollfd> polled;
    for (const Client& client : waiting_)
      polled.push_back({client.fd(), POLLIN, 0});
    ASSERT_GT(::poll(polled.data(), polled.size(), 60'000), 0) << "nobody is served";
    for (std::size_t i = waiting_.size(); i-- > 0;) {
      if (polled[i].revents == 0) continue;
      ASSERT_EQ(waiting_[i].receive(1), "x");
      served_.push_back(std::move(waiting_[i]));
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::vector<Client>& served() { return served_; }
  std::vector<Client>& waiting() { return waiting_; }

 private:
  std::vector<Client> served_;
  std::vector<Client> waiting_;
};

// The server has just run out, with more clients to come.
void expect_it_goes_on(ServerProcess& server, Crowd& crowd) {
  while (crowd.served().empty())
    crowd.next_is_served();
  EXPECT_EQ(crowd.served().front().echo("still"), "still");
  ASSERT_FALSE(crowd.waiting().empty());

  // It waits, it does not spin: in 300 ms of which nobody wants anything a spinning server uses
  // about as much CPU time, a waiting one some wake-ups.
  const std::uint64_t before = server.cpu_ns();
  ::poll(nullptr, 0, 300);
  EXPECT_LT(server.cpu_ns() - before, 100'000'000U);

  // One leaves, another is served; twice.
  for (int i = 0; i < 2; ++i) {
    while (!crowd.waiting().empty() && crowd.waiting().back().readable())
      crowd.next_is_served();
    const std::size_t waiting = crowd.waiting().size();
    crowd.served().pop_back();
    ASSERT_NO_FATAL_FAILURE(crowd.next_is_served());
    EXPECT_LT(crowd.waiting().size(), waiting);
  }
  EXPECT_EQ(crowd.served().front().echo("still"), "still");
}

class FilesTest : public ModelTest {};

TEST_P(FilesTest, OutOfDescriptorsItServesOnAndRecovers) {
  ServerProcess server(FilesTest::server(), serving(50), [] {
    const rlimit few{24, 24};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  // One comes and goes before: UBSan's first look at each class takes a pipe.
  ASSERT_EQ(Client(server.port()).exchange("x", SIZE_MAX, Client::After::kHalfClose), "x");
  Crowd crowd(server.port(), 40);
  EXPECT_THAT(server.next_error_line(),
              AllOf(HasSubstr("Too many open files"), HasSubstr("ulimit -n")));
  expect_it_goes_on(server, crowd);
}

// Where a client has a process, processes are what runs out.
INSTANTIATE_TEST_SUITE_P(, FilesTest,
                         testing::Values("thread", "threadpool", "selector", "poll", "epoll",
                                         "epoll_workers", "epoll_workers --processes", "coroutine",
                                         "uring", "uring --as-linux=5.15"),
                         ModelTest::name);
INSTANTIATE_TEST_SUITE_P(Python, FilesTest, testing::ValuesIn(kPythonEcho), ModelTest::name);

class TasksTest : public ModelTest {};

TEST_P(TasksTest, OutOfThreadsOrProcessesItServesOnAndRecovers) {
  // The limit is per user, and root has none: the server must run as a user of its own.
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run the server as a user of its own";
  constexpr int kNoSuchUser = 126;
  ServerProcess server(TasksTest::server(), serving(40), [] {
    const auto user = static_cast<uid_t>(100'000 + ::getpid());  // nobody else's
    const rlimit few{12, 12};
    if (::setrlimit(RLIMIT_NPROC, &few) != 0 || ::setgroups(0, nullptr) != 0 ||
        ::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0)
      ::_exit(kNoSuchUser);
  });
  if (server.ready_line().empty()) {
    if (server.wait() == kNoSuchUser)
      GTEST_SKIP() << "cannot run the server as a user of its own here (user namespace?)";
    const std::string why = server.rest_of_stderr();
    // Only a script: it is opened by its path.
    if (why.find("Permission denied") != std::string::npos)
      GTEST_SKIP() << "another user cannot reach the server: " << why;
    FAIL() << why;
  }
  Crowd crowd(server.port(), 30);
  EXPECT_THAT(server.next_error_line(),
              AllOf(HasSubstr("cannot start a "), HasSubstr("Resource temporarily unavailable"),
                    HasSubstr("ulimit -u")));
  expect_it_goes_on(server, crowd);
}

INSTANTIATE_TEST_SUITE_P(, TasksTest, testing::Values("thread", "threadpool", "fork", "prefork"),
                         ModelTest::name);
INSTANTIATE_TEST_SUITE_P(Python, TasksTest, testing::Values("python/thread"), ModelTest::name);

}  // namespace
}  // namespace servers::test
