// Files: which are served, and when is a kept page no longer good?
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/un.h>

#include <gtest/gtest.h>

#include "common/log.h"
#include "http_client.h"
#include "protocols/http/folder.h"
#include "protocols/http/head.h"
#include "protocols/http/pages.h"

namespace servers::http {
namespace {

namespace fs = std::filesystem;

class FolderTest : public testing::TestWithParam<Folder::Guard> {
 protected:
  std::optional<Status> refused(const std::string& path) {
    return Folder(site_.path(), GetParam()).open(path).refused;
  }
  test::SiteFolder site_;
};

TEST_P(FolderTest, OpensFilesAndNothingElse) {
  site_.file("a/b.txt", "text");
  const File file = Folder(site_.path(), GetParam()).open("a/b.txt");
  ASSERT_FALSE(file.refused);
  std::string text(10, ' ');
  EXPECT_EQ(read_at(file.fd.get(), text, 1), 3);
  EXPECT_EQ(text.substr(0, 3), "ext");
  EXPECT_EQ(file.version.size, 4);

  ASSERT_EQ(::mkfifo((site_.path() + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(refused("fifo"), Status::kForbidden);
  EXPECT_EQ(refused("a"), Status::kForbidden);
  EXPECT_EQ(refused("a//b.txt"), std::nullopt);
  EXPECT_EQ(refused("a/none"), Status::kNotFound);
  EXPECT_EQ(refused("a/b.txt/c"), Status::kNotFound);
  EXPECT_EQ(refused(std::string(300, 'n')), Status::kNotFound);
}

TEST_P(FolderTest, NoWayLeadsOut) {
  site_.file("../secret", "secret");
  site_.file("a/b.txt", "text");
  const fs::path root = site_.path();
  fs::create_symlink("../secret", root / "file");
  fs::create_symlink(root.parent_path() / "secret", root / "absolute");
  fs::create_symlink("..", root / "folder");
  fs::create_symlink("file", root / "twice");
  fs::create_symlink("/proc/self/root", root / "magic");
  fs::create_symlink("loop", root / "loop");
  for (const char* path :
       {"file", "absolute", "folder/secret", "twice", "magic/etc/passwd", "loop", "a/../../secret"})
    EXPECT_TRUE(refused(path)) << path;
}

INSTANTIATE_TEST_SUITE_P(, FolderTest,
                         testing::Values(Folder::Guard::kBeneath, Folder::Guard::kNoLinks),
                         [](const auto& test) {
                           return test.param == Folder::Guard::kBeneath ? "openat2" : "no_links";
                         });

TEST(FolderLinksTest, LinksInsideAreFollowedWhereTheKernelGuards) {
  const test::SiteFolder site;
  site.file("a.txt", "text");
  fs::create_symlink("a.txt", fs::path(site.path()) / "link");
  if (Folder(site.path(), Folder::Guard::kBeneath).open("a.txt").refused)
    GTEST_SKIP() << "no openat2 here";
  EXPECT_FALSE(Folder(site.path(), Folder::Guard::kBeneath).open("link").refused);
  EXPECT_TRUE(Folder(site.path(), Folder::Guard::kNoLinks).open("link").refused);
}

TEST(FolderLinksTest, WhatIsNoFolderIsAFailureWithTheRemedy) {
  const test::SiteFolder site;
  EXPECT_THROW(Folder(site.path() + "/none"), Failure);
  EXPECT_THROW(Folder(site.file("file", "")), Failure);
}

constexpr std::time_t kLongAgo = -1'000'000;  // every file is older than that

class PagesTest : public testing::Test {
 protected:
  PagePtr add(Pages& pages, const std::string& name, std::time_t now) {
    return pages.add(name, Folder(site_.path()).open(name), now);
  }
  FileVersion version(const std::string& name) { return *Folder(site_.path()).version(name); }

  test::SiteFolder site_;
  const std::time_t now_ = clock_second();
};

TEST_F(PagesTest, KeepsAPageUntilItsFileChanges) {
  const auto there = site_.file("a.html", "one");
  Pages pages(1 << 20, kLongAgo);
  const PagePtr page = add(pages, "a.html", now_);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->body(), "one");
  EXPECT_EQ(pages.find("a.html", version("a.html"), now_), page);
  EXPECT_EQ(pages.find("b.html", version("a.html"), now_), nullptr);

  // Another file in its place, with the same size and modification time.
  const auto modified = fs::last_write_time(there);
  fs::last_write_time(site_.file("new", "two"), modified);
  fs::rename(there.parent_path() / "new", there);
  EXPECT_EQ(pages.find("a.html", version("a.html"), now_), nullptr);
  EXPECT_EQ(pages.bytes(), 0U) << "an old page is let go of";
}

TEST_F(PagesTest, ANewSecondIsANewDateAndTheOldPageStays) {
  site_.file("a.html", "one");
  Pages pages(1 << 20, kLongAgo);
  const PagePtr page = add(pages, "a.html", now_);
  const std::string before = page->answer;
  const PagePtr later = pages.find("a.html", version("a.html"), now_ + 1);
  EXPECT_NE(later, page);
  EXPECT_EQ(page->answer, before);
  EXPECT_EQ(later->answer.substr(kDateAt, kDateSize), date_now(now_ + 1));
  EXPECT_EQ(later->answer.substr(kDateAt + kDateSize), before.substr(kDateAt + kDateSize));
}

TEST_F(PagesTest, DoesNotKeepWhatIsBigOrTooNew) {
  site_.file("a.html", "one");
  site_.file("big", std::string(kPiece + 1, 'x'));
  Pages settled(1 << 20);
  EXPECT_FALSE(add(settled, "a.html", version("a.html").changed_s + kSettledAfter - 1));
  EXPECT_TRUE(add(settled, "a.html", version("a.html").changed_s + kSettledAfter));
  EXPECT_FALSE(add(settled, "big", version("big").changed_s + kSettledAfter));
}

TEST_F(PagesTest, TheLeastUsedGoWhenRoomRunsOut) {
  Pages pages(40'000, kLongAgo);
  for (const char* name : {"a", "b", "c"}) {
    site_.file(name, std::string(10'000, *name));
    ASSERT_TRUE(add(pages, name, now_));
  }
  ASSERT_TRUE(pages.find("a", version("a"), now_));
  site_.file("d", std::string(10'000, 'd'));
  ASSERT_TRUE(add(pages, "d", now_));
  EXPECT_LE(pages.bytes(), 40'000U);
  EXPECT_TRUE(pages.find("a", version("a"), now_));
  EXPECT_FALSE(pages.find("b", version("b"), now_));
}

TEST(DateTest, AllThreeFormsAreRead) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"})
    EXPECT_EQ(parse_date(text), 784111777) << text;
  for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37 GMT ", "784111777"})
    EXPECT_FALSE(parse_date(text)) << text;
  EXPECT_EQ(date_now(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace servers::http
