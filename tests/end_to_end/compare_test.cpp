// Two servers beside each other: measured now, and from recorded runs.
#include <cmath>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Words compare(Words more) {
  Words words{"compare"};
  words.insert(words.end(), more.begin(), more.end());
  return trace_run(std::move(words));
}

// Messages under way at the window's edges are in one count and not in the other: with many clients
// and a short window they are more than the 0.1 % that a run may be off.
Words few_clients(Words more) {
  Words words{"--duration", "500ms", "--warmup", "200ms", "--connections", "3"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void expect_additive(const Json& comparison) {
  const Json& budget = comparison["budget"];
  ASSERT_TRUE(budget.is_object());
  double difference = 0, effect = 0;
  for (const Json& state : budget["states"]) {
    difference += state["difference_ns"].get<double>();
    effect += state["log_effect"].get<double>();
  }
  EXPECT_EQ(budget["residual_a_ns"], 0);
  EXPECT_EQ(budget["residual_b_ns"], 0);
  const auto whole = budget["difference_ns"].get<double>();
  EXPECT_NEAR(difference, whole, 1e-6 * (1 + std::abs(whole)));
  const Json& parts = budget["throughput"];
  EXPECT_NEAR(effect, parts["log_states"].get<double>(), 1e-6);
  EXPECT_NEAR(effect + parts["log_threads"].get<double>() + parts["log_steady"].get<double>(),
              parts["log_ratio"].get<double>(), 1e-6);
  for (const Json& call : comparison["calls"])
    EXPECT_NEAR(call["more_calls_ns"].get<double>() + call["dearer_calls_ns"].get<double>(),
                call["difference_ns"].get<double>(),
                1e-6 * (1 + std::abs(call["difference_ns"].get<double>())));
}

TEST_F(EndToEnd, compares_two_servers_measured_now_and_their_saved_runs) {
  // --force: on a busy machine the runs are unfit.
  const Ended ended = run(compare(short_run(
      {"--force", "--pairs", "2", "--server-output", "/dev/null", "--save", path("run"), "--json",
       path("c.json"), "--", "servers/thread_echo", "--vs", "servers/epoll_echo"})));
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("servers/thread_echo"), HasSubstr("servers/epoll_echo"),
                               HasSubstr("Where a message's time differs")));
  const Json comparison = read_json(path("c.json"));
  EXPECT_TRUE(comparison["paired"]);
  expect_additive(comparison);
  // One waits for each client in a thread of its own, the other for all at once.
  EXPECT_EQ(comparison["figures"]["syscalls.epoll_wait.per_message"]["a"], 0);
  EXPECT_GT(comparison["figures"]["syscalls.epoll_wait.per_message"]["b"], 0);

  const Ended again = run(compare({"--force", path("run-A1"), path("run-A2"), "--vs",
                                   path("run-B1"), path("run-B2"), "--paired", "--json", "-"}));
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(Json::parse(again.out)["figures"], comparison["figures"]);
}

TEST_F(EndToEnd, changes_one_option_on_side_b_and_fails_a_gate) {
  const Ended ended = run(
      compare({"--force", "--duration", "300ms", "--warmup", "200ms", "--connections", "2",
               "--vs-connections", "50", "--pairs", "3", "--server-output", "/dev/null", "--json",
               path("c.json"), "--fail-if", "latency_ns.p50 > +1%", "--", "servers/epoll_echo"}));
  const Json comparison = read_json(path("c.json"));
  const Json& settings = comparison["settings"];
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(settings[0]["what"], "connections");
  EXPECT_EQ(settings[0]["a"], "2");
  EXPECT_EQ(settings[0]["b"], "50");
  // 25 times the clients wait longer; if the machine was too busy to show it, the gate must pass.
  const Json& gate = comparison["gates"][0];
  const bool shown = comparison["figures"]["latency_ns.p50"]["standing"] == "shown";
  EXPECT_EQ(gate["failed"], shown && gate["change"].get<double>() > 0.01);
  EXPECT_EQ(ended.code, gate["failed"] ? 5 : 0) << ended.err;
  if (gate["failed"]) {
    EXPECT_THAT(ended.err, OneLine(HasSubstr("latency_ns.p50 > +1%")));
  }
}

TEST_F(EndToEnd, unknown_figure_of_a_gate_is_told_after_the_first_pair) {
  const Ended ended = run(compare(few_clients(
      {"--pairs", "50", "--server-output", "/dev/null", "--fail-if", "per_message.sycalls > +1%",
       "--", "servers/thread_echo", "--vs", "servers/epoll_echo"})));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err,
              OneLine(AllOf(HasSubstr("per_message.sycalls"), HasSubstr("per_message.syscalls"))));
}

struct Mistake {
  Words words;
  std::string says;
};

TEST_F(WithoutPrivilege, mistakes_of_compare_are_one_line_each) {
  for (const auto& [words, says] : std::vector<Mistake>{
           {{}, "no two sides"},
           {{"only_one"}, "no two sides"},
           {{"a", "b", "c"}, "no two sides"},
           {{path("missing"), path("missing too")}, "missing"},
           {{"a", "--vs"}, "--vs"},
           {{"--vs", "b"}, "before --vs"},
           {{"--pairs", "0", "--", "servers/epoll_echo"}, "--pairs"},
           {{"--pairs", "3", "a", "b"}, "--pairs"},
           {{"--vs-pin", "0", "a", "b"}, "--vs-OPTION"},
           {{"--paired", "a1", "a2", "--vs", "b"}, "cannot be paired"},
           {{"--"}, "no program"},
           {{"--", "servers/epoll_echo"}, "what B is"},
           {{"--", "servers/epoll_echo", "--vs"}, "--vs"},
           {{"--", "servers/epoll_echo", "--vs", "no_such_server"}, "B: "},
           {{"--", "no_such_server", "--vs", "servers/epoll_echo"}, "A: "},
           {{"--vs-connections", "none", "--", "servers/epoll_echo"}, "B: "},
           {{"--", "servers/epoll_echo", "--vs", "/bin/true"}, "not comparable"},
           {{"file", "--", "servers/epoll_echo", "--vs", "servers/thread_echo"}, "cannot be mixed"},
           {{"--fail-if", "speed", "a", "b"}, "neither > nor <"},
           {{"--json", "-", "--markdown", "-", "a", "b"}, "standard output"},
       }) {
    const Ended ended = run(compare(words));
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(words) << ended.err;
    EXPECT_THAT(ended.err, OneLine(HasSubstr(says))) << testing::PrintToString(words);
    EXPECT_EQ(ended.out, "") << testing::PrintToString(words);
  }
}

}  // namespace
}  // namespace tr::end_to_end
