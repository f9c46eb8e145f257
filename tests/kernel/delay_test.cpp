// Is a delay put in where it was asked for, as often and for as long as is said, and nowhere else?
#include <array>
#include <netinet/in.h>
#include <ostream>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/fd.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

constexpr std::uint64_t kMessages = 200;
constexpr std::uint64_t kDelay = 2'000;

ProbeOptions delayed(const char* stage, std::uint64_t ns = kDelay) {
  ProbeOptions options;
  options.delay = DelaySetting{.stage = stage, .ns = ns};
  return options;
}

// A port, and a client that is outside the tree: it has sent all its messages before the tree runs.
class Delay : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener_.get(), any, length), 0);
    ASSERT_EQ(::listen(listener_.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener_.get(), any, &length), 0);
    port_ = ntohs(address.sin_port);
    client_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client_.get(), any, length), 0);
    const std::array<char, kMessages> bytes{};
    ASSERT_EQ(::send(client_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }

  // In the tree: waits for, receives and answers one byte at a time. Beside it, through a pipe and
  // a socket pair, as many reads and writes that are no messages.
  void serve() const {
    const int accepted = ::accept(listener_.get(), nullptr, nullptr);
    std::array<int, 2> pipe{};
    std::array<int, 2> pair{};
    bool good = ::pipe(pipe.data()) == 0 && ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0;
    char byte = 0;
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      pollfd waited{.fd = accepted, .events = POLLIN, .revents = 0};
      good &= ::poll(&waited, 1, -1) == 1 && ::poll(&waited, 0, 0) == 0;
      good &= ::recv(accepted, &byte, 1, 0) == 1 && ::send(accepted, &byte, 1, 0) == 1;
      good &= ::write(pipe[1], &byte, 1) == 1 && ::read(pipe[0], &byte, 1) == 1;
      good &= ::write(pair[1], &byte, 1) == 1 && ::read(pair[0], &byte, 1) == 1;
      good &= ::recv(accepted, nullptr, 0, MSG_DONTWAIT) <= 0;  // nothing asked for, none got
    }
    if (!good) ::_exit(1);
  }

  Outcome serve_traced(capture::Probes& probes) {
    probes.serve_ports(port_, 1);
    return trace(probes, [this] { serve(); });
  }

  Fd listener_;
  Fd client_;
  std::uint16_t port_ = 0;
};

struct Stage {
  const char* name;
  long call;  // in which it is
};

void PrintTo(const Stage& stage, std::ostream* out) {
  *out << stage.name;
}

class DelayAt : public Delay, public testing::WithParamInterface<Stage> {};

TEST_P(DelayAt, IsPutInOncePerMessageAndNowhereElse) {
  TRACE_RUN_LOAD_OR_SKIP(probes, delayed(GetParam().name));
  const Outcome outcome = serve_traced(probes);
  expect_sound(outcome);
  const auto delays = probes.delays();
  ASSERT_TRUE(delays && *delays);
  EXPECT_EQ((*delays)->count, kMessages);
  EXPECT_GE((*delays)->ns, kMessages * kDelay);
  EXPECT_GE((*delays)->longest_ns, kDelay);
  // It is time on a CPU in that call; interrupts that came in between are told apart there.
  const Budget& budget = *outcome.counts.total.budget;
  EXPECT_LE((*delays)->ns, outcome.call(name_of(GetParam().call)).cpu_ns.value_or(0) +
                               budget.interrupt_ns + budget.delivery_ns);
}

INSTANTIATE_TEST_SUITE_P(Stages, DelayAt,
                         testing::Values(Stage{"receive", SYS_recvfrom}, Stage{"send", SYS_sendto},
                                         Stage{"wait", kPollCall}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(Delay, OfNothingCountsTheTimesAndTakesNone) {
  TRACE_RUN_LOAD_OR_SKIP(probes, delayed("receive", 0));
  const Outcome outcome = serve_traced(probes);
  expect_sound(outcome);
  const auto delays = probes.delays();
  ASSERT_TRUE(delays && *delays);
  EXPECT_EQ((*delays)->count, kMessages);
  EXPECT_EQ((*delays)->ns, 0U);
}

// A child sleeps until its parent has written; the parent sleeps by a timer, which is no wake-up
// for work.
TEST(DelayWakeUp, IsPutInAfterEachSleepThatAnotherEnded) {
  TRACE_RUN_LOAD_OR_SKIP(probes, delayed("wake-up"));
  constexpr std::uint64_t kWakes = 50;
  const Outcome outcome = trace(probes, [] {
    std::array<int, 2> there{};
    if (::pipe(there.data()) != 0) ::_exit(1);
    char byte = 0;
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::uint64_t i = 0; i < kWakes; ++i)
        if (::read(there[0], &byte, 1) != 1) ::_exit(1);
      ::_exit(0);
    }
    for (std::uint64_t i = 0; i < kWakes; ++i) {
      sleep_ms(1);
      if (!wait_until_blocked(child) || ::write(there[1], &byte, 1) != 1) ::_exit(1);
    }
    ::waitpid(child, nullptr, 0);
  });
  expect_sound(outcome);
  const auto delays = probes.delays();
  ASSERT_TRUE(delays && *delays);
  std::uint64_t by_others = 0;
  std::uint64_t by_timers = 0;
  for (const Wait& wait : outcome.counts.total.budget->waits)
    (wait.waker == "timer" ? by_timers : by_others) += wait.count;
  // One that is woken before it has left its CPU has not slept.
  EXPECT_GE((*delays)->count, kWakes * 9 / 10);
  EXPECT_LE((*delays)->count, by_others);
  EXPECT_GE(by_timers, kWakes * 9 / 10);
  EXPECT_GE((*delays)->ns, (*delays)->count * kDelay);
}

// Outside the tree, at the same port, in the same calls.
TEST_F(Delay, LeavesOtherProcessesAlone) {
  TRACE_RUN_LOAD_OR_SKIP(probes, delayed("receive"));
  probes.serve_ports(port_, 1);
  HeldChild traced([] {});
  HeldChild stranger([this] { serve(); });
  const std::array<pid_t, 1> tree = {traced.pid()};
  ASSERT_TRUE(probes.adopt(tree));
  open_window(probes);
  stranger.go();
  EXPECT_EQ(stranger.wait(), 0);
  traced.go();
  EXPECT_EQ(traced.wait(), 0);
  expect_sound(finish(probes));
  const auto delays = probes.delays();
  ASSERT_TRUE(delays && *delays);
  EXPECT_EQ((*delays)->count, 0U);
}

TEST(DelaySettings, OfAnUnknownStageOrLengthAreRefused) {
  for (const DelaySetting& wrong :
       {DelaySetting{.stage = "lunch", .ns = 1}, DelaySetting{.stage = "send", .ns = 10'001}}) {
    ProbeOptions options;
    options.delay = wrong;
    const auto probes = capture::Probes::load(options);
    ASSERT_FALSE(probes);
    if (probes.error().failure == Failure::kNotAllowed) GTEST_SKIP() << probes.error().text();
    EXPECT_EQ(probes.error().failure, Failure::kUsage);
  }
}

TEST(DelaySettings, AbsentLoadNothing) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  for (const capture::ProgramStatistics& program : probes.statistics())
    EXPECT_NE(program.program, "delay");
  const auto delays = probes.delays();
  ASSERT_TRUE(delays);
  EXPECT_FALSE(delays->has_value());
}

}  // namespace
}  // namespace tr::kernel_test
