// A grid of runs that survives what ends it. How quiet this machine is decides how many of them are
// fit: the tests hold what is said against itself.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include "trace_run.h"

namespace tr::end_to_end {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

std::size_t runs_in(const std::string& folder) {
  std::error_code ignored;
  std::size_t runs = 0;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".run") ++runs;
  return runs;
}

class Sweep : public EndToEnd {
 protected:
  // Two servers, two numbers of connections, runs of 300 ms.
  [[nodiscard]] Words words(const std::string& repeats, const Words& more) const {
    Words all{"sweep",         "--servers",  "thread_echo,epoll_echo",
              "--connections", "2,5",        "--repeats",
              repeats,         "--duration", "300ms",
              "--warmup",      "100ms",      "--out",
              path("runs")};
    all.insert(all.end(), more.begin(), more.end());
    return trace_run(all);
  }
};

TEST_F(Sweep, goes_on_after_it_was_killed) {
  {
    Command command(words("2", {"--quiet"}));
    ASSERT_TRUE(eventually([&] { return runs_in(path("runs")) >= 3; }));
    command.signal(SIGKILL);
    EXPECT_EQ(command.wait(), -SIGKILL);
  }
  ASSERT_TRUE(eventually([this] { return started().empty(); }));
  const std::size_t before = runs_in(path("runs"));
  ASSERT_THAT(before, AllOf(Ge(3U), Le(8U)));
  // The first runs stay as they were.
  std::map<fs::path, fs::file_time_type> kept;
  for (const auto& entry : fs::directory_iterator(path("runs")))
    if (entry.path().extension() == ".run") kept[entry.path()] = entry.last_write_time();

  // What is there is reported without measuring, and without privilege.
  Command::Setup as_nobody;
  as_nobody.before_exec = drop_privileges;
  fs::permissions(path("runs"), fs::perms::others_read | fs::perms::others_exec,
                  fs::perm_options::add);
  const Ended partial = run(trace_run({"sweep", "--from", path("runs")}), as_nobody);
  EXPECT_THAT(partial.code, testing::AnyOf(0, 4)) << partial.err;
  if (before < 8) {
    EXPECT_THAT(partial.out, HasSubstr("are still to be made"));
  }

  const Ended ended =
      run(words("2", {"--json", path("sweep.json"), "--csv", path("sweep.csv"), "--markdown",
                      path("sweep.md"), "--report-dir", path("pages")}));
  EXPECT_THAT(ended.code, testing::AnyOf(0, 4)) << ended.err;
  EXPECT_EQ(runs_in(path("runs")), 8U) << ended.out;
  for (const auto& [file, time] : kept)
    EXPECT_EQ(fs::last_write_time(file), time) << file;
  const Json sweep = read_json(path("sweep.json"))["sweep"];
  ASSERT_EQ(sweep["cells"].size(), 4U);
  std::uint64_t used = 0;
  std::size_t with_figures = 0;
  for (const Json& cell : sweep["cells"]) {
    EXPECT_EQ(cell["made"], 2) << cell;
    EXPECT_EQ(cell["figures"].empty(), cell["used"] == 0) << cell;
    used += cell["used"].get<std::uint64_t>();
    with_figures += cell["figures"].contains("throughput.messages_per_second") ? 1 : 0;
    if (cell["used"] == 0) continue;
    EXPECT_EQ(cell["figures"]["per_message.syscalls"]["runs"], cell["used"]);
    // Both servers receive and send once per message.
    EXPECT_NEAR(cell["figures"]["per_message.socket_sends"]["mean"].get<double>(), 1, 0.02);
  }
  EXPECT_EQ(ended.code, used > 0 ? 0 : 4);
  std::size_t places = 0;
  for (const Json& ranking : sweep["rankings"])
    for (const Json& place : ranking["places"]) {
      ++places;
      EXPECT_LE(place["first"], place["last"]);
      EXPECT_LE(place["last"], ranking["places"].size());
    }
  EXPECT_EQ(places, with_figures);
  std::ifstream csv(path("sweep.csv"));
  std::size_t lines = 0;
  for (std::string line; std::getline(csv, line);)
    ++lines;
  EXPECT_EQ(lines, 5U);
  EXPECT_TRUE(fs::exists(path("sweep.md")));
  EXPECT_TRUE(fs::exists(path("pages/thread_echo.md")));
  EXPECT_TRUE(fs::exists(path("pages/epoll_echo.md")));

  // Nothing is left to measure: the same command reports again.
  const Ended again = run(words("2", {"--json", path("again.json")}));
  EXPECT_EQ(again.code, ended.code);
  EXPECT_EQ(read_json(path("again.json"))["sweep"], sweep);

  // Another command is refused, and changes nothing.
  const Ended other = run(words("2", {"--pipeline", "2"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err,
              OneLine(AllOf(HasSubstr("another sweep"), HasSubstr("pipeline: 1 there, 2 here"))));
  EXPECT_EQ(runs_in(path("runs")), 8U);
}

TEST_F(Sweep, ends_after_the_run_that_was_interrupted) {
  Command command(words("200", {"--json", path("sweep.json")}));
  ASSERT_TRUE(eventually([&] { return runs_in(path("runs")) >= 1; }));
  command.interrupt();
  EXPECT_THAT(command.wait(), testing::AnyOf(0, 4)) << command.err();
  const std::size_t made = runs_in(path("runs"));
  EXPECT_THAT(made, AllOf(Ge(1U), Le(799U)));
  std::size_t told = 0;
  const Json sweep = read_json(path("sweep.json"))["sweep"];
  for (const Json& cell : sweep["cells"])
    told += cell["made"].get<std::size_t>();
  EXPECT_EQ(told, made);
}

// Cells that differ in more than a grid can: in their servers' arguments, and in how they ask.
TEST_F(Sweep, goes_on_with_a_list_of_cells) {
  const auto list = [this](const std::string& workers) {
    std::ofstream(path("cells")) << "# two cells\nfew: servers/threadpool_echo --workers "
                                 << workers
                                 << "\n'a storm': --close --connections 3 --duration 200ms "
                                    "servers/thread_echo # anew each time\n";
  };
  const auto words = [this](const Words& more) {
    Words all{"sweep", "--cells",  path("cells"), "--repeats", "3",         "--duration",
              "300ms", "--warmup", "100ms",       "--out",     path("runs")};
    all.insert(all.end(), more.begin(), more.end());
    return trace_run(all);
  };
  list("4");
  Command command(words({"--quiet"}));
  ASSERT_TRUE(eventually([&] { return runs_in(path("runs")) >= 2; }));
  command.interrupt();
  EXPECT_THAT(command.wait(), testing::AnyOf(0, 4)) << command.err();
  EXPECT_THAT(runs_in(path("runs")), AllOf(Ge(2U), Le(6U)));

  list("5");
  const Ended other = run(words({}));
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, OneLine(AllOf(HasSubstr("another sweep"), HasSubstr("few: "),
                                       HasSubstr("--workers 4 there"), HasSubstr("5 here"))));
  list("4");
  const Ended ended = run(words({"--json", path("sweep.json")}));
  EXPECT_THAT(ended.code, testing::AnyOf(0, 4)) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("few"), HasSubstr("a storm")));
  EXPECT_EQ(runs_in(path("runs")), 6U);
  const Json cells = read_json(path("sweep.json"))["sweep"]["cells"];
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_EQ(cells[0]["name"], "few");
  EXPECT_EQ(cells[0]["program"], Json::array({"servers/threadpool_echo", "--workers", "4"}));
  EXPECT_EQ(cells[1]["load"], "echo --close");
  EXPECT_EQ(cells[1]["connections"], 3);
  for (const Json& cell : cells)
    EXPECT_EQ(cell["made"], 3) << cell;

  // Each run is a recorded one, with what only its own cell has.
  for (const auto& [file, workers, seconds] :
       {std::tuple("/0001-few-3.run", 5, 0.3), std::tuple("/0002-a-storm-1.run", -1, 0.2)}) {
    const Ended report = run(trace_run({"report", path("runs") + file, "--json", "-"}));
    ASSERT_EQ(report.code, 0) << report.err;
    const Json run = Json::parse(report.out);
    EXPECT_EQ(run["config"]["duration_s"], seconds);
    EXPECT_GT(run["overhead"]["tracer_peak_bytes"], 1 << 20);
    // The pool's threads and the one that accepts.
    if (workers > 0) {
      EXPECT_EQ(run["memory"]["at_close"]["threads"], workers);
    }
  }
}

TEST_F(WithoutPrivilege, sweeps_that_make_no_sense) {
  std::ofstream(path("file")) << "no folder";
  std::ofstream(path("nothing")) << "# nothing\n";
  std::ofstream(path("bad")) << "good: servers/thread_echo\nbad: --json x servers/thread_echo\n";
  const std::string out = path("out");
  for (const auto& [words, what] : std::vector<std::pair<Words, std::string>>{
           {{"--out", out}, "neither --servers"},
           {{"--servers", "thread_echo"}, "name one with --out"},
           {{"--servers", "no_such_echo", "--out", out}, "no_such_echo"},
           {{"--servers", "no_*_such", "--out", out}, "no_*_such"},
           {{"--servers", "thread_echo,thread_http", "--out", out}, "speaks http"},
           {{"--servers", "thread_echo", "--connections", "10,many", "--out", out}, "many"},
           {{"--servers", "thread_echo", "--pin", "none,4711", "--out", out}, "4711"},
           {{"--servers", "thread_echo", "--load", "none", "--out", out}, "--load"},
           {{"--servers", "thread_echo", "--out", path("no/such/folder")}, "No such file"},
           {{"--servers", "thread_echo", "--out", path("file")}, "file"},
           {{"--cells", path("no/such/list"), "--out", out}, "No such file"},
           {{"--cells", path("file"), "--out", out}, "file:1: \"no\" is no name"},
           {{"--cells", path("nothing"), "--out", out}, "names no cells"},
           {{"--cells", path("bad"), "--out", out}, "bad:2: --json is no option"},
           {{"--cells", path("file"), "--servers", "thread_echo", "--out", out}, "--servers"},
           {{"--cells", path("file"), "--connections", "2", "--out", out}, "--connections"},
           {{"--from", out, "--cells", path("file")}, "--cells is for measuring"},
           {{"--from", path("file")}, "file"},
           {{"--from", out, "--out", out}, "give one"},
           {{"--from", out, "--servers", "thread_echo"}, "--servers is for measuring"}}) {
    Words all{"sweep"};
    all.insert(all.end(), words.begin(), words.end());
    const Ended ended = run(trace_run(all));
    EXPECT_EQ(ended.code, 2) << what;
    EXPECT_THAT(ended.err, OneLine(HasSubstr(what)));
    EXPECT_FALSE(fs::exists(out)) << what;
  }
}

}  // namespace
}  // namespace tr::end_to_end
