#include "capture/launch/launch_spec.h"

#include <array>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::ElementsAre;

LaunchSpec full_spec() {
  return {.program = "/bin/server",
          .argv = {"server", "", "--save", "\xff\n"},
          .environment = {"A=1", "EMPTY="},
          .cpus = {0, 2, 3},
          .user = User{.uid = 1000, .gid = 100, .name = "ann", .home = "/home/ann", .groups = {4}},
          .input = StandardInput::kInherit,
          .group = ProcessGroup::kOfTraceRun,
          .open_files = OpenFileLimit{.soft = 1024, .hard = UINT64_MAX}};
}

TEST(LaunchSpec, ArrivesAsItWasSent) {
  LaunchSpec plain;
  plain.program = "x";
  plain.argv = {"x"};
  for (const LaunchSpec& spec : {full_spec(), plain})
    EXPECT_EQ(decode(*encode(spec)), spec);
}

TEST(LaunchSpec, IsRefusedWhenCutOrLengthened) {
  const std::string text = *encode(full_spec());
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(decode(text.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode(text + '\0').has_value());
}

TEST(LaunchSpec, RefusesWhatNoProcessCanBeGiven) {
  LaunchSpec spec;
  EXPECT_EQ(encode(spec).error().failure, Failure::kUsage);
  spec.argv = {std::string("a\0b", 3)};
  EXPECT_EQ(encode(spec).error().failure, Failure::kUsage);
}

TEST(LaunchEnvironment, ReplacesByNameInOrderOfPrecedence) {
  const std::array<const char*, 5> inherited{"HOME=/root", "PATH=/bin", "HOMES=3", "A=0", nullptr};
  EXPECT_THAT(environment_of(full_spec(), inherited.data()),
              ElementsAre("HOME=/home/ann", "PATH=/bin", "HOMES=3", "A=1", "USER=ann",
                          "LOGNAME=ann", "EMPTY="));
}

}  // namespace
}  // namespace tr::capture
