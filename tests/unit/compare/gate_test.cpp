#include "compare/gate.h"

#include <gmock/gmock.h>

namespace tr::compare {
namespace {

using metrics::Unit;
using testing::AllOf;
using testing::DoubleNear;
using testing::HasSubstr;

TEST(ParseGate, TakesSharesAndUnits) {
  const auto share = parse_gate("per_message.syscalls > +1.5%");
  ASSERT_TRUE(share.ok()) << share.error().text();
  EXPECT_EQ(share->figure, "per_message.syscalls");
  EXPECT_TRUE(share->rises);
  EXPECT_TRUE(share->relative);
  EXPECT_THAT(share->bound, DoubleNear(0.015, 1e-12));
  const auto fall = parse_gate("throughput.messages_per_second<-500/s");
  ASSERT_TRUE(fall.ok()) << fall.error().text();
  EXPECT_FALSE(fall->rises);
  EXPECT_FALSE(fall->relative);
  EXPECT_EQ(fall->unit, Unit::kPerSecond);
  EXPECT_EQ(fall->bound, -500);
  const auto time = parse_gate(" latency_ns.p99 > +20 us ");
  ASSERT_TRUE(time.ok()) << time.error().text();
  EXPECT_EQ(time->figure, "latency_ns.p99");
  EXPECT_EQ(time->unit, Unit::kNs);
  EXPECT_EQ(time->bound, 20'000);
  const auto count = parse_gate("per_message.futex > +0.1");
  ASSERT_TRUE(count.ok()) << count.error().text();
  EXPECT_EQ(count->unit, std::nullopt);
}

TEST(ParseGate, RefusesAllElse) {
  for (const char* text :
       {"", "per_message.futex", "> +1%", "per_message.futex > 1%", "per_message.futex > -1%",
        "per_message.futex < +1%", "per_message.futex > +", "per_message.futex > +%",
        "per_message.futex > +1 percent", "per_message.futex > +1%%", "per_message.futex >= +1%",
        "per_message.futex > +-1", "per_message.futex > +inf", "per_message.futex > +nan",
        "per_message.futex > +0x10", "per_message.futex > +1e3", "per_message.futex > ++1",
        "a > +1 > +2", "per_message.futex > +1,5"}) {
    const auto gate = parse_gate(text);
    ASSERT_FALSE(gate.ok()) << text;
    EXPECT_EQ(gate.error().failure, Failure::kUsage) << text;
    EXPECT_THAT(gate.error().text(), HasSubstr("--fail-if")) << text;
  }
}

Row row_of(const std::string& name, Unit unit, double a, double b, Standing standing) {
  Row row;
  row.name = name;
  row.unit = unit;
  row.a = a;
  row.b = b;
  row.standing = standing;
  return row;
}

Comparison comparison() {
  Comparison values;
  values.runs_a = values.runs_b = 5;
  values.rows = {
      row_of("throughput.messages_per_second", Unit::kPerSecond, 1'000, 900, Standing::kShown),
      row_of("per_message.syscalls", Unit::kCount, 2, 2.5, Standing::kShown),
      row_of("per_message.cpu_ns", Unit::kNs, 1'000, 1'200, Standing::kNotShown),
      row_of("syscalls.futex.per_message", Unit::kCount, 0, 0.3, Standing::kShown)};
  return values;
}

bool fails(const std::string& text) {
  const auto gate = parse_gate(text);
  EXPECT_TRUE(gate.ok()) << gate.error().text();
  const auto results = judge_gates({*gate}, comparison());
  EXPECT_TRUE(results.ok()) << results.error().text();
  return results->front().failed;
}

TEST(Gate, FailsWhereTheChangeIsShownAndBeyondTheBound) {
  EXPECT_TRUE(fails("throughput.messages_per_second < -9%"));
  EXPECT_FALSE(fails("throughput.messages_per_second < -11%"));
  EXPECT_FALSE(fails("throughput.messages_per_second > +0%"));
  EXPECT_TRUE(fails("throughput.messages_per_second < -99/s"));
  EXPECT_TRUE(fails("per_message.syscalls > +0.4"));
  EXPECT_FALSE(fails("per_message.syscalls > +0.6"));
  EXPECT_FALSE(fails("per_message.cpu_ns > +1%"));  // may be chance
  EXPECT_TRUE(fails("syscalls.futex.per_message > +1000%"));
}

std::string refusal(const std::string& text, const Comparison& values) {
  const auto gate = parse_gate(text);
  EXPECT_TRUE(gate.ok()) << text;
  const auto results = judge_gates({*gate}, values);
  EXPECT_FALSE(results.ok()) << text;
  if (results) return {};
  EXPECT_EQ(results.error().failure, Failure::kUsage);
  return results.error().text();
}

TEST(Gate, SuggestsFiguresForUnknownOnes) {
  EXPECT_THAT(refusal("per_message.sycalls > +1%", comparison()),
              AllOf(HasSubstr("per_message.sycalls"), HasSubstr("did you mean"),
                    HasSubstr("per_message.syscalls")));
  EXPECT_THAT(refusal("speed > +1%", comparison()), HasSubstr("lists them"));
}

TEST(Gate, RefusesABoundInAnotherUnit) {
  EXPECT_THAT(refusal("per_message.cpu_ns > +5", comparison()), HasSubstr("a time"));
  EXPECT_THAT(refusal("per_message.syscalls > +5ns", comparison()), HasSubstr("a count"));
}

TEST(Gate, OfASingleRunIsNoGate) {
  Comparison values = comparison();
  values.runs_b = 1;
  EXPECT_THAT(refusal("per_message.syscalls > +1%", values), HasSubstr("one run"));
}

}  // namespace
}  // namespace tr::compare
