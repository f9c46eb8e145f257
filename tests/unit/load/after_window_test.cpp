// The load may go on behind its window: that changes nothing of what is said of the window.
#include <numeric>
#include <sys/eventfd.h>
#include <thread>

#include <gmock/gmock.h>

#include "fake_server.h"
#include "load/echo.h"
#include "load/generate.h"
#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

Settings settings(const FakeServer& server) {
  Settings some;
  some.target = server.target();
  some.connections = 4;
  some.duration_ns = 40 * kMs;
  some.warmup_ns = 0;
  return some;
}

std::uint64_t sum(const AnswerBins& bins) {
  return std::accumulate(bins.answers.begin(), bins.answers.end(), std::uint64_t{0});
}

TEST(LoadAfterItsWindow, CountsAnswersInBinsOfTheirOwn) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.after_ns = 5 * kAfterBinNs;
  const auto outcome = generate(asked, Echo(asked.size), {});
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_FALSE(outcome->interrupted);
  EXPECT_EQ(outcome->window.close_ns - outcome->window.open_ns, asked.duration_ns);
  EXPECT_EQ(outcome->after.bin_ns, kAfterBinNs);
  EXPECT_EQ(outcome->after.answers.size(), 5U);
  EXPECT_GT(sum(outcome->after), 0U);
  EXPECT_EQ(sum(*outcome->result.bins), outcome->result.messages) << "of the window alone";
  EXPECT_EQ(outcome->result.latency.count(), outcome->result.messages);
}

TEST(LoadAfterItsWindow, EndsWhenItIsStoppedAndTheWindowStaysWhatItWas) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.after_ns = 600 * kNsPerSecond;
  const Fd enough(eventfd(0, EFD_CLOEXEC));
  std::jthread stopper;
  Hooks hooks;
  hooks.window_planned = [&](const Window& window) {
    stopper = std::jthread([&enough, window] {
      sleep_until_ns(window.close_ns + 2 * kAfterBinNs);
      eventfd_write(enough.get(), 1);
    });
    return Status();
  };
  hooks.stops.push_back({enough.get(), [] { return monotonic_ns(); }});
  const auto outcome = generate(asked, Echo(asked.size), hooks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_FALSE(outcome->interrupted);
  EXPECT_EQ(outcome->window.close_ns - outcome->window.open_ns, asked.duration_ns);
  EXPECT_GT(sum(outcome->after), 0U);
}

TEST(LoadAfterItsWindow, HasNothingThereUnlessItWasAskedTo) {
  const FakeServer server;
  const Settings asked = settings(server);
  const auto outcome = generate(asked, Echo(asked.size), {});
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(sum(outcome->after), 0U);
}

// Messages that were under way at the close are told as unanswered, though they are answered later.
TEST(LoadAfterItsWindow, WhatWasUnderWayAtTheCloseStaysUnanswered) {
  const FakeServer server;
  Settings asked = settings(server);
  asked.after_ns = 2 * kAfterBinNs;
  const auto outcome = generate(asked, Echo(asked.size), {});
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_LE(outcome->result.unanswered, asked.connections) << "one each";
  // But for those that were sent before the window and answered in it.
  const std::uint64_t told = outcome->result.messages + outcome->result.unanswered;
  EXPECT_GE(told, outcome->result.sent);
  EXPECT_LE(told, outcome->result.sent + asked.connections);
}

}  // namespace
}  // namespace tr::load
