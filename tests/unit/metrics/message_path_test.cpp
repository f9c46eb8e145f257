#include "metrics/message_path.h"

#include <gmock/gmock.h>

#include "snapshot/histogram.h"

namespace tr::metrics {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::Optional;

// Messages on two legs, each as so many ns; more of them are added to those that are there.
void take(MessagePath& path, std::uint64_t messages, std::uint64_t wait_ns, std::uint64_t work_ns) {
  const std::size_t bucket = kKernelBuckets.index(wait_ns + work_ns);
  auto sums = std::ranges::find(path.buckets, bucket, &PathBucket::bucket);
  if (sums == path.buckets.end()) sums = path.buckets.insert(sums, {bucket, 0, {}});
  sums->messages += messages;
  if (wait_ns > 0) sums->legs_ns["runqueue"] += messages * wait_ns;
  if (work_ns > 0) sums->legs_ns["work"] += messages * work_ns;
}

// 980 messages without a wait, 20 with one of 1 ms.
Snapshot some_run() {
  Snapshot run;
  MessagePath& path = run.message_path.emplace();
  path.message_size = 64;
  Histogram waits(kKernelBuckets), works(kKernelBuckets);
  waits.record(1'000'000, 20);
  works.record(1'000, 980);
  works.record(3'000, 20);
  path.legs = {{"runqueue", waits.buckets()}, {"work", works.buckets()}};
  take(path, 980, 0, 1'000);
  take(path, 20, 1'000'000, 3'000);
  path.notes = {{"disordered", 0}};
  return run;
}

TEST(PathFigures, AreAbsentWhereNotAskedFor) {
  EXPECT_EQ(path_figures(Snapshot{}), std::nullopt);
}

TEST(PathFigures, WithoutMessagesThereIsNoTail) {
  Snapshot run;
  run.message_path.emplace();
  const auto figures = path_figures(run);
  ASSERT_TRUE(figures.has_value());
  EXPECT_EQ(figures->messages, 0U);
  EXPECT_FALSE(figures->median.has_value());
  EXPECT_FALSE(figures->tail.has_value());
}

TEST(PathFigures, TheLegsMakeUpTheWhole) {
  const auto figures = path_figures(some_run());
  ASSERT_TRUE(figures.has_value());
  EXPECT_EQ(figures->messages, 1'000U);
  ASSERT_EQ(figures->legs.size(), 2U);
  EXPECT_EQ(figures->legs[0].time.total_ns, 20'000'000U);
  EXPECT_EQ(figures->legs[1].time.total_ns, 1'040'000U);
  EXPECT_EQ(figures->whole.total_ns, 21'040'000U);
  EXPECT_THAT(figures->legs[0].time.mean_ns, DoubleEq(20'000));
  EXPECT_THAT(figures->legs[1].time.mean_ns, DoubleEq(1'040));
  EXPECT_THAT(figures->whole.mean_ns, DoubleEq(21'040));
  EXPECT_THAT(figures->legs[0].share + figures->legs[1].share, DoubleEq(1));
}

// A leg that few take is 0 for the others.
TEST(PathFigures, PercentilesAreThoseOfAllMessages) {
  const auto figures = path_figures(some_run());
  ASSERT_TRUE(figures.has_value());
  const PathTime& wait = figures->legs[0].time;
  EXPECT_EQ(wait.messages, 20U);
  EXPECT_EQ(wait.p50_ns, 0U);
  EXPECT_EQ(wait.p90_ns, 0U);
  EXPECT_NEAR(static_cast<double>(wait.p99_ns), 1e6, 0.0625e6);
  EXPECT_EQ(figures->legs[1].time.messages, 1'000U);
}

TEST(PathFigures, TheTailStandsBesideTheMedian) {
  const auto figures = path_figures(some_run());
  ASSERT_TRUE(figures.has_value() && figures->median && figures->tail);
  EXPECT_EQ(figures->median->messages, 980U);
  EXPECT_THAT(figures->median->legs_ns, ElementsAre(0, 1'000));
  EXPECT_THAT(figures->median->mean_ns, DoubleEq(1'000));
  EXPECT_EQ(figures->tail->messages, 20U);
  EXPECT_THAT(figures->tail->legs_ns, ElementsAre(1'000'000, 3'000));
  EXPECT_LE(figures->tail->least_ns, 1'003'000U);
  EXPECT_GE(figures->tail->most_ns, 1'003'000U);
}

TEST(PathFigures, TheRestOfTheRoundTripIsTheClientsAndTheNetworks) {
  Snapshot run = some_run();
  run.load.emplace();
  run.load->messages = 1'005;
  run.load->latency.record(30'000, 1'005);
  const auto figures = path_figures(run);
  ASSERT_TRUE(figures.has_value());
  EXPECT_THAT(figures->round_trip_ns, Optional(DoubleEq(30'000)));
  EXPECT_THAT(figures->outside_ns, Optional(DoubleEq(30'000 - 21'040)));
}

// In an open loop the latency is from the planned send: before that the client waited for itself.
TEST(PathFigures, TheRoundTripBeginsWithTheActualSend) {
  Snapshot run = some_run();
  run.load.emplace();
  run.load->messages = 1'000;
  run.load->latency.record(90'000, 1'000);
  run.load->service.record(40'000, 1'000);
  EXPECT_THAT(path_figures(run)->round_trip_ns, Optional(DoubleEq(40'000)));
}

TEST(PathFigures, OtherMessagesHaveAnotherRoundTrip) {
  Snapshot run = some_run();
  run.load.emplace();
  run.load->messages = 2'000;  // two pipelined in each turn-around
  run.load->latency.record(30'000, 2'000);
  EXPECT_EQ(path_figures(run)->round_trip_ns, std::nullopt);
  EXPECT_EQ(path_figures(run)->outside_ns, std::nullopt);
}

TEST(PathFigures, WhatNoProbeCanHaveCountedIsLeftOut) {
  Snapshot run = some_run();
  run.message_path->buckets.push_back({UINT64_MAX, 5, {{"work", 5}}});
  run.message_path->buckets.push_back({7, UINT64_MAX, {{"work", 5}}});
  EXPECT_EQ(path_figures(run)->messages, 1'000U);
}

}  // namespace
}  // namespace tr::metrics
