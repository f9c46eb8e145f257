// The report of a server whose stages were delayed in turn.
#include <gtest/gtest.h>

#include "delayed.h"
#include "golden_check.h"
#include "report/markdown.h"
#include "report/sensitivity.h"
#include "report/text.h"

namespace tr::golden {
namespace {

// Every answer that there is: on the bottleneck, shared, off it, never there.
explain::Sensitivity made_up() {
  compare::Draw draw(11);
  auto rounds = explain::delayed_rounds({{.stage = "receive", .answer_slope = 1},
                                         {.stage = "send", .answer_slope = 0.5},
                                         {.stage = "wait", .delays = 0},
                                         {.stage = "wake-up", .answer_slope = 0, .delays = 0.4}},
                                        4, draw);
  rounds[1][5].load->saturated = true;
  rounds[1][5].load->saturation = "its CPU was 99 % busy";
  auto found = explain::sensitivity(rounds);
  return found ? *std::move(found) : explain::Sensitivity();
}

TEST(GoldenSensitivity, Terminal) {
  const auto found = made_up();
  check("sensitivity.txt",
        render_text(build_report(report::SensitivityReport{found, {"a note"}}, false), {}));
}

TEST(GoldenSensitivity, Markdown) {
  const auto found = made_up();
  check("sensitivity.md",
        render_markdown(build_report(report::SensitivityReport{found, {"a note"}}, true)));
}

}  // namespace
}  // namespace tr::golden
