#include "load/generate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "fake_server.h"
#include "load/connect.h"
#include "load/echo.h"
#include "util/clock.h"

namespace tr::load {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSize = 64;                 // of a message, unless a test sets another
constexpr std::uint64_t kLong = 60 * kNsPerSecond;  // of runs that have to end before their time

Settings settings(const FakeServer& server) {
  Settings some;
  some.target = server.target();
  some.connections = 4;
  some.duration_ns = kLong;
  some.warmup_ns = 0;
  return some;
}

Result<Outcome> run(const Settings& asked, const Hooks& hooks = {}) {
  return generate(asked, Echo(asked.size), hooks);
}

// Ends the window at the milestone that `set` gives the server when it knows the window.
Result<Outcome> run_until(FakeServer& server, const Settings& asked,
                          const std::function<void(std::uint64_t open_ns)>& set, Hooks hooks = {}) {
  hooks.window_planned = [&](const Window& window) {
    set(window.open_ns);
    return Status();
  };
  hooks.stops.push_back({server.milestone_fd(), [] { return monotonic_ns(); }});
  return run(asked, hooks);
}

// When each connection has sent so many messages in it.
Result<Outcome> run_until_sent(FakeServer& server, const Settings& asked, std::uint64_t messages,
                               Hooks hooks = {}) {
  const auto set = [&](std::uint64_t open_ns) {
    server.set_milestone(open_ns, asked.connections, messages * asked.size);
  };
  return run_until(server, asked, set, std::move(hooks));
}

// When so many connections have been accepted in it.
Result<Outcome> run_until_accepted(FakeServer& server, const Settings& asked,
                                   std::uint64_t connections) {
  return run_until(server, asked, [&](std::uint64_t open_ns) {
    server.set_milestone_of_accepts(open_ns, connections);
  });
}

// What is wrong with a run; the fault may come before the window opens or after.
std::string failure(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error().text();
  const Status status = check(outcome->result, "the server");
  return status ? "" : status.error().text();
}

// Which must be as many as the window has room for.
std::uint64_t answers_in_bins(const Outcome& outcome) {
  const std::optional<AnswerBins>& bins = outcome.result.bins;
  if (!bins) return 0;
  const std::uint64_t window_ns = outcome.window.close_ns - outcome.window.open_ns;
  EXPECT_EQ(bins->bin_ns, kBinNs);
  EXPECT_EQ(bins->answers.size(), (window_ns + kBinNs - 1) / kBinNs);
  return std::accumulate(bins->answers.begin(), bins->answers.end(), std::uint64_t{0});
}

std::uint64_t above(const Histogram& times, std::uint64_t ns) {
  std::uint64_t count = 0;
  for (const auto& [index, n] : times.buckets())
    if (times.layout().lower(index) > ns) count += n;
  return count;
}

TEST(Load, HasAWindowThatWasAnnouncedBefore) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.warmup_ns = 200 * kMs;
  asked.duration_ns = 50 * kMs;
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
  EXPECT_LT(announced_at, announced.open_ns);
  EXPECT_EQ(outcome->window.open_ns, announced.open_ns);
  EXPECT_EQ(outcome->window.close_ns, announced.close_ns);
  EXPECT_EQ(announced.close_ns - announced.open_ns, asked.duration_ns);
  EXPECT_FALSE(outcome->interrupted);
}

TEST(Load, HoldsItsConnectionsWhenTheWindowIsOver) {
  for (const bool fails : {false, true}) {
    FakeServer server;
    std::size_t open = 0;
    Hooks hooks;
    hooks.window_over = [&] {
      server.stop();
      open = server.open_connections();
      return fails ? Status(usage_error("nobody looks")) : Status();
    };
    EXPECT_EQ(failure(run_until_sent(server, settings(server), 2, hooks)),
              fails ? "nobody looks" : "");
    EXPECT_EQ(open, 4U);
  }
}

TEST(Load, EndsWhenTheWindowCannotBeAnnounced) {
  const FakeServer server;
  Hooks hooks;
  hooks.window_planned = [](const Window&) { return Status(usage_error("nobody listens")); };
  EXPECT_EQ(failure(run(settings(server), hooks)), "nobody listens");
}

TEST(Load, CountsTheAnswersInTheWindow) {
  FakeServer server;
  const auto outcome = run_until_sent(server, settings(server), 20);
  ASSERT_EQ(failure(outcome), "");
  const LoadResult& result = outcome->result;
  EXPECT_EQ(result.connections, 4U);
  EXPECT_GE(result.messages, 76U);
  EXPECT_EQ(result.bytes, result.messages * kSize);
  EXPECT_EQ(result.latency.count(), result.messages);
  EXPECT_EQ(answers_in_bins(*outcome), result.messages);
  EXPECT_EQ(result.service.count(), 0U);
  EXPECT_EQ(result.silent_connections, 0U);
  EXPECT_GE(result.fairness_p5, 19);
  EXPECT_LE(result.unanswered, 4U);
  EXPECT_GT(result.user_ns + result.system_ns, 0U);
  EXPECT_THAT(result.first_failure, IsEmpty());
}

// The fake server takes one connection between two rounds of answers.
TEST(Load, WaitsWithTheSecondMessageUntilAllConnectionsWereServed) {
  FakeServer server;
  Settings asked = settings(server);
  asked.connections = 50;
  asked.warmup_ns = 60 * kNsPerSecond;  // of which half is an upper limit to the waiting
  server.set_milestone(0, asked.connections, 10 * kSize);
  Hooks hooks;
  hooks.stops.push_back({server.milestone_fd(), [] { return monotonic_ns(); }});
  EXPECT_THAT(failure(run(asked, hooks)), HasSubstr("interrupted before"));
  server.stop();
  EXPECT_EQ(server.accepted(), asked.connections);
  EXPECT_LE(server.busiest_at_last_accept(), kSize);
}

TEST(Load, PutsAnswersTogetherFromSingleBytes) {
  FakeServer server({.piece = 1});
  Settings asked = settings(server);
  asked.size = 20;
  asked.pipeline = 3;
  EXPECT_EQ(failure(run_until_sent(server, asked, 20)), "");
}

TEST(Load, SendsMoreThanASocketTakes) {
  FakeServer server;
  Settings asked = settings(server);
  asked.connections = 2;
  asked.size = 2'000'000;
  asked.pipeline = 8;  // more than both socket buffers hold
  EXPECT_EQ(failure(run_until_sent(server, asked, 9)), "");
}

TEST(Load, IsSharedByThreads) {
  FakeServer server;
  Settings asked = settings(server);
  asked.connections = 7;
  asked.threads = 3;
  const auto outcome = run_until_sent(server, asked, 20);
  ASSERT_EQ(failure(outcome), "");
  EXPECT_EQ(outcome->result.connections, 7U);
  EXPECT_EQ(outcome->result.silent_connections, 0U);
  EXPECT_GE(outcome->result.messages, 133U);
  EXPECT_EQ(answers_in_bins(*outcome), outcome->result.messages);
  EXPECT_EQ(outcome->result.latency.count(), outcome->result.messages);
}

TEST(Load, EndsAtTheFirstWrongByteAndDescribesIt) {
  const FakeServer server({.flip_byte = kSize * 50 + 17});
  EXPECT_THAT(failure(run(settings(server))),
              AllOf(HasSubstr("answers wrongly: connection "),
                    HasSubstr("byte 17 of the 64 of message 50 is 0x"), HasSubstr("was sent")));
}

TEST(Load, FindsSwappedAnswers) {
  const FakeServer server({.swap = true});
  Settings asked = settings(server);
  asked.connections = 2;
  EXPECT_THAT(failure(run(asked)), HasSubstr("answers wrongly"));
}

TEST(Load, FindsBytesTooMany) {
  const FakeServer server({.babble = true});
  EXPECT_THAT(failure(run(settings(server))), HasSubstr("answers wrongly"));
}

TEST(Load, EndsWhenAllConnectionsAreBroken) {
  const FakeServer server({.close_after = kSize * 10});
  Settings asked = settings(server);
  asked.threads = 2;
  EXPECT_THAT(failure(run(asked)), AllOf(HasSubstr("all 4 connections to "), HasSubstr(" broke: "),
                                         HasSubstr("did the server end or crash?")));
}

TEST(Load, GoesOnWithTheConnectionsThatAreLeft) {
  FakeServer server({.close_after = kSize * 10, .only_first = true});
  const auto outcome = run_until_sent(server, settings(server), 20);
  ASSERT_EQ(failure(outcome), "");
  EXPECT_EQ(outcome->result.broken_connections, 1U);
  EXPECT_THAT(outcome->result.first_failure, HasSubstr("broke: "));
}

TEST(Load, SaysThatNoAnswerCame) {
  FakeServer server({.mute = true});
  Settings asked = settings(server);
  // Sent before the window or in it: the milestone counts both.
  Hooks hooks;
  std::uint64_t open_ns = 0;
  hooks.window_planned = [&](const Window& window) {
    open_ns = window.open_ns;
    server.set_milestone(0, asked.connections, asked.size);
    return Status();
  };
  hooks.stops.push_back(
      {server.milestone_fd(), [&] { return std::max(monotonic_ns(), open_ns + kMs); }});
  const auto outcome = run(asked, hooks);
  EXPECT_THAT(failure(outcome), HasSubstr("answered nothing"));
  EXPECT_EQ(outcome->result.silent_connections, 4U);
  EXPECT_EQ(outcome->result.unanswered, 4U);
  EXPECT_GT(outcome->result.longest_unanswered_ns, 0U);
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
  asked.duration_ns = 20 * kMs;
  Hooks hooks;
  hooks.root = root;
  const auto outcome = run(asked, hooks);
  std::filesystem::remove_all(root);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.connections, 30U);
  EXPECT_EQ(outcome->result.runqueue_ns, std::nullopt);  // no schedstat there
  server.stop();
  EXPECT_THAT(server.sources(), ElementsAre("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"));
}

Settings open_loop_settings(const FakeServer& server) {
  Settings some = settings(server);
  some.rate = 1000;
  some.rate_shape = RateShape::kFixed;
  return some;
}

TEST(ShortConnections, CarryOneMessageEach) {
  FakeServer server;
  Settings asked = settings(server);
  asked.close = true;
  const auto outcome = run_until_accepted(server, asked, 100);
  ASSERT_EQ(failure(outcome), "");
  server.stop();
  const LoadResult& result = outcome->result;
  EXPECT_EQ(result.connections, 4U);
  EXPECT_GT(result.messages, 4U);
  EXPECT_LT(result.messages, server.accepted());
  EXPECT_EQ(result.broken_connections, 0U);
  EXPECT_EQ(result.silent_connections, 0U);
  EXPECT_GT(server.sources().size(), 1U) << "a closed connection's port is not free at once";
}

TEST(ShortConnections, KeepToAPlan) {
  FakeServer server;
  Settings asked = settings(server);
  asked.close = true;
  asked.rate = 20'000;
  const auto outcome = run_until_accepted(server, asked, 100);
  ASSERT_EQ(failure(outcome), "");
  const LoadResult& result = outcome->result;
  EXPECT_EQ(result.latency.count(), result.messages);
  EXPECT_EQ(result.service.count(), result.messages);
  EXPECT_GE(result.latency.max(), result.service.max());
}

TEST(ShortConnections, ThatAreResetAreBroken) {
  const FakeServer server({.close_after = 1});
  Settings asked = settings(server);
  asked.close = true;
  EXPECT_THAT(failure(run(asked)), HasSubstr("all 4 connections to "));
}

TEST(ShortConnections, ThatGetNoAnswerAreCountedSinceTheyBegan) {
  FakeServer server({.mute = true});
  Settings asked = settings(server);
  asked.close = true;
  Hooks hooks;
  std::uint64_t open_ns = 0;
  hooks.window_planned = [&](const Window& window) {
    open_ns = window.open_ns;
    // One more than there are clients: the first connection only looks for the server.
    server.set_milestone(0, asked.connections + 1, asked.size);
    return Status();
  };
  hooks.stops.push_back(
      {server.milestone_fd(), [&] { return std::max(monotonic_ns(), open_ns + kMs); }});
  const auto outcome = run(asked, hooks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->result.messages, 0U);
  EXPECT_EQ(outcome->result.unanswered, 4U);
}

// The server stalls for 200 ms while a message is planned each millisecond: from the planned times
// about 150 of them take over 50 ms, from the actual sends only the one that it sat on.
TEST(OpenLoop, ShowsAStallInEveryMessageThatWasPlannedDuringIt) {
  FakeServer server({.stall_after = kSize * 100, .stall = std::chrono::milliseconds(200)});
  Settings asked = open_loop_settings(server);
  asked.connections = 1;
  const auto outcome = run_until_sent(server, asked, 400);
  ASSERT_EQ(failure(outcome), "");
  const LoadResult& result = outcome->result;
  EXPECT_GE(above(result.latency, 50 * kMs), 100U);
  EXPECT_GE(above(result.service, 150 * kMs), 1U);
  // Each such answer blocks the only connection for 50 ms: more do not fit, however slow this
  // machine is.
  const std::uint64_t window_ns = outcome->window.close_ns - outcome->window.open_ns;
  EXPECT_LE(above(result.service, 50 * kMs), window_ns / (50 * kMs) + 1);
  EXPECT_GE(result.late_sends, 100U);
  EXPECT_EQ(result.service.count(), result.messages);
}

TEST(OpenLoop, SkipsNothingThatWasPlanned) {
  const FakeServer server;
  for (const std::uint64_t threads : {1, 2}) {
    Settings asked = open_loop_settings(server);
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

// Threads inherit where they may run: the next tests are not to be pinned as well.
Result<Outcome> run_apart(const Settings& asked) {
  std::optional<Result<Outcome>> outcome;
  std::jthread([&] { outcome.emplace(run(asked)); }).join();
  return *std::move(outcome);
}

TEST(OpenLoop, OnCpusOfItsOwnDoesAllThatIsPlanned) {
  const FakeServer server;
  Settings asked = open_loop_settings(server);
  asked.duration_ns = 200 * kMs;
  asked.pin = {usable_cpus()->front()};
  ASSERT_TRUE(asked.polls());
  const auto outcome = run_apart(asked);
  ASSERT_EQ(failure(outcome), "");
  const std::uint64_t accounted = outcome->result.messages + outcome->result.unanswered;
  EXPECT_GE(accounted, 200U);
  EXPECT_LE(accounted, 220U);
}

TEST(OpenLoop, DoesNotCountIdlePollingAsWork) {
  const FakeServer server({.mute = true});
  Settings asked = open_loop_settings(server);
  asked.duration_ns = 200 * kMs;
  asked.pin = {usable_cpus()->front()};
  const auto outcome = run_apart(asked);
  ASSERT_TRUE(outcome.ok());
  // Once each connection has a message under way there is nothing left to do.
  EXPECT_LT(outcome->result.user_ns + outcome->result.system_ns, 100 * kMs);
}

TEST(OpenLoop, PollsOnlyWhereEachThreadHasACpu) {
  Settings some;
  some.rate = 1;
  EXPECT_FALSE(some.polls());
  some.pin = {0};
  EXPECT_TRUE(some.polls());
  some.threads = 2;
  EXPECT_FALSE(some.polls());
  some.threads = 1;
  some.sleeps = true;
  EXPECT_FALSE(some.polls());
  some.sleeps = false;
  some.rate = 0;
  EXPECT_FALSE(some.polls());
}

TEST(OpenLoop, CountsWhatAMuteServerLeftUnansweredSinceThePlannedTime) {
  const FakeServer server({.mute = true});
  Settings asked = open_loop_settings(server);
  asked.duration_ns = 100 * kMs;
  const auto outcome = run(asked);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.unanswered, 120U);
  EXPECT_EQ(outcome->result.longest_unanswered_ns, 120 * kMs);
}

class Stopping : public testing::Test {
 protected:
  // Stops the run as soon as its window is known, to close at what `close_ns` says of it.
  Result<Outcome> run_stopped(const Settings& asked,
                              const std::function<std::uint64_t(const Window&)>& close_ns) {
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
  }
}

TEST_F(Stopping, BeforeTheWindowIsAnError) {
  Settings asked = settings(server_);
  asked.warmup_ns = kLong;
  const auto outcome = run_stopped(asked, [](const Window&) { return monotonic_ns(); });
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text(), HasSubstr("interrupted before the measurement window"));
}

// A port whose queue has room for one connection and is never emptied: the kernel drops the SYNs of
// further ones.
class FullServer : public testing::Test {
 protected:
  void SetUp() override {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(listener_.get(), 0), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    route_.targets = *resolve({"127.0.0.1", ntohs(address.sin_port)});
  }
  Result<Connected> connect(std::uint64_t patience_ns, const std::vector<int>& cancel_fds) {
    return connect_all(
        {.route = route_, .count = 10, .patience_ns = patience_ns, .cancel_fds = cancel_fds});
  }

 private:
  Fd listener_;
  Route route_;
};

TEST_F(FullServer, IsGivenUpOnAndTheRestIsCounted) {
  const auto connected = connect(300 * kMs, {});
  ASSERT_TRUE(connected.ok());
  EXPECT_THAT(connected->sockets, Not(IsEmpty()));
  EXPECT_GT(connected->failures, 0U);
  EXPECT_EQ(connected->sockets.size() + connected->failures, 10U);
  EXPECT_EQ(connected->first_failure->code, ETIMEDOUT);
}

TEST_F(FullServer, IsNotWaitedForWhenCancelled) {
  const Fd event(eventfd(1, EFD_CLOEXEC));
  const auto connected = connect(kLong, {event.get()});
  ASSERT_FALSE(connected.ok());
  EXPECT_THAT(connected.error().text(), HasSubstr("interrupted"));
}

}  // namespace
}  // namespace tr::load
