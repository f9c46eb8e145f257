#include <gtest/gtest.h>

#include "report/markdown.h"
#include "report/text.h"

namespace tr::report {
namespace {

using Align = Column::Align;

Report report_of(Section section) {
  Report report;
  report.headline = "headline";
  report.sections = {std::move(section)};
  return report;
}

std::string text_of(Section section, TextStyle style = {}) {
  const std::string text = render_text(report_of(std::move(section)), style);
  const std::string head = "headline\n\n";
  EXPECT_EQ(text.substr(0, head.size()), head);
  return text.substr(head.size());
}

TEST(Text, AlignsNumbersAtTheirPoints) {
  const Table table{{{"", Align::kLeft}, {"each", Align::kPoint}, {"", Align::kLeft}},
                    {{{"time", "6.45 us", "of work"}},
                     {{"part", "12 ns", "of it"}, 1},
                     {{"calls", "1,234"}},
                     {{"rare", "<0.001"}},
                     {{"none", ""}},
                     {{"off", "-3.5", "by so much"}}}};
  EXPECT_EQ(text_of({"Costs", {}, table, {}}),
            "Costs            each\n"
            "  time        6.45 us  of work\n"
            "    part     12 ns     of it\n"
            "  calls   1,234\n"
            "  rare       <0.001\n"
            "  none\n"
            "  off        -3.5      by so much\n");
}

TEST(Text, PutsNumbersBelowTheEndOfAWideHeading) {
  const Table table{{{"", Align::kLeft}, {"a wide heading", Align::kPoint}}, {{{"x", "1.5"}}}};
  EXPECT_EQ(text_of({"T", {}, table, {}}),
            "T    a wide heading\n"
            "  x             1.5\n");
}

TEST(Text, WrapsWordsBelowThemselves) {
  Section section{"Setting", {{"Server", {"one two three four five", "six"}}}, std::nullopt, {}};
  EXPECT_EQ(text_of(section, {.colour = false, .width = 25}),
            "Server      one two three\n"
            "            four five\n"
            "            six\n");
  const Table table{{{"", Align::kLeft}, {"", Align::kLeft}},
                    {{{"futex", "sleep or wake for a lock"}}}};
  EXPECT_EQ(text_of({"", {}, table, {}}, {.colour = false, .width = 30}),
            "\n"
            "  futex  sleep or wake for a\n"
            "         lock\n");
}

TEST(Text, WrapsCharactersNotBytes) {
  const std::string wide = "\xc3\xa4\xc3\xa4\xc3\xa4";  // three characters, six bytes
  Section section{"S", {{"L", {wide + " " + wide}}}, std::nullopt, {}};
  EXPECT_EQ(text_of(section, {.colour = false, .width = 19}),
            "L           " + wide + " " + wide + "\n");
}

TEST(Text, IsPlainUnlessColoursAreWanted) {
  Report report = report_of({"S", {{"L", {"x"}}}, std::nullopt, {"remark"}});
  report.warnings = {"careful"};
  report.notes = {"by the way"};
  EXPECT_EQ(
      render_text(report, {}),
      "headline\n\nL           x\n  remark\n\nNote        by the way\n\nWARNING     careful\n");
  EXPECT_EQ(render_text(report, {.colour = true, .width = 100}),
            "\x1b[1mheadline\x1b[0m\n\n\x1b[1mL\x1b[0m           x\n  \x1b[2mremark\x1b[0m\n\n"
            "\x1b[1mNote\x1b[0m        by the way\n\n\x1b[1;33mWARNING\x1b[0m     careful\n");
}

TEST(Markdown, WritesTables) {
  const Table table{{{"", Align::kLeft}, {"each", Align::kPoint}},
                    {{{"time", "6.45 us"}}, {{"part", "<0.001"}, 1}, {{"none"}}}};
  EXPECT_EQ(render_markdown(report_of({"Costs", {{"A", {"b", "c"}}}, table, {"remark"}})),
            "# headline\n\n## Costs\n\n- **A:** b; c\n\n|  | each |\n| --- | ---: |\n"
            "| time | 6.45 us |\n| &emsp;part | \\<0.001 |\n| none |  |\n\nremark\n");
}

TEST(Markdown, WarnsFirst) {
  Report report = report_of({"S", {}, std::nullopt, {"r"}});
  report.warnings = {"careful"};
  report.notes = {"by the way"};
  EXPECT_EQ(render_markdown(report),
            "# headline\n\n> **Warning:** careful\n\n## S\n\nr\n\n## Notes\n\n- by the way\n");
}

TEST(Markdown, ShowsTextAsItIs) {
  Section section{"S", {{"L", {"a|b `c` *d* <e> [f] g&h epoll_wait _i_ \\"}}}, std::nullopt, {}};
  EXPECT_EQ(render_markdown(report_of(section)),
            "# headline\n\n## S\n\n- **L:** a\\|b \\`c\\` \\*d\\* \\<e\\> \\[f\\] g\\&h epoll_wait "
            "\\_i\\_ \\\\\n");
}

}  // namespace
}  // namespace tr::report
