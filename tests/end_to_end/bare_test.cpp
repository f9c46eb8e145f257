// What tracing costs, measured in the run itself.
#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Words brief(Words more) {
  Words words{"--duration", "300ms", "--warmup", "200ms", "--connections", "4"};
  words.insert(words.end(), more.begin(), more.end());
  return trace_run(std::move(words));
}

TEST_F(EndToEnd, measures_a_message_without_probes_as_well) {
  const Ended ended =
      run(brief({"--bare", "150ms", "--json", path("r.json"), "servers/epoll_echo"}));
  if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json report = read_json(path("r.json"));
  expect_sound(report);
  const Json& bare = report["overhead"]["bare"];
  if (bare.is_null()) GTEST_SKIP() << "the load has ended before the probes were gone";
  EXPECT_EQ(bare["window_ns"], 150'000'000);
  EXPECT_GT(bare["messages"], 0);
  const auto cpu_ns = bare["cpu_ns_per_message"].get<double>();
  EXPECT_GT(cpu_ns, 0);
  // It is one thread.
  EXPECT_LE(cpu_ns * bare["messages"].get<double>(), 1.01 * 150'000'000);
  EXPECT_NEAR(bare["tracing_ns_per_message"].get<double>(),
              report["per_message"]["cpu_ns"].get<double>() - cpu_ns, 1);
  EXPECT_THAT(ended.out, HasSubstr("without probes, measured for 150 ms afterwards"));
  EXPECT_EQ(report["window_ns"], 300'000'000) << "the window is what it was";
  EXPECT_FALSE(report["interrupted"].get<bool>());
}

// Processes that come and go are the tree's, then, too.
TEST_F(EndToEnd, measures_servers_of_processes_without_probes_as_well) {
  const Ended ended = run(brief(
      {"--bare", "150ms", "--close", "--quiet", "--json", path("r.json"), "servers/fork_echo"}));
  if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json report = read_json(path("r.json"));
  const Json& bare = report["overhead"]["bare"];
  if (bare.is_null()) GTEST_SKIP() << "nothing was answered then";
  // Each message is a process, and hardly made in a tenth of the time with probes.
  EXPECT_GT(bare["cpu_ns_per_message"].get<double>(),
            report["per_message"]["cpu_ns"].get<double>() / 10);
}

TEST_F(EndToEnd, measures_nothing_without_probes_where_it_is_not_wanted) {
  const Ended ended =
      run(brief({"--bare", "0", "--quiet", "--json", path("r.json"), "servers/epoll_echo"}));
  if (nothing_answered(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(read_json(path("r.json"))["overhead"]["bare"].is_null());
}

TEST_F(WithoutPrivilege, bare_runs_that_cannot_be) {
  Ended ended = run(trace_run({"--bare", "1s", "--load", "none", "--", "/bin/true"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("--bare"), HasSubstr("--load echo"))));
  ended = run(trace_run({"--bare", "1s", "--delay", "receive=1us", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("--bare"), HasSubstr("--delay"))));
  ended = run(trace_run({"--bare", "soon", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("--bare"), HasSubstr("soon"))));
}

}  // namespace
}  // namespace tr::end_to_end
