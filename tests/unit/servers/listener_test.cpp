#include "common/listener.h"

#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"

namespace servers::test {
namespace {

std::uint16_t port_of(const Listener& listener) {
  const std::string address = listener.address();
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

// Each client's socket has it although only the listening one was asked.
TEST(ListenerTest, ClientsHaveNoDelay) {
  Listener listener("127.0.0.1", 0, 16);
  const Client client(port_of(listener));
  const Fd accepted = listener.accept(SOCK_NONBLOCK);
  ASSERT_TRUE(accepted);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ASSERT_EQ(getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_EQ(no_delay, 1);
  EXPECT_FALSE(listener.accept(SOCK_NONBLOCK)) << "nobody else waits";
}

TEST(ListenerTest, AClientThatIsGivenBackIsNotLost) {
  Listener listener("127.0.0.1", 0, 16);
  const Client client(port_of(listener));
  Fd accepted = listener.accept(0);
  const int number = accepted.get();
  listener.put_back(std::move(accepted));
  listener.pause({"serve a client", EAGAIN, "wait"});
  EXPECT_EQ(listener.fd(), -1);
  EXPECT_FALSE(listener.resume()) << "a pause lasts";
  ::poll(nullptr, 0, listener.timeout_ms());
  EXPECT_TRUE(listener.resume());
  EXPECT_GE(listener.fd(), 0);
  EXPECT_EQ(listener.accept(0).get(), number);
}

TEST(ListenerTest, MaxBacklogIsTheKernelsOrTheLibrarys) {
  const std::filesystem::path proc = testing::TempDir() + "servers_proc";
  std::filesystem::create_directories(proc / "sys/net/core");
  std::ofstream(proc / "sys/net/core/somaxconn") << "777\n";
  EXPECT_EQ(max_backlog(proc), 777);
  std::filesystem::remove_all(proc);
  EXPECT_EQ(max_backlog(proc), SOMAXCONN);
}

}  // namespace
}  // namespace servers::test
