#include "load/limits.h"

#include <arpa/inet.h>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Address address(const std::string& host) {
  return resolve({host, 80})->front();
}

std::vector<std::string> texts(const std::vector<in_addr>& addresses) {
  std::vector<std::string> all;
  all.reserve(addresses.size());
  for (const in_addr& one : addresses)
    all.emplace_back(inet_ntoa(one));
  return all;
}

constexpr PortRange kHundred{40000, 40099};
constexpr std::uint64_t kMost = 22'860;  // 90 of the hundred, on 254 addresses

TEST(Sources, AreTheKernelsChoiceWhileOneAddressHasPortsEnough) {
  EXPECT_THAT(*plan_sources(address("127.0.0.1"), 90, kHundred), IsEmpty());
  EXPECT_THAT(*plan_sources(address("10.0.0.1"), 100, kHundred), IsEmpty());
}

TEST(Sources, AreSpreadOverLoopbackWhenItHasNot) {
  EXPECT_THAT(texts(*plan_sources(address("127.0.0.1"), 91, kHundred)),
              ElementsAre("127.0.0.1", "127.0.0.2"));
  EXPECT_THAT(texts(*plan_sources(address("127.8.8.8"), 250, kHundred)),
              ElementsAre("127.0.0.1", "127.0.0.2", "127.0.0.3"));
  EXPECT_EQ(plan_sources(address("127.0.0.1"), kMost, kHundred)->size(), 254U);
}

TEST(Sources, ThatDoNotExistAreAnErrorWithARemedy) {
  for (const char* host : {"10.0.0.1", "::1"}) {
    const auto sources = plan_sources(address(host), 101, kHundred);
    ASSERT_FALSE(sources.ok()) << host;
    EXPECT_EQ(sources.error().failure, Failure::kNotAllowed);
    EXPECT_THAT(sources.error().text(), HasSubstr("has 100 ports"));
    EXPECT_THAT(sources.error().text(), HasSubstr("sysctl -w net.ipv4.ip_local_port_range"));
  }
  EXPECT_FALSE(plan_sources(address("127.0.0.1"), kMost + 1, kHundred).ok());
}

class PortRangeFile : public testing::Test {
 protected:
  void write(const std::string& content) {
    std::filesystem::create_directories(root_ + "/proc/sys/net/ipv4");
    std::ofstream(root_ + "/proc/sys/net/ipv4/ip_local_port_range") << content;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  const std::string root_ = testing::TempDir() + "limits_test." + std::to_string(getpid());
};

TEST_F(PortRangeFile, IsRead) {
  write("32768\t60999\n");
  const auto range = read_port_range(root_);
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->first, 32768);
  EXPECT_EQ(range->last, 60999);
  EXPECT_EQ(range->count(), 28232U);
}

TEST_F(PortRangeFile, IsAnErrorWhenMissingOrStrange) {
  EXPECT_FALSE(read_port_range(root_).ok());
  for (const char* content : {"", "5", "9 5", "a b", "1 70000"}) {
    write(content);
    EXPECT_FALSE(read_port_range(root_).ok()) << content;
  }
}

TEST(OpenFiles, AreRaisedToTheHardLimitWhenNeeded) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 50;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_TRUE(allow_open_files(100).ok());
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(OpenFiles, BeyondTheHardLimitAreAnErrorWithARemedy) {
  const Status status = allow_open_files(std::uint64_t{1} << 40);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().failure, Failure::kNotAllowed);
  EXPECT_THAT(status.error().text(), HasSubstr("raise the hard limit as root: ulimit -Hn"));
}

}  // namespace
}  // namespace tr::load
