#include "report/json.h"

#include <random>

#include <gmock/gmock.h>

#include "../../golden/runs.h"
#include "report/content.h"
#include "report/markdown.h"
#include "report/repeats.h"
#include "report/sweep.h"
#include "report/text.h"
#include "schema_checker.h"
#include "snapshot/snapshot_file.h"
#include "synthetic_sweep.h"
#include "util/text.h"

namespace tr::report {
namespace {

using nlohmann::json;
using testing::IsEmpty;

json report_of(const Snapshot& snapshot) {
  return json::parse(render_json(JudgedRun(snapshot)));
}

Snapshot recorded(const std::string& name) {
  for (golden::NamedRun& run : golden::recorded_runs())
    if (run.name == name) return std::move(run.snapshot);
  ADD_FAILURE() << "there is no run " << name;
  return {};
}

SchemaChecker schema(const char* file = TRACE_RUN_REPORT_SCHEMA) {
  const Result<std::string> text = read_file(file);
  EXPECT_TRUE(text.ok());
  return SchemaChecker(json::parse(*text));
}

TEST(Json, FitsItsSchema) {
  SchemaChecker checker = schema();
  for (const golden::NamedRun& run : golden::recorded_runs())
    EXPECT_THAT(checker.check(report_of(run.snapshot)), IsEmpty()) << run.name;
  EXPECT_THAT(checker.check(report_of(Snapshot{})), IsEmpty());
}

TEST(Json, OfRepeatsFitsItsSchema) {
  SchemaChecker checker = schema(TRACE_RUN_REPEATS_SCHEMA);
  for (const golden::NamedRepeats& made : golden::recorded_repeats()) {
    JudgedRepeats repeats;
    repeats.asked = made.asked;
    for (const Snapshot& run : made.runs)
      repeats.add(run, "");
    repeats.sum_up();
    const json report = json::parse(render_json(repeats));
    EXPECT_THAT(checker.check(report), IsEmpty()) << made.name;
    // Machine and setting are told as in the report of one run.
    const json one = report_of(made.runs.front());
    EXPECT_EQ(report["environment"], one["environment"]);
    EXPECT_EQ(report["config"], one["config"]);
    EXPECT_EQ(report["repeats"]["runs"][0]["verdict"], one["verdict"]);
  }
}

sweep::PlannedCell skipped_cell(std::string server) {
  sweep::PlannedCell skipped;
  skipped.cell.server = std::move(server);
  skipped.skipped = "too many";
  return skipped;
}

TEST(Json, OfASweepFitsItsSchema) {
  SchemaChecker checker = schema(TRACE_RUN_SWEEP_SCHEMA);
  sweep::Results results;
  for (const std::uint64_t connections : {1, 2, 4, 8}) {
    const sweep::Cell cell{.server = "a", .connections = connections, .pin = "1", .size = 64};
    const auto runs = runs_of(cell, {10'000 * connections, 10'100 * connections});
    results.cells.push_back(sweep::judge_cell({.cell = cell, .skipped = ""}, runs, {"it died"}));
  }
  results.cells.push_back(sweep::judge_cell(skipped_cell("b"), {}, {}));
  results.rankings = sweep::rank(results.cells);
  results.scalings = sweep::fit_scalings(results.cells);
  const json report = json::parse(render_json(results));
  EXPECT_THAT(checker.check(report), IsEmpty());
  EXPECT_EQ(report["sweep"]["cells"].size(), 5U);
  EXPECT_EQ(report["sweep"]["rankings"].size(), 4U);
  EXPECT_EQ(report["sweep"]["scalability"].size(), 1U);
  EXPECT_DOUBLE_EQ(report["sweep"]["cells"][0]["figures"]["throughput.messages_per_second"]["mean"],
                   5'025);
}

// A list of cells: two under one load, one under another.
sweep::Results list_of_three() {
  sweep::Results results;
  results.repeats = 2;
  for (const std::string name : {"few", "many", "storm"}) {
    sweep::Cell cell{.server = "pool", .connections = 10, .pin = "1", .size = 64, .name = name};
    cell.program = {"pool", "--workers", name == "few" ? "2" : "8"};
    cell.load = name == "storm" ? "echo --close" : "echo";
    if (name == "storm") cell.options = {"--close"};
    const std::uint64_t messages = name == "few" ? 10'000 : 20'000;
    results.cells.push_back(sweep::judge_cell({.cell = cell, .skipped = ""},
                                              runs_of(cell, {messages, messages + 100}), {}));
  }
  results.rankings = sweep::rank(results.cells);
  return results;
}

TEST(Json, OfAListOfCellsNamesThem) {
  SchemaChecker checker = schema(TRACE_RUN_SWEEP_SCHEMA);
  const json report = json::parse(render_json(list_of_three()));
  EXPECT_THAT(checker.check(report), IsEmpty());
  const json& sweep = report["sweep"];
  EXPECT_EQ(sweep["cells"][2]["name"], "storm");
  EXPECT_EQ(sweep["cells"][2]["options"], json::array({"--close"}));
  EXPECT_EQ(sweep["cells"][2]["program"], json::array({"pool", "--workers", "8"}));
  ASSERT_EQ(sweep["rankings"].size(), 2U);
  EXPECT_EQ(sweep["rankings"][0]["load"], "echo");
  EXPECT_EQ(sweep["rankings"][0]["places"][0]["name"], "many");
  EXPECT_EQ(sweep["rankings"][0]["places"][1]["name"], "few");
  EXPECT_EQ(sweep["rankings"][1]["load"], "echo --close");
}

TEST(Text, OfAListOfCellsNamesThem) {
  sweep::Results results = list_of_three();
  results.one_window = false;
  const std::string text = render_text(build_report(results, false), {});
  for (const char* part :
       {"3 cells under 2 loads", "few, many, storm", "10 connections, pinned to CPU 1, echo ",
        "10 connections, pinned to CPU 1, echo --close ", "windows of each cell's own",
        "it is named where the figures stand"})
    EXPECT_THAT(text, testing::HasSubstr(part));
  EXPECT_LT(text.find("\n  many "), text.find("\n  few "));
  EXPECT_LT(text.find("\n  few "), text.find("\n  storm "));
  const std::string page = render_text(build_server_report(results, "pool"), {});
  for (const char* name : {"few", "many", "storm"})
    EXPECT_THAT(page, testing::HasSubstr(name));
  EXPECT_TRUE(render_csv(results).starts_with("name,load,server,connections,"));
}

TEST(Csv, OfASweepHasARowPerCellAndQuotesWhatNeedsIt) {
  sweep::Results results;
  const sweep::Cell cell{.server = "a, \"b\"", .connections = 10, .pin = "0,2", .size = 64};
  results.cells.push_back(
      sweep::judge_cell({.cell = cell, .skipped = ""}, runs_of(cell, {10'000, 10'000}), {}));
  results.cells.push_back(sweep::judge_cell(skipped_cell("c"), {}, {}));
  const std::string csv = render_csv(results);
  const auto lines = split(csv, '\n');
  ASSERT_EQ(lines.size(), 4U);  // with the empty one at the end
  EXPECT_TRUE(lines[0].starts_with(
      "server,connections,pin,size,pipeline,made,used,throughput.messages_per_second,"
      "throughput.messages_per_second.low,throughput.messages_per_second.high,"))
      << lines[0];
  EXPECT_TRUE(lines[1].starts_with("\"a, \"\"b\"\"\",10,\"0,2\",64,1,2,2,5000,,,")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("c,0,,,1,0,0,,,,")) << lines[2];
  EXPECT_EQ(std::ranges::count(lines[2], ','), std::ranges::count(lines[0], ','));
}

// The checker itself: it must not let everything through.
TEST(Json, WouldNotFitItsSchemaOtherwise) {
  SchemaChecker checker = schema();
  const json sound = report_of(recorded("epoll_echo"));
  const auto misfits = [&](const char* pointer, const json& value) {
    json report = sound;
    report[json::json_pointer(pointer)] = value;
    return checker.check(report).size();
  };
  EXPECT_EQ(misfits("/window_ns", 10), 0U);
  EXPECT_EQ(misfits("/window_ns", -1), 1U);
  EXPECT_EQ(misfits("/window_ns", nullptr), 1U);
  EXPECT_EQ(misfits("/schema_version", 2), 1U);
  EXPECT_EQ(misfits("/environment/kernel", 6), 1U);
  EXPECT_EQ(misfits("/environment/surprise", 6), 1U);
  EXPECT_EQ(misfits("/throughput/counted_by", "me"), 1U);
  EXPECT_EQ(misfits("/perf/cycles", {{"value", 1}}), 1U);
  EXPECT_EQ(misfits("/threads/0/tid", "1"), 1U);
  EXPECT_EQ(misfits("/syscalls/sendto", json::object()), 12U);
}

TEST(Json, HoldsTheFiguresPerMessage) {
  const Snapshot snapshot = recorded("epoll_echo");
  const json report = report_of(snapshot);
  const double messages = 1'473'157;
  EXPECT_EQ(report["throughput"]["messages"], 1'473'157);
  EXPECT_EQ(report["throughput"]["messages_kernel"], 1'473'218);
  EXPECT_DOUBLE_EQ(report["throughput"]["messages_per_second"], messages / 10);
  const json& each = report["per_message"];
  EXPECT_DOUBLE_EQ(each["recvfrom"], 2'946'436 / messages);
  EXPECT_DOUBLE_EQ(each["sendto"], 1'473'218 / messages);
  EXPECT_DOUBLE_EQ(each["epoll_wait"], 14'803 / messages);
  EXPECT_DOUBLE_EQ(each["context_switches"], (10'412 + 1'933) / messages);
  EXPECT_DOUBLE_EQ(each["user_ns"], 1'104'913'500 / messages);
  EXPECT_EQ(each["futex"], 0);  // measured: there were none
  EXPECT_EQ(report["syscalls"]["recvfrom"]["errors_by_errno"]["EAGAIN"], 1'473'218);
  EXPECT_EQ(report["perf"]["cycles"]["unsupported"], "no hardware PMU here");
  EXPECT_EQ(report["perf"]["context-switches"]["value"], 12'347);
  EXPECT_THAT(report["warnings"], IsEmpty());
}

// Never 0 for what was not measured.
TEST(Json, HasNullWhereNothingWasMeasured) {
  const json report = report_of(recorded("counted"));
  for (const char* pointer : {"/latency_ns",
                              "/fairness",
                              "/load",
                              "/cpu",
                              "/per_message",
                              "/scheduling",
                              "/sockets",
                              "/life",
                              "/server_exit",
                              "/throughput/messages",
                              "/throughput/messages_kernel",
                              "/throughput/counted_by",
                              "/per_second/context_switches",
                              "/per_second/cpu_ns",
                              "/syscalls/recvfrom/errors",
                              "/syscalls/recvfrom/total_ns",
                              "/threads/0/user_ns",
                              "/threads/0/received_messages",
                              "/config/rate",
                              "/config/pin",
                              "/overhead/share_of_cpu"})
    EXPECT_TRUE(report.at(json::json_pointer(pointer)).is_null()) << pointer;
  EXPECT_EQ(report["syscalls"]["recvfrom"]["calls"], 402'210);
  EXPECT_EQ(report["unmeasured"]["scheduling"], "mode count only counts calls");
}

TEST(Json, IsUtf8WhateverThreadsAreCalled) {
  const json report = report_of(recorded("damaged"));
  EXPECT_EQ(report["threads"][2]["comm"], "fork_\xef\xbf\xbd");
}

// Every kind of doubt has its own name and a sentence.
TEST(Json, WarnsOfEveryDoubt) {
  std::set<std::string> kinds;
  const json report = report_of(recorded("damaged"));
  for (const json& warning : report["warnings"]) {
    EXPECT_FALSE(warning["text"].get<std::string>().empty());
    EXPECT_TRUE(kinds.insert(warning["kind"]).second) << warning["kind"];
  }
  // All but "no messages", which leaves nothing to disagree about.
  EXPECT_EQ(kinds.size(), 18U);
}

// A damaged file that still can be read must still be reported on.
TEST(Reports, SurviveDamagedSnapshots) {
  std::mt19937 random(20261121);
  int rendered = 0;
  for (const golden::NamedRun& run : golden::recorded_runs()) {
    const std::string whole = encode_snapshot(run.snapshot);
    for (int round = 0; round < 100; ++round) {
      std::string bytes = whole;
      for (auto flips = 1 + random() % 3; flips > 0; --flips)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      const Result<Snapshot> damaged = decode_snapshot(bytes, "run");
      if (!damaged) continue;
      const JudgedRun judged(*damaged);
      Detail detail;
      detail.syscalls = detail.threads = detail.cross_check = true;
      EXPECT_FALSE(render_text(build_report(judged, detail), {}).empty());
      EXPECT_FALSE(render_markdown(build_report(judged, kEverything)).empty());
      EXPECT_FALSE(render_json(judged).empty());
      ++rendered;
    }
  }
  EXPECT_GT(rendered, 20);
}

// The largest numbers there are: sums wrap, nothing is undefined.
TEST(Reports, SurviveAbsurdFigures) {
  Snapshot absurd = recorded("damaged");
  const auto inflate = [](TaskCounts& counts) {
    counts.user_ns = counts.system_ns = counts.runqueue_ns = counts.blocked_ns = UINT64_MAX;
    counts.voluntary_switches = counts.involuntary_switches = UINT64_MAX;
    counts.received_messages = counts.received_bytes = counts.served_bytes = UINT64_MAX;
    for (SyscallStats& call : counts.syscalls) {
      call.calls = call.errors = call.total_ns = call.carried_in = UINT64_MAX;
      call.latency = BucketList({{kKernelBuckets.size() - 1, BucketList::kMaxCount}});
    }
  };
  inflate(absurd.total);
  for (ThreadCounts& thread : absurd.threads)
    inflate(thread.counts);
  absurd.window_close_ns = UINT64_MAX;
  absurd.load->messages = 1;
  absurd.load->fairness_p50 = 1e308;
  absurd.load->late_sends = UINT64_MAX;
  absurd.config.duration_s = 1e308;
  absurd.config.rate = 1e308;
  absurd.perf[0] = {"cs", 0, 1, UINT64_MAX, ""};
  absurd.environment.memory_bytes = UINT64_MAX;
  absurd.server_exit->signal = INT32_MIN;
  const JudgedRun run(absurd);
  EXPECT_FALSE(render_text(build_report(run, kEverything), {}).empty());
  EXPECT_FALSE(render_markdown(build_report(run, kEverything)).empty());
  EXPECT_FALSE(render_json(run).empty());
}

}  // namespace
}  // namespace tr::report
