// Profiles and blocked stacks, from the command line to the tools' files.
#include <algorithm>
#include <map>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

bool is_on(const Json& report, const Json& stack, const std::string& function) {
  return std::ranges::any_of(stack["frames"], [&](const Json& frame) {
    return report["stacks"]["frames"][frame.get<std::size_t>()]["function"] == function;
  });
}

// A server's waits add up by stack as by cause, and are where its code says.
TEST_F(EndToEnd, stacks_of_a_server_lead_from_main_to_its_waits) {
  const Json report =
      measure({"--profile=997", "--duration", "500ms", "--warmup", "200ms", "--connections", "20",
               "--folded", path("folded"), "--save", path("snapshot"), "servers/epoll_echo"});
  expect_sound(report);
  const Json& blocked = report["stacks"]["blocked"];
  std::uint64_t waits_ns = 0;
  for (const Json& wait : report["budget"]["waits"])
    waits_ns += wait["ns"].get<std::uint64_t>();
  std::uint64_t stacks_ns = 0;
  std::uint64_t from_main_ns = 0;
  for (const Json& stack : blocked["stacks"]) {
    stacks_ns += stack["ns"].get<std::uint64_t>();
    if (is_on(report, stack, "main")) from_main_ns += stack["ns"].get<std::uint64_t>();
  }
  EXPECT_EQ(stacks_ns, waits_ns);
  EXPECT_EQ(blocked["ns"], waits_ns);
  EXPECT_GE(static_cast<double>(from_main_ns), 0.99 * static_cast<double>(waits_ns));

  const Json& profile = report["stacks"]["profile"];
  EXPECT_EQ(profile["cpu_ns"], report["cpu"]["user_ns"].get<std::uint64_t>() +
                                   report["cpu"]["system_ns"].get<std::uint64_t>());
  std::uint64_t from_main = 0;
  for (const Json& stack : profile["stacks"])
    if (is_on(report, stack, "main")) from_main += stack["samples"].get<std::uint64_t>();
  EXPECT_GE(static_cast<double>(from_main), 0.9 * profile["samples"].get<double>());

  // Every line: frames, then microseconds; in all, the CPU time and the waits.
  const auto folded = read_file(path("folded"));
  ASSERT_TRUE(folded.ok());
  std::map<std::string, double> us;
  for (const std::string_view line : split(trim(*folded), '\n')) {
    const auto count = parse_u64(line.substr(line.rfind(' ') + 1));
    ASSERT_TRUE(count.has_value()) << line;
    us[std::string(line.substr(0, line.find(';')))] += static_cast<double>(*count);
  }
  EXPECT_NEAR(us["on-CPU"], profile["cpu_ns"].get<double>() / 1e3, 0.02 * us["on-CPU"] + 100);
  EXPECT_NEAR(us["blocked"] + us["idle"], static_cast<double>(waits_ns) / 1e3, 1000);

  // Again from the file, without privilege or kernel.
  const Ended again = run(trace_run({"report", "--folded", "-", path("snapshot")}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, *folded);
  const Ended pprof = run(trace_run({"report", "--pprof", path("pprof"), path("snapshot")}));
  EXPECT_EQ(pprof.code, 0) << pprof.err;
  EXPECT_TRUE(read_file(path("pprof"))->starts_with("\x1f\x8b"));
}

// A process that ends before anybody can look: learnt when it executes.
TEST_F(EndToEnd, stacks_of_short_programs_are_named) {
  const Json report = measure(
      {"--profile", "--load", "none", "--", "/bin/sh", "-c", "sleep 0.2; sleep 0.2; exit 0"});
  expect_sound(report);
  std::uint64_t in_libc_ns = 0;
  for (const Json& stack : report["stacks"]["blocked"]["stacks"])
    if (stack["call"] == "clock_nanosleep")
      for (const Json& frame : stack["frames"]) {
        const Json& module = report["stacks"]["frames"][frame.get<std::size_t>()]["module"];
        if (module.is_string() && module.get<std::string>().find("libc") != std::string::npos) {
          in_libc_ns += stack["ns"].get<std::uint64_t>();
          break;
        }
      }
  EXPECT_GE(in_libc_ns, 390'000'000U);
}

TEST_F(EndToEnd, files_of_stacks_need_a_profile) {
  const Ended none = run(trace_run({"--folded", path("folded"), "--load", "none", "--", "true"}));
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, OneLine(testing::HasSubstr("which only --profile takes")));
  const Ended counts =
      run(trace_run({"--profile", "--counts-only", "--load", "none", "--", "true"}));
  EXPECT_EQ(counts.code, 2);
  EXPECT_THAT(counts.err, OneLine(testing::HasSubstr("--counts-only")));
  const Ended hertz = run(trace_run({"--profile=0", "--load", "none", "--", "true"}));
  EXPECT_EQ(hertz.code, 2);
}

}  // namespace
}  // namespace tr::end_to_end
