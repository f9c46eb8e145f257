#include "commands/report.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "commands/parser.h"
#include "snapshot/snapshot_file.h"
#include "util/text.h"

namespace tr::commands {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Outcome {
  int exit_code;
  std::string out;
  std::string err;
};

// The command line as a user types it behind "trace-run", in a directory with run.snapshot.
class ReportCommand : public testing::Test {
 protected:
  ReportCommand() {
    std::string pattern = testing::TempDir() + "trace-run-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Snapshot run;
    run.config.server = "some_echo";
    run.config.load = "none";
    run.window_close_ns = 1'000'000'000;
    SyscallStats call;
    call.name = "getppid";
    call.calls = 12'345;
    run.total.syscalls = {call};
    EXPECT_TRUE(save_snapshot(run, path("run.snapshot")).ok());
  }
  ~ReportCommand() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  [[nodiscard]] std::string content(const std::string& name) const {
    const Result<std::string> text = read_file(path(name));
    return text ? *text : text.error().text();
  }

  [[nodiscard]] Outcome report(std::vector<std::string> options) const {
    App app("", "trace-run");
    int exit_code = -1;
    setup_report(app, exit_code);
    options.insert(options.begin(), {"report", path("run.snapshot")});
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_TRUE(app.parse(std::move(options)).ok());
    return {exit_code, testing::internal::GetCapturedStdout(),
            testing::internal::GetCapturedStderr()};
  }

  std::string directory_;
};

TEST_F(ReportCommand, ShowsTheReport) {
  const Outcome shown = report({});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.out, StartsWith("some_echo: "));
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("\x1b"))) << "colour that no terminal asked for";
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("System calls ")));
  EXPECT_THAT(report({"--syscalls", "--threads"}).out,
              testing::AllOf(HasSubstr("System calls "), HasSubstr("Threads")));
}

TEST_F(ReportCommand, WritesEveryForm) {
  const Outcome quiet =
      report({"--quiet", "--json", path("run.json"), "--markdown", path("run.md")});
  EXPECT_EQ(quiet.exit_code, 0);
  EXPECT_EQ(quiet.out, "");
  EXPECT_EQ(nlohmann::json::parse(content("run.json"))["syscalls"]["getppid"]["calls"], 12'345);
  EXPECT_THAT(content("run.md"), StartsWith("# some_echo: "));
}

// What goes to standard output is that alone, so that it can be piped.
TEST_F(ReportCommand, PutsOneFormOnStandardOutput) {
  EXPECT_EQ(nlohmann::json::parse(report({"--json", "-"}).out)["schema_version"], 1);
  EXPECT_THAT(report({"--markdown", "-"}).out, StartsWith("# "));
  const Outcome both = report({"--json", "-", "--markdown", "-"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_EQ(
      both.err,
      "trace-run: only one of --json, --markdown, --folded, --pprof and --save can go to standard "
      "output; name a file for the others\n");
}

TEST_F(ReportCommand, WritesNoStacksWhereThereAreNone) {
  for (const char* option : {"--folded", "--pprof"}) {
    const Outcome none = report({option, path("stacks")});
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_EQ(none.err,
              "trace-run: --folded and --pprof: this run has no stacks; measure it again with "
              "--profile or --waits\n");
  }
}

TEST_F(ReportCommand, SaysWhatItCannotReadOrWrite) {
  const Outcome unwritten = report({"--json", path("none/run.json")});
  EXPECT_EQ(unwritten.exit_code, 1);
  EXPECT_EQ(unwritten.err,
            "trace-run: cannot create " + path("none/run.json") + ": No such file or directory\n");
  ASSERT_TRUE(write_file(path("run.snapshot"), "no snapshot").ok());
  const Outcome unread = report({});
  EXPECT_EQ(unread.exit_code, 2);
  EXPECT_EQ(unread.err,
            "trace-run: cannot read " + path("run.snapshot") + ": not a trace-run snapshot\n");
}

}  // namespace
}  // namespace tr::commands
