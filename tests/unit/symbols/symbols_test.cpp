#include "symbols/symbols.h"

#include <array>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <gmock/gmock.h>

namespace tr::symbols {

int a_variable[8] = {1, 2, 3};
int a_zeroed_variable[5000];

// Not static: the name is what is looked for.
[[gnu::noinline]] int a_function_of_the_test(int value) {
  return value * 3 + a_variable[0] + a_zeroed_variable[0];
}

namespace {

std::uint64_t address_of(const void* at) {
  return reinterpret_cast<std::uint64_t>(at);
}

const Process kSelf{.pid = ::getpid(), .image = 7};

Symbols of_self() {
  Symbols symbols;
  EXPECT_TRUE(symbols.learn(kSelf));
  return symbols;
}

using Library = std::unique_ptr<void, int (*)(void*)>;

// A copy of the library that only this test has.
class Copied {
 public:
  Copied() {
    path_ = testing::TempDir() + "symbols_test." + std::to_string(::getpid()) + ".so";
    std::filesystem::copy_file(SYMBOLS_LIBRARY, path_,
                               std::filesystem::copy_options::overwrite_existing);
  }
  Copied(const Copied&) = delete;
  Copied& operator=(const Copied&) = delete;
  ~Copied() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Symbols, NameTheTestsOwnCode) {
  Symbols symbols = of_self();
  const auto address = reinterpret_cast<std::uint64_t>(&a_function_of_the_test);
  const Code code = symbols.code(kSelf, address + 3);
  EXPECT_EQ(code.function, "tr::symbols::a_function_of_the_test");
  EXPECT_EQ(code.offset, 3U);
  EXPECT_EQ(code.module, std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_FALSE(symbols.build_id(kSelf, address).empty());
}

TEST(Symbols, NameLibrariesAndTheVdso) {
  Symbols symbols = of_self();
  const auto write = reinterpret_cast<std::uint64_t>(::dlsym(RTLD_DEFAULT, "write"));
  EXPECT_THAT(symbols.code(kSelf, write).function, testing::HasSubstr("write"));
  EXPECT_THAT(symbols.code(kSelf, write).module, testing::HasSubstr("libc"));
  if (const std::unique_ptr<void, int (*)(void*)> vdso(
          ::dlopen("linux-vdso.so.1", RTLD_NOLOAD | RTLD_NOW), ::dlclose);
      vdso != nullptr) {
    const auto clock = reinterpret_cast<std::uint64_t>(::dlsym(vdso.get(), "__vdso_clock_gettime"));
    EXPECT_EQ(symbols.code(kSelf, clock).module, "[vdso]");
    EXPECT_THAT(symbols.code(kSelf, clock).function, testing::HasSubstr("clock_gettime"));
  }
}

TEST(Symbols, NameVariables) {
  Symbols symbols = of_self();
  const Place variable = symbols.data(kSelf, address_of(&a_variable[2]));
  EXPECT_EQ(variable.name, "tr::symbols::a_variable");
  EXPECT_EQ(variable.offset, 8U);
  EXPECT_EQ(symbols.data(kSelf, address_of(&a_zeroed_variable[4000])).name,
            "tr::symbols::a_zeroed_variable");
  int local = 0;
  EXPECT_EQ(symbols.data(kSelf, address_of(&local)).name, "[stack]");
  EXPECT_EQ(symbols.data(kSelf, 8), Place{});
}

TEST(Symbols, TellPlacesWithoutAName) {
  void* const page = ::mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  Symbols symbols = of_self();
  const Place place = symbols.data(kSelf, address_of(page));
  EXPECT_EQ(place.name, "[anonymous]");
  ::munmap(page, 8192);
}

TEST(Symbols, AnUnknownProcessHasNoNames) {
  Symbols symbols = of_self();
  const auto address = reinterpret_cast<std::uint64_t>(&a_function_of_the_test);
  EXPECT_EQ(symbols.code({.pid = 1, .image = 8}, address), Code{});
  EXPECT_EQ(symbols.data({.pid = 1, .image = 8}, address), Place{});
  EXPECT_EQ(symbols.code(kSelf, 8), Code{});
  Symbols none("/nonexistent");
  EXPECT_FALSE(none.learn(kSelf));
}

// A child that was never learnt has the mappings of its image.
TEST(Symbols, AForkedChildIsKnownByItsImage) {
  Symbols symbols = of_self();
  const auto address = reinterpret_cast<std::uint64_t>(&a_function_of_the_test);
  EXPECT_EQ(symbols.code({.pid = 4'000'000, .image = 7}, address).function,
            "tr::symbols::a_function_of_the_test");
}

// Who has but a pid gets what was learnt of it last.
TEST(Symbols, AnImageThatIsNotKnownIsTheLast) {
  Symbols symbols = of_self();
  const auto address = reinterpret_cast<std::uint64_t>(&a_function_of_the_test);
  EXPECT_EQ(symbols.code({.pid = ::getpid(), .image = 0}, address).function,
            "tr::symbols::a_function_of_the_test");
  EXPECT_EQ(symbols.code({.pid = 4'000'000, .image = 0}, address), Code{});
}

TEST(Symbols, OutliveTheirFileAndItsProcess) {
  const Copied copy;
  std::array<int, 2> told{};
  ASSERT_EQ(::pipe(told.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    void* const library = ::dlopen(copy.path().c_str(), RTLD_NOW);
    void* const place = library == nullptr ? nullptr : ::dlsym(library, "plain_c");
    if (::write(told[1], &place, sizeof place) != sizeof place) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  void* place = nullptr;
  ASSERT_EQ(::read(told[0], &place, sizeof place), static_cast<ssize_t>(sizeof place));
  ASSERT_NE(place, nullptr);
  std::filesystem::remove(copy.path());
  Symbols symbols;
  const Process process{.pid = child, .image = 1};
  EXPECT_TRUE(symbols.learn(process));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(symbols.learn(process));
  const Code code = symbols.code(process, address_of(place) + 1);
  EXPECT_EQ(code.function, "plain_c");
  EXPECT_EQ(code.module, copy.path());
  ::close(told[0]);
  ::close(told[1]);
}

TEST(Symbols, ALibraryThatWasClosedIsStillKnown) {
  const Copied copy;
  Symbols symbols;
  std::uint64_t address = 0;
  std::uint64_t variable = 0;
  {
    const Library library(::dlopen(copy.path().c_str(), RTLD_NOW), ::dlclose);
    ASSERT_NE(library, nullptr);
    address = address_of(::dlsym(library.get(), "plain_c"));
    variable = address_of(::dlsym(library.get(), "_ZN15symbols_library6zeroedE")) + 4 * 4000;
    EXPECT_TRUE(symbols.learn(kSelf));
  }
  EXPECT_TRUE(symbols.learn(kSelf));
  EXPECT_EQ(symbols.code(kSelf, address).function, "plain_c");
  EXPECT_EQ(symbols.data(kSelf, variable).name, "symbols_library::zeroed");
  EXPECT_EQ(symbols.data(kSelf, variable).offset, 4U * 4000U);
}

TEST(Symbols, CompiledCodeHasTheNamesOfItsPerfMap) {
  void* const code =
      ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  const std::string map = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
  std::ofstream(map) << std::hex << address_of(code) << " 40 compiled_by_hand\n";
  Symbols symbols = of_self();
  std::filesystem::remove(map);
  EXPECT_EQ(symbols.code(kSelf, address_of(code) + 5),
            (Code{.function = "compiled_by_hand", .module = "[jit]", .offset = 5}));
  EXPECT_EQ(symbols.code(kSelf, address_of(code) + 64),
            (Code{.function = {}, .module = "[jit]", .offset = address_of(code) + 64}));
  // Another process of the image may have other code there.
  EXPECT_FALSE(symbols.code({.pid = 4'000'000, .image = 7}, address_of(code) + 5).resolved());
  ::munmap(code, 4096);
}

// Files that lie about themselves: nothing is found in them, and nothing worse happens.
TEST(Symbols, BearDamagedFiles) {
  const Copied copy;
  std::ifstream original(SYMBOLS_LIBRARY, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(original), {}};
  const auto names_of = [](const std::string& bytes) {
    Fd file(::memfd_create("damaged", 0));
    EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    Module module("damaged", std::move(file));
    std::size_t named = 0;
    for (std::uint64_t at = 0; at < 0x8000; at += 16)
      named += module.code(at).has_value() + module.data(at).has_value() +
               module.code_address(at).has_value() + module.mapping_address(at).has_value();
    (void)module.end();
    (void)module.build_id();
    return named;
  };
  EXPECT_GT(names_of(good), 0U);
  EXPECT_EQ(names_of(""), 0U);
  EXPECT_EQ(names_of("\177ELF"), 0U);
  for (std::size_t length = 0; length < good.size(); length += 97)
    names_of(good.substr(0, length));
  // Every byte of the headers and tables set wrong, a few at a time.
  for (std::size_t at = 0; at < good.size(); at += 61) {
    std::string bad = good;
    for (std::size_t i = at; i < std::min(at + 3, bad.size()); ++i)
      bad[i] = static_cast<char>(~bad[i]);
    names_of(bad);
  }
}

}  // namespace
}  // namespace tr::symbols
