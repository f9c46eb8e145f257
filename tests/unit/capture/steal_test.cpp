#include "capture/steal.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "capture/temporary_folder.h"
#include "util/clock.h"

namespace tr::capture {
namespace {

TEST(Steal, IsReadOfAllCpus) {
  TemporaryFolder proc;
  proc.file("stat",
            "cpu  132 3 41 9000 7 0 2 25 0 0\n"
            "cpu0 66 1 20 4500 3 0 1 20 0 0\n"
            "cpu1 66 2 21 4500 4 0 1 5 0 0\n"
            "intr 5 0 0\n"
            "ctxt 17\n");
  const auto tick = kNsPerSecond / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(read_steal(proc.path()), (Steal{.ns = 25 * tick, .cpus = 2}));
}

TEST(Steal, IsNotMadeUpWhereTheKernelDoesNotSay) {
  TemporaryFolder proc;
  EXPECT_EQ(read_steal(proc.path()), std::nullopt);
  for (const char* content :
       {"", "cpu\ncpu0\n", "cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n",
        "cpu  1 2 3 4 5 6 7 -8 0 0\ncpu0 1\n", "cpu  1 2 3 4 5 6 7 8 0 0\n"}) {
    proc.file("stat", content);
    EXPECT_EQ(read_steal(proc.path()), std::nullopt) << content;
  }
}

TEST(Steal, SinceAReadingIsTheDifference) {
  EXPECT_EQ(since(Steal{.ns = 70, .cpus = 2}, Steal{.ns = 100, .cpus = 2}),
            (Steal{.ns = 30, .cpus = 2}));
  EXPECT_EQ(since(Steal{.ns = 70, .cpus = 2}, Steal{.ns = 100, .cpus = 4}), std::nullopt);
  EXPECT_EQ(since(Steal{.ns = 170, .cpus = 2}, Steal{.ns = 100, .cpus = 2}), std::nullopt);
  EXPECT_EQ(since(std::nullopt, Steal{.ns = 100, .cpus = 2}), std::nullopt);
  EXPECT_EQ(since(Steal{.ns = 100, .cpus = 2}, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace tr::capture
