// Why is a server dear? Measured now, with an experiment, and from recorded runs.
#include <algorithm>
#include <cmath>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

Words explain(Words more) {
  Words words{"explain"};
  words.insert(words.end(), more.begin(), more.end());
  return trace_run(std::move(words));
}

const Words kBrief{"--duration",    "300ms", "--warmup",        "200ms",
                   "--connections", "3",     "--server-output", "/dev/null"};

Words brief(const Words& more) {
  Words words = kBrief;
  words.emplace_back("--force");  // on a busy machine the runs are unfit
  words.insert(words.end(), more.begin(), more.end());
  return explain(std::move(words));
}

// A machine so busy that a server answered nobody.
bool no_answers(const Ended& ended) {
  return ended.code == 1 && ended.err.find("answered nothing") != std::string::npos;
}

// Parts of what is told are parts of the whole, in their order.
void expect_sound_explanation(const Json& explanation) {
  EXPECT_GT(explanation["cpu_b_ns"].get<double>(), 0);
  double parts = 0;
  for (const Json& finding : explanation["findings"]) {
    parts += finding["part_b_ns"].get<double>();
    if (finding["kind"] == "limit") {
      EXPECT_EQ(finding["part_b_ns"], 0);
    }
    if (finding["experiment"].is_null()) {
      EXPECT_EQ(finding["standing"], "associated");
    } else {
      EXPECT_NE(finding["standing"], "associated");
    }
  }
  EXPECT_LE(parts, explanation["cpu_b_ns"].get<double>() * (1 + 1e-6));
  const Json& throughput = explanation["throughput"];
  if (throughput["log_ratio"].is_null() || throughput["log_cpu_time"].is_null()) return;
  EXPECT_TRUE(std::isfinite(throughput["log_ratio"].get<double>()));
}

TEST_F(EndToEnd, explains_two_servers_with_an_experiment) {
  const Ended ended = run(brief({"--pairs", "2", "--experiments", "1", "--json", path("e.json"),
                                 "servers/thread_echo", "--vs", "servers/epoll_echo"}));
  if (no_answers(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(run(trace_run({"runs"})).out,
              AllOf(HasSubstr("thread_echo"), HasSubstr("epoll_echo")))
      << "they are stored";
  EXPECT_THAT(ended.out, AllOf(HasSubstr("servers/thread_echo"), HasSubstr("servers/epoll_echo"),
                               HasSubstr("CPU time per message"), HasSubstr("B/A")));
  const Json explanation = read_json(path("e.json"));
  expect_sound_explanation(explanation);
  EXPECT_EQ(explanation["runs_a"], explanation["runs_b"]) << "they are pairs";
  std::size_t tried = 0;
  for (const Json& finding : explanation["findings"])
    if (!finding["experiment"].is_null()) ++tried;
  EXPECT_LE(tried, 1U);
}

TEST_F(EndToEnd, explains_one_server_whose_parts_are_the_whole) {
  const Ended ended = run(brief({"--pairs", "2", "--experiments", "0", "--json", path("e.json"),
                                 "--verbose", "servers/epoll_echo"}));
  if (no_answers(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json explanation = read_json(path("e.json"));
  expect_sound_explanation(explanation);
  EXPECT_TRUE(explanation["server_a"].is_null());
  double parts = 0;
  for (const Json& finding : explanation["findings"])
    parts += finding["part_b_ns"].get<double>();
  const auto whole = explanation["cpu_b_ns"].get<double>();
  EXPECT_NEAR(parts, whole, 1e-6 * whole);
}

// thread_echo sleeps between messages, and its threads move between CPUs: two changes, if they
// show.
TEST_F(EndToEnd, tries_changes_together_or_says_why_not) {
  const Ended ended = run(brief({"--pairs", "1", "--experiments", "3", "--factorial", "--json",
                                 path("e.json"), "servers/thread_echo"}));
  if (no_answers(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json explanation = read_json(path("e.json"));
  const Json& factorial = explanation["factorial"];
  if (factorial.is_null()) {
    EXPECT_THAT(explanation["notes"].dump(), AnyOf(HasSubstr("No changes were tried together"),
                                                   HasSubstr("tried together tell nothing")));
    return;
  }
  EXPECT_THAT(ended.out, HasSubstr("Each effect is averaged"));
  const std::size_t settings = factorial["settings"].size();
  EXPECT_THAT(settings, AnyOf(4U, 8U));
  EXPECT_EQ(factorial["effects"].size(), settings - 1);
  EXPECT_EQ(factorial["settings"][0]["changes"].size(), 0U);
  for (const Json& setting : factorial["settings"]) {
    EXPECT_EQ(setting["runs"], 1);
    EXPECT_GT(setting["cpu_ns"].get<double>(), 0);
  }
}

TEST_F(EndToEnd, explains_saved_runs_without_experiments) {
  for (const char* server : {"thread_echo", "epoll_echo"}) {
    Words words = kBrief;
    words.insert(words.end(), {"--save", path(server), std::string("servers/") + server});
    const Ended ended = run(trace_run(words));
    if (no_answers(ended)) GTEST_SKIP() << ended.err;
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  const Ended ended =
      run(explain({"--force", path("thread_echo"), "--vs", path("epoll_echo"), "--json", "-"}));
  if (no_answers(ended)) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json explanation = Json::parse(ended.out);
  expect_sound_explanation(explanation);
  for (const Json& finding : explanation["findings"])
    EXPECT_TRUE(finding["experiment"].is_null());
  EXPECT_TRUE(explanation["cpu_ns"]["interval"].is_null()) << "of single runs";
}

Command::Setup on_terminal() {
  Command::Setup setup;
  setup.terminal = true;  // the progress line tells how far it is
  return setup;
}

TEST_F(EndToEnd, interrupted_in_the_first_pair_it_says_that_there_is_nothing) {
  Command command(
      explain({"--duration", "1h", "--warmup", "0s", "--connections", "3", "--server-output",
               "/dev/null", "servers/thread_echo", "--vs", "servers/epoll_echo"}),
      on_terminal());
  ASSERT_TRUE(command.wait_for_err("measuring: 0.3 s")) << command.err();
  command.interrupt();
  EXPECT_EQ(command.wait(), 1) << command.err();
  EXPECT_THAT(command.err(), HasSubstr("interrupted before the first pair"));
  EXPECT_EQ(command.out(), "");
}

// The base class sees to it that nothing is left running.
TEST_F(EndToEnd, interrupted_in_an_experiment_it_tells_what_it_has) {
  Command command(brief({"--pairs", "1", "--experiments", "1", "--json", path("e.json"),
                         "servers/thread_echo"}),
                  on_terminal());
  const bool tried = command.wait_for_err("pair 1 of 1");
  if (tried) command.interrupt();
  const int code = command.wait();
  const Ended ended{code, command.out(), command.err()};
  if (no_answers(ended)) GTEST_SKIP() << ended.err;
  ASSERT_TRUE(tried) << ended.err;
  ASSERT_EQ(code, 0) << ended.err;
  const Json explanation = read_json(path("e.json"));
  expect_sound_explanation(explanation);
  // The signal may come so late that the pair is whole: then it is told.
  const auto& findings = explanation["findings"];
  const bool told = std::ranges::any_of(
      findings, [](const Json& finding) { return !finding["experiment"].is_null(); });
  if (!told) {
    EXPECT_THAT(explanation["notes"].dump(), HasSubstr("it was interrupted"));
  }
}

struct Mistake {
  Words words;
  std::string says;
};

TEST_F(WithoutPrivilege, mistakes_of_explain_are_one_line_each) {
  for (const auto& [words, says] : std::vector<Mistake>{
           {{}, "nothing to explain"},
           {{"--vs", "servers/epoll_echo"}, "nothing to explain"},
           {{"servers/epoll_echo", "--vs"}, "--vs"},
           {{path("missing")}, "missing"},
           {{path("missing"), "--vs", path("missing too")}, "missing"},
           {{"servers/epoll_echo", "servers/thread_echo"}, "one server"},
           {{"servers/epoll_echo", "--vs", "servers/poll_echo", "servers/thread_echo"},
            "one server"},
           {{"servers/epoll_echo", "--vs", "no_such_server"}, "B: "},
           {{"--"}, "no program"},
           {{"file", "--", "servers/epoll_echo"}, "cannot be mixed"},
           {{"--", "servers/epoll_echo", "--vs"}, "--vs"},
           {{"--", "no_such_server"}, "no_such_server"},
           {{"--pairs", "0", "servers/epoll_echo"}, "--pairs"},
           {{"--pairs", "many", "servers/epoll_echo"}, "--pairs"},
           {{"--experiments", "-1", "servers/epoll_echo"}, "--experiments"},
           {{"--experiments", "1", "--factorial", "servers/epoll_echo"}, "--factorial needs"},
           {{"--factorial", path("missing")}, "--factorial is for programs"},
           {{"--vs-pin", "0", path("missing")}, "--vs-OPTION"},
           {{"--json", "-", "--markdown", "-", "servers/epoll_echo"}, "standard output"},
           {{"--no-such-option", "servers/epoll_echo"}, "--no-such-option"},
       }) {
    const Ended ended = run(explain(words));
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(words) << ended.err;
    EXPECT_THAT(ended.err, OneLine(HasSubstr(says))) << testing::PrintToString(words);
    EXPECT_EQ(ended.out, "") << testing::PrintToString(words);
  }
}

}  // namespace
}  // namespace tr::end_to_end
