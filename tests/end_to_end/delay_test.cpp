// A server that is slowed on purpose: in one run, and stage by stage.
#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

// Runs of a second.
Words second_long(Words more) {
  Words words{"--duration", "1s", "--warmup", "200ms", "--connections", "4"};
  words.insert(words.end(), more.begin(), more.end());
  return trace_run(std::move(words));
}

TEST_F(EndToEnd, a_delay_is_spent_once_per_message_and_said) {
  const Ended ended = run(second_long(
      {"--delay", "receive=2us", "--quiet", "--json", path("r.json"), "servers/epoll_echo"}));
  if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json report = read_json(path("r.json"));
  expect_sound(report);
  EXPECT_EQ(report["config"]["delay"]["stage"], "receive");
  EXPECT_EQ(report["config"]["delay"]["ns"], 2'000);
  const Json& delays = report["delays"];
  // One for each receive that returned data; what is under way at an edge may be in one count only.
  const auto received = report["sockets"]["served_messages"].get<double>();
  EXPECT_NEAR(delays["count"].get<double>(), received, 2);
  EXPECT_GE(delays["ns"].get<double>(), 2'000 * delays["count"].get<double>());
  EXPECT_GE(delays["longest_ns"], 2'000);
  std::vector<std::string> kinds;
  for (const Json& warning : report["warnings"])
    kinds.push_back(warning["kind"]);
  EXPECT_THAT(kinds, Contains("slowed"));
}

TEST_F(EndToEnd, says_how_throughput_answers_to_delays) {
  // --force: on a busy machine the runs are unfit.
  const Ended ended = run(trace_run(
      {"explain", "--sensitivity=receive,wait", "--delays", "2us,10us,5us", "--pairs", "1",
       "--duration", "1s", "--warmup", "200ms", "--connections", "4", "--force", "--server-output",
       "/dev/null", "--json", path("s.json"), "--", "servers/thread_echo"}));
  if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json found = read_json(path("s.json"));
  if (found["unfit"].contains("no_messages")) GTEST_SKIP() << "nothing was answered in some runs";
  EXPECT_THAT(ended.out, AllOf(HasSubstr("receive"), HasSubstr("time between answers"),
                               HasSubstr("the server never passes the stage wait")));
  EXPECT_EQ(found["rounds"], 1);
  ASSERT_EQ(found["stages"].size(), 1U);  // its threads wait in their receives
  const Json& receive = found["stages"][0];
  EXPECT_EQ(receive["stage"], "receive");
  EXPECT_EQ(receive["runs"].size(), 4U);
  int without = 0;
  for (const Json& one : receive["runs"]) {
    without += one["asked_ns"] == 0 ? 1 : 0;
    EXPECT_LE(one["asked_ns"], 10'000);
    EXPECT_GT(one["delays"], 0);
    EXPECT_GE(one["delay_ns"].get<double>() * (1 + 1e-9),
              one["asked_ns"].get<double>() * one["delays"].get<double>());
  }
  EXPECT_EQ(without, 1);
}

TEST_F(EndToEnd, recorded_delays_are_explained_without_measuring) {
  for (const std::string delay : {"send=0ns", "send=1us"}) {
    const Ended ended = run(second_long(
        {"--delay", delay, "--quiet", "--save", path(delay + ".run"), "servers/epoll_echo"}));
    if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  const Ended ended = run(trace_run({"explain", "--sensitivity", "--force", path("send=0ns.run"),
                                     path("send=1us.run"), "--json", path("s.json")}));
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json found = read_json(path("s.json"));
  ASSERT_EQ(found["stages"].size(), 1U);
  EXPECT_EQ(found["stages"][0]["runs"].size(), 2U);
}

TEST_F(WithoutPrivilege, a_delay_that_makes_no_sense_is_wrong_usage) {
  for (const Words& wrong : std::vector<Words>{
           {"--delay", "lunch=1us", "servers/epoll_echo"},
           {"--delay", "receive=1ms", "servers/epoll_echo"},
           {"--delay", "receive=1us", "--counts-only", "servers/epoll_echo"},
           {"explain", "servers/epoll_echo", "--sensitivity=lunch"},
           {"explain", "servers/epoll_echo", "--sensitivity", "--vs", "servers/thread_echo"},
           {"explain", "servers/epoll_echo", "--sensitivity", "--delay", "receive=1us"},
           {"explain", "servers/epoll_echo", "--sensitivity", "--load", "none"},
           {"explain", "servers/epoll_echo", "--sensitivity", "--delays", "0ns,1us"},
           {"explain", "servers/epoll_echo", "--delays", "1us"},
           {"explain", "--sensitivity"}}) {
    const Ended ended = run(trace_run(wrong));
    EXPECT_EQ(ended.code, 2) << ended.out;
    EXPECT_THAT(ended.err, OneLine(HasSubstr("--"))) << ended.out;
  }
}

}  // namespace
}  // namespace tr::end_to_end
