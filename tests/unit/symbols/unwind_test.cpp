#include "symbols/unwind.h"

#include <algorithm>
#include <fcntl.h>

#include <gmock/gmock.h>

#include "symbols/module.h"
#include "symbols/symbols.h"

namespace tr::symbols {
namespace {

constexpr std::size_t kMost = 1 << 20;

std::vector<UnwindRow> rows_of(const std::string& file, std::size_t most = kMost) {
  return Module(file, Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC))).unwind_rows(most);
}

const UnwindRow* row_at(const std::vector<UnwindRow>& rows, std::uint64_t address) {
  const auto next = std::ranges::upper_bound(rows, address, {}, &UnwindRow::address);
  return next == rows.begin() ? nullptr : &*std::prev(next);
}

bool has(const std::vector<UnwindRow>& rows, FrameRule rule) {
  return std::ranges::find(rows, rule, &UnwindRow::rule) != rows.end();
}

class UnwindRows : public testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "the rows are x86-64's";
#endif
  }
};

// The library is built with frame pointers: push rbp (1 byte); mov rbp, rsp (3 bytes).
TEST_F(UnwindRows, FollowAFunctionsPrologue) {
  const auto rows = rows_of(SYMBOLS_LIBRARY);
  ASSERT_FALSE(rows.empty());
  EXPECT_TRUE(std::ranges::is_sorted(rows, {}, &UnwindRow::address));
  Module library(SYMBOLS_LIBRARY, Fd(::open(SYMBOLS_LIBRARY, O_RDONLY | O_CLOEXEC)));
  std::uint64_t plain = 0;
  while (plain < library.end()) {
    const auto symbol = library.code(plain);
    if (symbol && symbol->name == "plain_c" && symbol->offset == 0) break;
    ++plain;
  }
  ASSERT_LT(plain, library.end());
  const UnwindRow* const entry = row_at(rows, plain);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->rule, FrameRule::kStackPointer);
  EXPECT_EQ(entry->offset, 8);
  EXPECT_EQ(entry->frame_pointer, 0);
  const UnwindRow* const body = row_at(rows, plain + 8);
  EXPECT_EQ(body->rule, FrameRule::kFramePointer);
  EXPECT_EQ(body->offset, 16);
  EXPECT_EQ(body->frame_pointer, -16);
}

TEST_F(UnwindRows, SayWhereStacksEnd) {
  EXPECT_TRUE(has(rows_of("/proc/self/exe"), FrameRule::kOutermost));
}

// The C library holds what a signal's handler returns to.
TEST_F(UnwindRows, KnowSignals) {
  Symbols symbols;
  const Process self{.pid = ::getpid(), .image = 1};
  ASSERT_TRUE(symbols.learn(self));
  bool found = false;
  for (const Symbols::CodeRange& range : symbols.code_ranges(self))
    found = found || has(range.module->unwind_rows(kMost), FrameRule::kSignal);
  EXPECT_TRUE(found);
}

TEST_F(UnwindRows, AreNoneWhereThereAreTooMany) {
  EXPECT_TRUE(rows_of("/proc/self/exe", 3).empty());
  EXPECT_TRUE(rows_of("/dev/null").empty());
}

}  // namespace
}  // namespace tr::symbols
