#include "capture/launch/listening_ports.h"

#include <arpa/inet.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/temporary_folder.h"
#include "util/fd.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "501 1 00000000 100 0 0 10 0\n"
    "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "502 1 00000000 100 0 0 10 0\n"
    // Connected, not listening.
    "   2: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 "
    "503 1 00000000 20 4 30 10 -1\n";
constexpr const char* kTcp6 =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 504 1 00000000 100 0 0 10 0\n"
    "   1: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 505 1 00000000 100 0 0 10 0\n";

class FakeProc {
 public:
  void add(pid_t pid, const std::string& network, const std::vector<std::string>& files) {
    folder_.file(fmt::format("{}/net/tcp", pid), network == "net:[1]" ? kTcp : "");
    if (network == "net:[1]") folder_.file(fmt::format("{}/net/tcp6", pid), kTcp6);
    link(fmt::format("{}/ns/net", pid), network);
    int fd = 0;
    for (const std::string& file : files)
      link(fmt::format("{}/fd/{}", pid, fd++), file);
  }
  [[nodiscard]] const std::string& path() const { return folder_.path(); }

 private:
  void link(const std::string& name, const std::string& target) {
    const fs::path path = folder_.path() + "/" + name;
    fs::create_directories(path.parent_path());
    fs::create_symlink(target, path);
  }
  TemporaryFolder folder_;
};

TEST(ListeningPorts, AreThoseOfTheProcessesAsked) {
  FakeProc proc;
  proc.add(10, "net:[1]", {"/dev/null", "socket:[501]", "pipe:[502]", "socket:[503]"});
  proc.add(11, "net:[1]", {"socket:[504]", "socket:[505]", "socket:[501]", "socket:[999]"});
  proc.add(12, "net:[1]", {"socket:[502]"});
  const ListeningPort ipv4{.port = 8080, .address = "127.0.0.1"};
  const ListeningPort any6{.port = 80, .address = "::"};
  const ListeningPort ipv6{.port = 8082, .address = "::1"};
  EXPECT_THAT(*listening_ports(proc.path(), {10}), ElementsAre(ipv4));
  EXPECT_THAT(*listening_ports(proc.path(), {10, 11}), ElementsAre(any6, ipv4, ipv6));
  EXPECT_THAT(*listening_ports(proc.path(), {12}),
              ElementsAre(ListeningPort{.port = 80, .address = "0.0.0.0"}));
}

TEST(ListeningPorts, AreLookedUpInEachProcessesOwnNetwork) {
  FakeProc proc;
  proc.add(10, "net:[1]", {});
  proc.add(11, "net:[2]", {"socket:[501]"});  // another socket of that number
  EXPECT_THAT(*listening_ports(proc.path(), {10, 11}), IsEmpty());
}

TEST(ListeningPorts, AreNoneOfAProcessThatHasEnded) {
  FakeProc proc;
  EXPECT_THAT(*listening_ports(proc.path(), {10}), IsEmpty());
}

TEST(ListeningPorts, AreFoundOnThisMachine) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(socket.get(), any, size), 0);
  ASSERT_EQ(getsockname(socket.get(), any, &size), 0);
  const ListeningPort port{.port = ntohs(address.sin_port), .address = "127.0.0.1"};
  EXPECT_THAT(*listening_ports("/proc", {getpid()}), testing::Not(testing::Contains(port)));
  ASSERT_EQ(listen(socket.get(), 1), 0);
  EXPECT_THAT(*listening_ports("/proc", {getpid()}), testing::Contains(port));
}

}  // namespace
}  // namespace tr::capture
