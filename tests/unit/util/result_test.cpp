#include "util/result.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace tr {
namespace {

TEST(Error, SaysWhatOnWhatWhyAndTheRemedy) {
  errno = EADDRINUSE;
  const Error error = errno_error("bind", "127.0.0.1:80", "choose another port with --port");
  EXPECT_EQ(error.text(),
            "cannot bind 127.0.0.1:80: Address already in use; choose another port with --port");
  EXPECT_EQ(error.failure, Failure::kRun);
}

TEST(Error, IsItsReasonAloneWhenThatSaysAll) {
  EXPECT_EQ(usage_error("no server given", "see --help").text(), "no server given; see --help");
}

TEST(Result, IsAValueOrAnError) {
  const Result<int> good = 3;
  const Result<int> bad = usage_error("no");
  EXPECT_EQ(*good, 3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().text(), "no");
  EXPECT_TRUE(Status().ok());
}

}  // namespace
}  // namespace tr
