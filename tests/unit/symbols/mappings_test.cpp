#include "symbols/mappings.h"

#include <gmock/gmock.h>

namespace tr::symbols {
namespace {

TEST(Mappings, AreReadAsTheKernelWritesThem) {
  const Mappings mappings = parse_mappings(
      "55d0a000-55d0c000 r-xp 00002000 fe:01 131   /usr/bin/a program (deleted)\n"
      "7fff1000-7fff2000 rw-p 00000000 00:00 0 \n"
      "7fff5000-7fff7000 rw-p 00000000 00:00 0                  [stack]\n");
  ASSERT_EQ(mappings.size(), 3U);
  EXPECT_EQ(mappings[0], (Mapping{.start = 0x55d0a000,
                                  .end = 0x55d0c000,
                                  .offset = 0x2000,
                                  .executable = true,
                                  .device = "fe:01",
                                  .inode = 131,
                                  .path = "/usr/bin/a program (deleted)"}));
  EXPECT_TRUE(mappings[1].path.empty());
  EXPECT_FALSE(mappings[1].of_file());
  EXPECT_EQ(mappings[2].path, "[stack]");
  EXPECT_EQ(find(mappings, 0x55d0bfff), &mappings[0]);
  EXPECT_EQ(find(mappings, 0x55d0c000), nullptr);
  EXPECT_EQ(find(mappings, 0), nullptr);
}

TEST(Mappings, WhatIsNoLineIsLeftOut) {
  for (const char* garbage :
       {"", "\n\n", "x", "1-", "1-2", "2-1 r-xp 0 0:0 1 a", "1-2 r-x 0 0:0 1 a", "1-2 r-xp z",
        "1-2 r-xp 0 0:0", "1-2 r-xp 0 0:0 x a", "11111111111111111-2 r-xp 0 0:0 1 a"})
    EXPECT_TRUE(parse_mappings(garbage).empty()) << garbage;
}

TEST(Mappings, WhatWasUnmappedKeepsItsPlaceUntilItIsTaken) {
  const Mappings before = parse_mappings(
      "1000-2000 r-xp 0 0:0 1 /a\n3000-5000 r-xp 0 0:0 2 /b\n6000-7000 r-xp 0 0:0 3 /c\n");
  const Mappings now = parse_mappings("1000-2000 r-xp 0 0:0 1 /a\n4000-4800 r-xp 0 0:0 4 /d\n");
  const Mappings merged = merge(now, before);
  ASSERT_EQ(merged.size(), 5U);
  EXPECT_EQ(merged[0].path, "/a");
  EXPECT_EQ(merged[1].path, "/b");
  EXPECT_EQ(merged[1].end, 0x4000U);
  EXPECT_EQ(merged[2].path, "/d");
  EXPECT_EQ(merged[3].path, "/b");
  EXPECT_EQ(merged[3].start, 0x4800U);
  EXPECT_EQ(merged[3].offset, 0x1800U);
  EXPECT_EQ(merged[4].path, "/c");
  EXPECT_EQ(merge(now, now), now);
  EXPECT_EQ(merge({}, before), before);
}

}  // namespace
}  // namespace tr::symbols
