#include "load/arrival.h"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <string_view>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "util/clock.h"
#include "util/fd.h"

namespace tr::load {
namespace {

// Two ends of a TCP connection over loopback.
class ArrivalTest : public testing::Test {
 protected:
  void SetUp() override {
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener.get(), generic, length), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener.get(), generic, &length), 0);
    near_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(near_.get(), generic, length), 0);
    far_.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(far_);
  }

  void send(std::string_view text) {
    ASSERT_EQ(::send(far_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  Fd near_, far_;
  std::array<char, 64> room_{};
};

TEST_F(ArrivalTest, IsWhenTheKernelHadItNotWhenItWasRead) {
  note_arrivals(near_.get());
  // Loopback delivers inside send(), unless somebody else's work comes in between; and the kernel
  // takes a moment to begin with stamps at all.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::uint64_t before = monotonic_ns();
    send("answer");
    const std::uint64_t after = monotonic_ns();
    const Arrival arrival = receive_bytes(near_.get(), room_, true);
    ASSERT_EQ(arrival.bytes, 6);
    EXPECT_GE(arrival.came_ns, before);
    EXPECT_LE(arrival.came_ns, arrival.read_ns);
    EXPECT_GE(arrival.read_ns, after);
    if (arrival.came_ns < after) return;
  }
  FAIL() << "no answer had arrived when it had been sent";
}

TEST_F(ArrivalTest, IsWhenItWasReadIfNobodyNotesIt) {
  send("answer");
  const std::uint64_t before = monotonic_ns();
  const Arrival arrival = receive_bytes(near_.get(), room_, true);
  EXPECT_EQ(arrival.bytes, 6);
  EXPECT_GE(arrival.came_ns, before);
  EXPECT_EQ(arrival.came_ns, arrival.read_ns);
  send("more");
  const Arrival plain = receive_bytes(near_.get(), room_, false);
  EXPECT_EQ(std::string_view(room_.data(), 4), "more");
  EXPECT_EQ(plain.came_ns, plain.read_ns);
}

TEST_F(ArrivalTest, KeepsWhatReceiveSays) {
  note_arrivals(near_.get());
  far_.reset();
  EXPECT_EQ(receive_bytes(near_.get(), room_, true).bytes, 0);
  const Arrival failed = receive_bytes(-1, room_, true);
  EXPECT_EQ(failed.bytes, -1);
  EXPECT_EQ(failed.code, EBADF);
  EXPECT_EQ(receive_bytes(-1, room_, false).code, EBADF);
}

}  // namespace
}  // namespace tr::load
