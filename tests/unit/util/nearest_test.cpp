#include "util/nearest.h"

#include <gmock/gmock.h>

namespace tr {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Nearest, NamesWhatIsALetterOrTwoAway) {
  EXPECT_THAT(nearest_names("cylces", {"cycle", "cycles", "instructions"}), ElementsAre("cycles"));
  EXPECT_THAT(nearest_names("cycls", {"cycles", "cycle", "bicycle"}),
              ElementsAre("cycle", "cycles"));
  EXPECT_THAT(nearest_names("Base", {"base", "base"}), ElementsAre("base"));
  EXPECT_THAT(nearest_names("cycles", {"instructions"}), IsEmpty());
  EXPECT_THAT(nearest_names("cycles", {}), IsEmpty());
}

TEST(Nearest, NamesThreeAtMost) {
  EXPECT_THAT(nearest_names("r", {"r4", "r1", "r3", "r2"}), ElementsAre("r1", "r2", "r3"));
}

}  // namespace
}  // namespace tr
