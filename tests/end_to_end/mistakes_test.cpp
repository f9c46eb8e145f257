// What goes wrong is said in one line, with an exit code to go by.
#include "trace_run.h"

namespace tr::end_to_end {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

TEST_F(WithoutPrivilege, unknown_program) {
  const Ended ended = run(trace_run({"no_such_program"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("no_such_program"), HasSubstr("trace-run list"))));
  EXPECT_EQ(ended.out, "");
}

TEST_F(WithoutPrivilege, no_program) {
  const Ended ended = run(trace_run({"--duration", "1s"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(HasSubstr("no program given; try: ")));
}

TEST_F(WithoutPrivilege, unknown_option_and_bad_value) {
  Ended ended = run(trace_run({"--no-such-option", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(HasSubstr("--no-such-option")));
  ended = run(trace_run({"--ready-timeout", "soon", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("--ready-timeout"), HasSubstr("soon"))));
}

TEST_F(WithoutPrivilege, waiting_for_a_program_to_listen_without_a_load) {
  const Ended ended =
      run(trace_run({"--load", "none", "--ready-timeout", "1s", "--", "/bin/true"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(HasSubstr("--ready-timeout")));
}

TEST_F(EndToEnd, server_that_ends_at_once) {
  const Ended ended = run(trace_run(short_run({"--load", "echo", "--", "/bin/false"})));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err,
              OneLine(ContainsRegex("/bin/false.*ended before it listened .exit code 1.")));
  EXPECT_EQ(ended.out, "");
}

TEST_F(EndToEnd, server_that_never_listens) {
  const Ended ended = run(
      trace_run(short_run({"--load", "echo", "--ready-timeout", "200ms", "--", "sleep", "3600"})));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("sleep"), HasSubstr("does not listen"),
                                       HasSubstr("--ready-timeout"), HasSubstr("--load none"))));
}

TEST_F(EndToEnd, load_that_fails) {
  const Ended ended =
      run(trace_run({"--server-output", "/dev/null", "--load", "exit 7", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("exit 7"), HasSubstr("exit code 7"))));
}

TEST_F(WithoutPrivilege, report_that_cannot_be_written_is_refused_before_anything_runs) {
  const std::string file = path("no/such/folder/report");
  for (const std::string option : {"--json", "--markdown", "--save"}) {
    const Ended ended =
        run(trace_run({"--load", "none", option, file, "--", "touch", path("has run")}));
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr(file), HasSubstr("No such file"))));
    EXPECT_FALSE(std::filesystem::exists(path("has run")));
  }
}

TEST_F(EndToEnd, full_disk) {
  const Ended ended = run(trace_run({"--load", "none", "--json", "/dev/full", "--", "/bin/true"}));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, OneLine(AllOf(HasSubstr("/dev/full"), HasSubstr("No space left"))));
}

}  // namespace
}  // namespace tr::end_to_end
