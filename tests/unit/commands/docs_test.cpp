// Do the man page, the completions and the README name the options that there are, and no others?
//
// What there is, `trace-run --help` says: the program itself is run. The bash completion is run as
// well; the other documents are read.
#include <cstdio>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "util/text.h"

namespace tr::commands {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Names = std::set<std::string>;

const std::string kBashCompletion = SOURCE_DIR "/docs/completions/trace-run.bash";
constexpr const char* kSubcommands[] = {"load",  "report", "compare", "explain",
                                        "sweep", "runs",   "doctor",  "list"};
// And those below them.
constexpr const char* kCommands[] = {
    "load",     "report",     "compare",     "explain",     "sweep",       "runs",   "runs show",
    "runs tag", "runs untag", "runs remove", "runs export", "runs import", "doctor", "list"};

// What a shell command prints to stdout; its end is checked against `status`.
std::string output_of(const std::string& command, int status = 0) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return {};
  }
  std::string output;
  char buffer[4096];
  for (std::size_t read = 0; (read = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    output.append(buffer, read);
  const int end = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(end) && WEXITSTATUS(end) == status) << command << " ended with " << end;
  return output;
}

std::string content(const std::string& file) {
  auto text = read_file(SOURCE_DIR "/" + file);
  EXPECT_TRUE(text) << file;
  return text ? *std::move(text) : std::string();
}

std::string help(const std::string& subcommand) {
  return output_of("'" TRACE_RUN "' " + subcommand + " --help");
}

// The first groups of all matches.
Names all_matches(const std::string& text, const std::string& pattern) {
  Names found;
  const std::regex expression(pattern);
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

// The words of "runs show".
std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  for (const std::string_view word : split(command, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

// An option as --help shows it.
struct HelpOption {
  Names names;  // "-q" and "--quiet"
  bool takes_value = false;
};

std::vector<HelpOption> options_of(const std::string& subcommand) {
  std::vector<HelpOption> options;
  const std::regex row("^  (-[-a-z,]+)( [A-Z])?");
  const std::string text = help(subcommand);
  for (const std::string_view line : split(text, '\n')) {
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_search(line.begin(), line.end(), match, row)) continue;
    HelpOption option{.names = {}, .takes_value = match[2].matched};
    const std::string written = match[1];
    for (const std::string_view name : split(written, ','))
      option.names.emplace(name);
    options.push_back(std::move(option));
  }
  EXPECT_THAT(options, Not(IsEmpty())) << subcommand;
  return options;
}

Names names_of(const std::vector<HelpOption>& options) {
  Names names;
  for (const HelpOption& option : options)
    names.insert(option.names.begin(), option.names.end());
  return names;
}

// The text from where it `begins` to where it `ends`.
std::string part_of(const std::string& text, std::string_view begins, std::string_view ends) {
  const std::size_t begin = text.find(begins);
  EXPECT_NE(begin, std::string::npos) << begins;
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find(ends, begin + begins.size()) - begin);
}

// The options that a part of the page has an entry for. mdoc's "Fl -quiet" is "--quiet".
Names man_options(const std::string& part) {
  Names options;
  for (const std::string_view line : split(part, '\n'))
    if (line.starts_with(".It Fl"))
      options.merge(all_matches(std::string(line), " Fl (-?[a-z][-a-z]*)"));
  Names written;
  for (const std::string& option : options)
    written.insert("-" + option);
  return written;
}

// What bash would offer for the last of these words.
Names bash_offers(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words)
    line += fmt::format(" '{}'", word);
  const std::string script = fmt::format(
      ". '{}'; compopt() {{ :; }}; COMP_WORDS=(trace-run{}); COMP_CWORD={}; _trace_run trace-run; "
      "printf \"%s\\n\" \"${{COMPREPLY[@]}}\"",
      kBashCompletion, line, words.size());
  std::string quoted;
  for (const char c : script)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  const std::string output = output_of("bash --norc --noprofile -c '" + quoted + "'");
  Names offers;
  for (const std::string_view offer : split(output, '\n'))
    if (!offer.empty()) offers.emplace(offer);
  return offers;
}

TEST(Help, ListsTheSubcommandsThatTheDocumentsAreCheckedFor) {
  const std::string text = help("");
  EXPECT_EQ(all_matches(text.substr(text.find("Subcommands:")), "\n  ([a-z]+)  "),
            Names(std::begin(kSubcommands), std::end(kSubcommands)));
  const std::string runs = help("runs");
  Names below;
  for (const std::string& name :
       all_matches(part_of(runs, "Subcommands:", "\n\n"), "\n  ([a-z]+)  "))
    below.insert("runs " + name);
  Names checked;
  for (const std::string command : kCommands)
    if (command.starts_with("runs ")) checked.insert(command);
  EXPECT_EQ(below, checked);
}

TEST(Help, ShowsWhereTheProgramStandsInAtMost100Columns) {
  const std::string text = help("");
  EXPECT_THAT(text, ::testing::HasSubstr("trace-run [OPTIONS] PROGRAM [ARGUMENTS...]\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("trace-run SUBCOMMAND\n"));
  std::vector<std::string> commands(std::begin(kCommands), std::end(kCommands));
  commands.emplace_back();
  for (const std::string& subcommand : commands) {
    const std::string page = help(subcommand);
    EXPECT_THAT(split(page, '\n'), Each(SizeIs(::testing::Le(100U)))) << subcommand;
  }
}

TEST(Help, OfASubcommandIsAllThatItTakes) {
  for (const char* subcommand : kCommands)
    output_of(fmt::format("'{}' {} --nonsense 2>&1", TRACE_RUN, subcommand), 2);
}

TEST(ManPage, HasTheOptionsThatThereAre) {
  const std::string page = content("docs/trace-run.1");
  EXPECT_EQ(man_options(part_of(page, ".Ss The program", ".Ss trace-run")),
            names_of(options_of("")));
  for (const std::string subcommand : kCommands)
    EXPECT_EQ(man_options(part_of(page, ".Ss trace-run " + subcommand, "\n.El")),
              names_of(options_of(subcommand)))
        << subcommand;
}

TEST(BashCompletion, OffersTheOptionsThatThereAre) {
  EXPECT_EQ(bash_offers({"-"}), names_of(options_of("")));
  for (const std::string subcommand : kCommands) {
    std::vector<std::string> words = words_of(subcommand);
    words.emplace_back("-");
    EXPECT_EQ(bash_offers(words), names_of(options_of(subcommand))) << subcommand;
  }
}

// Else a value would be taken for the program, or the program for a value.
TEST(BashCompletion, KnowsWhichOptionsTakeAValue) {
  std::vector<std::string> commands(std::begin(kCommands), std::end(kCommands));
  commands.emplace_back();
  for (const std::string& subcommand : commands) {
    const std::vector<HelpOption> options = options_of(subcommand);
    for (const HelpOption& option : options)
      for (const std::string& name : option.names) {
        std::vector<std::string> words = words_of(subcommand);
        words.push_back(name);
        if (option.takes_value) words.emplace_back("1");
        words.emplace_back("-");
        EXPECT_EQ(bash_offers(words), names_of(options)) << subcommand << " " << name;
      }
  }
}

TEST(BashCompletion, LeavesWhatFollowsTheProgramToTheProgram) {
  EXPECT_THAT(bash_offers({"servers/epoll_echo", "--po"}), IsEmpty());
  EXPECT_THAT(bash_offers({"--pin", "1", "--", "list", "--js"}), IsEmpty());
}

TEST(ZshCompletion, HasTheOptionsThatThereAre) {
  const std::string text = content("docs/completions/_trace-run");
  // "'--pin[...", "{-q,--quiet}'[..." and "'(- *)--version[...".
  const auto named_in = [](const std::string& part) {
    Names found = all_matches(part, "'(--[a-z][-a-z]*)\\[");
    found.merge(all_matches(part, "\\*\\)(--[a-z][-a-z]*)\\["));
    found.merge(all_matches(part, "\\{(-[a-z]),"));
    found.merge(all_matches(part, ",(--[a-z][-a-z]*)\\}"));
    return found;
  };
  const auto options = [&](std::string_view begins, std::string_view ends) {
    const std::string part = part_of(text, begins, ends);
    Names found = named_in(part);
    for (const char* list : {"load", "plan", "reports"})
      if (part.find(fmt::format("${}", list)) != std::string::npos)
        found.merge(named_in(part_of(text, fmt::format("  {}=(\n", list), "\n  )")));
    return found;
  };
  EXPECT_EQ(options("  run=(\n", "\n  )"), names_of(options_of("")));
  for (const std::string subcommand : kSubcommands) {
    if (subcommand == "runs") continue;
    EXPECT_EQ(options("\n    " + subcommand + ")\n", ";;"), names_of(options_of(subcommand)))
        << subcommand;
  }
  EXPECT_EQ(options("\n    runs)\n", "&& return"), names_of(options_of("runs")));
  EXPECT_EQ(options("\n        show)\n", ";;"), names_of(options_of("runs show")));
  // All the others have the same ones.
  for (const std::string subcommand : kCommands) {
    if (!subcommand.starts_with("runs ") || subcommand == "runs show") continue;
    EXPECT_EQ(options("\n        *)\n", ";;"), names_of(options_of(subcommand))) << subcommand;
  }
}

TEST(Readme, ShowsOnlyOptionsThatThereAre) {
  Names known = names_of(options_of(""));
  for (const char* subcommand : {"compare", "explain", "sweep"})
    known.merge(names_of(options_of(subcommand)));
  const std::string benchmark = content("scripts/benchmark");
  const Names shown = all_matches(content("README.md"), "`(--[a-z][-a-z]*)");
  EXPECT_THAT(shown, Not(IsEmpty()));
  for (const std::string& option : shown)
    EXPECT_TRUE(known.contains(option) || benchmark.find(option) != std::string::npos) << option;
}

}  // namespace
}  // namespace tr::commands
