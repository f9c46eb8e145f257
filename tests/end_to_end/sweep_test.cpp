// A grid of runs that survives what ends it. How quiet this machine is decides how many of them are
// fit: the tests hold what is said against itself.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

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

TEST_F(WithoutPrivilege, sweeps_that_make_no_sense) {
  std::ofstream(path("file")) << "no folder";
  const std::string out = path("out");
  for (const auto& [words, what] : std::vector<std::pair<Words, std::string>>{
           {{"--out", out}, "no --servers"},
           {{"--servers", "thread_echo"}, "name one with --out"},
           {{"--servers", "no_such_echo", "--out", out}, "no_such_echo"},
           {{"--servers", "no_*_such", "--out", out}, "no_*_such"},
           {{"--servers", "thread_echo,thread_http", "--out", out}, "speaks http"},
           {{"--servers", "thread_echo", "--connections", "10,many", "--out", out}, "many"},
           {{"--servers", "thread_echo", "--pin", "none,4711", "--out", out}, "4711"},
           {{"--servers", "thread_echo", "--load", "none", "--out", out}, "--load"},
           {{"--servers", "thread_echo", "--out", path("no/such/folder")}, "No such file"},
           {{"--servers", "thread_echo", "--out", path("file")}, "file"},
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
