#include "util/cpu_set.h"

#include <gmock/gmock.h>

namespace tr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CpuList, ReadsWhatTasksetReads) {
  EXPECT_THAT(*parse_cpu_list("3"), ElementsAre(3));
  EXPECT_THAT(*parse_cpu_list("0,2-4"), ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(*parse_cpu_list("0-8:4,1"), ElementsAre(0, 1, 4, 8));
  EXPECT_THAT(*parse_cpu_list("2,1,2"), ElementsAre(1, 2));
}

TEST(CpuList, RefusesWhatIsNoList) {
  for (const char* text : {"", "a", "1,", "-1", "3-1", "0-4:0", "1 2", "99999999999", "0-100000"})
    EXPECT_FALSE(parse_cpu_list(text).ok()) << text;
}

TEST(CpuList, FormatsShortly) {
  EXPECT_EQ(format_cpu_list({}), "");
  EXPECT_EQ(format_cpu_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

TEST(CpuList, NamesTheUsableCpusWhenOneIsMissing) {
  const auto cpus = parse_usable_cpus("--pin", "6", {0, 1, 2});
  ASSERT_FALSE(cpus.ok());
  EXPECT_EQ(cpus.error().failure, Failure::kUsage);
  EXPECT_THAT(cpus.error().text(), HasSubstr("CPU 6 is not usable here; usable CPUs: 0-2"));
}

TEST(CpuList, KnowsWhereThisThreadMayRun) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  EXPECT_FALSE(cpus->empty());
  EXPECT_TRUE(pin_thread(0, *cpus).ok());
}

}  // namespace
}  // namespace tr
