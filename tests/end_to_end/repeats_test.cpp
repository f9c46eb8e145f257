// Several runs, and whether they may be trusted. How quiet this machine is decides how many of them
// are fit: the tests hold what is said against itself.
#include <csignal>
#include <filesystem>
#include <set>
#include <unistd.h>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

// Of a report over repeats: what is said of the runs fits what is said of their figures.
void expect_consistent(const Json& report, int exit_code) {
  const Json& repeats = report["repeats"];
  const Json& figures = repeats["figures"];
  double sum = 0;
  std::uint64_t used = 0;
  bool any_failed = false;
  EXPECT_EQ(repeats["made"], repeats["runs"].size());
  for (const Json& run : repeats["runs"]) {
    const bool failed = !run["failure"].is_null();
    any_failed |= failed;
    EXPECT_EQ(run["used"], run["verdict"]["fit"].get<bool>() && !failed) << run;
    EXPECT_EQ(run["verdict"]["fit"], run["verdict"]["unfit_because"].empty()) << run;
    if (!run["used"].get<bool>()) continue;
    ++used;
    if (!run["messages_per_second"].is_null()) sum += run["messages_per_second"].get<double>();
  }
  EXPECT_EQ(repeats["used"], used);
  const int without_means = any_failed ? 1 : 4;
  EXPECT_EQ(exit_code, used > 0 ? 0 : without_means);
  EXPECT_EQ(figures.empty(), used == 0);
  for (const auto& [name, figure] : figures.items()) {
    const auto mean = figure["mean"].get<double>();
    EXPECT_THAT(mean, AllOf(Ge(figure["least"].get<double>() * (1 - 1e-9)),
                            Le(figure["greatest"].get<double>() * (1 + 1e-9))))
        << name;
    // Equal values show no spread to judge by.
    EXPECT_EQ(figure["interval"].is_null(),
              figure["runs"] == 1U || figure["least"] == figure["greatest"])
        << name;
    if (figure["interval"].is_null()) continue;
    EXPECT_LE(figure["interval"][0].get<double>(), mean * (1 + 1e-9)) << name;
    EXPECT_GE(figure["interval"][1].get<double>(), mean * (1 - 1e-9)) << name;
  }
  const auto rate = figures.find("throughput.messages_per_second");
  if (rate == figures.end()) return;
  EXPECT_NEAR((*rate)["mean"].get<double>(), sum / static_cast<double>(used), 1e-3);
}

TEST_F(EndToEnd, repeats_have_a_fresh_server_each_and_means_over_those_that_are_fit) {
  const Ended ended = run(trace_run(short_run(
      {"--repeat", "3", "--json", path("report.json"), "--markdown", path("report.md"), "--save",
       path("saved"), "--server-output", path("output"), "servers/thread_echo"})));
  ASSERT_TRUE(std::filesystem::exists(path("report.json"))) << ended.err;
  const Json report = read_json(path("report.json"));
  expect_consistent(report, ended.code);
  EXPECT_EQ(report["repeats"]["asked"], 3);
  EXPECT_EQ(report["repeats"]["made"], 3);
  EXPECT_THAT(ended.out, HasSubstr("3 runs, a fresh process each: 300 ms after 200 ms"));
  EXPECT_TRUE(std::filesystem::exists(path("report.md")));
  // What was saved is each run, of a process of its own, and sound.
  std::set<Json> processes;
  for (const char* file : {"saved-1", "saved-2", "saved-3"}) {
    const Ended one = run(trace_run({"report", path(file), "--json", "-"}));
    ASSERT_EQ(one.code, 0) << one.err;
    const Json saved = Json::parse(one.out);
    expect_sound(saved);
    processes.insert(saved["threads"][0]["pid"]);
    const Json& bins = saved["load"]["answers_over_time"];
    EXPECT_EQ(bins["bin_ns"], 100'000'000);
    std::uint64_t answers = 0;
    for (const Json& bin : bins["answers"])
      answers += bin.get<std::uint64_t>();
    EXPECT_EQ(answers, saved["throughput"]["messages"]);
  }
  EXPECT_EQ(processes.size(), 3U);
}

TEST_F(EndToEnd, repeats_end_after_the_run_that_was_interrupted) {
  Command::Setup on_terminal;
  on_terminal.terminal = true;  // the progress line tells how far it is
  Command command(trace_run(short_run({"--repeat", "500", "--json", path("report.json"),
                                       "--server-output", "/dev/null", "servers/thread_echo"})),
                  on_terminal);
  ASSERT_TRUE(command.wait_for_err("run 2 of 500: ")) << command.err();
  command.interrupt();
  const int code = command.wait();
  const Json report = read_json(path("report.json"));
  expect_consistent(report, code);
  const Json& runs = report["repeats"]["runs"];
  EXPECT_EQ(report["repeats"]["asked"], 500);
  EXPECT_THAT(runs.size(), AllOf(Ge(1U), Le(499U)));
  for (const Json& run : runs)
    EXPECT_EQ(run["interrupted"], false) << run;
  EXPECT_THAT(command.out(), HasSubstr("of 500 asked for"));
}

TEST_F(EndToEnd, repeats_of_a_program_that_serves_nobody_have_totals) {
  const Ended ended = run(trace_run({"--repeat", "2", "--load", "none", "--quiet", "--json",
                                     path("report.json"), "--", "/bin/true"}));
  const Json report = read_json(path("report.json"));
  expect_consistent(report, ended.code);
  if (report["repeats"]["used"] == 0) return;
  const Json& ends = report["repeats"]["figures"]["syscalls.exit_group.calls"];
  EXPECT_EQ(ends["least"], 1);
  EXPECT_EQ(ends["greatest"], 1);
}

TEST_F(EndToEnd, unfit_run_is_reported_and_with_strict_exits_with_a_code_of_its_own) {
  // A load that sends nothing.
  const Words unloaded{"--load",          "sleep 0.1", "--json", path("report.json"),
                       "--server-output", "/dev/null"};
  for (const bool strict : {false, true}) {
    Words words = unloaded;
    if (strict) words.emplace_back("--strict");
    words.emplace_back("servers/thread_echo");
    const Ended ended = run(trace_run(words));
    EXPECT_EQ(ended.code, strict ? 4 : 0);
    EXPECT_THAT(ended.out, HasSubstr("not fit to be compared: no messages"));
    const Json report = read_json(path("report.json"));
    EXPECT_EQ(report["verdict"]["fit"], false);
    EXPECT_EQ(report["verdict"]["unfit_because"][0], "no_messages");
    if (strict) {
      EXPECT_THAT(ended.err, OneLine(HasSubstr("not fit to be compared: no messages")));
    } else {
      EXPECT_EQ(ended.err, "");
    }
  }
}

TEST_F(EndToEnd, repeats_none_of_which_is_fit_have_no_means) {
  const Ended ended =
      run(trace_run({"--repeat", "2", "--load", "sleep 0.1", "--json", path("report.json"),
                     "--server-output", "/dev/null", "servers/thread_echo"}));
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.err, OneLine(HasSubstr("none of 2 runs is fit to be compared")));
  EXPECT_THAT(ended.out, HasSubstr("run 2 is not used: "));
  expect_consistent(read_json(path("report.json")), ended.code);
}

TEST_F(EndToEnd, repeats_end_with_the_first_that_cannot_be_made) {
  const Ended ended =
      run(trace_run(short_run({"--repeat", "3", "--load", "echo", "--json", path("report.json"),
                               "--server-output", "/dev/null", "--", "/bin/false"})));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, OneLine(HasSubstr("ended before it listened")));
  EXPECT_FALSE(std::filesystem::exists(path("report.json")));
}

TEST_F(WithoutPrivilege, repeats_that_make_no_sense) {
  const std::string self = std::to_string(::getpid());
  for (const auto& [words, what] : std::vector<std::pair<Words, std::string>>{
           {{"--repeat", "0", "/bin/true"}, "\"0\" is not a number from 1 to 1000"},
           {{"--repeat", "many", "/bin/true"}, "\"many\""},
           {{"--repeat", "2", "--pid", self}, "--repeat starts a fresh process"},
           {{"--repeat", "2", "--threads", "/bin/true"}, "--threads"},
           {{"--repeat", "2", "--save", "-", "/bin/true"}, "--save"},
           {{"--repeat", "2", "--profile", "--pprof", path("p"), "/bin/true"}, "--pprof"}}) {
    const Ended ended = run(trace_run(words));
    EXPECT_EQ(ended.code, 2) << what;
    EXPECT_THAT(ended.err, OneLine(HasSubstr(what)));
  }
}

}  // namespace
}  // namespace tr::end_to_end
