#include "load/generate.h"

#include <filesystem>
#include <fstream>
#include <sys/eventfd.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "fake_server.h"
#include "load/connect.h"
#include "load/echo.h"
#include "util/clock.h"

namespace tr::load {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kLong = 60 * kNsPerSecond;  // of runs that have to end by themselves

Settings settings(const FakeServer& server) {
  Settings some;
  some.target = server.target();
  some.connections = 4;
  some.duration_ns = 100 * kMs;
  some.warmup_ns = 0;
  return some;
}

Result<Outcome> run(const Settings& asked, const Hooks& hooks = {}) {
  return generate(asked, Echo(asked.size), hooks);
}

std::uint64_t above(const Histogram& times, std::uint64_t ns) {
  std::uint64_t count = 0;
  for (const auto& [index, n] : times.buckets())
    if (times.layout().lower(index) > ns) count += n;
  return count;
}

TEST(Load, CountsTheAnswersInTheWindow) {
  const FakeServer server;
  Settings asked = settings(server);
  Window announced;
  std::uint64_t announced_at = 0;
  Hooks hooks;
  hooks.window_planned = [&](const Window& window) {
    announced_at = monotonic_ns();
    announced = window;
    return Status();
  };
  const auto outcome = run(asked, hooks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  const LoadResult& result = outcome->result;
  EXPECT_TRUE(check(result, "it").ok());
  EXPECT_LT(announced_at, announced.open_ns);
  EXPECT_EQ(outcome->window.open_ns, announced.open_ns);
  EXPECT_EQ(outcome->window.close_ns, announced.open_ns + asked.duration_ns);
  EXPECT_FALSE(outcome->interrupted);
  EXPECT_EQ(result.connections, 4U);
  EXPECT_GT(result.messages, 0U);
  EXPECT_EQ(result.bytes, result.messages * asked.size);
  EXPECT_EQ(result.latency.count(), result.messages);
  EXPECT_EQ(result.service.count(), 0U);
  EXPECT_LE(result.unanswered, 4U);
  EXPECT_GT(result.user_ns + result.system_ns, 0U);
  EXPECT_THAT(result.first_failure, IsEmpty());
}

TEST(Load, PutsAnswersTogetherFromSingleBytes) {
  const FakeServer server({.piece = 1});
  Settings asked = settings(server);
  asked.size = 20;
  asked.pipeline = 3;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(check(outcome->result, "it").ok());
}

TEST(Load, SendsMoreThanASocketTakes) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.connections = 2;
  asked.size = 3'000'000;
  asked.pipeline = 5;  // more than both socket buffers hold
  asked.duration_ns = 300 * kMs;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(check(outcome->result, "it").ok());
}

TEST(Load, IsSharedByThreads) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.connections = 7;
  asked.threads = 3;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(check(outcome->result, "it").ok());
  EXPECT_EQ(outcome->result.connections, 7U);
  EXPECT_EQ(outcome->result.silent_connections, 0U);
  EXPECT_GT(outcome->result.fairness_p5, 0);
  EXPECT_EQ(outcome->result.latency.count(), outcome->result.messages);
}

TEST(Load, EndsAtTheFirstWrongByteAndDescribesIt) {
  const FakeServer server({.flip_byte = 64 * 50 + 17});
  Settings asked = settings(server);
  asked.duration_ns = kLong;
  const auto outcome = run(asked);
  const std::string text =
      outcome ? check(outcome->result, "it").error().text() : outcome.error().text();
  EXPECT_THAT(text,
              AllOf(HasSubstr("does not echo what it gets: connection "),
                    HasSubstr("byte 17 of the 64 of message 50 is 0x"), HasSubstr("was sent")));
}

TEST(Load, FindsSwappedAnswers) {
  const FakeServer server({.swap = true});
  Settings asked = settings(server);
  asked.connections = 2;
  asked.duration_ns = kLong;
  EXPECT_THAT(run(asked).error().text(), HasSubstr("does not echo what it gets"));
}

TEST(Load, FindsBytesTooMany) {
  const FakeServer server({.babble = true});
  Settings asked = settings(server);
  asked.duration_ns = kLong;
  EXPECT_THAT(run(asked).error().text(), HasSubstr("does not echo what it gets"));
}

TEST(Load, EndsWhenAllConnectionsAreBroken) {
  const FakeServer server({.close_after = 64 * 10});
  Settings asked = settings(server);
  asked.duration_ns = kLong;
  asked.threads = 2;
  const auto outcome = run(asked);
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text(), AllOf(HasSubstr("all 4 connections to 127.0.0.1:"),
                                            HasSubstr("broke"), HasSubstr("did the server")));
}

TEST(Load, GoesOnWithTheConnectionsThatAreLeft) {
  const FakeServer server({.close_after = 64 * 10, .only_first = true});
  const auto outcome = run(settings(server));
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(check(outcome->result, "it").ok());
  EXPECT_EQ(outcome->result.broken_connections, 1U);
  EXPECT_THAT(outcome->result.first_failure, HasSubstr("broke: "));
}

TEST(Load, SaysThatNoAnswerCame) {
  const FakeServer server({.mute = true});
  const auto outcome = run(settings(server));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.silent_connections, 4U);
  EXPECT_EQ(outcome->result.unanswered, 4U);
  EXPECT_GE(outcome->result.longest_unanswered_ns, settings(server).duration_ns);
  EXPECT_THAT(check(outcome->result, "it").error().text(), HasSubstr("answered nothing"));
}

TEST(Load, SaysThatNothingListensThere) {
  Settings asked;
  {
    const FakeServer gone;
    asked.target = gone.target();
  }
  const auto outcome = run(asked);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().failure, Failure::kRun);
  EXPECT_THAT(outcome.error().text(),
              AllOf(HasSubstr("Connection refused"), HasSubstr("is the server running")));
}

TEST(Load, SpreadsOverSourceAddressesWhenPortsAreFew) {
  const std::string root = testing::TempDir() + "generate_test." + std::to_string(getpid());
  std::filesystem::create_directories(root + "/proc/sys/net/ipv4");
  std::ofstream(root + "/proc/sys/net/ipv4/ip_local_port_range") << "40000 40009\n";
  FakeServer server;
  Settings asked = settings(server);
  asked.connections = 30;
  Hooks hooks;
  hooks.root = root;
  const auto outcome = run(asked, hooks);
  std::filesystem::remove_all(root);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.connections, 30U);
  EXPECT_EQ(outcome->result.runqueue_ns, std::nullopt);  // no schedstat there
  server.stop();
  EXPECT_THAT(server.sources(),
              testing::ElementsAre("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"));
}

// The server stalls for 200 ms while a message is planned each millisecond: from the planned times
// about 150 of them take over 50 ms, from the actual sends only the one that it sat on.
TEST(OpenLoop, ShowsAStallInEveryMessageThatWasPlannedDuringIt) {
  const FakeServer server({.stall_after = 64 * 100, .stall = std::chrono::milliseconds(200)});
  Settings asked = settings(server);
  asked.connections = 1;
  asked.rate = 1000;
  asked.rate_shape = RateShape::kFixed;
  asked.duration_ns = 700 * kMs;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  const LoadResult& result = outcome->result;
  EXPECT_GE(above(result.latency, 50 * kMs), 100U);
  // Each such answer blocks the only connection for 50 ms: more do not fit.
  EXPECT_LE(above(result.service, 50 * kMs), 13U);
  EXPECT_GE(above(result.service, 150 * kMs), 1U);
  EXPECT_GE(result.late_sends, 100U);
  EXPECT_EQ(result.service.count(), result.messages);
}

TEST(OpenLoop, SkipsNothingThatWasPlanned) {
  const FakeServer server;
  for (const std::uint64_t threads : {1, 2}) {
    Settings asked = settings(server);
    asked.rate = 1000;
    asked.rate_shape = RateShape::kFixed;
    asked.duration_ns = 200 * kMs;
    asked.threads = threads;
    const auto outcome = run(asked);
    ASSERT_TRUE(outcome.ok());
    // 20 are planned in the warm-up, 200 in the window; each was answered or is said not to be.
    const std::uint64_t accounted = outcome->result.messages + outcome->result.unanswered;
    EXPECT_GE(accounted, 200U);
    EXPECT_LE(accounted, 220U);
  }
}

TEST(OpenLoop, CountsWhatAMuteServerLeftUnansweredSinceThePlannedTime) {
  const FakeServer server({.mute = true});
  Settings asked = settings(server);
  asked.rate = 1000;
  asked.rate_shape = RateShape::kFixed;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.unanswered, 120U);
  EXPECT_EQ(outcome->result.longest_unanswered_ns, 120 * kMs);
}

class Stopping : public testing::Test {
 protected:
  // Stops the run as soon as its window is known, to close at what `close_ns` says of it.
  Result<Outcome> run_stopped(Settings asked,
                              std::function<std::uint64_t(const Window&)> close_ns) {
    asked.duration_ns = kLong;
    const Fd event(eventfd(0, EFD_CLOEXEC));
    Window window;
    Hooks hooks;
    hooks.window_planned = [&](const Window& planned) {
      window = planned;
      eventfd_write(event.get(), 1);
      return Status();
    };
    hooks.stops.push_back({event.get(), [&] { return close_ns(window); }});
    return run(asked, hooks);
  }
  const FakeServer server_;
};

TEST_F(Stopping, ClosesTheWindowWhenAsked) {
  for (const std::uint64_t threads : {1, 2}) {
    Settings asked = settings(server_);
    asked.threads = threads;
    const auto outcome =
        run_stopped(asked, [](const Window& window) { return window.open_ns + 50 * kMs; });
    ASSERT_TRUE(outcome.ok());
    EXPECT_TRUE(outcome->interrupted);
    EXPECT_EQ(outcome->window.close_ns, outcome->window.open_ns + 50 * kMs);
    EXPECT_GT(outcome->result.messages, 0U);
  }
}

TEST_F(Stopping, BeforeTheWindowIsAnError) {
  Settings asked = settings(server_);
  asked.warmup_ns = kLong;
  const auto outcome = run_stopped(asked, [](const Window&) { return monotonic_ns(); });
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text(), HasSubstr("interrupted before the measurement window"));
}

TEST(Connecting, GivesUpOnWhatDoesNotConnectAndCountsIt) {
  // A queue for one that nobody empties: the kernel drops further SYNs.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  const auto target = resolve({"127.0.0.1", ntohs(address.sin_port)});
  ASSERT_TRUE(target.ok());

  const auto connected = connect_all({.target = target->front(),
                                      .count = 10,
                                      .sources = {},
                                      .patience_ns = 50 * kMs,
                                      .cancel_fds = {}});
  ASSERT_TRUE(connected.ok());
  EXPECT_THAT(connected->sockets, testing::Not(IsEmpty()));
  EXPECT_GT(connected->failures, 0U);
  EXPECT_EQ(connected->sockets.size() + connected->failures, 10U);
  EXPECT_EQ(connected->first_failure->code, ETIMEDOUT);
}

TEST(Connecting, CanBeCancelled) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  const auto target = resolve({"127.0.0.1", ntohs(address.sin_port)});
  const Fd event(eventfd(1, EFD_CLOEXEC));
  const auto connected = connect_all({.target = target->front(),
                                      .count = 10,
                                      .sources = {},
                                      .patience_ns = kLong,
                                      .cancel_fds = {event.get()}});
  ASSERT_FALSE(connected.ok());
  EXPECT_THAT(connected.error().text(), HasSubstr("interrupted"));
}

}  // namespace
}  // namespace tr::load
