#include "metrics/verdict.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using Kind = Doubt::Kind;
using testing::ElementsAre;

TEST(Verdict, IsFitWhenNothingIsDoubted) {
  EXPECT_TRUE(verdict_on({}).fit());
}

TEST(Verdict, LetsWarningsPass) {
  const std::vector<Doubt> doubts{{Kind::kUnfair, {}}, {Kind::kProbesCostly, {}}};
  EXPECT_TRUE(verdict_on(doubts).fit());
}

TEST(Verdict, NamesWhatMakesARunUnfitGravestFirst) {
  const std::vector<Doubt> doubts{{Kind::kServerEnded, {}},
                                  {Kind::kUnfair, {}},
                                  {Kind::kUnsteady, {}},
                                  {Kind::kLost, {"no room"}},
                                  {Kind::kMultiplexed, {"cycles"}}};
  const Verdict verdict = verdict_on(doubts);
  EXPECT_FALSE(verdict.fit());
  EXPECT_THAT(verdict.unfit, ElementsAre(Kind::kServerEnded, Kind::kUnsteady, Kind::kLost));
}

}  // namespace
}  // namespace tr::metrics
