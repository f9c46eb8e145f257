#include "util/text.h"

#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>

namespace tr {
namespace {

using testing::ElementsAre;

TEST(Text, Splits) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Text, Trims) {
  EXPECT_EQ(trim("  a b\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
}

TEST(Text, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551616"})
    EXPECT_EQ(parse_u64(text), std::nullopt) << text;
}

class Files : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "text_test." + std::to_string(getpid());
};

TEST_F(Files, AreWrittenWholeAndReadBack) {
  const std::string path = folder_ + "/file";
  const std::string content(200'000, 'x');
  ASSERT_TRUE(write_file(path, "old").ok());
  ASSERT_TRUE(write_file(path, content).ok());
  EXPECT_EQ(*read_file(path), content);
}

TEST_F(Files, KeepTheOldContentWhenTheNewCannotBeWritten) {
  const std::string path = folder_ + "/missing/file";
  EXPECT_FALSE(write_file(path, "new").ok());
  EXPECT_FALSE(read_file(path).ok());
}

TEST_F(Files, AreCheckedToBeWritableWithoutBeingTouched) {
  const std::string path = folder_ + "/file";
  ASSERT_TRUE(write_file(path, "content").ok());
  EXPECT_TRUE(check_writable(path).ok());
  EXPECT_EQ(*read_file(path), "content");
  EXPECT_TRUE(check_writable(folder_ + "/new").ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/new"));
  EXPECT_TRUE(check_writable("/dev/null").ok());
  EXPECT_EQ(check_writable(folder_ + "/missing/file").error().text(),
            "cannot create " + folder_ + "/missing/file: No such file or directory");
  EXPECT_EQ(check_writable(folder_).error().text(), "cannot open " + folder_ + ": Is a directory");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST(FullDisk, IsAnErrorThatNamesTheFile) {
  const Status status = write_file("/dev/full", "text");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().text(), "cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace tr
