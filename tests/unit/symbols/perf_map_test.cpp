#include "symbols/perf_map.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

namespace tr::symbols {
namespace {

std::string name_at(const PerfMap& map, std::uint64_t address) {
  const auto symbol = map.find(address);
  return symbol ? std::string(symbol->name) : "none";
}

TEST(PerfMap, NamesWhatTheJitCompiled) {
  const PerfMap map = PerfMap::parse("1000 20 LazyCompile:~f a.js:1\n0x2000 0x10 py::main:x.py\n");
  EXPECT_EQ(name_at(map, 0x1000), "LazyCompile:~f a.js:1");
  EXPECT_EQ(name_at(map, 0x101f), "LazyCompile:~f a.js:1");
  EXPECT_EQ(name_at(map, 0x1020), "none");
  EXPECT_EQ(name_at(map, 0x2008), "py::main:x.py");
  EXPECT_EQ(name_at(map, 0xfff), "none");
}

TEST(PerfMap, OfFunctionsInTheSamePlaceTheLastIsThere) {
  const PerfMap map = PerfMap::parse("1000 100 a\n1100 100 b\n10f0 20 c\n");
  EXPECT_EQ(name_at(map, 0x1000), "none");  // a has been overwritten in part
  EXPECT_EQ(name_at(map, 0x10f0), "c");
  EXPECT_EQ(name_at(map, 0x1108), "c");
  EXPECT_EQ(name_at(map, 0x1180), "none");
}

TEST(PerfMap, BearsGarbage) {
  for (const char* garbage :
       {"", "\n", "zz", "1000", "1000 10", "1000 10 ", "1000 0 f", "ffffffffffffffff 2 f",
        "11111111111111111 1 f", "-1 1 f", "1000  10 f", "1 2\n3"})
    EXPECT_TRUE(PerfMap::parse(garbage).empty()) << garbage;
  EXPECT_TRUE(PerfMap::parse(std::string(1 << 16, '\0')).empty());
  EXPECT_EQ(PerfMap::parse("1000 10 " + std::string(1 << 20, 'x')).find(0x1000)->name.size(),
            1024U);
}

// Whoever writes a map in another's name is not believed.
TEST(PerfMap, IsBelievedOfItsOwnerOnly) {
  namespace fs = std::filesystem;
  std::string root = testing::TempDir() + "perf_map.XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  fs::create_directories(root + "/77/root/tmp");
  std::ofstream(root + "/77/status") << "Name:\tx\nNSpid:\t77\t3\nTgid:\t77\n";
  std::ofstream(root + "/77/stat") << "77 (a) b) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n";
  const std::string map = root + "/77/root/tmp/perf-3.map";
  std::ofstream(map) << "1000 10 f\n";
  EXPECT_EQ(name_at(PerfMapFile(root, 77).read(), 0x1000), "f");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(map.c_str(), 12345, 12345), 0);
    EXPECT_TRUE(PerfMapFile(root, 77).read().empty());
    ASSERT_EQ(::chown((root + "/77").c_str(), 12345, 12345), 0);
    EXPECT_FALSE(PerfMapFile(root, 77).read().empty());
  }
  fs::rename(map, map + ".real");
  fs::create_symlink(map + ".real", map);
  EXPECT_TRUE(PerfMapFile(root, 77).read().empty());
  EXPECT_TRUE(PerfMapFile(root, 78).read().empty());
  fs::remove_all(root);
}

// JITs leave their maps behind; only one that was written since the process began is its own.
TEST(PerfMap, IsReadWhenItsProcessHasGone) {
  std::array<int, 2> hold{};
  ASSERT_EQ(::pipe(hold.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(hold[1]);
    ::_exit(static_cast<int>(::read(hold[0], &byte, 1)));
  }
  const PerfMapFile file("/proc", child);
  const std::string map = "/tmp/perf-" + std::to_string(child) + ".map";
  std::filesystem::remove(map);
  EXPECT_TRUE(file.read().empty());
  std::ofstream(map) << "1000 10 f\n";
  EXPECT_EQ(name_at(file.read(), 0x1000), "f");
  ::close(hold[1]);
  ::close(hold[0]);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(name_at(file.read(), 0x1000), "f");
  std::filesystem::last_write_time(map,
                                   std::filesystem::last_write_time(map) - std::chrono::hours(1));
  EXPECT_TRUE(file.read().empty());
  std::filesystem::remove(map);
}

}  // namespace
}  // namespace tr::symbols
