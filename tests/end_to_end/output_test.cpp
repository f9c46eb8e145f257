// What goes to which stream and file, and the report again from a saved measurement.
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kTalks = "echo to-stdout; echo to-stderr >&2";

std::string content(const std::string& file) {
  const auto text = read_file(file);
  EXPECT_TRUE(text.ok()) << text.error().text();
  return text ? *text : "";
}

TEST_F(EndToEnd, saved_measurement_gives_the_same_reports_without_privilege) {
  const Ended ended = run(trace_run(
      short_run({"--save", path("saved"), "--json", path("run.json"), "--markdown", path("run.md"),
                 "--server-output", "/dev/null", "servers/thread_echo"})));
  ASSERT_EQ(ended.code, 0) << ended.err;

  for (const bool privileged : {true, false}) {
    Command::Setup setup;
    if (!privileged) setup.before_exec = drop_privileges;
    const Ended json = run(trace_run({"report", path("saved"), "--json", "-"}), setup);
    EXPECT_EQ(json.code, 0) << json.err;
    EXPECT_EQ(json.out, content(path("run.json")));
    const Ended markdown = run(trace_run({"report", path("saved"), "--markdown", "-"}), setup);
    EXPECT_EQ(markdown.out, content(path("run.md")));
    const Ended terminal = run(trace_run({"report", path("saved")}), setup);
    EXPECT_EQ(terminal.out, ended.out);
  }
}

TEST_F(EndToEnd, output_of_the_program_goes_to_stderr_and_the_report_to_stdout) {
  const Ended ended = run(trace_run({"--load", "none", "--", "sh", "-c", kTalks}));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "to-stdout\nto-stderr\n");
  // The report shows the command: only whole lines are the program's.
  EXPECT_THAT(ended.out, AllOf(StartsWith("sh: "), HasSubstr("system calls"),
                               Not(HasSubstr("\nto-stdout\n")), Not(HasSubstr("\nto-stderr\n"))));
}

TEST_F(EndToEnd, output_of_the_program_can_go_to_a_file) {
  const Ended ended = run(trace_run(
      {"--quiet", "--server-output", path("output"), "--load", "none", "--", "sh", "-c", kTalks}));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(content(path("output")), "to-stdout\nto-stderr\n");
}

TEST_F(EndToEnd, json_on_stdout_is_all_there_is) {
  const Ended ended = run(trace_run({"--load", "none", "--json", "-", "--", "/bin/true"}));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  const Json report = Json::parse(ended.out, nullptr, false);
  ASSERT_TRUE(report.is_object()) << ended.out;
  EXPECT_EQ(report["schema_version"], 1);
}

TEST_F(EndToEnd, saved_measurement_goes_through_a_pipe) {
  const Ended saved = run(trace_run({"--load", "none", "--save", "-", "--", "/bin/true"}));
  ASSERT_EQ(saved.code, 0) << saved.err;
  ASSERT_TRUE(write_file(path("saved"), saved.out).ok());
  Command::Setup setup;
  setup.before_exec = [file = path("saved")] {
    ::dup2(::open(file.c_str(), O_RDONLY), STDIN_FILENO);
  };
  const Ended again = run(trace_run({"report", "-"}), setup);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, StartsWith("/bin/true: "));
  EXPECT_EQ(again.out, run(trace_run({"report", path("saved")})).out);
}

TEST_F(EndToEnd, escape_codes_are_for_terminals_only) {
  Command::Setup setup;
  setup.before_exec = [] {
    ::setenv("TERM", "xterm-256color", 1);
    ::unsetenv("NO_COLOR");
  };
  const Words words = trace_run(short_run({"servers/epoll_echo"}));
  const Ended piped = run(words, setup);
  EXPECT_EQ(piped.code, 0);
  EXPECT_THAT(piped.out + piped.err, AllOf(Not(HasSubstr("\033")), Not(HasSubstr("\r"))));

  // Only stderr is one: the progress line shows, the report stays plain.
  setup.terminal = true;
  const Ended on_terminal = run(words, setup);
  EXPECT_EQ(on_terminal.code, 0);
  EXPECT_THAT(on_terminal.err, AllOf(HasSubstr("\r\033[Kwarming up"), HasSubstr("measuring: ")));
  EXPECT_THAT(on_terminal.out, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace tr::end_to_end
