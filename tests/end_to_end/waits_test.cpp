// With --waits: what a user is told of what a program waits for.
#include <set>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Sums {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

void add(Sums& sums, const Json& durations) {
  sums.count += durations["count"].get<std::uint64_t>();
  sums.ns += durations["ns"].get<std::uint64_t>();
}

// The single causes are what the budget's waits are made of, to the nanosecond.
void expect_waits_add_up(const Json& report) {
  Sums single, summed;
  for (const Json& cause : report["waits"]["causes"])
    add(single, cause["waits"]);
  add(single, report["waits"]["others"]["waits"]);
  for (const Json& wait : report["budget"]["waits"])
    add(summed, wait);
  EXPECT_EQ(single.ns, summed.ns);
  EXPECT_EQ(single.count, summed.count);
  EXPECT_GT(single.count, 0U);
}

class NoHerd : public EndToEnd, public testing::WithParamInterface<std::string> {};

// Each message on a connection of its own: they arrive all through the window.
TEST_P(NoHerd, at_bundled_servers) {
  const Json report = measure({"--waits", "--close", "--duration", "300ms", "--warmup", "200ms",
                               "--connections", "10", GetParam()});
  expect_sound(report);
  expect_waits_add_up(report);
  const Json& arrivals = report["waits"]["arrivals"];
  if (arrivals.is_null()) GTEST_SKIP() << "this kernel does not show arrivals";
  for (const Json& at : arrivals) {
    EXPECT_EQ(at["port"], report["config"]["port"]);
    EXPECT_GT(at["connections"], 0U);
    EXPECT_LE(at["woken"], at["connections"]);
    EXPECT_EQ(at["herds"], 0U);
    EXPECT_EQ(at["too_many"], 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(, NoHerd,
                         testing::Values("servers/prefork_echo", "servers/epoll_workers_echo",
                                         "servers/threadpool_echo", "servers/epoll_echo"),
                         [](const auto& param) {
                           return param.param.substr(sizeof "servers/" - 1);
                         });

TEST_F(EndToEnd, waits_name_port_and_load) {
  const Json report = measure(short_run({"--waits", "servers/thread_echo"}));
  expect_sound(report);
  expect_waits_add_up(report);
  bool found = false;
  for (const Json& cause : report["waits"]["causes"])
    if (cause["call"] == "recvfrom" && cause["waker"] == "load") {
      found = true;
      EXPECT_EQ(cause["object"], "client");
      EXPECT_EQ(cause["place"], "ports");
      EXPECT_EQ(cause["which"], report["config"]["port"]);
      EXPECT_TRUE(cause["idle"]);
      EXPECT_GT(cause["run_queue"]["count"], 0U);
      EXPECT_LE(cause["waits"]["p50_ns"], cause["waits"]["max_ns"]);
    }
  EXPECT_TRUE(found);
}

TEST_F(EndToEnd, waits_at_a_futex_name_the_variable) {
  const Json report = measure({"--waits", "--duration", "300ms", "--warmup", "200ms",
                               "--connections", "20", "servers/python/thread"});
  std::set<std::string> variables;
  for (const Json& cause : report["waits"]["causes"])
    if (cause["place"] == "address" && !cause["lies_in"]["name"].is_null())
      variables.insert(cause["lies_in"]["name"]);
  EXPECT_THAT(variables, testing::Contains("_PyRuntime"));
}

TEST_F(EndToEnd, waits_are_null_unless_asked_for) {
  EXPECT_TRUE(measure(short_run({"servers/epoll_echo"}))["waits"].is_null());
}

TEST_F(WithoutPrivilege, waits_without_what_they_are_part_of) {
  for (const std::string other : {"--counts-only", "--no-budget"}) {
    const Ended ended = run(trace_run({"--waits", other, "--load", "none", "--", "/bin/true"}));
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("--waits"), HasSubstr(other))));
  }
}

}  // namespace
}  // namespace tr::end_to_end
