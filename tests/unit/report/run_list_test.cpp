#include "report/run_list.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "report/text.h"

namespace tr::report {
namespace {

using testing::HasSubstr;

RunRecord run(RunId id, RunId group) {
  return {.id = id,
          .group = group,
          .date = "2026-11-21T10:32:07Z",
          .server = "thread_echo",
          .configuration = "echo, 200 connections, 64 B",
          .tool_version = "0.1.0",
          .kernel = "6.18.0",
          .messages_per_second = 52'340.4,
          .cpu_ns_per_message = 6'312,
          .verdict = {},
          .tags = {},
          .stored_bytes = 4'096};
}

RunConfig config() {
  RunConfig config;
  config.load = "echo";
  config.connections = 200;
  config.size = 64;
  return config;
}

TEST(RunList, SaysHowARunWasLoaded) {
  EXPECT_EQ(configuration_text(config()), "echo, 200 connections, 64 B");
  RunConfig all = config();
  all.attached_pid = 7;
  all.connections = 1;
  all.rate = 20'000;
  all.pipeline = 4;
  all.close = true;
  all.pin = "0,2";
  all.mode = "count";
  EXPECT_EQ(configuration_text(all),
            "attached, echo, 1 connection, 64 B, 20,000/s, pipeline 4, close, CPU 0,2, counts "
            "only");
  RunConfig http = config();
  http.load = "http";
  http.path = "/a";
  EXPECT_EQ(configuration_text(http), "http, 200 connections, /a");
  RunConfig none;
  none.load = "none";
  EXPECT_EQ(configuration_text(none), "no load");
}

TEST(RunList, WritesNumbersAsRanges) {
  EXPECT_EQ(run_numbers_text({}), "");
  EXPECT_EQ(run_numbers_text({run(1, 1), run(2, 1), run(3, 1), run(7, 7), run(9, 9), run(10, 9)}),
            "1-3, 7, 9-10");
}

TEST(RunList, HasARowForEachRun) {
  RunRecord tagged = run(2, 2);
  tagged.tags = {"base", "v1"};
  RunRecord bare = run(1, 1);
  bare.messages_per_second = bare.cpu_ns_per_message = std::nullopt;
  EXPECT_EQ(
      render_text(run_list({tagged, bare}, 2, "runs.db"), {}),
      "2 runs in runs.db\n"
      "\n"
      "Run  measured (UTC)    server       messages/s  CPU each  tags     configuration\n"
      "  2  2026-11-21 10:32  thread_echo      52,340   6.31 us  base v1  echo, 200 connections, "
      "64 B\n"
      "  1  2026-11-21 10:32  thread_echo           -   -                 echo, 200 connections, "
      "64 B\n");
}

TEST(RunList, ShowsGroupsWhereRunsWereRepeated) {
  const std::string text = render_text(run_list({run(3, 2), run(2, 2)}, 3, "runs.db"), {});
  EXPECT_THAT(text, HasSubstr("Run  group  measured"));
  EXPECT_THAT(text, HasSubstr("  3  @2     2026"));
  EXPECT_THAT(text, HasSubstr("1 older: trace-run runs -n 0 shows all"));
}

TEST(RunList, OfNoRunsIsALine) {
  EXPECT_EQ(render_text(run_list({}, 0, "runs.db"), {}), "No runs in runs.db\n");
}

// What lies in a store may be anybody's.
TEST(RunList, SteersNoTerminal) {
  RunRecord hostile = run(1, 1);
  hostile.server = hostile.configuration = hostile.date = "\x1b[2J";
  hostile.tags = {"\x1b[2J"};
  hostile.verdict = "\x1b[2J\xff";
  const std::string text = render_text(run_list({hostile}, 1, "\x1b[2J"), {});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("; not fit: ?[2J?"));
  EXPECT_TRUE(nlohmann::json::accept(render_run_list_json({hostile}, "\xff")));
}

TEST(RunList, SaysInJsonWhatIsNotKnown) {
  RunRecord bare = run(1, 1);
  bare.messages_per_second = std::nullopt;
  const auto list = nlohmann::json::parse(render_run_list_json({bare}, "runs.db"));
  EXPECT_EQ(list["store"], "runs.db");
  const auto& first = list["runs"][0];
  EXPECT_EQ(first["id"], 1);
  EXPECT_EQ(first["messages_per_second"], nullptr);
  EXPECT_EQ(first["verdict"], nullptr);
  EXPECT_EQ(first["cpu_ns_per_message"], 6312.0);
  EXPECT_EQ(first["tags"], nlohmann::json::array());
}

}  // namespace
}  // namespace tr::report
