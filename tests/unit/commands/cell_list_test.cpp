#include "commands/cell_list.h"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "commands/parser.h"
#include "commands/sweep_plan.h"
#include "sweep/folder.h"

namespace tr::commands {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Words = std::vector<std::string>;

Words words_of(std::string_view line) {
  auto words = split_words(line);
  EXPECT_TRUE(words) << line << ": " << words.error().text();
  return words ? *std::move(words) : Words();
}

std::string refusal(std::string_view text) {
  const auto cells = parse_cell_list(text, "list");
  if (cells) return "none";
  EXPECT_EQ(cells.error().failure, Failure::kUsage);
  EXPECT_THAT(cells.error().text(), Not(HasSubstr("\n")));
  return cells.error().text();
}

TEST(SplitWords, AsAShellDoes) {
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of(" \t "), IsEmpty());
  EXPECT_THAT(words_of("a  b\tc "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(words_of("'a b' \"c d\" e\\ f"), ElementsAre("a b", "c d", "e f"));
  EXPECT_THAT(words_of("a'b'\"c\"d '' \"\""), ElementsAre("abcd", "", ""));
  EXPECT_THAT(words_of(R"('a\b' "a\b\"\\\$\`" a\b\\)"),
              ElementsAre(R"(a\b)", R"(a\b"\$`)", R"(ab\)"));
  // As Python's shlex.join() writes a quote.
  EXPECT_THAT(words_of(R"('it'"'"'s')"), ElementsAre("it's"));
}

TEST(SplitWords, ExpandsNothing) {
  EXPECT_THAT(words_of("$HOME ~ *.c `id` $(id) a;b >c {1,2} !x"),
              ElementsAre("$HOME", "~", "*.c", "`id`", "$(id)", "a;b", ">c", "{1,2}", "!x"));
}

TEST(SplitWords, LeavesOutComments) {
  EXPECT_THAT(words_of("# all of it"), IsEmpty());
  EXPECT_THAT(words_of("a #b c"), ElementsAre("a"));
  EXPECT_THAT(words_of("a#b '#c' \\#d \"\"#e"), ElementsAre("a#b", "#c", "#d", "#e"));
}

TEST(SplitWords, RefusesWhatGoesOnInTheNextLine) {
  for (const char* line : {"'a", "\"a", "a \"b\\\"", "a\\", "'it'\"'"})
    EXPECT_FALSE(split_words(line)) << line;
}

TEST(ParseCellList, NamesAndWordsWithTheirLines) {
  const auto cells = parse_cell_list(
      "# of two\n\nfew: servers/epoll_echo\r\n  'a lot, really': --pin 1 -- prog -x  # why\n",
      "list");
  ASSERT_TRUE(cells) << cells.error().text();
  ASSERT_EQ(cells->size(), 2U);
  EXPECT_EQ((*cells)[0].name, "few");
  EXPECT_EQ((*cells)[0].line, 3U);
  EXPECT_THAT((*cells)[0].words, ElementsAre("servers/epoll_echo"));
  EXPECT_EQ((*cells)[1].name, "a lot, really");
  EXPECT_EQ((*cells)[1].line, 4U);
  EXPECT_THAT((*cells)[1].words, ElementsAre("--pin", "1", "--", "prog", "-x"));
}

TEST(ParseCellList, RefusesWithTheLine) {
  EXPECT_THAT(refusal(""), AllOf(HasSubstr("list: names no cells"), HasSubstr("NAME:")));
  EXPECT_THAT(refusal("\n# nothing\n"), HasSubstr("names no cells"));
  EXPECT_THAT(refusal("a: x\nb x\n"), HasSubstr("list:2: \"b\" is no name with a colon"));
  EXPECT_THAT(refusal(": x"), HasSubstr("list:1: \":\" is no name"));
  EXPECT_THAT(refusal("a : x"), HasSubstr("list:1: \"a\" is no name"));
  EXPECT_THAT(refusal("a:\n"), HasSubstr("list:1: a names no program"));
  EXPECT_THAT(refusal("a: x\n\n\"a\": y"),
              HasSubstr("list:3: the name a stands in line 1 already"));
  EXPECT_THAT(refusal("a: 'x"), HasSubstr("list:1: the quote ' is not closed"));
  EXPECT_THAT(refusal("a: x\\"), HasSubstr("list:1: it ends with a backslash"));
  EXPECT_THAT(refusal("a: \x1b[2J"), HasSubstr("list:1: it holds a control character"));
  EXPECT_THAT(refusal("a: x\nb: \xff"), HasSubstr("list:2: it holds a control character"));
  EXPECT_THAT(refusal(std::string_view("a: x\0y", 6)), HasSubstr("control character"));
  EXPECT_THAT(refusal(std::string(101, 'n') + ": x"), HasSubstr("at most 100 bytes"));
  std::string many;
  for (std::size_t i = 0; i <= sweep::kMostCells; ++i)
    many += fmt::format("c{}: x\n", i);
  EXPECT_THAT(refusal(many), HasSubstr("list:10001: more than 10000 cells"));
}

TEST(ParseCellList, BytesOfAnyKindAreCellsOrAnError) {
  const std::string text = "a: --pin 1 'x y' \"z\" # c\nb: \\x\n";
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const char by : {'\0', '\'', '"', '\\', '#', ':', '\n', ' ', '\xff'}) {
      std::string changed = text;
      changed[at] = by;
      const auto cells = parse_cell_list(changed, "list");
      if (!cells) continue;
      for (const ListedCell& cell : *cells)
        EXPECT_FALSE(cell.name.empty() || cell.words.empty()) << changed;
    }
}

TEST(ReadCellList, RefusesWhatIsNoFile) {
  const auto absent = read_cell_list("/no/such/list");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().text(), AllOf(HasSubstr("/no/such/list"), HasSubstr("No such file")));
  const auto folder = read_cell_list("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().failure, Failure::kUsage);
  const auto endless = read_cell_list("/dev/zero");
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error().text(), HasSubstr("at most 8 MiB"));
}

// What is made of a list: its lines are like the words behind trace-run.
class AddList : public testing::Test {
 protected:
  AddList() { add_grid_options(app_, axes_, run_); }

  // Given to the sweep itself.
  void give(Words words) { ASSERT_TRUE(app_.parse(std::move(words)).ok()); }
  Result<SweepPlan> plan(std::string_view text) {
    const auto list = parse_cell_list(text, "list");
    EXPECT_TRUE(list) << list.error().text();
    SweepPlan sweep;
    if (Status added = add_list(app_, *list, "list", sweep); !added)
      return std::move(added).error();
    return sweep;
  }
  std::string refused(std::string_view text) {
    const auto planned = plan(text);
    if (planned) return "none";
    EXPECT_EQ(planned.error().failure, Failure::kUsage);
    return planned.error().text();
  }

  App app_;
  SweepAxes axes_;
  RunOptions run_;
};

TEST_F(AddList, ALineIsARunWithItsOwnOptionsAndArguments) {
  give({"--duration", "3s", "--warmup=1s"});
  const auto sweep = plan(
      "few: --load echo --connections 5 /bin/sh -c true\n"
      "'one more': --duration 2s --load echo --close --rate 100 --size 1KiB -- /bin/sh --pin 9\n");
  ASSERT_TRUE(sweep) << sweep.error().text();
  ASSERT_EQ(sweep->plans.size(), 2U);
  const Plan& few = sweep->plans[0];
  EXPECT_THAT(few.argv, ElementsAre("/bin/sh", "-c", "true"));
  EXPECT_EQ(few.load.connections, 5U);
  EXPECT_EQ(few.load.duration_ns, 3'000'000'000U);
  EXPECT_EQ(few.load.warmup_ns, 1'000'000'000U);
  EXPECT_EQ(few.output_file, "/dev/null");
  const Plan& more = sweep->plans[1];
  EXPECT_THAT(more.argv, ElementsAre("/bin/sh", "--pin", "9"));
  EXPECT_EQ(more.load.duration_ns, 2'000'000'000U);
  EXPECT_EQ(more.load.warmup_ns, 1'000'000'000U);
  EXPECT_TRUE(more.load.close);

  const sweep::Cell& cell = sweep->manifest.cells[1].cell;
  EXPECT_EQ(cell.name, "one more");
  EXPECT_EQ(cell.server, "/bin/sh");
  EXPECT_EQ(cell.size, 1024U);
  EXPECT_THAT(cell.program, ElementsAre("/bin/sh", "--pin", "9"));
  EXPECT_THAT(cell.options, testing::UnorderedElementsAre("--load=echo", "--close", "--rate=100",
                                                          "--size=1KiB", "--duration=2s"));
  EXPECT_EQ(sweep->manifest.cells[0].cell.load, "echo");
  EXPECT_EQ(cell.load, "echo --close --rate=100");
}

// Of the sweep's own too: what is repeated to each run means there what it meant here.
TEST_F(AddList, FlagsStayWhatTheyAre) {
  give({"--no-budget"});
  const auto sweep = plan(
      "a: --load echo --no-poll --close /bin/sh\n"
      "b: --load echo --no-budget=false --profile /bin/sh\n"
      "c: --load echo --no-budget=false --profile=49 /bin/sh\n");
  ASSERT_TRUE(sweep) << sweep.error().text();
  EXPECT_FALSE(sweep->plans[0].budget);
  EXPECT_TRUE(sweep->plans[0].load.sleeps);
  EXPECT_TRUE(sweep->plans[0].load.close);
  EXPECT_EQ(sweep->manifest.cells[0].cell.load, "echo --close --no-poll --no-budget");
  EXPECT_TRUE(sweep->plans[1].budget);
  EXPECT_EQ(sweep->plans[1].profile_hz, 99U);
  EXPECT_EQ(sweep->plans[2].profile_hz, 49U);
  EXPECT_EQ(sweep->manifest.cells[2].cell.load, "echo --no-budget=false --profile=49");
}

// How it is written makes no other load of it; where the server's output goes no other cell.
TEST_F(AddList, TheSameLoadIsTheSameHoweverItIsGiven) {
  give({"--rate", "100"});
  const auto sweep = plan(
      "a: --load=echo --warmup 1s /bin/sh\n"
      "b: --protocol echo --rate=100 --server-output /dev/null /bin/sh\n"
      "c: --load echo --rate 200 /bin/sh\n");
  ASSERT_TRUE(sweep) << sweep.error().text();
  const auto& cells = sweep->manifest.cells;
  EXPECT_TRUE(same_setting(cells[0].cell, cells[1].cell)) << cells[1].cell.load;
  EXPECT_FALSE(same_setting(cells[0].cell, cells[2].cell));
  EXPECT_THAT(cells[1].cell.options, ElementsAre("--protocol=echo", "--rate=100"));
}

TEST_F(AddList, RefusesWithTheLineWhatNoRunOfASweepIs) {
  for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
           {"--connections many --load echo /bin/sh", "many"},
           {"--load echo /no/such/server", "/no/such/server"},
           {"servers/no_such_echo", "no_such_echo"},
           {"--load none /bin/sh", "only the built-in load"},
           {"/bin/sh", "only the built-in load"},
           {"--load 'wrk {port}' /bin/sh", "only the built-in load"},
           {"--json x --load echo /bin/sh", "--json is no option of a cell"},
           {"--load echo --save x /bin/sh", "--save is no option of a cell"},
           {"--repeat 3 --load echo /bin/sh", "--repeat is no option of a cell"},
           {"--pid 1 --load echo /bin/sh", "--pid is no option of a cell"},
           {"--help", "--help is no option of a cell"},
           {"--load echo", "names no program"},
           {"--load echo --", "names no program"},
           {"--pin 4711 --load echo /bin/sh", "4711"},
           {"--close --pipeline 2 --load echo /bin/sh", "--pipeline"},
           {"--load echo --load http /bin/sh", "--load"},
           {"--events no-such-event --load echo /bin/sh", "no-such-event"}})
    EXPECT_THAT(refused("good: --load echo /bin/sh\nbad: " + line),
                AllOf(HasSubstr("list:2: "), HasSubstr(why)))
        << line;
}

}  // namespace
}  // namespace tr::commands
